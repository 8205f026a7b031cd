"""What an installed SDK declares of a resource: its properties by wire name, their types, which are required.

The generated classes of every Pulumi SDK hold all of it: the constructor's arguments class, the resource's
properties, and the table of type tokens that an SDK registers when it is imported. Nothing is imported that
the program did not ask for: a token names its module.
"""

import collections.abc
import enum
import functools
import importlib
import inspect
import threading
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import pulumi

Kind = Literal["any", "string", "integer", "number", "boolean", "list", "map", "object", "asset"]

_PRIMITIVES: Mapping[type, Kind] = types.MappingProxyType(
    {bool: "boolean", int: "integer", float: "number", str: "string"}
)


# An SDK's modules load at their first use, and a second thread would see one half loaded.
_LOADING: Final = threading.RLock()


class NotDeclaredError(Exception):
    """The installed SDK declares no such resource; the message says so to people."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A declared type."""

    kind: Kind
    item: "Shape | None" = None
    """What a list or a map holds."""
    members: type | None = None
    """An object's class: :func:`members_of` reads it."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One declared property."""

    shapes: tuple[Shape, ...]
    """The types that it may have."""
    required: bool
    """An input: it must be given. An output: the provider always sets it."""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One resource type."""

    token: str
    inputs: Mapping[str, Member]
    outputs: Mapping[str, Member]
    """All properties of the resource; most inputs are among them."""


@functools.cache
def declaration_of(token: str) -> Declaration:
    """The declaration of a type token such as ``aws:s3/bucket:Bucket``.

    Raises:
        NotDeclaredError: when its SDK is not installed or declares no such type.
    """
    with _LOADING:
        resource = _resource_class(token)
    declared_in = importlib.import_module(resource.__module__)
    # `InitArgs` where an object of another resource is called `<resource>Args` already.
    initial, plain = f"{resource.__name__}InitArgs", f"{resource.__name__}Args"
    arguments = getattr(declared_in, initial if hasattr(declared_in, initial) else plain)
    return Declaration(token=token, inputs=members_of(arguments), outputs=_outputs_of(resource))


@functools.cache
def provider_inputs(package: str) -> frozenset[str]:
    """The wire names of what an explicit provider of the package takes."""
    arguments = importlib.import_module(f"{_module_name(package)}.provider").ProviderArgs
    return frozenset(members_of(arguments))


@functools.cache
def members_of(arguments: type) -> Mapping[str, Member]:
    """The properties of an arguments class, or of an object inside one."""
    types_module = _sdk_types()
    hints: Mapping[str, Any] = types_module.input_type_types(arguments)
    names: Mapping[str, str] = types_module.input_type_py_to_pulumi_names(arguments)
    # The constructor alone says what may be left out.
    constructor: Any = getattr(arguments, "__init__")  # noqa: B009 - read as a function, not called
    parameters = inspect.signature(constructor).parameters
    return {
        wire: Member(
            shapes=_shapes(hints[wire]),
            required=name in parameters and parameters[name].default is inspect.Parameter.empty,
        )
        for name, wire in names.items()
    }


def _outputs_of(resource: type) -> Mapping[str, Member]:
    names: Mapping[str, str] = _sdk_types().resource_pulumi_to_py_names(resource)
    found: dict[str, Member] = {}
    for wire, name in names.items():
        getter = getattr(resource, name).fget
        (hint,) = typing.get_args(typing.get_type_hints(getter)["return"])
        found[wire] = Member(
            shapes=_shapes(hint), required=type(None) not in typing.get_args(hint) and hint is not type(None)
        )
    return found


def _resource_class(token: str) -> type:
    package, module, _ = token.split(":")
    try:
        importlib.import_module(_module_name(package))
    except ModuleNotFoundError as error:
        raise NotDeclaredError(
            f"The SDK of the provider `{package}` is not installed ({error}): what {token} takes is unknown."
        ) from error
    register: Any = importlib.import_module("pulumi.runtime.rpc")
    registered: Any = register.get_resource_module(package, module, "")
    told: Mapping[str, Any] = getattr(registered, "mod_info", {})
    if token not in told.get("classes", {}):
        raise NotDeclaredError(
            f"The installed SDK of the provider `{package}` declares no resource type `{token}`."
        )
    return cast(type, getattr(importlib.import_module(told["fqn"]), told["classes"][token]))


def _module_name(package: str) -> str:
    return "pulumi_" + package.replace("-", "_")


def _sdk_types() -> Any:
    """The SDK's reader of its own generated classes; not public, and the SDK is pinned to a minor version."""
    return importlib.import_module("pulumi._types")


def _shapes(hint: Any) -> tuple[Shape, ...]:
    """The types inside a hint, without what only tells how a value is waited for."""
    origin = typing.get_origin(hint)
    if origin is typing.Union or origin is types.UnionType:
        alternatives = [item for item in typing.get_args(hint) if not _is_wrapper(item)]
        found = [shape for item in alternatives for shape in _shapes(item)]
        # An object has two spellings in Python, a class and a typed dictionary; the class is the one to read.
        return tuple(dict.fromkeys(found))
    if origin in (collections.abc.Sequence, list):
        return (Shape(kind="list", item=_one(typing.get_args(hint)[0])),)
    if origin in (collections.abc.Mapping, dict):
        return (Shape(kind="map", item=_one(typing.get_args(hint)[1])),)
    if not isinstance(hint, type) or typing.is_typeddict(hint):
        return (Shape(kind="any"),) if hint is Any else ()
    return (_class_shape(hint),)


def _one(hint: Any) -> Shape:
    shapes = _shapes(hint)
    return shapes[0] if len(shapes) == 1 else Shape(kind="any")


def _is_wrapper(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return hint is type(None) or origin is pulumi.Output or origin is collections.abc.Awaitable


def _class_shape(hint: type) -> Shape:
    if issubclass(hint, enum.Enum):
        hint = next(base for base in _PRIMITIVES if issubclass(hint, base))
    if hint in _PRIMITIVES:
        return Shape(kind=_PRIMITIVES[hint])
    if issubclass(hint, pulumi.Asset | pulumi.Archive):
        return Shape(kind="asset")
    types_module = _sdk_types()
    if types_module.is_input_type(hint) or types_module.is_output_type(hint):
        return Shape(kind="object", members=cast("type[Any]", hint))
    return Shape(kind="any")

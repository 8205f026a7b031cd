"""Judges bodies by the API models inside Azure's own client: unknown, mistyped, missing, not to be set.

The models are those of the management API of 2025-12-01, which azure-native speaks, too
(`azure.ai.ml._restclient.arm_ml_service`). They tell each field's type and who may set it; a field without
`Optional` is required. Judging by their descriptions takes half a second; their client takes five.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from support.judges.report import Finding

_PACKAGE = "arm_ml_service"
_READ_ONLY = frozenset({"read"})
# The client's models have them for every resource, and so does its own client in what it sends.
_ENVELOPE = frozenset({"id", "name", "type", "systemData"})
_NAMES: dict[type, str] = {str: "string", int: "whole number", float: "number", bool: "boolean"}


@functools.cache
def models() -> Any:
    """The module with the models, without the client around it, whose import takes seconds and warns."""
    client = importlib.util.find_spec("azure.ai.ml")
    assert client is not None, "azure-ai-ml is not installed"
    assert client.submodule_search_locations, client
    folder = Path(client.submodule_search_locations[0]) / "_restclient" / "arm_ml_service"
    package = types.ModuleType(_PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.models")


@functools.cache
def _described(model: type[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a model by their name on the wire, and their types."""
    model.__new__(model)  # The fields are found when the first one is made.
    fields: dict[str, Any] = vars(model)["_attr_to_rest_field"]
    module = importlib.import_module(model.__module__)
    hints = typing.get_type_hints(model, {**vars(module), "_models": models()})
    by_wire = {field._rest_name: field for field in fields.values()}
    return by_wire, {field._rest_name: hints[name] for name, field in fields.items()}


def settable(model: str) -> set[str]:
    """The fields of a model that a caller may set, by their name on the wire."""
    fields, _ = _described(getattr(models(), model))
    return {
        name
        for name, field in fields.items()
        if name not in _ENVELOPE and frozenset(field._visibility or ()) != _READ_ONLY
    }


def judge_body(model: str, value: Any, path: str, *, whole: bool = True) -> Iterator[Finding]:
    """Everything that is wrong with a body.

    Args:
        model: Name of the model, such as `JobBase`.
        value: The body.
        path: What the body is, for the findings.
        whole: What is required has to be there: a patch has what it changes alone.
    """
    yield from _object(getattr(models(), model), value, path, whole=whole)


def _object(model: type[Any], value: Any, path: str, *, whole: bool) -> Iterator[Finding]:
    if not isinstance(value, Mapping):
        yield Finding(path, "type", f"{value!r} is not an object")
        return
    model, unknown = _of_its_kind(model, value)
    if unknown is not None:
        yield Finding(path, "enum", f"there is no {model.__name__} of the kind {unknown!r}")
        return
    fields, hints = _described(model)
    for name, item in value.items():
        where = f"{path}.{name}"
        if name not in fields:
            yield Finding(where, "unknown", f"is not a field of {model.__name__}")
            continue
        visibility = frozenset(fields[name]._visibility or ())
        if visibility == _READ_ONLY and name not in _ENVELOPE and item is not None:
            yield Finding(where, "read-only", "is the server's to set")
        yield from _value(hints[name], item, where, whole=whole)
    for name, hint in hints.items():
        if whole and not _is_optional(hint) and name not in _ENVELOPE and value.get(name) is None:
            visibility = frozenset(fields[name]._visibility or ())
            if visibility != _READ_ONLY:
                yield Finding(f"{path}.{name}", "required", "is missing")


def _of_its_kind(model: type[Any], value: Mapping[str, Any]) -> tuple[type[Any], Any]:
    """The model that the value's discriminator names, and a kind that there is none of.

    A job is a command job by its `jobType`. A model with kinds and without a value for them is itself.
    """
    kinds: Mapping[str, type[Any]] = getattr(model, "__mapping__", {})
    if not kinds:
        return model, None
    fields, _ = _described(model)
    told = next(
        (value[name] for name, field in fields.items() if field._is_discriminator and name in value), None
    )
    if told is None:
        return model, None
    if told not in kinds:
        return model, told
    return (model, None) if kinds[told] is model else _of_its_kind(kinds[told], value)


def _is_optional(hint: Any) -> bool:
    return hint is Any or type(None) in typing.get_args(hint)


def _value(hint: Any, value: Any, path: str, *, whole: bool) -> Iterator[Finding]:
    if hint is Any or value is None:
        return
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        yield from _one_of(arguments, value, path, whole=whole)
    elif origin is dict:
        if not isinstance(value, Mapping):
            yield Finding(path, "type", f"{value!r} is not an object")
            return
        for key, item in value.items():
            yield from _value(arguments[1], item, f"{path}.{key}", whole=whole)
    elif origin is list:
        if not isinstance(value, list):
            yield Finding(path, "type", f"{value!r} is not a list")
            return
        for index, item in enumerate(value):
            yield from _value(arguments[0], item, f"{path}[{index}]", whole=whole)
    elif origin is typing.Literal:
        allowed = [item.value if isinstance(item, Enum) else item for item in arguments]
        if value not in allowed:
            yield Finding(path, "enum", f"{value!r} is none of {', '.join(map(str, allowed))}")
    elif hasattr(hint, "_attr_to_rest_field") or hasattr(hint, "_deserialize"):
        yield from _object(hint, value, path, whole=whole)
    else:
        yield from _scalar(hint, value, path)


def _one_of(arguments: tuple[Any, ...], value: Any, path: str, *, whole: bool) -> Iterator[Finding]:
    """The models write an enum as text or the enum, and what may be absent as that or nothing."""
    kinds = [item for item in arguments if item is not type(None)]
    enums = [item for item in kinds if isinstance(item, type) and issubclass(item, Enum)]
    if enums:
        allowed = [str(member.value) for item in enums for member in item]
        if value not in allowed:
            yield Finding(path, "enum", f"{value!r} is none of {', '.join(allowed)}")
        return
    yield from _value(kinds[0], value, path, whole=whole)


def _scalar(hint: Any, value: Any, path: str) -> Iterator[Finding]:
    if hint in _NAMES:
        allowed = (int, float) if hint is float else (hint,)
        if not isinstance(value, allowed) or (isinstance(value, bool) and hint is not bool):
            yield Finding(path, "type", f"{value!r} is not a {_NAMES[hint]}")
    elif getattr(hint, "__name__", "") == "timedelta":
        if not isinstance(value, str) or not re.fullmatch(
            r"P(?=\d|T)(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?", value
        ):
            yield Finding(path, "duration", f"{value!r} is not an ISO 8601 duration")
    elif not isinstance(value, str):
        yield Finding(path, "type", f"{value!r} is not text")

"""Inputs and outputs of resources as dataclasses: names, types, validation and conversion to the wire."""

import dataclasses
import functools
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast

from mlcloud.core.errors import nearest
from mlcloud.provider.errors import Problem, ResourceError
from mlcloud.provider.values import Unknown

T = TypeVar("T")
Check = Callable[[Any], str | None]

_OPTIONS: Final = "mlcloud"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How the framework treats one field.

    Attributes:
        replace: a changed value replaces the resource instead of updating it.
        check: looks at a known value; returns what is wrong with it, or None.
        stable: an output that an update never changes.
        derived_from: inputs (Python names) whose secrecy this output inherits, besides its namesake's.
        secret: an output that is a secret whatever the inputs are.
    """

    replace: bool = False
    check: Check | None = None
    stable: bool = False
    derived_from: tuple[str, ...] = ()
    secret: bool = False


def options(
    *,
    replace: bool = False,
    check: Check | None = None,
    stable: bool = False,
    derived_from: tuple[str, ...] = (),
    secret: bool = False,
) -> dict[str, Options]:
    """Metadata of a dataclass field: `field(metadata=options(replace=True))`."""
    return {
        _OPTIONS: Options(
            replace=replace, check=check, stable=stable, derived_from=derived_from, secret=secret
        )
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """One property of a resource: the dataclass field with its wire name, type and options."""

    name: str
    wire: str
    type: Any
    required: bool
    default: object
    options: Options
    description: str


def wire_name(name: str) -> str:
    """`model_uri` -> `modelUri`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@functools.cache
def fields_of(record: type) -> tuple[Field, ...]:
    """The properties of an inputs, outputs or nested dataclass, in their order."""
    hints = typing.get_type_hints(record)
    descriptions = _descriptions(record.__doc__ or "")
    found: list[Field] = []
    for item in dataclasses.fields(record):
        default: object = None
        if item.default is not dataclasses.MISSING:
            default = item.default
        elif item.default_factory is not dataclasses.MISSING:
            default = item.default_factory()
        required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        found.append(
            Field(
                name=item.name,
                wire=wire_name(item.name),
                type=hints[item.name],
                required=required,
                default=default,
                options=cast(Options, item.metadata.get(_OPTIONS, Options())),
                description=descriptions.get(item.name, ""),
            )
        )
    return tuple(found)


def _descriptions(docstring: str) -> dict[str, str]:
    """The `Attributes:` section of a docstring, by attribute."""
    _, _, section = docstring.partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        start = re.match(r"\s{8}(\w+): (.*)", line) or re.match(r"\s{4}(\w+): (.*)", line)
        if start:
            name = start[1]
            found[name] = start[2].strip()
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found


def member_path(path: str, key: str) -> str:
    """Pulumi's property path of a member: `a.b`, or `a["b.c"]` where the key is not a plain word."""
    if not path:
        return key if re.fullmatch(r"\w+", key) else f'["{key}"]'
    return f"{path}.{key}" if re.fullmatch(r"[A-Za-z_]\w*", key) else f'{path}["{key}"]'


def top_level(path: str) -> str:
    """The top-level property that a path starts with."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def parse(
    record: type[T], values: Mapping[str, object], *, path: str = "", owner: str = "this resource"
) -> tuple[T | None, list[Problem]]:
    """Build a dataclass from wire values.

    Args:
        record: the dataclass.
        values: wire values, as the user's program gave them; may hold `UNKNOWN`.
        path: the property path of the record itself, empty at the top.
        owner: what the properties belong to, for messages.

    Returns:
        The record, or None when there are problems; and every problem found.
    """
    problems: list[Problem] = []
    known_names = {field.wire: field for field in fields_of(record)}
    for name in values:
        if name not in known_names and not name.startswith("__"):
            near = nearest(name, known_names)
            hint = (
                f"did you mean `{near}`?"
                if near
                else f"it takes {', '.join(f'`{item}`' for item in known_names)}."
            )
            problems.append(
                Problem(path=member_path(path, name), reason=f"`{name}` is not a property of {owner}: {hint}")
            )
    arguments: dict[str, object] = {}
    for field in known_names.values():
        where = member_path(path, field.wire)
        value = values.get(field.wire)
        if value is None:
            if field.required and not _optional(field.type):
                problems.append(
                    Problem(path=where, reason=f"`{field.wire}` is required by {owner} and is missing.")
                )
            elif not field.required:
                arguments[field.name] = field.default
            else:
                arguments[field.name] = None
            continue
        before = len(problems)
        arguments[field.name] = convert(field.type, value, where, problems)
        if (
            len(problems) == before
            and field.options.check is not None
            and not _has_unknown(arguments[field.name])
        ):
            reason = field.options.check(arguments[field.name])
            if reason is not None:
                problems.append(Problem(path=where, reason=reason))
    return (None if problems else record(**arguments)), problems


def parse_stored(record: type[T], values: Mapping[str, object], what: str) -> T:
    """Build a dataclass from a state's values: what this version does not know is left aside.

    Raises:
        ResourceError: a value that is needed is missing or of another type.
    """
    known = {field.wire for field in fields_of(record)}
    parsed, problems = parse(record, {name: value for name, value in values.items() if name in known})
    if parsed is None:
        listed = "; ".join(f"{problem.path}: {problem.reason}" for problem in problems)
        raise ResourceError(
            f"The {what} in the stack's state cannot be used by this version of mlcloud: {listed}"
        )
    return parsed


def _optional(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def bare(hint: Any) -> Any:
    """A type without its `| None`."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        if len(members) == 1:
            return members[0]
    return hint


def _has_unknown(value: object) -> bool:
    if isinstance(value, Unknown):
        return True
    if isinstance(value, Mapping):
        return any(_has_unknown(item) for item in cast(Mapping[object, object], value).values())
    if isinstance(value, list):
        return any(_has_unknown(item) for item in cast(list[object], value))
    if dataclasses.is_dataclass(value):
        return any(_has_unknown(getattr(value, item.name)) for item in dataclasses.fields(value))
    return False


def _shown(value: object) -> str:
    text = repr(value) if not isinstance(value, str) else f'"{value}"'
    return text if len(text) <= 80 else text[:77] + "..."


def convert(hint: Any, value: object, path: str, problems: list[Problem]) -> object:
    """Turn one wire value into a value of a Python type; what is wrong is added to `problems`."""
    kind = bare(hint)
    if isinstance(value, Unknown) or (value is None and kind is not hint):
        return value
    origin = typing.get_origin(kind)
    if kind in (str, bool, int, float):
        return _convert_scalar(kind, value, path, problems)
    if origin is list and isinstance(value, list):
        (member,) = typing.get_args(kind)
        items = cast(list[object], value)
        return [convert(member, item, f"{path}[{index}]", problems) for index, item in enumerate(items)]
    if origin is dict and isinstance(value, Mapping):
        _, member = typing.get_args(kind)
        members = cast(Mapping[str, object], value)
        return {key: convert(member, item, member_path(path, key), problems) for key, item in members.items()}
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        parsed, found = parse(
            cast(type[Any], kind), cast(Mapping[str, object], value), path=path, owner=f"`{path}`"
        )
        problems.extend(found)
        return parsed
    problems.append(Problem(path=path, reason=f"{_shown(value)} is not {_article(kind)}."))
    return None


def _convert_scalar(kind: type, value: object, path: str, problems: list[Problem]) -> object:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if (
        kind is int
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value == int(value)
    ):
        return int(value)
    if kind in (str, bool) and isinstance(value, kind):
        return value
    problems.append(Problem(path=path, reason=f"{_shown(value)} is not {_article(kind)}."))
    return None


def _article(kind: Any) -> str:
    names: dict[Any, str] = {str: "a string", bool: "true or false", int: "a whole number", float: "a number"}
    if kind in names:
        return names[kind]
    return {list: "a list", dict: "a map"}.get(typing.get_origin(kind) or kind, "an object")


def wire_values(record: object) -> dict[str, object]:
    """A dataclass as wire values; None is left out."""
    found: dict[str, object] = {}
    for field in fields_of(type(record)):
        value = getattr(record, field.name)
        if value is not None:
            found[field.wire] = wire_value(value)
    return found


def wire_value(value: object) -> object:
    """One Python value as a wire value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return wire_values(value)
    if isinstance(value, Mapping):
        return {key: wire_value(item) for key, item in cast(Mapping[str, object], value).items()}
    if isinstance(value, list | tuple):
        return [wire_value(item) for item in cast(list[object], value)]
    return value

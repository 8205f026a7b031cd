"""Inputs held against what the SDK declares: unknown names, missing ones, wrong types, all at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from mlcloud.core.errors import nearest
from mlcloud.embedded.properties import assets, values
from mlcloud.embedded.properties.marks import UNKNOWN, Properties
from mlcloud.embedded.properties.trees import signature
from mlcloud.provider.fields import member_path
from mlcloud.simulated.declarations import Member, Shape, members_of

_WORDS: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "map": "a map",
    "object": "an object",
    "asset": "an asset or an archive",
}
_PYTHON: Mapping[str, type | tuple[type, ...]] = {
    "any": object,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "list": list,
    "map": dict,
    "object": dict,
}


@dataclass(frozen=True, kw_only=True)
class InputProblem:
    """One input that the declaration does not allow."""

    path: str
    reason: str


def problems_of(owner: str, members: Mapping[str, Member], inputs: Properties) -> list[InputProblem]:
    """What is wrong with inputs.

    Args:
        owner: What has these properties, for messages: a type token, or the path of an object.
        members: The declared properties.
        inputs: The given ones, as the engine sends them.
    """
    return list(_object_problems(owner, members, inputs, ""))


def _object_problems(
    owner: str, members: Mapping[str, Member], given: Properties, path: str
) -> Iterator[InputProblem]:
    for name, value in given.items():
        if name.startswith("__") or value is None:
            continue
        at = member_path(path, name)
        if name in members:
            yield from _value_problems(members[name].shapes, value, at)
        else:
            near = nearest(name, members)
            hint = f"did you mean `{near}`?" if near else f"it has {', '.join(sorted(members))}."
            yield InputProblem(path=at, reason=f"{owner} has no property `{name}`: {hint}")
    for name, member in members.items():
        if member.required and given.get(name) is None:
            yield InputProblem(path=member_path(path, name), reason=f"{owner} needs it, and it is not given.")


def _value_problems(shapes: tuple[Shape, ...], value: Any, path: str) -> Iterator[InputProblem]:
    if values.is_secret(value):
        value = value["value"]
    if value == UNKNOWN or value is None or not shapes:
        return
    fitting = [shape for shape in shapes if _fits(shape, value)]
    if not fitting:
        wanted = " or ".join(dict.fromkeys(_WORDS[shape.kind] for shape in shapes))
        yield InputProblem(path=path, reason=f"it must be {wanted}, not {_described(value)}.")
        return
    # Of several that it could be, it is the one that it breaks least.
    yield from min((list(_shape_problems(shape, value, path)) for shape in fitting), key=len)


def _shape_problems(fitting: Shape, value: Any, path: str) -> Iterator[InputProblem]:
    if fitting.kind == "object" and fitting.members is not None:
        yield from _object_problems(f"`{path}`", members_of(fitting.members), value, path)
    elif fitting.kind == "list" and fitting.item is not None:
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _value_problems((fitting.item,), item, f"{path}[{index}]")
    elif fitting.kind == "map" and fitting.item is not None:
        for key, item in cast("Properties", value).items():
            yield from _value_problems((fitting.item,), item, member_path(path, key))


def _fits(shape: Shape, value: Any) -> bool:
    if shape.kind == "asset":
        return signature(value) in assets.SIGNATURES
    if isinstance(value, bool) and shape.kind in ("integer", "number"):
        return False
    return isinstance(value, _PYTHON[shape.kind]) and (shape.kind == "any" or signature(value) is None)


def _described(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "a map"

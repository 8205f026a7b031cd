"""A declared resource as CloudFormation writes it: by its schema, and by the table where names differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from support.judges.report import leaves

UNKNOWN = "[unknown]"
SECRET = "[secret]"
REFERENCE = "Unknown"
"""The parameter of the template that stands for what only the cloud knows."""

Place = tuple[str | int, ...]
Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Unjudged:
    """A property that CloudFormation cannot express."""

    reason: str


@dataclass(frozen=True)
class Shaped:
    """A property of another shape in CloudFormation.

    Attributes:
        to: Its place there.
        shape: Its value there; what was declared must all be in it.
    """

    to: str
    shape: Callable[[Any], Any]


@dataclass(frozen=True)
class Elsewhere:
    """A property that this type lacks in CloudFormation, and another type of the same service has.

    Attributes:
        type: The other type, of which nothing is required.
    """

    type: str


@dataclass(frozen=True)
class Part:
    """A resource that CloudFormation has as a property of another one.

    Attributes:
        of: The owner's type here.
        by: The inputs here that name the owner, each with the owner's input of the same value.
    """

    of: str
    by: tuple[tuple[str, str], ...]

    def parts(self, inputs: Inputs) -> tuple[Any, ...]:
        """What names the owner in the inputs of its part."""
        return tuple(inputs.get(own) for own, _ in self.by)

    def owners(self, inputs: Inputs) -> tuple[Any, ...]:
        """The same in the inputs of the owner."""
        return tuple(inputs.get(owners) for _, owners in self.by)


Told = str | Shaped | Elsewhere | Unjudged


@dataclass(frozen=True, kw_only=True)
class Twin:
    """As what CloudFormation knows a type.

    Attributes:
        type: CloudFormation's type.
        at: Where in it the inputs go; `+` is a new member of a list. Default: at its top.
        names: Input paths, without indices, to places relative to what holds them; `.` is the holder itself,
            and a leading `/` the top. Default: the name in the schema that differs in case or number alone.
        part: Whose property this is. Default: a resource of its own.
        filled: What the provider fills in by itself, from the inputs.
    """

    type: str
    at: str = ""
    names: Mapping[str, Told] = field(default_factory=dict)
    part: Part | None = None
    filled: Callable[[Inputs], Mapping[str, Any]] = lambda _: {}


@dataclass
class Translated:
    """A resource of CloudFormation's, and where each of its properties was declared."""

    type: str
    properties: dict[str, Any] = field(default_factory=dict)
    declared: dict[Place, str] = field(default_factory=dict)


@dataclass
class Translator:
    """Puts one resource's inputs into a CloudFormation resource.

    Attributes:
        twin: The table's entry.
        into: The resource that it goes into.
        name: The declared resource's name, for paths.
        region: Whose schema is read.
        new: Makes another resource.
    """

    twin: Twin
    into: Translated
    name: str
    region: str
    new: Callable[[str], Translated]
    judged: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unjudged: dict[str, str] = field(default_factory=dict)

    def run(self, inputs: Inputs) -> None:
        """Translate all inputs; adds to `judged`, `unknown` and `unjudged`."""
        top = self._place((), self.twin.at)
        for given, value in self.twin.filled(inputs).items():
            self._put(self._place(top, given), value)
        for key, value in inputs.items():
            self._member(key, value, key, key, top)

    def _member(self, key: str, value: Any, path: str, rule: str, holder: Place) -> None:
        told = self.twin.names.get(rule)
        if isinstance(told, Unjudged):
            self.unjudged.update({f"{self.name}: {leaf}": told.reason for leaf in leaves(value, path)})
            return
        if isinstance(told, Elsewhere):
            here, self.into = self.into, self.new(told.type)
            self.into.declared[()] = f"{self.name}: {path}"
            self._value(value, path, rule, (self._name((), key),))
            self.into = here
            return
        if isinstance(told, Shaped):
            shaped, place = told.shape(value), self._place(holder, told.to)
            self._record(value, path, shaped, place)
            return
        place = (*holder, self._name(holder, key)) if told is None else self._place(holder, told)
        self._value(value, path, rule, place)

    def _value(self, value: Any, path: str, rule: str, place: Place) -> None:
        node = self._node(place)
        members = _members(node)
        if isinstance(value, str) and "object" in _types(node) and value.lstrip().startswith("{"):
            value = json.loads(value)
            if not members:
                self._record(value, path, value, place, whole=True)
                return
            self.judged.append(f"{self.name}: {path}")
            for key, item in value.items():
                self._inside(key, item, path, place)
        elif isinstance(value, list) and len(value) == 1 and _types(node) == {"object"}:
            self._value(value[0], f"{path}[0]", rule, place)
        elif isinstance(value, dict) and (pair := _pair(node)) is not None:
            self._record(value, path, [{pair[0]: key, pair[1]: item} for key, item in value.items()], place)
        elif isinstance(value, dict) and value and members:
            for key, item in value.items():
                self._member(key, item, f"{path}.{key}", f"{rule}.{key}", place)
        elif isinstance(value, list) and value:
            for index, item in enumerate(value):
                self._value(item, f"{path}[{index}]", rule, (*place, index))
        else:
            self._record(value, path, value, place)

    def _inside(self, key: str, value: Any, path: str, holder: Place) -> None:
        """A member of a JSON document with its service's own names; the document is one declared path."""
        place = (*holder, self._name(holder, key))
        self.into.declared[place] = f"{self.name}: {path}"
        if isinstance(value, dict) and _members(self._node(place)):
            for inner, item in value.items():
                self._inside(inner, item, path, place)
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            for index, item in enumerate(value):
                for inner, content in item.items():
                    self._inside(inner, content, path, (*place, index))
        else:
            self._put(place, value)

    def _record(self, value: Any, path: str, placed: Any, place: Place, *, whole: bool = False) -> None:
        """Put a value; its leaves are judged, or it is itself where it is a whole document."""
        lost = _scalars(value) - _scalars(placed)
        assert not lost, f"{self.name}: {path} loses {lost}"
        self._put(place, placed)
        self.into.declared[place] = f"{self.name}: {path}"
        found = {path: value} if whole else leaves(value, path)
        self.judged += [f"{self.name}: {leaf}" for leaf in found]
        self.unknown += [f"{self.name}: {leaf}" for leaf, item in found.items() if item in (UNKNOWN, SECRET)]

    def _put(self, place: Place, value: Any) -> None:
        holder: Any = self.into.properties
        for step, following in zip(place, (*place[1:], None), strict=True):
            empty: Any = [] if isinstance(following, int) else {}
            if isinstance(step, int):
                holder += [{}] * (step + 1 - len(holder))
                holder[step] = known(value) if following is None else (holder[step] or empty)
            elif following is None:
                holder[step] = known(value)
            else:
                holder.setdefault(step, empty)
            holder = holder[step]

    def _place(self, holder: Place, to: str) -> Place:
        if to == ".":
            return holder
        place: Place = () if to.startswith("/") else holder
        for step in filter(None, to.split("/")):
            place = (*place, self._free(place) if step == "+" else int(step) if step.isdigit() else step)
        return place

    def _free(self, place: Place) -> int:
        value: Any = self.into.properties
        for step in place:
            if not isinstance(value, dict):
                return 0
            value = value.get(str(step), [])
        return len(value)

    def _name(self, holder: Place, key: str) -> str:
        """The schema's name that differs in case or number alone; else as CloudFormation would write it."""
        members = {name.lower(): name for name in _members(self._node(holder))}
        plain = key.lower()
        for candidate in (plain, plain + "s", plain.removesuffix("s")):
            if candidate in members:
                return members[candidate]
        return key[:1].upper() + key[1:] if members else key

    def _node(self, place: Place) -> dict[str, Any]:
        """The schema's words about a place; nothing where it has none."""
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(self.region, self.into.type).schema
        node: dict[str, Any] = schema
        for step in place:
            node = node.get("items", {}) if isinstance(step, int) else _members(node).get(step, {})
            node = _resolved(schema, node)
        return node


def _resolved(schema: Mapping[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = schema
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node | {"items": _resolved(schema, node["items"])} if "items" in node else node


def _members(node: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in (node, *node.get("oneOf", []), *node.get("anyOf", []), *node.get("allOf", [])):
        found |= part.get("properties", {}) if isinstance(part, Mapping) else {}
    return found


def _types(node: Mapping[str, Any]) -> set[str]:
    told = node.get("type", [])
    return {told} if isinstance(told, str) else set(told)


def _pair(node: Mapping[str, Any]) -> tuple[str, str] | None:
    """The two names of a list of pairs, such as tags and dimensions are."""
    members = set(_members(node.get("items", {})))
    return next((pair for pair in (("Key", "Value"), ("Name", "Value")) if set(pair) == members), None)


def _scalars(value: Any) -> set[str]:
    return {str(leaf) for leaf in leaves(value).values() if not isinstance(leaf, dict | list)}


def known(value: Any) -> Any:
    """A value that only the cloud knows as a reference that cfn-lint cannot follow."""
    if isinstance(value, Mapping):
        return {key: known(item) for key, item in value.items()}
    if isinstance(value, list):
        return [known(item) for item in value]
    return {"Ref": REFERENCE} if value in (UNKNOWN, SECRET) else value

"""What Azure's models say of each property: its wire name, type, values, whether it must or may be set.

There are two kinds of models. Those made from TypeSpec annotate fields and say when each is visible
(`visibility=["read"]`); the older ones hold two tables, of names and of validation.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from support.judges.azure.packages import PACKAGES, Package

ANYTHING = "any"
_PLAIN = {
    "str": "string",
    "bytes": "string",
    "int": "integer",
    "float": "number",
    "decimal.Decimal": "number",
    "bool": "boolean",
}
_TIMES = {
    "datetime.datetime": "date-time",
    "datetime.date": "date",
    "datetime.timedelta": "duration",
    "iso-8601": "date-time",
    "rfc-1123": "date-time",
    "duration": "duration",
    "date": "date",
    "long": "integer",
}


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What a value must be.

    Attributes:
        kind: `string`, `integer`, `number`, `boolean`, `date-time`, `duration`, `date`, `list`, `map`,
            `object`, or `ANYTHING`.
        items: What the items of a list, or the values of a map, must be.
        values: What a text may be; any where there are none.
        model: The model of an object, by name.
        fields: The fields of an object that is no model of its own.
    """

    kind: str
    items: Schema | None = None
    values: tuple[str, ...] = ()
    model: str = ""
    fields: Mapping[str, Field] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Field:
    """A property of an object.

    Attributes:
        schema: What its value must be.
        required: Whether it must be given.
        read_only: Whether the service alone sets it.
        limits: What else must hold: `pattern`, `max_length`, `minimum`, ... .
    """

    schema: Schema
    required: bool = False
    read_only: bool = False
    limits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Model:
    """An object.

    Attributes:
        fields: Its properties, by wire name.
        discriminator: The property that says which of `kinds` it is; none where it is but one.
        kinds: The models that it can be, by what the discriminator says.
    """

    fields: Mapping[str, Field]
    discriminator: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)


@cache
def model(package: str, name: str) -> Model:
    """A model of a client, by its name."""
    text = PACKAGES[package].classes[name]
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.ClassDef)
    if "_attribute_map" in text:
        return _tables(PACKAGES[package], node)
    return _annotated(package, node)


def kind_of(package: str, schema: Schema, value: Mapping[str, Any]) -> str:
    """The model of an object; of one that can be several things, that of what it says it is."""
    if not schema.model:
        return ""
    found = model(package, schema.model)
    said = value.get(found.discriminator) if found.discriminator else None
    return found.kinds.get(str(said), schema.model)


def fields_of(package: str, schema: Schema, value: Mapping[str, Any]) -> Mapping[str, Field]:
    """The fields of an object, or of what it says it is."""
    kind = kind_of(package, schema, value)
    return model(package, kind).fields if kind else schema.fields


# Models made from TypeSpec


def _annotated(package: str, node: ast.ClassDef) -> Model:
    fields: dict[str, Field] = {}
    discriminator = ""
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in PACKAGES[package].classes:
            above = model(package, base.id)
            fields |= above.fields
            discriminator = discriminator or above.discriminator
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.value, ast.Call):
            wire, found = _field(PACKAGES[package], statement, statement.value)
            fields[wire] = found
            if ast.unparse(statement.value.func) == "rest_discriminator":
                discriminator = wire
    kinds = dict(_kinds(PACKAGES[package], node.name)) if discriminator else {}
    return Model(fields=fields, discriminator=discriminator if kinds else "", kinds=kinds)


def _field(package: Package, statement: ast.AnnAssign, call: ast.Call) -> tuple[str, Field]:
    given = {one.arg: ast.literal_eval(one.value) for one in call.keywords if one.arg != "type"}
    annotation = ast.unparse(statement.annotation)
    read_only = given.get("visibility") == ["read"]
    return given.get("name", ast.unparse(statement.target)), Field(
        schema=_type(package, annotation),
        required=not annotation.startswith("Optional[") and not read_only,
        read_only=read_only,
    )


def _kinds(package: Package, name: str) -> Iterator[tuple[str, str]]:
    """The models that a model can be, itself among them, by what their discriminator says."""
    for kind, head in _heads(package).items():
        bases, said = head
        if kind == name and said:
            yield said, kind
        elif name in bases:
            yield from _kinds(package, kind)


@cache
def _heads(package: Package) -> Mapping[str, tuple[tuple[str, ...], str]]:
    """Of each class, its bases and its discriminator."""
    found = {}
    for name, text in package.classes.items():
        head = re.match(r"class \w+\(([^)]*)\):", text)
        bases, _, said = (head[1] if head else "").partition("discriminator=")
        found[name] = tuple(re.findall(r"\w+", bases)), said.strip("\"', \n")
    return found


# Models with tables


def _tables(package: Package, node: ast.ClassDef) -> Model:
    tables = {
        ast.unparse(statement.targets[0]): ast.literal_eval(statement.value)
        for statement in node.body
        if isinstance(statement, ast.Assign)
        and ast.unparse(statement.targets[0]) in ("_validation", "_attribute_map", "_subtype_map")
    }
    annotations = _annotations(node)
    fields: dict[str, Any] = {}
    wires: dict[str, str] = {}
    for name, said in tables["_attribute_map"].items():
        limits = dict(tables.get("_validation", {}).get(name, {}))
        # A field that holds what no other does has no key.
        steps = [step.replace("\\.", ".") for step in re.split(r"(?<!\\)\.", said["key"])]
        wires[name] = steps[-1]
        found = Field(
            schema=_told(package, said["type"], annotations.get(name, "")),
            required=limits.pop("required", False) and not limits.get("readonly"),
            read_only=limits.pop("readonly", False),
            limits=limits,
        )
        if steps != [""]:
            _put(fields, steps, found)
    ((by, kinds),) = tables.get("_subtype_map", {"": {}}).items()
    flat = dict(_flat(package, kinds))
    return Model(fields=_nested(fields), discriminator=wires[by] if flat else "", kinds=flat)


def _flat(package: Package, kinds: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The models that a model can be, and those that they can be."""
    for said, name in kinds.items():
        yield said, name
        below = ast.parse(package.classes[name]).body[0]
        assert isinstance(below, ast.ClassDef)
        yield from _tables(package, below).kinds.items()


def _annotations(node: ast.ClassDef) -> dict[str, str]:
    """The annotations of a model's arguments: they alone name enums."""
    made = next(one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__")
    return {one.arg: ast.unparse(one.annotation) for one in made.args.kwonlyargs if one.annotation}


def _put(fields: dict[str, Any], steps: list[str], found: Field) -> None:
    for step in steps[:-1]:
        fields = fields.setdefault(step, {})
    fields[steps[-1]] = found


def _nested(fields: Mapping[str, Any]) -> dict[str, Field]:
    """Fields, with those below a name that is no model's as an object of their own."""
    found = {}
    for name, one in fields.items():
        inner = one if isinstance(one, Field) else None
        if inner is None:
            below = _nested(one)
            required = any(each.required for each in below.values())
            inner = Field(schema=Schema(kind="object", fields=below), required=required)
        found[name] = inner
    return found


def _told(package: Package, told: str, annotation: str) -> Schema:
    """The type of the table, `[Criterion]`; where it says `str`, the annotation may name an enum."""
    if told.startswith("["):
        inner = annotation.removeprefix("Optional[").removeprefix("List[")
        return Schema(kind="list", items=_told(package, told[1:-1], inner))
    if told.startswith("{"):
        return Schema(kind="map", items=_told(package, told[1:-1], ""))
    if told == "str":
        named = re.match(r"(?:Optional\[)?Union\[str, '_models\.(\w+)'\]", annotation)
        return _named(package, named[1]) if named else Schema(kind="string")
    if told in package.classes:
        return _named(package, told)
    return _type(package, told)


# Types


def _type(package: Package, text: str) -> Schema:
    """The schema that an annotation says: `Optional[Union[str, '_models.Kind']]`."""
    outer, _, inner = text.partition("[")
    inner = inner.removesuffix("]")
    parts = [one for one in _split(inner) if one != "None"]
    if outer in ("Optional", "Union"):
        # `Union[str, Enum]`, `Union[Model, Other]`: the last says the most.
        return _type(package, parts[-1])
    if outer in ("list", "List"):
        return Schema(kind="list", items=_type(package, inner))
    if outer in ("dict", "Dict") and inner:
        return Schema(kind="map", items=_type(package, parts[1]))
    if outer == "Literal":
        enum, _, member = inner.partition(".")
        values = (_members(package, enum)[member] if enum.isidentifier() else ast.literal_eval(inner),)
        return Schema(kind="string", values=values)
    name = text.strip("'\"").removeprefix("_models.")
    if name in package.classes:
        return _named(package, name)
    return Schema(kind={**_PLAIN, **_TIMES}.get(text, ANYTHING))


def _named(package: Package, name: str) -> Schema:
    """The schema of a model, or of an enum."""
    head = re.match(r"class \w+\(([^)]*)\)", package.classes[name])
    if head and "Enum" in head[1]:
        return Schema(kind="string", values=tuple(_members(package, name).values()))
    return Schema(kind="object", model=name)


def _members(package: Package, enum: str) -> dict[str, str]:
    """The values of an enum, by the names of its members."""
    return dict(re.findall(r'^    (\w+) = "(.*)"$', package.classes[enum], re.MULTILINE))


def _split(text: str) -> list[str]:
    """The parts between commas that are in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]

"""What the model's JSON schema says, in words: for errors and for the reference."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from mlcloud.core.settings.model import Settings

Schema: TypeAlias = dict[str, Any]

_TYPE_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a map",
    "array": "a list",
    "null": "null",
}


def document() -> Schema:
    """Return the JSON schema of the settings with every reference replaced by what it refers to."""
    raw = Settings.model_json_schema()
    return cast("Schema", _resolved(raw, cast("Mapping[str, Schema]", raw.pop("$defs", {}))))


def _resolved(node: Any, definitions: Mapping[str, Schema]) -> Any:
    if isinstance(node, list):
        return [_resolved(item, definitions) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    mapping = cast("Schema", node)
    if "$ref" in mapping:
        target = definitions[str(mapping["$ref"]).rsplit("/", 1)[-1]]
        beside = {key: value for key, value in mapping.items() if key != "$ref"}
        return {**cast("Schema", _resolved(target, definitions)), **beside}
    if "patternProperties" in mapping:
        # pydantic leaves keys of another form open; the settings do not.
        mapping = {**mapping, "additionalProperties": False}
    # pydantic's titles repeat the key; a key that is itself called title holds a map and stays.
    return {
        key: _resolved(value, definitions)
        for key, value in mapping.items()
        if not (key == "title" and isinstance(value, str))
    }


def alternatives(node: Schema) -> list[Schema]:
    """Return what a node may be: each of its alternatives but null, or itself."""
    found = cast("list[Schema]", node.get("anyOf") or node.get("oneOf") or [])
    kept = [choice for choice in found if choice.get("type") != "null"]
    return [inner for choice in kept for inner in alternatives(choice)] or [node]


def keys(node: Schema) -> dict[str, Schema]:
    """Return the keys that a node's alternatives have, with their schemas."""
    found: dict[str, Schema] = {}
    for choice in alternatives(node):
        for key, value in cast("dict[str, Schema]", choice.get("properties", {})).items():
            found.setdefault(key, value)
    return found


def kinds(node: Schema) -> list[str]:
    """Return the names of a node's alternatives, the values of the key `kind`; empty where it has none."""
    found = (
        cast("dict[str, Schema]", choice.get("properties", {})).get("kind", {})
        for choice in alternatives(node)
    )
    return [str(kind["const"]) for kind in found if "const" in kind]


def chosen(node: Schema, value: object) -> Schema:
    """Return the alternative of a node that the given value means; the node itself where it has none."""
    choices = alternatives(node)
    if not isinstance(value, Mapping):
        return choices[0]
    objects = [choice for choice in choices if choice.get("type") == "object"]
    given = cast("Mapping[str, Any]", value)
    for choice in objects:
        kind = cast("Schema", choice.get("properties", {}).get("kind", {}))
        if kind and given.get("kind", kind.get("default")) == kind.get("const"):
            return choice
    return objects[0] if objects else choices[0]


def at(schema: Schema, path: Sequence[str | int], given: object) -> Schema:
    """Return the schema of a place in the config, empty where there is none, for the given values."""
    node, here = schema, given
    for part in path:
        node = _step(chosen(node, here), part)
        here = _value(here, part)
    return node


def _step(node: Schema, part: str | int) -> Schema:
    if isinstance(part, int):
        return cast("Schema", node.get("items", {}))
    named = cast("dict[str, Schema]", node.get("properties", {}))
    if part in named:
        return named[part]
    patterns = cast("dict[str, Schema]", node.get("patternProperties", {}))
    others = node.get("additionalProperties")
    return next(iter(patterns.values()), cast("Schema", others) if isinstance(others, dict) else {})


def _value(here: object, part: str | int) -> object:
    if isinstance(here, Mapping):
        return cast("Mapping[str | int, object]", here).get(part)
    if isinstance(here, (list, tuple)) and isinstance(part, int):
        items = cast("Sequence[object]", here)
        return items[part] if part < len(items) else None
    return None


def allowed_text(node: Schema) -> str:
    """Return what a value may be, in words: its type, its choices, its limits."""
    if "patternErrorMessage" in node:
        return str(node["patternErrorMessage"])
    texts = [_one_text(choice) for choice in alternatives(node)]
    return " or ".join(dict.fromkeys(text for text in texts if text))


def _one_text(node: Schema) -> str:
    if "enum" in node:
        return "one of: " + ", ".join(str(choice) for choice in cast("list[Any]", node["enum"]))
    if "const" in node:
        return f"`{node['const']}`"
    if node.get("type") == "object":
        return _map_text(node)
    if node.get("type") == "array":
        return f"a list; each item {allowed_text(cast('Schema', node.get('items', {})))}"
    if "patternErrorMessage" in node:
        return str(node["patternErrorMessage"])
    words = _TYPE_WORDS.get(str(node.get("type")), "")
    return f"{words} {limits}" if (limits := _limits(node)) else words


def _map_text(node: Schema) -> str:
    if "properties" in node:
        return "a map with the keys " + ", ".join(cast("Schema", node["properties"]))
    names = cast("Schema", node["propertyNames"])
    value = _step(node, "")
    key = "each key " + (
        "one of " + ", ".join(names["enum"]) if "enum" in names else f"of {_one_text(names)}"
    )
    return f"a map: {key}; each value {allowed_text(value)}"


def _limits(node: Schema) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"from {low} to {high}"
    parts = [
        f"{word} {limit}"
        for word, limit in (("at least", low), ("above", above), ("below", below), ("at most", high))
        if limit is not None
    ]
    return " and ".join(parts)

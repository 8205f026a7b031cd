"""Property values: between the wire and plain Python, secrets, unknowns, paths, and what differs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from google.protobuf import struct_pb2

from mlcloud.embedded.properties.assets import same_content
from mlcloud.embedded.properties.marks import SECRET_SIGNATURE, SIGNATURE_KEY, UNKNOWN, Properties
from mlcloud.embedded.properties.trees import MISSING, rebuild, signature, walk

RESOURCE_SIGNATURE = "5cf8f73096256a8f31e491e813e4eb8e"
"""The signature of a reference to another resource."""

SECRET_TEXT = "[secret]"  # noqa: S105 - what is shown instead of a secret
UNKNOWN_TEXT = "[unknown]"

_PATH_PART = re.compile(r'\.?([^.\[\]"]+)|\[(\d+|\*)\]|\["((?:[^"\\]|\\.)*)"\]')
_MAX_EXACT_INTEGER = 2**53


def from_struct(struct: struct_pb2.Struct) -> Properties:
    """Plain Python for a Struct, keys in order; whole numbers become ``int``, as in a checkpoint's JSON."""
    return {key: _from_value(struct.fields[key]) for key in sorted(struct.fields)}


def _from_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return from_struct(value.struct_value)
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) < _MAX_EXACT_INTEGER else number
    return None if kind is None or kind == "null_value" else getattr(value, kind)


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """The Struct that travels to a provider or to the program."""
    struct = struct_pb2.Struct()
    struct.update(dict(properties))
    return struct


def is_secret(value: Any) -> bool:
    """Whether the value itself is marked as a secret."""
    return signature(value) == SECRET_SIGNATURE


def make_secret(value: Any) -> Any:
    """The value, marked as a secret; secrets inside it are opened, for one mark covers all."""
    return {SIGNATURE_KEY: SECRET_SIGNATURE, "value": plain(value)}


def has_unknown(value: Any) -> bool:
    """Whether anything in it is not known yet."""
    return any(item == UNKNOWN for item in walk(value) if isinstance(item, str))


def has_secret(value: Any) -> bool:
    """Whether anything in it is a secret."""
    return any(is_secret(item) for item in walk(value))


def plain(value: Any) -> Any:
    """The value with its secrets opened."""
    return rebuild(value, lambda item: plain(item["value"]) if is_secret(item) else MISSING)


def shown_reference(provider: str) -> str:
    """A provider reference as people may see it."""
    return provider.replace(UNKNOWN, UNKNOWN_TEXT)


def _shown(value: Any) -> Any:
    if is_secret(value):
        return SECRET_TEXT
    return UNKNOWN_TEXT if isinstance(value, str) and value == UNKNOWN else MISSING


def shown(value: Any) -> Any:
    """The value as people may see it: secrets and unknowns replaced by words."""
    return rebuild(value, _shown)


def for_provider(properties: Properties, *, secrets: bool, references: bool) -> struct_pb2.Struct:
    """What a provider is sent, without the kinds of value that it has not said it understands."""

    def replace(value: Any) -> Any:
        if not secrets and is_secret(value):
            return rebuild(value["value"], replace)
        if not references and signature(value) == RESOURCE_SIGNATURE:
            return value.get("id") or value["urn"]
        return MISSING

    return to_struct(properties if secrets and references else rebuild(properties, replace))


def mark_secrets(outputs: Properties, inputs: Mapping[str, Any]) -> Properties:
    """The outputs, where a property that is a secret among the inputs is one too (same name, same place)."""
    marked = dict(outputs)
    for key, given in inputs.items():
        got = marked.get(key, MISSING)
        if got is MISSING or is_secret(got) or not has_secret(given):
            continue
        if isinstance(got, dict) and isinstance(given, dict) and signature(cast(Any, given)) is None:
            marked[key] = mark_secrets(cast("Properties", got), cast("Properties", given))
        else:
            marked[key] = make_secret(got)
    return marked


def parse_path(path: str) -> list[str | int]:
    """The parts of a property path such as ``tags["a.b"].x[0]``; ``*`` stands for every element.

    Raises:
        ValueError: when it is not a path.
    """
    parts: list[str | int] = []
    position = 0
    while position < len(path):
        match = _PATH_PART.match(path, position)
        if match is None:
            raise ValueError(f"{path!r} is not a property path")
        name, index, quoted = match.groups()
        if index is not None:
            parts.append(index if index == "*" else int(index))
        else:
            parts.append(name if name is not None else re.sub(r"\\(.)", r"\1", quoted))
        position = match.end()
    return parts


def covers(pattern: str, path: str) -> bool:
    """Whether the property at ``path`` lies at or below ``pattern``."""
    wanted, given = parse_path(pattern), parse_path(path)
    return len(wanted) <= len(given) and all(
        want in {"*", have} for want, have in zip(wanted, given, strict=False)
    )


def get_path(value: Any, path: str) -> Any:
    """What lies at the path; :data:`MISSING` when nothing does. Secrets on the way are looked into."""
    for part in parse_path(path):
        hidden = is_secret(value)
        inside = value["value"] if hidden else value
        try:
            value = inside[part]
        except (KeyError, IndexError, TypeError):
            return MISSING
        value = make_secret(value) if hidden else value
    return value


def restore(news: Properties, olds: Properties, path: str) -> Properties:
    """``news``, with what lies at the path put back to what ``olds`` holds there (``ignore_changes``)."""
    return _restore(news, olds, parse_path(path))


def _restore(news: Any, olds: Any, parts: list[str | int]) -> Any:
    if not parts:
        return olds
    part, rest = parts[0], parts[1:]
    if isinstance(news, dict) and isinstance(olds, dict):
        new_map, old_map = dict(cast("Properties", news)), cast("Properties", olds)
        for key in {*new_map, *old_map} if part == "*" else {str(part)}:
            value = _restore(new_map.get(key, MISSING), old_map.get(key, MISSING), rest)
            if value is MISSING:
                new_map.pop(key, None)
            else:
                new_map[key] = value
        return new_map
    if isinstance(news, list) and isinstance(olds, list):
        new_list, old_list = list(cast("list[Any]", news)), cast("list[Any]", olds)
        for index in range(min(len(new_list), len(old_list))):
            if part in {"*", index}:
                new_list[index] = _restore(new_list[index], old_list[index], rest)
        return new_list
    return cast(Any, news)


def differences(olds: Any, news: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """``(path, kind)`` of each leaf that differs, kind being ``add``, ``update`` or ``delete``.

    A value that merely became a secret, or ceased to be one, does not differ. Assets differ by their content.
    """
    olds, news = (value["value"] if is_secret(value) else value for value in (olds, news))
    same = same_content(olds, news)
    if same is not None:
        if not same:
            yield path, "update"
    elif isinstance(olds, dict) and isinstance(news, dict):
        old_map, new_map = cast("Properties", olds), cast("Properties", news)
        for key in sorted({*old_map, *new_map}):
            simple = re.fullmatch(r'[^.\[\]"]+', key)
            step = (f"{path}.{key}" if path else key) if simple else f'{path}["{key}"]'
            yield from _difference(old_map.get(key, MISSING), new_map.get(key, MISSING), step)
    elif isinstance(olds, list) and isinstance(news, list):
        old_list, new_list = cast("list[Any]", olds), cast("list[Any]", news)
        for index in range(max(len(old_list), len(new_list))):
            old = old_list[index] if index < len(old_list) else MISSING
            new = new_list[index] if index < len(new_list) else MISSING
            yield from _difference(old, new, f"{path}[{index}]")
    elif olds != news or isinstance(olds, bool) is not isinstance(news, bool):
        yield path, "update"


def _difference(old: Any, new: Any, path: str) -> Iterator[tuple[str, str]]:
    if old is MISSING:
        yield path, "add"
    elif new is MISSING:
        yield path, "delete"
    else:
        yield from differences(old, new, path)

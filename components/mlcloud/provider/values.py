"""Property values on the wire: protobuf structs to plain Python and back, with unknown values and secrets."""

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final, cast

from google.protobuf import struct_pb2

# Pulumi's wire constants (sdk/go/common/resource/plugin/rpc.go): what is unknown is marked by its type.
_UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    {
        _UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
_SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a marker, not a secret


class Unknown:
    """A value that a preview cannot know yet: the output of a resource that is still to be made."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, kw_only=True)
class Properties:
    """Decoded properties of a resource.

    Attributes:
        values: plain values by wire name; `UNKNOWN` stands for what is not known yet.
        secrets: the names of properties that are secret, wholly or in a part of them.
    """

    values: dict[str, object]
    secrets: frozenset[str]


def contains_unknown(value: object) -> bool:
    """Whether a value is unknown or holds something unknown."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, Mapping):
        return any(contains_unknown(item) for item in cast(Mapping[object, object], value).values())
    if isinstance(value, list):
        return any(contains_unknown(item) for item in cast(list[object], value))
    return False


def decode(struct: struct_pb2.Struct) -> Properties:
    """Read a resource's properties from the wire."""
    values: dict[str, object] = {}
    secrets: set[str] = set()
    for name, value in struct.fields.items():
        values[name], secret = _decode_value(value)
        if secret:
            secrets.add(name)
    return Properties(values=values, secrets=frozenset(secrets))


def _decode_value(value: struct_pb2.Value) -> tuple[object, bool]:
    """One plain value, and whether it is secret, wholly or in a part."""
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        items = [_decode_value(item) for item in value.list_value.values]
        return [item for item, _ in items], any(secret for _, secret in items)
    if kind == "struct_value":
        fields = value.struct_value.fields
        if _SIGNATURE_KEY in fields and fields[_SIGNATURE_KEY].string_value == _SECRET_SIGNATURE:
            return _decode_value(fields["value"])[0], True
        members = {name: _decode_value(member) for name, member in fields.items()}
        return {name: item for name, (item, _) in members.items()}, any(
            secret for _, secret in members.values()
        )
    if kind is None or kind == "null_value":
        return None, False
    plain = cast(object, getattr(value, kind))
    return (UNKNOWN if plain in _UNKNOWNS else plain), False


def encode(values: Mapping[str, object], secrets: Set[str] = frozenset()) -> struct_pb2.Struct:
    """Write properties to the wire; those named in `secrets` carry the secret marker. None is left out."""
    struct = struct_pb2.Struct()
    for name, value in values.items():
        if value is None:
            continue
        encoded = _encode_value(value)
        if name in secrets:
            marker = struct_pb2.Struct()
            marker.fields[_SIGNATURE_KEY].string_value = _SECRET_SIGNATURE
            marker.fields["value"].CopyFrom(encoded)
            encoded = struct_pb2.Value(struct_value=marker)
        struct.fields[name].CopyFrom(encoded)
    return struct


def _encode_value(value: object) -> struct_pb2.Value:
    wire = struct_pb2.Value()
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        # Struct is JSON: it has no NaN and no infinity.
        wire.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, Unknown):
        wire.string_value = _UNKNOWN_TEXT
    elif isinstance(value, bool):
        wire.bool_value = value
    elif isinstance(value, str):
        wire.string_value = value
    elif isinstance(value, int | float):
        wire.number_value = value
    elif isinstance(value, list | tuple):
        wire.list_value.values.extend(_encode_value(item) for item in cast(list[object], value))
        wire.list_value.SetInParent()
    elif isinstance(value, Mapping):
        wire.struct_value.SetInParent()
        for name, item in cast(Mapping[str, object], value).items():
            wire.struct_value.fields[name].CopyFrom(_encode_value(item))
    else:
        raise TypeError(f"a property cannot hold a {type(value).__name__}")
    return wire

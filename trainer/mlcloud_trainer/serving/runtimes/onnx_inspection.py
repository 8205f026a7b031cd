"""Looks into an ONNX file for what a served model must not have: data in other files, and foreign operators.

Reads protobuf's wire format directly: the `onnx` package would add its import time to every cold start, and a
parse of the whole file to its memory. Field numbers are those of onnx.proto3 (github.com/onnx/onnx).
"""

from __future__ import annotations

from collections.abc import Iterator

from mlcloud_trainer.serving.errors import StartupError

# The standard's own operators and its machine-learning ones: all that a scikit-learn pipeline converts to.
ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
MAX_DEPTH = 32

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Message type -> field number -> type of that field; only the paths that lead to tensors and nodes.
_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 13, 14
_NODE_DOMAIN, _OPSET_DOMAIN = 7, 1


def inspect_onnx(content: bytes) -> None:
    """Refuse a model with external data or operators outside the ONNX standard.

    Raises:
        StartupError: It has some, or is not a readable ONNX file.
    """
    try:
        _walk(memoryview(content), "model", 0)
    except (IndexError, UnicodeDecodeError):
        raise StartupError(["model.onnx is not a readable ONNX file"]) from None


def _walk(message: memoryview, kind: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise StartupError([f"model.onnx nests more than {MAX_DEPTH} levels"])
    children = _CHILDREN.get(kind, {})
    for number, value in _fields(message):
        if kind == "tensor":
            if number == _TENSOR_EXTERNAL_DATA or (number == _TENSOR_DATA_LOCATION and value != 0):
                raise StartupError(["model.onnx keeps data in another file, which is not allowed"])
        elif isinstance(value, memoryview):
            if (kind, number) in (("node", _NODE_DOMAIN), ("opset", _OPSET_DOMAIN)):
                _check_domain(str(value, "utf-8"))
            elif number in children:
                _walk(value, children[number], depth + 1)


def _check_domain(domain: str) -> None:
    if domain not in ALLOWED_DOMAINS:
        raise StartupError(
            [f"model.onnx uses operators of the domain {domain!r}; only the ONNX standard's own are allowed"]
        )


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a protobuf message: number and value, bytes as a view; IndexError if it is cut short."""
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire == _BYTES:
            size, position = _varint(message, position)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise IndexError
        if size > end - position:
            raise IndexError
        yield number, message[position : position + size]
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise IndexError

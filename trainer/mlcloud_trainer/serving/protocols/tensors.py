"""Tensors of Open Inference Protocol v2: as JSON, and in the binary tensor data extension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.serving.errors import BadRequestError
from mlcloud_trainer.serving.rows import Values

# Little-endian, as the binary extension demands.
NUMPY_TYPES = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP32": "<f4",
    "FP64": "<f8",
}
DATATYPES = (*NUMPY_TYPES, "BYTES")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensor:
    """One input tensor, flat.

    Attributes:
        name: Its name.
        datatype: One of `DATATYPES`.
        shape: Its shape, of one or two dimensions.
        values: Its elements in row-major order; `None` where missing. Or an array of numbers.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Values | NDArray[np.float64]


class BinaryPart:
    """The bytes behind the JSON part of a request, handed out tensor by tensor."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def take(self, size: int, where: str) -> bytes:
        """The next `size` bytes."""
        if size > len(self._content) - self._position:
            raise BadRequestError(f"{where}: binary_data_size is {size}, more than the request has left")
        self._position += size
        return self._content[self._position - size : self._position]

    def demand_end(self) -> None:
        """Refuse bytes that no tensor has claimed."""
        left = len(self._content) - self._position
        if left:
            raise BadRequestError(f"the request has {left} bytes behind its last tensor")


def read_tensor(value: object, where: str, binary: BinaryPart, check_size: Callable[[int], None]) -> Tensor:
    """One element of a request's `inputs`.

    Args:
        value: The parsed JSON.
        where: For messages, such as `inputs[0]`.
        binary: Where tensors with `binary_data_size` have their bytes.
        check_size: Refuses too many rows.
    """
    if not isinstance(value, dict):
        raise BadRequestError(f"{where}: expected an object with name, shape, datatype and data")
    tensor = cast("dict[str, object]", value)
    name, datatype, shape = tensor.get("name"), tensor.get("datatype"), _shape(tensor.get("shape"), where)
    if not isinstance(name, str):
        raise BadRequestError(f"{where}.name: expected text")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise BadRequestError(f"{where}.datatype: expected one of {', '.join(DATATYPES)}")
    check_size(shape[0])
    size = shape[0] * (shape[1] if len(shape) > 1 else 1)
    parameters = tensor.get("parameters")
    binary_size = (
        cast("dict[str, object]", parameters).get("binary_data_size")
        if isinstance(parameters, dict)
        else None
    )
    if binary_size is None:
        values: Values | NDArray[np.float64] = _json_values(tensor.get("data"), shape, where)
    elif type(binary_size) is int and binary_size >= 0 and "data" not in tensor:
        values = _binary_values(binary.take(binary_size, where), datatype, where)
    else:
        raise BadRequestError(f"{where}: expected either data, or a whole number as binary_data_size")
    if len(values) != size:
        raise BadRequestError(f"{where}: has {len(values)} elements, its shape {list(shape)} says {size}")
    return Tensor(name=name, datatype=datatype, shape=shape, values=values)


def _shape(value: object, where: str) -> tuple[int, ...]:
    items = cast("list[object]", value) if isinstance(value, list) else []
    shape = tuple(item for item in items if type(item) is int and item >= 0)
    if len(shape) != len(items) or len(shape) not in (1, 2):
        raise BadRequestError(f"{where}.shape: expected [rows] or [rows, columns]")
    return shape


def _json_values(data: object, shape: tuple[int, ...], where: str) -> Values:
    """Flat data, or nested by rows: the protocol allows both."""
    if not isinstance(data, list):
        raise BadRequestError(f"{where}.data: expected a list")
    items = cast("list[object]", data)
    if not any(isinstance(item, list) for item in items):
        return items
    rows = [cast("list[object]", item) for item in items if isinstance(item, list)]
    if len(shape) != 2 or len(rows) != len(items) or any(len(row) != shape[1] for row in rows):
        raise BadRequestError(f"{where}.data: its rows do not have the shape {list(shape)}")
    return [value for row in rows for value in row]


def _binary_values(content: bytes, datatype: str, where: str) -> Values | NDArray[np.float64]:
    if datatype == "BYTES":
        return _texts(content, where)
    dtype = np.dtype(NUMPY_TYPES[datatype])
    if len(content) % dtype.itemsize:
        raise BadRequestError(f"{where}: {len(content)} bytes are not a whole number of {datatype} elements")
    return np.frombuffer(content, dtype=dtype).astype(np.float64)


def _texts(content: bytes, where: str) -> Values:
    """Text elements, each behind its length in four bytes."""
    texts: list[str] = []
    position = 0
    while position < len(content):
        end = position + 4 + int.from_bytes(content[position : position + 4], "little")
        if position + 4 > len(content) or end > len(content):
            raise BadRequestError(f"{where}: a BYTES element is longer than what is left")
        try:
            texts.append(content[position + 4 : end].decode())
        except UnicodeDecodeError:
            raise BadRequestError(f"{where}: element {len(texts)} is not UTF-8 text") from None
        position = end
    return texts


def binary_texts(texts: Sequence[str]) -> bytes:
    """Text elements, each behind its length in four bytes."""
    encoded = [text.encode() for text in texts]
    return b"".join(len(text).to_bytes(4, "little") + text for text in encoded)

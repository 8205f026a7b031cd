"""Gives each column of a table a type and plain numpy values.

| type      | from CSV                      | from Parquet                     | values                    |
|-----------|-------------------------------|----------------------------------|---------------------------|
| `integer` | every value is a whole number | integer types                    | float64, NaN when missing |
| `number`  | every value is a number       | floating point and decimal types | float64, NaN when missing |
| `boolean` | true and false, in any case   | boolean                          | 0 and 1, NaN when missing |
| `string`  | anything else                 | text and dictionary types        | text, "" when missing     |

Infinite numbers count as missing. Spaces around a CSV value are not part of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.manifest import ColumnType
from mlcloud_trainer.training.reading import Table
from mlcloud_trainer.training.untyped import library

FloatArray: TypeAlias = NDArray[np.float64]
TextArray: TypeAlias = NDArray[np.object_]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column with its type.

    Attributes:
        name: As in the file.
        type: See the module's table; `None` for a type that cannot be used, such as a date.
        values: float64 for numbers and booleans, text for strings.
        source: The type in the file, for messages.
        note: What people should know about its values, such as the odd text among numbers; or empty.
    """

    name: str
    type: ColumnType | None
    values: FloatArray | TextArray
    source: str
    note: str = ""

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which rows have no value."""
        if self.type == "string":
            return np.asarray(self.values == "", dtype=np.bool_)
        return np.isnan(cast(FloatArray, self.values))

    def take(self, rows: NDArray[np.intp]) -> Column:
        """The same column with these rows only."""
        return Column(
            name=self.name, type=self.type, values=self.values[rows], source=self.source, note=self.note
        )

    def distinct(self) -> list[str] | list[float]:
        """The different values that are not missing, sorted."""
        present = self.values[~self.missing]
        if self.type == "string":
            return sorted(set(cast("list[str]", present.tolist())))
        return cast("list[float]", np.unique(cast(FloatArray, present)).tolist())


def infer_columns(table: Table) -> list[Column]:
    """Every column of the table with its type."""
    infer = _from_text if table.from_text else _from_typed
    return [infer(name, table.arrow.column(index)) for index, name in enumerate(table.names)]


def _numbers(array: Any) -> FloatArray:
    pyarrow = library("pyarrow")
    return np.array(array.cast(pyarrow.float64(), safe=False).to_numpy(), dtype=np.float64)


def _texts(array: Any) -> TextArray:
    return np.array(array.fill_null("").to_pylist(), dtype=object)


def _finite(name: str, kind: ColumnType, values: FloatArray, source: str) -> Column:
    infinite = int(np.isinf(values).sum())
    note = f"{infinite} infinite values count as missing" if infinite else ""
    values[np.isinf(values)] = np.nan
    return Column(name=name, type=kind, values=values, source=source, note=note)


def _from_text(name: str, array: Any) -> Column:
    pyarrow, compute = library("pyarrow"), library("pyarrow.compute")
    trimmed = compute.utf8_trim_whitespace(array)
    trimmed = compute.if_else(compute.equal(trimmed, ""), None, trimmed)
    for kind, arrow_type in (("integer", pyarrow.int64()), ("number", pyarrow.float64())):
        try:
            return _finite(name, cast(ColumnType, kind), _numbers(trimmed.cast(arrow_type)), "text")
        except pyarrow.ArrowInvalid:
            continue
    lowered = compute.utf8_lower(trimmed)
    if set(compute.unique(lowered.drop_null()).to_pylist()) <= {"true", "false"}:
        return Column(
            name=name, type="boolean", values=_numbers(compute.equal(lowered, "true")), source="text"
        )
    texts = _texts(trimmed)
    return Column(name=name, type="string", values=texts, source="text", note=_odd_texts(texts))


def _odd_texts(texts: TextArray) -> str:
    """Says so when a few texts keep a column from being numbers: most often an error in the data."""
    odd: list[str] = []
    present = [text for text in cast("list[str]", texts.tolist()) if text]
    for text in present:
        try:
            float(text)
        except ValueError:
            odd.append(text)
    if not odd or len(odd) > 0.1 * len(present):
        return ""
    examples = ", ".join(f'"{text[:40]}"' for text in dict.fromkeys(odd[:3]))
    numbers = len(present) - len(odd)
    return f"{numbers} of {len(present)} values are numbers, {len(odd)} are not, such as {examples}"


def _from_typed(name: str, array: Any) -> Column:
    pyarrow = library("pyarrow")
    types = pyarrow.types
    if types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    kind, source = array.type, str(array.type)
    if types.is_boolean(kind):
        return Column(name=name, type="boolean", values=_numbers(array.cast(pyarrow.int8())), source=source)
    if types.is_integer(kind):
        return _finite(name, "integer", _numbers(array), source)
    if types.is_floating(kind) or types.is_decimal(kind):
        return _finite(name, "number", _numbers(array), source)
    if types.is_string(kind) or types.is_large_string(kind):
        return Column(name=name, type="string", values=_texts(array), source=source)
    if types.is_null(kind):
        return Column(name=name, type="number", values=np.full(len(array), np.nan), source=source)
    return Column(name=name, type=None, values=np.full(len(array), np.nan), source=source)

"""Turns rows of any request form into one checked batch, and says where a value is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.manifest import InputColumn
from mlcloud_trainer.serving.errors import BadRequestError, TooLargeError, joined

# Beyond float32 a value would become infinite inside a model that computes in float32.
MAX_NUMBER = 3.4028234663852886e38
MAX_PROBLEMS = 10

_NUMBERS = frozenset({float, int, type(None)})
_NUMBERS_AND_BOOLEANS = frozenset({float, int, bool, type(None)})
_TEXTS = frozenset({str, type(None)})

Values: TypeAlias = Sequence[object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Checked rows, as the runtimes take them.

    Attributes:
        numbers: float64 of shape [rows, features that are not strings], in schema order; NaN where missing.
        texts: Text objects of shape [rows, string features], in schema order; empty where missing.
    """

    numbers: NDArray[np.float64]
    texts: NDArray[np.object_]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.numbers.shape[0]

    @staticmethod
    def join(batches: Sequence[Batch]) -> Batch:
        """All rows of several batches, in order."""
        return Batch(
            numbers=np.concatenate([batch.numbers for batch in batches]),
            texts=np.concatenate([batch.texts for batch in batches]),
        )


class RowReader:
    """Checks rows against the model's features.

    A number or integer feature takes any finite number (whole or not: which of the two a column is was
    inferred from the training rows), a boolean takes true, false, 1 or 0, a string takes text; each takes
    null, which is imputed as in training. Unknown strings are allowed: they encode as in training.
    """

    def __init__(self, inputs: Sequence[InputColumn], *, target: str, max_rows: int, max_values: int) -> None:
        self.inputs = tuple(inputs)
        self.target = target
        self.names = tuple(column.name for column in inputs)
        self.width = len(self.names)
        self.is_text = tuple(column.type == "string" for column in inputs)
        self.max_rows = max_rows
        self.max_values = max_values
        self._known = frozenset(self.names)
        self._all_numbers = all(column.type in ("number", "integer") for column in inputs)
        numeric = [column for column in inputs if column.type != "string"]
        self._booleans = [place for place, column in enumerate(numeric) if column.type == "boolean"]
        self._pick = _picker(self.names)

    def check_size(self, rows: int) -> None:
        """Refuse more rows, or rows x features, than one request may hold."""
        if rows > self.max_rows:
            raise TooLargeError(f"the request has {rows} rows, at most {self.max_rows} are allowed")
        if rows * self.width > self.max_values:
            raise TooLargeError(
                f"the request has {rows * self.width} values (rows x features), "
                f"at most {self.max_values} are allowed"
            )

    def from_instances(self, instances: object, *, path: str) -> Batch:
        """Rows of parsed JSON: each an object by feature name, or a list in the model's order.

        Args:
            instances: What the request has at `path`.
            path: For messages, such as `instances`.
        """
        if not isinstance(instances, list):
            raise BadRequestError(f"{path}: is {_kind(instances)}, expected a list of rows")
        items = cast("list[object]", instances)
        self.check_size(len(items))
        rows: list[Values] = []
        problems: list[str] = []
        for index, item in enumerate(items):
            if type(item) is list:
                row = cast("list[object]", item)
                if len(row) != self.width:
                    problems.append(
                        f"{path}[{index}]: has {len(row)} values, the model has {self.width} features"
                    )
                rows.append(row)
            elif isinstance(item, dict):
                rows.append(self._from_object(cast("dict[str, object]", item), f"{path}[{index}]", problems))
            else:
                problems.append(
                    f"{path}[{index}]: is {_kind(item)}, expected an object by feature name or a list of "
                    f"{self.width} values"
                )
            if len(problems) > MAX_PROBLEMS:
                break
        if problems:
            raise BadRequestError(joined(problems, most=MAX_PROBLEMS))
        return self.from_rows(rows, where=lambda row, name: f"{path}[{row}].{name}")

    def _from_object(self, row: dict[str, object], where: str, problems: list[str]) -> Values:
        try:
            values = self._pick(row)
        except KeyError:
            values = ()
        if len(row) != self.width or not values:
            problems.extend(self.name_problems(row, where))
        return values

    def name_problems(self, names: Iterable[str], where: str) -> Iterator[str]:
        """What is wrong with the feature names of a row: unknown ones, and those that are absent."""
        given = set(names)
        for name in sorted(given - self._known):
            if name == self.target:
                yield f"{where}: {name[:80]!r} is what the model predicts, leave it out"
                continue
            near = difflib.get_close_matches(name, self.names, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"the features are {_listed(self.names)}"
            yield f"{where}: unknown feature {name[:80]!r}, {hint}"
        absent = [name for name in self.names if name not in given]
        if absent:
            yield f"{where}: lacks {_listed(absent)}; state every feature, null where the value is missing"

    def from_columns(self, columns: Sequence[str], data: object, *, path: str) -> Batch:
        """Rows as lists with the feature names beside them, in any order.

        Args:
            columns: The name of each position.
            data: A list of lists.
            path: For messages.
        """
        problems = list(self.name_problems(columns, path))
        if len(set(columns)) != len(columns):
            problems.append(f"{path}: a feature is listed twice")
        if problems:
            raise BadRequestError(joined(problems))
        if not isinstance(data, list) or not all(isinstance(row, list) for row in cast("list[object]", data)):
            raise BadRequestError(f"{path}: expected a list of lists of {self.width} values")
        rows = cast("list[list[object]]", data)
        self.check_size(len(rows))
        wrong = [
            f"{path}[{i}]: has {len(row)} values, expected {self.width}"
            for i, row in enumerate(rows)
            if len(row) != self.width
        ]
        if wrong:
            raise BadRequestError(joined(wrong))
        order = [list(columns).index(name) for name in self.names]
        return self.from_rows(
            [[row[position] for position in order] for row in rows],
            where=lambda row, name: f"{path}[{row}].{name}",
        )

    def from_rows(self, rows: Sequence[Values], *, where: Callable[[int, str], str]) -> Batch:
        """Rows in schema order, each of the right length, with JSON's types.

        Args:
            rows: One sequence of values a row.
            where: Names a value by its row and feature, for messages.
        """
        if self._all_numbers and _NUMBERS.issuperset(map(type, chain.from_iterable(rows))):
            numbers = np.array(rows, dtype=np.float64).reshape(len(rows), self.width)
            batch = Batch(numbers=numbers, texts=np.empty((len(rows), 0), dtype=object))
            self.check_range(batch, where)
            return batch
        columns = list(zip(*rows, strict=True)) if rows else [()] * self.width
        problems: list[str] = []
        for column, values in zip(self.inputs, columns, strict=True):
            problems.extend(_type_problems(column, values, where))
            if len(problems) > MAX_PROBLEMS:
                break
        if problems:
            raise BadRequestError(joined(problems, most=MAX_PROBLEMS))
        batch = self.from_arrays(
            [_as_array(column, values) for column, values in zip(self.inputs, columns, strict=True)],
            len(rows),
        )
        self.check_range(batch, where)
        return batch

    def from_arrays(self, arrays: Sequence[NDArray[np.float64] | NDArray[np.object_]], rows: int) -> Batch:
        """One array a feature, in schema order, of the right type; the caller checks the range."""
        numbers = np.empty((rows, self.width - sum(self.is_text)), dtype=np.float64)
        texts = np.empty((rows, sum(self.is_text)), dtype=object)
        number = text = 0
        for array, is_text in zip(arrays, self.is_text, strict=True):
            if is_text:
                texts[:, text] = array
                text += 1
            else:
                numbers[:, number] = array
                number += 1
        return Batch(numbers=numbers, texts=texts)

    def check_range(self, batch: Batch, where: Callable[[int, str], str]) -> None:
        """Refuse numbers that are infinite or beyond float32, and booleans that are neither 0 nor 1."""
        numbers = batch.numbers
        wrong = np.abs(numbers) > MAX_NUMBER
        if wrong.any():
            raise BadRequestError(
                self._at(wrong, numbers, where, "expected a number between -3.4e38 and 3.4e38")
            )
        booleans = self._booleans
        if booleans:
            wrong = np.zeros(numbers.shape, dtype=bool)
            held = numbers[:, booleans]
            wrong[:, booleans] = ~((held == 0) | (held == 1) | np.isnan(held))
            if wrong.any():
                raise BadRequestError(self._at(wrong, numbers, where, "expected true, false or null"))

    def _at(
        self,
        wrong: NDArray[np.bool_],
        numbers: NDArray[np.float64],
        where: Callable[[int, str], str],
        expected: str,
    ) -> str:
        names = [name for name, is_text in zip(self.names, self.is_text, strict=True) if not is_text]
        places = [(int(row), int(column)) for row, column in np.argwhere(wrong)[: MAX_PROBLEMS + 1]]
        return joined(
            [
                f"{where(row, names[column])}: is {numbers[row, column]:g}, {expected}"
                for row, column in places
            ],
            most=MAX_PROBLEMS,
        )


def _picker(names: Sequence[str]) -> Callable[[dict[str, object]], Values]:
    """Gets the values of several keys at once; raises KeyError where one is absent."""
    if len(names) == 1:
        (name,) = names
        return lambda row: (row[name],)
    return cast("Callable[[dict[str, object]], Values]", itemgetter(*names))


def _type_problems(column: InputColumn, values: Values, where: Callable[[int, str], str]) -> Iterator[str]:
    allowed = (
        _TEXTS if column.type == "string" else _NUMBERS_AND_BOOLEANS if column.type == "boolean" else _NUMBERS
    )
    if allowed.issuperset(map(type, values)):
        return
    expected = {"string": "text", "boolean": "true or false"}.get(column.type, "a number")
    for row, value in enumerate(values):
        if type(value) not in allowed:
            yield f"{where(row, column.name)}: is {_kind(value)}, expected {expected} or null"


def _as_array(column: InputColumn, values: Values) -> NDArray[np.float64] | NDArray[np.object_]:
    if column.type == "string":
        array = np.empty(len(values), dtype=object)
        array[:] = ["" if value is None else value for value in values]
        return array
    return np.array(values, dtype=np.float64)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _kind(value: object) -> str:
    """A value for a message: its JSON type, and a short value itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    return "a list" if isinstance(value, list) else "an object"

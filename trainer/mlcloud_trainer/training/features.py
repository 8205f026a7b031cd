"""Chooses the features among the columns and lays them out as one array.

A column is left out, with a warning, when a model cannot learn from it or would learn the rows by heart:

- it has no name (the row index that some tools write), no value, or the same value in every training row;
- its type has no meaning as a number or a category (a date, a list);
- it is text with more than `MAX_CATEGORIES` different values, or with a value of its own in more than half
  of the rows (at least `MIN_DISTINCT_IDENTIFIERS`);
- it is a whole number, different in every row, under a name such as `id` or `customer_id`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.manifest import ColumnDropped, Scalar
from mlcloud_trainer.training.columns import Column
from mlcloud_trainer.training.errors import TrainingError

MAX_CATEGORIES = 100
MIN_DISTINCT_IDENTIFIERS = 20
IDENTIFIER_NAME = re.compile(r"(?i:(.*[_\s-])?(id|uuid|guid|index|row))|.*[a-z]I[Dd]")


@dataclass(frozen=True, kw_only=True)
class Features:
    """The columns that the model uses, with the rows that have a target, and those that it does not use."""

    columns: tuple[Column, ...]
    dropped: tuple[ColumnDropped, ...]

    @property
    def has_text(self) -> bool:
        """Whether any feature is a string."""
        return any(column.type == "string" for column in self.columns)

    def matrix(self, rows: NDArray[np.intp] | slice = slice(None)) -> NDArray[Any]:
        """The features as one array [rows, features]: float64 when none is a string, else object."""
        kind = object if self.has_text else np.float64
        count = len(self.columns[0].values[rows])
        matrix = np.empty((count, len(self.columns)), dtype=kind)
        for index, column in enumerate(self.columns):
            matrix[:, index] = column.values[rows]
        return matrix

    def instance(self, row: int) -> dict[str, Scalar]:
        """One row as a request would bring it."""
        return {column.name: plain_value(column, row) for column in self.columns}


def plain_value(column: Column, row: int) -> Scalar:
    """A value as JSON holds it: `None` when missing."""
    if column.missing[row]:
        return None
    if column.type == "string":
        return str(column.values[row])
    value = float(cast(float, column.values[row]))
    if column.type == "boolean":
        return value != 0.0
    return int(value) if column.type == "integer" else value


def choose_features(
    columns: Sequence[Column], target: str, rows: NDArray[np.intp], train: NDArray[np.intp]
) -> Features:
    """The features among the columns: of `rows`, judged by the training rows among them.

    Raises:
        TrainingError: No column is left to learn from.
    """
    chosen: list[Column] = []
    dropped: list[ColumnDropped] = []
    for column in columns:
        if column.name == target:
            continue
        used = column.take(rows)
        reason = _reason_to_drop(used.take(train))
        if reason is None:
            chosen.append(used)
        else:
            dropped.append(ColumnDropped(name=column.name, reason=reason))
    if not chosen:
        reasons = "; ".join(f"{column.name or '(no name)'}: {column.reason}" for column in dropped[:20])
        raise TrainingError(f"No column is left to learn from. {reasons or 'The target is the only column'}.")
    return Features(columns=tuple(chosen), dropped=tuple(dropped))


def _reason_to_drop(column: Column) -> str | None:
    if not column.name:
        return "has no name in the header"
    if column.type is None:
        return f"holds {column.source}, which is neither a number nor a category"
    distinct = len(column.distinct())
    if distinct == 0:
        return "has no value in the training rows"
    if distinct == 1:
        return "has the same value in every training row"
    present = len(column.values) - int(column.missing.sum())
    return _reason_to_suspect(column, distinct, present)


def _reason_to_suspect(column: Column, distinct: int, present: int) -> str | None:
    """Why a column would teach the model the rows by heart."""
    hint = f" ({column.note})" if column.note else ""
    if column.type == "string" and distinct > MAX_CATEGORIES:
        return f"has {distinct} different texts, more than {MAX_CATEGORIES}{hint}"
    if column.type == "string" and distinct >= MIN_DISTINCT_IDENTIFIERS and distinct > present / 2:
        return f"has a text of its own in most rows ({distinct} of {present}){hint}"
    if column.type == "integer" and distinct == present and IDENTIFIER_NAME.fullmatch(column.name):
        return "identifies rows: a different whole number in each, under the name of an identifier"
    return None

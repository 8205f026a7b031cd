"""The target: which task it asks for, and the numbers an estimator learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.manifest import Scalar, Task
from mlcloud_trainer.training.columns import Column, FloatArray
from mlcloud_trainer.training.errors import TrainingError, listing, nearest

# Whole numbers are classes when there are this few of them and each occurs this often on average.
MAX_INFERRED_CLASSES = 20
MIN_ROWS_A_CLASS = 5
MAX_CLASSES = 1000
MIN_ROWS = 10


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is to be predicted, for the rows that have it.

    Attributes:
        name: The column.
        task: Given or inferred.
        reason: Why this task, for people; empty when it was given.
        classes: Sorted; empty for regression.
        values: Class indices (as float64 whole numbers) or the numbers themselves.
        rows: The rows of the table that have a target.
    """

    name: str
    task: Task
    reason: str
    classes: tuple[Scalar, ...]
    values: FloatArray
    rows: NDArray[np.intp]

    @property
    def codes(self) -> NDArray[np.int64]:
        """The class indices."""
        return self.values.astype(np.int64)


def find_target(columns: Sequence[Column], name: str) -> Column:
    """The target column.

    Raises:
        TrainingError: There is no such column, or its type cannot be predicted.
    """
    found = next((column for column in columns if column.name == name), None)
    names = [column.name for column in columns]
    if found is None:
        raise TrainingError(
            f'target: the data has no column "{name}".{nearest(name, names)} It has: {listing(names)}.'
        )
    if found.type is None:
        raise TrainingError(f"target: column {name} holds {found.source}, which cannot be predicted.")
    return found


def prepare_target(column: Column, task: Task | None) -> Target:
    """Decide the task and turn the target into numbers; rows without a target are left out.

    Raises:
        TrainingError: Too few rows, a single class, too many classes, or no numbers for a regression.
    """
    rows = np.flatnonzero(~column.missing)
    if len(rows) < MIN_ROWS:
        raise TrainingError(
            f"target: column {column.name} has a value in {len(rows)} rows; at least {MIN_ROWS} are needed."
        )
    present = column.take(rows)
    inferred, reason = (task, "") if task is not None else _infer_task(present)
    if inferred == "regression":
        values = _regression_values(present)
        return Target(name=column.name, task=inferred, reason=reason, classes=(), values=values, rows=rows)
    classes = _classes(present)
    order = {value: index for index, value in enumerate(present.distinct())}
    codes = np.array([order[value] for value in cast("list[str]", present.values.tolist())], dtype=np.float64)
    return Target(name=column.name, task=inferred, reason=reason, classes=classes, values=codes, rows=rows)


def _infer_task(column: Column) -> tuple[Task, str]:
    if column.type in ("string", "boolean"):
        return "classification", f"it holds {'text' if column.type == 'string' else 'true and false'}"
    distinct = cast("list[float]", column.distinct())
    whole = all(value.is_integer() for value in distinct)
    few = len(distinct) <= MAX_INFERRED_CLASSES and len(column.values) >= MIN_ROWS_A_CLASS * len(distinct)
    if whole and few:
        return "classification", f"it holds {len(distinct)} different whole numbers"
    return "regression", f"it holds {len(distinct)} different numbers"


def _regression_values(column: Column) -> FloatArray:
    if column.type in ("string", "boolean"):
        examples = ", ".join(f'"{value}"' for value in column.distinct()[:3])
        if column.type == "boolean":
            examples = "true and false"
        hint = f" ({column.note})" if column.note else ""
        raise TrainingError(
            f"target: column {column.name} must hold numbers for regression, but holds {examples}{hint}. "
            "Correct the data, choose another target, or set task to classification."
        )
    if len(column.distinct()) < 2:
        raise TrainingError(
            f"target: column {column.name} has the same value in every row: nothing to learn."
        )
    return cast(FloatArray, column.values)


def _classes(column: Column) -> tuple[Scalar, ...]:
    distinct = column.distinct()
    if len(distinct) < 2:
        raise TrainingError(
            f'target: column {column.name} holds one class only ("{distinct[0]}"); at least two are needed.'
        )
    rows = len(column.values)
    if len(distinct) > min(MAX_CLASSES, rows // 2):
        raise TrainingError(
            f"target: column {column.name} has {len(distinct)} different values in {rows} rows, too many for "
            "classes. Set task to regression if it is a quantity, or choose another target."
        )
    if column.type == "boolean":
        return (False, True)
    return tuple(
        int(value) if isinstance(value, float) and value.is_integer() else value for value in distinct
    )

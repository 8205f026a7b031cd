"""Which features a model relies on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.manifest import Task
from mlcloud_trainer.training.columns import FloatArray
from mlcloud_trainer.training.predictor import ask_pipeline

MAX_ROWS = 1000
MAX_ANSWERS = (
    400_000  # Rows x features that are predicted for it; beyond that it would take longer than it is worth.
)
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Importance:
    """One number a feature, in the order of the features, and what it means."""

    values: tuple[float, ...]
    meaning: str


def permutation_importance(
    pipeline: Any, task: Task, matrix: NDArray[Any], truth: FloatArray
) -> Importance | None:
    """How much worse the held-out error gets when one feature's values are shuffled between rows.

    The error is the log loss, or the mean absolute error. At most `MAX_ROWS` rows are used.

    Returns:
        `None` when it would take too long.
    """
    rows, true = matrix[:MAX_ROWS], truth[:MAX_ROWS]
    if len(rows) < 2 or len(rows) * rows.shape[1] > MAX_ANSWERS:
        return None
    order = np.random.default_rng(SEED).permutation(len(rows))
    base = _error(pipeline, task, rows, true)
    values: list[float] = []
    for index in range(rows.shape[1]):
        shuffled = rows.copy()
        shuffled[:, index] = rows[order, index]
        values.append(_error(pipeline, task, shuffled, true) - base)
    error = "Log loss" if task == "classification" else "Mean absolute error"
    return Importance(values=tuple(values), meaning=f"{error} added when shuffled")


def _error(pipeline: Any, task: Task, rows: NDArray[Any], truth: FloatArray) -> float:
    answers = ask_pipeline(pipeline, task, rows)
    if answers.probabilities is None:
        return float(np.abs(answers.values - truth).mean())
    chosen = answers.probabilities[np.arange(len(truth)), truth.astype(int)]
    return float(-np.log(np.clip(chosen, np.finfo(np.float64).eps, 1.0)).mean())

"""Whether `model.onnx` answers as scikit-learn does, on rows that are easy and on rows that are not.

Rows: the held-out ones (at most `MAX_HELD_OUT_ROWS`); one row a feature with that feature missing, and one
with all missing; one a number with it far below and one far above the data; one a string with an unknown
category. Labels must be equal. A probability may differ by a millionth of itself, so that the tails count
(0.0 for 1.2e-9 does not pass), plus 1e-14, since the complement of a probability near 1 is that coarse in
float64. A regression value may differ by a millionth of itself or of the spread of the predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.manifest import OnnxLayout, Parity, Task
from mlcloud_trainer.training.columns import FloatArray
from mlcloud_trainer.training.features import Features
from mlcloud_trainer.training.predictor import Answers, ask_onnx, ask_pipeline, onnx_session

MAX_HELD_OUT_ROWS = 2000
RELATIVE_TOLERANCE = 1e-6
ABSOLUTE_TOLERANCE = 1e-14
FAR = 10.0  # How many ranges of the data an extreme value lies outside of it.


@dataclass(frozen=True, kw_only=True)
class OnnxCandidate:
    """An ONNX file whose answers are still to be proven."""

    content: bytes
    layout: OnnxLayout


def check_parity(
    pipeline: Any, candidate: OnnxCandidate, features: Features, task: Task, held_out: NDArray[np.intp]
) -> Parity:
    """Compare both files' answers."""
    rows = parity_rows(features, held_out)
    expected = ask_pipeline(pipeline, task, rows)
    try:
        answers = ask_onnx(onnx_session(candidate.content), candidate.layout, features, rows)
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises many types; any of them means: not this file.
        reason = f"ONNX Runtime cannot run the file: {' '.join(str(error).split())[:300]}"
        return Parity(holds=False, rows=0, max_abs_difference=None, reason=reason)
    return compare(expected, answers)


def parity_rows(features: Features, held_out: NDArray[np.intp]) -> NDArray[Any]:
    """The rows to compare, as the pipeline takes them."""
    base = features.matrix(held_out[:MAX_HELD_OUT_ROWS])
    made: list[NDArray[Any]] = []
    all_missing = base[0].copy()
    for index, column in enumerate(features.columns):
        odd: list[Any] = ["", "\N{REPLACEMENT CHARACTER} no such category"]
        if column.type != "string":
            values: Any = column.values
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
            reach = FAR * (high - low)
            odd = [np.nan, low - reach, high + reach]
        for position, value in enumerate(odd):
            row = base[(index + position) % len(base)].copy()
            row[index] = value
            made.append(row)
        all_missing[index] = odd[0]
    return np.vstack([base, *made, all_missing])


def compare(expected: Answers, answers: Answers) -> Parity:
    """The verdict on two sets of answers for the same rows."""
    rows = len(expected.values)
    if expected.probabilities is None or answers.probabilities is None:
        allowance = RELATIVE_TOLERANCE * np.maximum(np.abs(expected.values), np.std(expected.values))
        return _verdict(
            expected.values, answers.values, allowance, rows, scale=float(np.std(expected.values))
        )
    verdict = _verdict(
        expected.probabilities,
        answers.probabilities,
        RELATIVE_TOLERANCE * np.minimum(expected.probabilities, answers.probabilities) + ABSOLUTE_TOLERANCE,
        rows,
    )
    different = np.flatnonzero(expected.values != answers.values)
    if verdict.holds and len(different):
        reason = f"{len(different)} of {rows} labels differ"
        return Parity(holds=False, rows=rows, max_abs_difference=verdict.max_abs_difference, reason=reason)
    return verdict


def _verdict(
    expected: FloatArray, answers: FloatArray, allowance: FloatArray, rows: int, scale: float = 1.0
) -> Parity:
    if expected.shape != answers.shape:
        shapes = f"shape {answers.shape} where scikit-learn answers {expected.shape}"
        return Parity(holds=False, rows=rows, max_abs_difference=None, reason=shapes)
    difference = np.abs(expected - answers)
    if not np.isfinite(difference).all():
        return Parity(
            holds=False, rows=rows, max_abs_difference=None, reason="an answer is not a finite number"
        )
    largest = float(difference.max()) / (scale or 1.0)
    outside = difference > allowance
    if not outside.any():
        return Parity(holds=True, rows=rows, max_abs_difference=largest)
    worst = np.unravel_index(int(np.argmax(difference - allowance)), difference.shape)
    reason = (
        f"{int(outside.sum())} of {difference.size} numbers differ by more than a millionth, for instance "
        f"{float(answers[worst]):.9g} where scikit-learn says {float(expected[worst]):.9g}"
    )
    return Parity(holds=False, rows=rows, max_abs_difference=largest, reason=reason)

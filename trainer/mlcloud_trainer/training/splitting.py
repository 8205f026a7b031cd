"""Splits rows into training and held-out ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.training.errors import TrainingError
from mlcloud_trainer.training.targets import Target


@dataclass(frozen=True, kw_only=True)
class Split:
    """Positions in the target's rows, each part in ascending order.

    Attributes:
        train: Rows to fit on.
        test: Rows to measure on.
        lonely: Class indices with a single row: it trains, so that the model knows the class, and is never
            measured.
    """

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    lonely: tuple[int, ...] = ()


def split_rows(target: Target, test_size: float, seed: int) -> Split:
    """Hold out a share of the rows; of each class the same share, always leaving one to train on.

    Raises:
        TrainingError: The share leaves no row to measure on.
    """
    generator = np.random.default_rng(seed)
    rows = len(target.values)
    if target.task == "regression":
        order = generator.permutation(rows)
        test = order[: min(rows - 2, round(rows * test_size))]
        lonely: tuple[int, ...] = ()
    else:
        groups = [np.flatnonzero(target.codes == code) for code in range(len(target.classes))]
        parts = [
            generator.permutation(group)[: min(len(group) - 1, round(len(group) * test_size))]
            for group in groups
        ]
        test = np.concatenate(parts)
        lonely = tuple(code for code, group in enumerate(groups) if len(group) == 1)
    if len(test) == 0:
        raise TrainingError(
            f"test_size: {test_size} of {rows} rows leaves none to measure on; make it larger."
        )
    held_out = np.zeros(rows, dtype=np.bool_)
    held_out[test] = True
    return Split(train=np.flatnonzero(~held_out), test=np.flatnonzero(held_out), lonely=lonely)

"""What a model answers, and how it is written as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.manifest import Manifest, Scalar
from mlcloud_trainer.serving.errors import BadRequestError


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """One answer a row.

    Attributes:
        values: The class index (int64) for classification, the value (float64) for regression; shape [rows].
        probabilities: float64 of shape [rows, classes]; `None` for regression or a model without them.
    """

    values: NDArray[np.int64] | NDArray[np.float64]
    probabilities: NDArray[np.float64] | None

    def part(self, start: int, stop: int) -> Prediction:
        """The answers of some rows."""
        return Prediction(
            values=self.values[start:stop],
            probabilities=None if self.probabilities is None else self.probabilities[start:stop],
        )

    def demand_finite(self) -> None:
        """Refuse rows that drive the model out of the range of numbers: NaN never leaves the server."""
        finite = np.isfinite(self.values)
        if self.probabilities is not None:
            finite = finite & np.isfinite(self.probabilities).all(axis=1)
        if not finite.all():
            row = int(np.argmin(finite))
            raise BadRequestError(f"row {row}: the model has no finite answer for values as extreme as these")


def class_text(value: Scalar) -> str:
    """A class as a key of `probabilities`: text as it is, numbers and booleans as JSON writes them."""
    return value if isinstance(value, str) else json.dumps(value)


class Labels:
    """Gives class indices their names."""

    def __init__(self, manifest: Manifest) -> None:
        self.classes: tuple[Scalar, ...] | None = manifest.classes
        self.keys = tuple(class_text(value) for value in manifest.classes or ())

    def of(self, prediction: Prediction) -> Sequence[Scalar]:
        """The predicted classes or values, one a row."""
        values: list[int] | list[float] = prediction.values.tolist()
        if self.classes is None:
            return values
        classes = self.classes
        return [classes[int(index)] for index in values]

    def as_json(self, prediction: Prediction) -> list[object]:
        """The elements of `predictions`; see the package's documentation."""
        if self.classes is None:
            return list(self.of(prediction))
        if prediction.probabilities is None:
            return [{"prediction": label, "probabilities": None} for label in self.of(prediction)]
        keys = self.keys
        rows: list[list[float]] = prediction.probabilities.tolist()
        return [
            {"prediction": label, "probabilities": dict(zip(keys, row, strict=True))}
            for label, row in zip(self.of(prediction), rows, strict=True)
        ]

    def as_csv(self, prediction: Prediction) -> bytes:
        """One line a row: the prediction, then the probabilities in the order of the classes."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        rows: list[list[float]] = (
            [[] for _ in range(len(prediction.values))]
            if prediction.probabilities is None
            else prediction.probabilities.tolist()
        )
        for label, row in zip(self.of(prediction), rows, strict=True):
            writer.writerow([class_text(label), *row])
        return text.getvalue().encode()

"""ONNX Runtime, and scikit-learn from a skops file; each is imported only where it is used."""

from __future__ import annotations

from typing import Protocol

from mlcloud_trainer.serving.prediction import Prediction
from mlcloud_trainer.serving.rows import Batch


class Runtime(Protocol):
    """Answers batches of at least one row; safe to call from several threads."""

    quick: bool
    """Whether a few rows take well under a millisecond, so that they may be answered on the event loop."""

    def predict(self, batch: Batch) -> Prediction:
        """One answer a row."""
        ...

"""Metrics on the held-out rows.

Classification: accuracy, precision, recall, f1 (of the last of two sorted classes; of more classes the
plain mean over classes), roc_auc (one class against the rest, plain mean), log_loss. Regression: mae, rmse,
r2. A metric that these rows do not define (ROC AUC when a class has no held-out row, R2 of one row) is left
out, with a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlcloud_trainer.manifest import ConfusionMatrix, Scalar
from mlcloud_trainer.training.columns import FloatArray
from mlcloud_trainer.training.predictor import Answers
from mlcloud_trainer.training.untyped import library


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How good the model is on rows that it has not seen."""

    metrics: dict[str, float]
    confusion_matrix: ConfusionMatrix | None
    warnings: tuple[str, ...] = ()


def evaluate_classifier(truth: FloatArray, answers: Answers, classes: Sequence[Scalar]) -> Evaluation:
    """Compare predicted with true class indices, and their probabilities."""
    metrics = library("sklearn.metrics")
    probabilities = answers.probabilities
    if probabilities is None:
        raise ValueError("a classifier answers probabilities")
    labels = list(range(len(classes)))
    y_true, y_pred = truth.astype(int), answers.values.astype(int)
    binary = len(classes) == 2
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        y_true, y_pred, labels=[1] if binary else labels, average="macro", zero_division=0.0
    )
    found = {
        "accuracy": float(metrics.accuracy_score(y_true, y_pred)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
    }
    warnings: list[str] = []
    if len(set(y_true.tolist())) == len(classes):
        scores = probabilities[:, 1] if binary else probabilities
        found["roc_auc"] = float(metrics.roc_auc_score(y_true, scores, multi_class="ovr", labels=labels))
    else:
        absent = ", ".join(str(classes[code]) for code in labels if code not in set(y_true.tolist()))
        warnings.append(f"roc_auc is left out: no held-out row has the class {absent}")
    found["log_loss"] = float(metrics.log_loss(y_true, probabilities, labels=labels))
    counts = metrics.confusion_matrix(y_true, y_pred, labels=labels)
    matrix = ConfusionMatrix(
        labels=tuple(classes), counts=tuple(tuple(int(count) for count in row) for row in counts)
    )
    return Evaluation(metrics=found, confusion_matrix=matrix, warnings=tuple(warnings))


def evaluate_regressor(truth: FloatArray, answers: Answers) -> Evaluation:
    """Compare predicted with true values."""
    errors = answers.values - truth
    found = {"mae": float(np.abs(errors).mean()), "rmse": float(np.sqrt(np.square(errors).mean()))}
    spread = float(np.square(truth - truth.mean()).sum())
    if spread > 0:
        found["r2"] = 1.0 - float(np.square(errors).sum()) / spread
        return Evaluation(metrics=found, confusion_matrix=None)
    note = "r2 is left out: all held-out rows have the same target"
    return Evaluation(metrics=found, confusion_matrix=None, warnings=(note,))

"""What the trainer offers, as settings need it: estimators with their tasks, metrics with their limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Task = Literal["classification", "regression"]
Estimator = Literal[
    "logistic_regression",
    "linear_regression",
    "decision_tree",
    "random_forest",
    "gradient_boosting",
    "svm",
]
MetricName = Literal["accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "mae", "rmse", "r2"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """How a metric of the trainer is read.

    Attributes:
        task: The task that has this metric.
        higher_is_better: True where a gate is a minimum, False where it is a maximum.
        lowest: Smallest value the metric can have; None for no bound.
        highest: Largest value the metric can have; None for no bound.
    """

    task: Task
    higher_is_better: bool
    lowest: float | None = None
    highest: float | None = None


def _score(task: Task, lowest: float | None) -> Metric:
    return Metric(task=task, higher_is_better=True, lowest=lowest, highest=1.0)


def _loss(task: Task) -> Metric:
    return Metric(task=task, higher_is_better=False, lowest=0.0)


METRICS: Final[Mapping[MetricName, Metric]] = MappingProxyType(
    {
        "accuracy": _score("classification", 0.0),
        "precision": _score("classification", 0.0),
        "recall": _score("classification", 0.0),
        "f1": _score("classification", 0.0),
        "roc_auc": _score("classification", 0.0),
        "log_loss": _loss("classification"),
        "mae": _loss("regression"),
        "rmse": _loss("regression"),
        "r2": _score("regression", None),
    }
)

TASKS_OF: Final[Mapping[Estimator, tuple[Task, ...]]] = MappingProxyType(
    {
        "logistic_regression": ("classification",),
        "linear_regression": ("regression",),
        "decision_tree": ("classification", "regression"),
        "random_forest": ("classification", "regression"),
        "gradient_boosting": ("classification", "regression"),
        "svm": ("classification", "regression"),
    }
)

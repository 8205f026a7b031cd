"""What a simulated training run measures: a model that passes its gate."""

from collections.abc import Mapping
from typing import Any, Final

from mlcloud.core.metrics import METRICS, TASKS_OF, Metric

_SCORE: Final = 0.9
_LOSS: Final = 0.1

# The same tables by plain names: what a program writes need not be one of them.
_METRICS: Final[Mapping[str, Metric]] = {**METRICS}
_TASKS_OF: Final[Mapping[str, tuple[str, ...]]] = {**TASKS_OF}


def passing_metrics(inputs: Mapping[str, Any]) -> dict[str, float]:
    """Every metric of the run's task: at its threshold where the gate has one, and else a good one.

    Args:
        inputs: A training run's, by Python name: ``gate`` and ``hyperparameters``.
    """
    gate: Mapping[str, float] = inputs["gate"]
    task = _task(gate, inputs["hyperparameters"])
    usual = {
        name: _SCORE if metric.higher_is_better else _LOSS
        for name, metric in _METRICS.items()
        if metric.task == task
    }
    return {**usual, **gate}


def _task(gate: Mapping[str, float], hyperparameters: Mapping[str, str]) -> str:
    """The task that the run names, that its gate tells, or the first one that the estimator can do."""
    named = hyperparameters.get("task")
    gated = (_METRICS[name].task for name in gate if name in _METRICS)
    able = _TASKS_OF.get(hyperparameters.get("estimator", ""), ("classification",))
    return named or next(gated, able[0])

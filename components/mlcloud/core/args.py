"""Arguments that mean the same on every cloud, and how arguments are checked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from mlcloud.core.errors import ABSENT, ArgsError, Problem, unknown
from mlcloud.core.metrics import METRICS, TASKS_OF
from mlcloud.core.settings import HyperparameterValue, Training


def validate(title: str, *checks: Problem | None) -> None:
    """Raise once with every problem that the checks found.

    Raises:
        ArgsError: At least one check found a problem.
    """
    problems = [problem for problem in checks if problem is not None]
    if problems:
        raise ArgsError(problems, title=title)


def one_of(path: str, value: str | None, valid: Sequence[str]) -> Problem | None:
    """Return the problem of a value that is not one of the valid ones; None is no problem."""
    return None if value is None or value in valid else unknown(path, value, value, valid)


def within(
    path: str, value: float | None, *, low: float | None = None, high: float | None = None
) -> Problem | None:
    """Return the problem of a number outside of its limits, both included; None is no problem."""
    if value is None or ((low is None or value >= low) and (high is None or value <= high)):
        return None
    limits = [f"at least {low:g}"] if low is not None else []
    limits += [f"at most {high:g}"] if high is not None else []
    allowed = f"a number {' and '.join(limits)}"
    return Problem(path=path, value=value, allowed=allowed, fix=f"set it to {allowed}")


def needed_in_prod(path: str, value: object, allowed: str, *, prod: bool) -> Problem | None:
    """Return the problem of what prod cannot do without and does not have; elsewhere, there is none."""
    if value is not None or not prod:
        return None
    return Problem(path=path, value=ABSENT, allowed=f"{allowed}, in prod", fix=f"give {allowed}")


@dataclass(frozen=True, kw_only=True)
class TrainingArgs:
    """What is trained: the same on every cloud.

    Attributes:
        estimator: The kind of model, such as `logistic_regression`.
        target: The column to predict.
        task: `classification` or `regression`; None lets the trainer infer it.
        test_size: Share of the rows that is held out, above 0 and below 1. Default 0.2.
        seed: Seed of the split and the estimator, 0 to 4294967295. Default 42.
        hyperparameters: Parameters of the estimator by scikit-learn's names.
        gate: Thresholds that the model must reach, by metric.
        timeout_s: A run that takes longer is stopped, in seconds. Default 3600.
    """

    estimator: str
    target: str
    task: str | None = None
    test_size: float = 0.2
    seed: int = 42
    hyperparameters: Mapping[str, HyperparameterValue] = field(default_factory=dict[str, HyperparameterValue])
    gate: Mapping[str, float] = field(default_factory=dict[str, float])
    timeout_s: float = 3600

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        smallest = 1e-9
        validate(
            "The training arguments",
            one_of("estimator", self.estimator, list(TASKS_OF)),
            one_of("task", self.task, ["classification", "regression"]),
            within("test_size", self.test_size, low=smallest, high=1 - smallest),
            within("seed", self.seed, low=0, high=2**32 - 1),
            within("timeout_s", self.timeout_s, low=smallest),
            *(one_of(f"gate.{name}", name, list(METRICS)) for name in self.gate),
        )

    @classmethod
    def of(cls, training: Training) -> "TrainingArgs":
        """Return the arguments that a stack's settings ask for."""
        return cls(
            estimator=training.estimator,
            target=training.target,
            task=training.task,
            test_size=training.test_size,
            seed=training.seed,
            hyperparameters=training.hyperparameters,
            gate=cast("Mapping[str, float]", training.gate),
            timeout_s=training.timeout_minutes * 60,
        )

    def trainer_hyperparameters(self) -> dict[str, str]:
        """Return what the trainer reads: a flat map of texts, as in SageMaker's hyperparameters.json."""
        own = {
            "estimator": self.estimator,
            "target": self.target,
            "test_size": self.test_size,
            "seed": self.seed,
        }
        task = {} if self.task is None else {"task": self.task}
        parameters = {f"estimator.{name}": value for name, value in self.hyperparameters.items()}
        return {key: _text(value) for key, value in {**own, **task, **parameters}.items()}


def _text(value: HyperparameterValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)

"""The settings of a training run, from the flat map of strings that platforms bring."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from mlcloud_trainer.manifest import Scalar, Task
from mlcloud_trainer.training.errors import TrainingError, listing, nearest
from mlcloud_trainer.training.estimators import ESTIMATORS, parameter_problems, task_problem

KEYS = ("estimator", "target", "task", "test_size", "seed")
PREFIX = "estimator."
MAX_SEED = 2**32 - 1  # What numpy's legacy generator takes, and scikit-learn with it.
TASKS: tuple[Literal["classification"], Literal["regression"]] = ("classification", "regression")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What to train.

    Attributes:
        estimator: One of `ESTIMATORS`.
        target: The column to predict.
        task: `None` to infer it from the target.
        test_size: Share of rows held out for the metrics, above 0 and below 1. Default 0.2.
        seed: Of the split and the estimator, 0 to 4294967295. Default 42.
        parameters: The estimator's own, by scikit-learn's names.
    """

    estimator: str
    target: str
    task: Task | None = None
    test_size: float = 0.2
    seed: int = 42
    parameters: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])


def parse_value(text: str) -> Scalar:
    """A value as written: none/null, true/false, a whole number, a number, or else the text itself."""
    word = text.strip()
    if word.lower() in ("none", "null"):
        return None
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    if re.fullmatch(r"[+-]?\d{1,18}", word):
        return int(word)
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", word) and math.isfinite(float(word)):
        return float(word)
    return word


def _plain_text(value: object) -> str:
    """A value as text. SageMaker's SDK wraps strings in JSON quotes once more; they are taken off."""
    if not isinstance(value, str):
        return json.dumps(value)
    if len(value) >= 2 and value[0] == value[-1] == '"':
        try:
            inner: object = json.loads(value)
        except ValueError:
            return value
        return inner if isinstance(inner, str) else value
    return value


def parse_settings(raw: Mapping[str, object]) -> TrainingSettings:
    """Read the settings. Keys that start with `sagemaker_` are the SageMaker SDK's own and are left alone.

    Raises:
        TrainingError: With every problem: unknown keys, missing keys, values out of range, parameters that
        the
            estimator does not have.
    """
    texts = {key: _plain_text(value) for key, value in raw.items() if not key.startswith("sagemaker_")}
    parameters = {
        key.removeprefix(PREFIX): parse_value(value) for key, value in texts.items() if key.startswith(PREFIX)
    }
    problems = [
        f"{key}: is no setting. Known: {', '.join(KEYS)}, {PREFIX}<parameter>.{nearest(key, KEYS)}"
        for key in texts
        if key not in KEYS and not key.startswith(PREFIX)
    ]
    problems += [f"{key}: is missing." for key in ("estimator", "target") if not texts.get(key)]
    task = texts.get("task") or None
    if task is not None and task not in TASKS:
        problems.append(f'task: is "{task}"; allowed: {", ".join(TASKS)}.{nearest(task, TASKS)}')
        task = None
    test_size, seed = parse_value(texts.get("test_size", "0.2")), parse_value(texts.get("seed", "42"))
    if isinstance(test_size, bool) or not isinstance(test_size, (int, float)) or not 0 < test_size < 1:
        problems.append(f'test_size: is "{texts.get("test_size")}"; allowed: a share above 0 and below 1.')
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        problems.append(f'seed: is "{texts.get("seed")}"; allowed: a whole number from 0 to {MAX_SEED}.')
    known_task: Task | None = task
    problems += _estimator_problems(texts.get("estimator", ""), known_task, parameters)
    if problems:
        raise TrainingError(problems)
    return TrainingSettings(
        estimator=texts["estimator"],
        target=texts["target"],
        task=known_task,
        test_size=cast(float, test_size),
        seed=cast(int, seed),
        parameters=parameters,
    )


def _estimator_problems(estimator: str, task: Task | None, parameters: Mapping[str, Scalar]) -> list[str]:
    if not estimator:
        return []
    if estimator not in ESTIMATORS:
        return [
            f'estimator: is "{estimator}"; allowed: {listing(ESTIMATORS)}.{nearest(estimator, ESTIMATORS)}'
        ]
    if task is not None and (problem := task_problem(estimator, task)):
        return [problem]
    return parameter_problems(estimator, task, parameters)

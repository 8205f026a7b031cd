"""The estimators people can name, as scikit-learn builds them, and what may be set on each.

Numbers that are ours: `logistic_regression` may take 1000 iterations (scikit-learn: 100), because the
solver stops early by itself. Everything else is scikit-learn's default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlcloud_trainer.manifest import Scalar, Task
from mlcloud_trainer.training.errors import listing, nearest
from mlcloud_trainer.training.untyped import library

CALIBRATION_FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class EstimatorKind:
    """One name that people can choose.

    Attributes:
        module: The scikit-learn module of both classes.
        classifier: Class name for classification; `None` where there is none.
        regressor: Class name for regression; `None` where there is none.
        alternative: What to choose for the task that it lacks.
        defaults: Parameters whose default differs from scikit-learn's.
        parallel: Whether it fits on all cores; its trees have a seed each, so that the model stays the same.
    """

    module: str
    classifier: str | None
    regressor: str | None
    alternative: str = ""
    defaults: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    parallel: bool = False


ESTIMATORS: Mapping[str, EstimatorKind] = {
    "logistic_regression": EstimatorKind(
        module="sklearn.linear_model",
        classifier="LogisticRegression",
        regressor=None,
        alternative="linear_regression",
        defaults={"max_iter": 1000},
    ),
    "linear_regression": EstimatorKind(
        module="sklearn.linear_model",
        classifier=None,
        regressor="LinearRegression",
        alternative="logistic_regression",
    ),
    "decision_tree": EstimatorKind(
        module="sklearn.tree", classifier="DecisionTreeClassifier", regressor="DecisionTreeRegressor"
    ),
    "random_forest": EstimatorKind(
        module="sklearn.ensemble",
        classifier="RandomForestClassifier",
        regressor="RandomForestRegressor",
        parallel=True,
    ),
    "gradient_boosting": EstimatorKind(
        module="sklearn.ensemble",
        classifier="GradientBoostingClassifier",
        regressor="GradientBoostingRegressor",
    ),
    "svm": EstimatorKind(module="sklearn.svm", classifier="SVC", regressor="SVR"),
}

# Parameters that the trainer sets itself, or that a finished model cannot carry, each with what to do
# instead.
MANAGED: Mapping[str, str] = {
    "random_state": "it follows `seed`; set that",
    "n_jobs": "the trainer chooses it, so that a model does not depend on the machine",
    "verbose": "progress is written anyway",
    "warm_start": "each run trains anew",
    "copy_X": "the trainer's data is always copied",
    "probability": "the trainer calibrates probabilities itself",
    "decision_function_shape": "the trainer calibrates one probability a class",
    "break_ties": "the class with the highest probability is the answer",
    "oob_score": "metrics come from held-out rows",
    "init": "a nested estimator cannot be given as a setting",
}


def task_problem(estimator: str, task: Task) -> str | None:
    """Why this estimator cannot do this task, with the nearest one that can; `None` when it can."""
    kind = ESTIMATORS[estimator]
    if (kind.classifier if task == "classification" else kind.regressor) is not None:
        return None
    return (
        f'estimator: {estimator} cannot do {task}. Use "{kind.alternative}", or set `task` to the other task.'
    )


def _estimator_class(estimator: str, task: Task) -> Any:
    kind = ESTIMATORS[estimator]
    name = kind.classifier if task == "classification" else kind.regressor
    return None if name is None else getattr(library(kind.module), name)


def parameter_problems(estimator: str, task: Task | None, parameters: Mapping[str, Scalar]) -> list[str]:
    """Every parameter that is unknown, managed here, or of a value that the estimator does not take.

    Without a task, a parameter is fine when the classifier or the regressor takes it.
    """
    if not parameters:
        return []
    tasks: list[Task] = ["classification", "regression"] if task is None else [task]
    classes = [found for found in (_estimator_class(estimator, each) for each in tasks) if found is not None]
    problems: list[str] = []
    for name, value in parameters.items():
        candidates = [_parameter_problem(estimator, found, name, value) for found in classes]
        if all(candidates):
            problems.append(str(candidates[0]))
    return problems


def _parameter_problem(estimator: str, found: Any, name: str, value: Scalar) -> str | None:
    validation = library("sklearn.utils._param_validation")
    constraints: dict[str, Any] = found._parameter_constraints
    known = sorted(key for key in found().get_params() if key not in MANAGED)
    path = f"estimator.{name}"
    if name in MANAGED:
        return f"{path}: cannot be set; {MANAGED[name]}."
    if name not in known:
        return (
            f"{path}: {estimator} has no such parameter. It has: {listing(known, 40)}.{nearest(name, known)}"
        )
    if value == "precomputed":
        return f'{path}: "precomputed" is not supported; choose a kernel that works on rows.'
    try:
        validation.validate_parameter_constraints(constraints, {name: value}, caller_name=found.__name__)
    except ValueError as error:
        # "The 'C' parameter of SVC must be ...: the part after the class name is what people need.
        return f"{path}: {str(error).split(found.__name__ + ' ', 1)[-1].replace(' Got ', ' It is ')}"
    return None


def build_estimator(
    estimator: str, task: Task, parameters: Mapping[str, Scalar], seed: int, smallest_class: int
) -> Any:
    """The scikit-learn estimator, not fitted.

    An SVM classifier has no probabilities of its own; they are calibrated by cross-validation
    (https://scikit-learn.org/stable/modules/calibration.html), in `smallest_class` folds where a class has
    fewer than five training rows.
    """
    found = _estimator_class(estimator, task)
    arguments: dict[str, Scalar] = {**ESTIMATORS[estimator].defaults, **parameters}
    if "random_state" in found().get_params():
        arguments["random_state"] = seed
    if ESTIMATORS[estimator].parallel:
        arguments["n_jobs"] = -1
    model = found(**arguments)
    if estimator == "svm" and task == "classification":
        calibration = library("sklearn.calibration")
        folds = max(2, min(CALIBRATION_FOLDS, smallest_class))
        return calibration.CalibratedClassifierCV(model, ensemble=False, cv=folds)
    return model

"""The pipeline from raw features to predictions, as scikit-learn runs it.

Numbers and integers: missing values become the median. Booleans: the more frequent value. Both are then
scaled to mean 0 and deviation 1. Strings: missing values become the most frequent category, then one column
a category; a category that was not in the training rows is all zeros.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.training.columns import Column
from mlcloud_trainer.training.errors import TrainingError
from mlcloud_trainer.training.untyped import library

NUMBERS, BOOLEANS, STRINGS = "numbers", "booleans", "strings"


@dataclass(frozen=True, kw_only=True)
class ColumnGroups:
    """Positions of the features by how they are prepared."""

    numbers: tuple[int, ...]
    booleans: tuple[int, ...]
    strings: tuple[int, ...]


def group_columns(columns: Sequence[Column]) -> ColumnGroups:
    """Sort the features' positions into groups."""

    def positions(*types: str) -> tuple[int, ...]:
        return tuple(index for index, column in enumerate(columns) if column.type in types)

    return ColumnGroups(
        numbers=positions("number", "integer"), booleans=positions("boolean"), strings=positions("string")
    )


def build_pipeline(groups: ColumnGroups, estimator: Any) -> Any:
    """The pipeline with the steps `prepare` and `estimator`, not fitted."""
    compose, pipelines = library("sklearn.compose"), library("sklearn.pipeline")
    impute, preprocessing = library("sklearn.impute"), library("sklearn.preprocessing")

    def scaled(strategy: str) -> Any:
        imputer = impute.SimpleImputer(strategy=strategy, keep_empty_features=True)
        return pipelines.Pipeline([("impute", imputer), ("scale", preprocessing.StandardScaler())])

    encoded = pipelines.Pipeline(
        [
            ("impute", impute.SimpleImputer(missing_values="", strategy="most_frequent")),
            ("encode", preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False)),
        ]
    )
    parts = (
        (NUMBERS, scaled("median"), groups.numbers),
        (BOOLEANS, scaled("most_frequent"), groups.booleans),
        (STRINGS, encoded, groups.strings),
    )
    prepare = compose.ColumnTransformer(
        [(name, step, list(positions)) for name, step, positions in parts if positions], sparse_threshold=0.0
    )
    return pipelines.Pipeline([("prepare", prepare), ("estimator", estimator)])


def fit_pipeline(pipeline: Any, features: NDArray[Any], target: NDArray[Any]) -> list[str]:
    """Fit, with linear algebra on one thread, so that a model does not depend on the number of cores.

    Returns:
        The library's warnings, such as that a solver did not converge.

    Raises:
        TrainingError: The estimator refuses the data or the combination of its parameters.
    """
    threadpoolctl = library("threadpoolctl")
    with warnings.catch_warnings(record=True) as caught, threadpoolctl.threadpool_limits(limits=1):
        warnings.simplefilter("always")
        estimator = pipeline.named_steps["estimator"]
        try:
            pipeline.fit(features, target)
        except (ValueError, TypeError, np.linalg.LinAlgError) as error:
            name = type(estimator).__name__
            raise TrainingError(f"{name} cannot be fitted: {error}") from None
    if "n_jobs" in estimator.get_params(deep=False):
        # Answers on one thread: sums have one order, and the file does not depend on who fitted it.
        estimator.set_params(n_jobs=None)
    return list(dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught))

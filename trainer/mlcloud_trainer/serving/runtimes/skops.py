"""Answers with scikit-learn, read from a skops file: the exact fallback where ONNX does not answer alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, cast

import numpy as np
import skops.io  # pyright: ignore[reportMissingTypeStubs] - the package has no types; see _load
from numpy.typing import NDArray

from mlcloud_trainer.manifest import Manifest
from mlcloud_trainer.serving.errors import StartupError
from mlcloud_trainer.serving.prediction import Prediction
from mlcloud_trainer.serving.rows import Batch
from mlcloud_trainer.serving.runtimes.skops_types import TRUSTED


class _Estimator(Protocol):
    def predict(self, rows: NDArray[np.float64] | NDArray[np.object_], /) -> NDArray[np.generic]: ...

    def predict_proba(self, rows: NDArray[np.float64] | NDArray[np.object_], /) -> NDArray[np.float64]: ...


class SkopsRuntime:
    """A scikit-learn pipeline. The caller has inspected the file.

    Raises:
        StartupError: The file is damaged, or holds a tree that points outside of itself.
    """

    quick = False

    def __init__(self, content: bytes, manifest: Manifest) -> None:
        self._estimator = _load(content)
        _check_trees(self._estimator)
        self._is_text = [column.type == "string" for column in manifest.inputs]
        self._is_classifier = manifest.classes is not None
        self._has_probabilities = self._is_classifier and hasattr(self._estimator, "predict_proba")

    def predict(self, batch: Batch) -> Prediction:
        """One answer a row."""
        rows = self._rows(batch)
        values = self._estimator.predict(rows).reshape(-1)
        if not self._is_classifier:
            return Prediction(values=values.astype(np.float64), probabilities=None)
        probabilities = self._estimator.predict_proba(rows) if self._has_probabilities else None
        return Prediction(values=values.astype(np.int64), probabilities=probabilities)

    def _rows(self, batch: Batch) -> NDArray[np.float64] | NDArray[np.object_]:
        """One array in schema order, as the pipeline was fitted on: see the manifest module."""
        if not any(self._is_text):
            return batch.numbers
        rows = np.empty((batch.rows, len(self._is_text)), dtype=object)
        rows[:, self._is_text] = batch.texts
        rows[:, [not is_text for is_text in self._is_text]] = batch.numbers
        return rows


def _load(content: bytes) -> _Estimator:
    try:
        loaded = cast("object", skops.io.loads(content, trusted=list(TRUSTED)))
    except Exception as error:  # noqa: BLE001 - a damaged file can fail anywhere in skops or scikit-learn
        raise StartupError([f"model.skops cannot be loaded ({type(error).__name__})"]) from None
    if not hasattr(loaded, "predict"):
        raise StartupError(["model.skops does not hold a model"])
    return cast("_Estimator", loaded)


class _Tree(Protocol):
    node_count: int
    n_features: int
    children_left: NDArray[np.int64]
    children_right: NDArray[np.int64]
    feature: NDArray[np.int64]


def _check_trees(estimator: object) -> None:
    """Check the indices of trees, which scikit-learn follows blindly (its pull request 34558)."""
    for tree in _trees(estimator):
        nodes = np.arange(tree.node_count)
        inner = tree.children_left != -1
        right_inner = tree.children_right != -1
        for children in (tree.children_left[inner], tree.children_right[inner]):
            # A child comes after its parent, so no walk through the tree can turn in a circle.
            if not ((children > nodes[inner]) & (children < tree.node_count)).all():
                raise StartupError(["model.skops holds a decision tree whose nodes point outside of it"])
        features = tree.feature[inner]
        if (inner != right_inner).any() or not ((features >= 0) & (features < tree.n_features)).all():
            raise StartupError(["model.skops holds a decision tree whose nodes point outside of it"])


def _trees(value: object) -> Iterator[_Tree]:
    """The trees of an estimator: its own, its ensemble's, and those of a pipeline's last step."""
    if hasattr(value, "tree_"):
        yield cast("_Tree", getattr(value, "tree_"))  # noqa: B009 - typed access to a scikit-learn attribute
    for name in ("_final_estimator", "regressor_", "estimators_"):
        held: object = getattr(value, name, None)
        if isinstance(held, np.ndarray):
            held = cast("list[object]", held.ravel().tolist())
        if isinstance(held, list):
            for item in cast("list[object]", held):
                yield from _trees(item)
        elif held is not None:
            yield from _trees(held)

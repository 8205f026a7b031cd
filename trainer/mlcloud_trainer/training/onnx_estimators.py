"""Each estimator's arithmetic as ONNX operators in float64, in the order that scikit-learn computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.training.columns import FloatArray

SUM = 1  # The tree operator's `aggregate_function`.
NO_CHILD = -1  # scikit-learn's mark of a leaf.
LESS_OR_EQUAL = 0  # The tree operator's node mode: scikit-learn goes left when value <= threshold.


class Operators(Protocol):
    """What a graph under construction offers."""

    def constant(self, array: NDArray[Any]) -> str:
        """A constant tensor."""
        ...

    def apply(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """One operator."""
        ...

    def cast(self, value: str, kind: str) -> str:
        """Another tensor type."""
        ...

    def tensor(self, array: NDArray[Any]) -> Any:
        """A tensor attribute."""
        ...


def classify(graph: Operators, estimator: Any, rows: str) -> str:
    """Probabilities [rows, classes] of a fitted classifier.

    Raises:
        NotImplementedError: The estimator is not written here.
    """
    match type(estimator).__name__:
        case "LogisticRegression":
            scores = _linear(graph, rows, estimator.coef_, estimator.intercept_)
            return _from_scores(graph, scores, len(estimator.classes_))
        case "DecisionTreeClassifier":
            return _averaged_trees(graph, [estimator.tree_], rows)
        case "RandomForestClassifier":
            return _averaged_trees(graph, [tree.tree_ for tree in estimator.estimators_], rows)
        case "GradientBoostingClassifier":
            scores = _boosted(graph, estimator, rows, estimator.decision_function)
            if estimator.loss == "exponential":
                scores = graph.apply("Mul", scores, graph.constant(np.array([[2.0]])))
            return _from_scores(graph, scores, len(estimator.classes_))
        case "CalibratedClassifierCV":
            return _calibrated(graph, estimator, rows)
        case name:
            raise NotImplementedError(f"{name} cannot be written as ONNX")


def regress(graph: Operators, estimator: Any, rows: str) -> str:
    """Values [rows, 1] of a fitted regressor.

    Raises:
        NotImplementedError: The estimator is not written here.
    """
    match type(estimator).__name__:
        case "LinearRegression":
            return _linear(graph, rows, estimator.coef_, estimator.intercept_)
        case "DecisionTreeRegressor":
            return _averaged_trees(graph, [estimator.tree_], rows)
        case "RandomForestRegressor":
            return _averaged_trees(graph, [tree.tree_ for tree in estimator.estimators_], rows)
        case "GradientBoostingRegressor":
            return _boosted(graph, estimator, rows, estimator.predict)
        case "SVR":
            kernel = _kernel(graph, estimator, rows)
            return _linear(graph, kernel, estimator.dual_coef_, estimator.intercept_)
        case name:
            raise NotImplementedError(f"{name} cannot be written as ONNX")


def _linear(graph: Operators, rows: str, coefficients: Any, intercept: Any) -> str:
    weights = np.atleast_2d(np.asarray(coefficients, dtype=np.float64)).T
    product = graph.apply("MatMul", rows, graph.constant(weights))
    return graph.apply("Add", product, graph.constant(np.asarray(intercept, dtype=np.float64).reshape(1, -1)))


def _from_scores(graph: Operators, scores: str, classes: int) -> str:
    if classes > 2:
        return graph.apply("Softmax", scores, axis=1)
    return _with_complement(graph, graph.apply("Sigmoid", scores))


def _with_complement(graph: Operators, positive: str) -> str:
    negative = graph.apply("Sub", graph.constant(np.array([[1.0]])), positive)
    return graph.apply("Concat", negative, positive, axis=1)


def _tree_ensemble(
    graph: Operators, trees: Sequence[tuple[Any, FloatArray, int]], targets: int, rows: str
) -> str:
    """Sums over trees: each is a tree, the weight of each of its nodes, and the target that it adds to."""
    features: list[int] = []
    splits: list[float] = []
    branches: dict[bool, list[int]] = {True: [], False: []}
    is_leaf: dict[bool, list[int]] = {True: [], False: []}
    leaf_targets: list[int] = []
    leaf_weights: list[float] = []
    roots: list[int] = []

    for tree, weights, target in trees:
        # Plain lists: each access to a tree's attribute makes a new array.
        left, right = tree.children_left.tolist(), tree.children_right.tolist()
        feature, threshold, weight = tree.feature.tolist(), tree.threshold.tolist(), weights.tolist()
        inner = [node for node in range(tree.node_count) if left[node] != NO_CHILD]
        index = {node: len(splits) + position for position, node in enumerate(inner)}
        roots.append(len(splits))
        for node in inner or [0]:
            # A tree that is one leaf becomes a split with that leaf on both sides.
            features.append(feature[node] if inner else 0)
            splits.append(threshold[node] if inner else 0.0)
            for side, children in ((True, left), (False, right)):
                child = children[node] if inner else node
                is_leaf[side].append(int(child not in index))
                branches[side].append(index.get(child, len(leaf_weights)))
                if child not in index:
                    leaf_targets.append(target)
                    leaf_weights.append(weight[child])
    # scikit-learn's trees compare features as float32 with thresholds in float64.
    rounded = graph.cast(graph.cast(rows, "FLOAT"), "DOUBLE")
    return graph.apply(
        "TreeEnsemble",
        rounded,
        aggregate_function=SUM,
        n_targets=targets,
        tree_roots=roots,
        nodes_featureids=features,
        nodes_splits=graph.tensor(np.array(splits)),
        nodes_modes=graph.tensor(np.full(len(splits), LESS_OR_EQUAL, dtype=np.uint8)),
        nodes_truenodeids=branches[True],
        nodes_trueleafs=is_leaf[True],
        nodes_falsenodeids=branches[False],
        nodes_falseleafs=is_leaf[False],
        leaf_targetids=leaf_targets,
        leaf_weights=graph.tensor(np.array(leaf_weights)),
    )


def _averaged_trees(graph: Operators, trees: Sequence[Any], rows: str) -> str:
    """The mean over trees of what their leaves hold: one value, or one probability a class."""
    values = [np.asarray(tree.value[:, 0, :], dtype=np.float64) for tree in trees]
    if values[0].shape[1] == 1:
        parts = [(tree, value[:, 0], 0) for tree, value in zip(trees, values, strict=True)]
        total = _tree_ensemble(graph, parts, 1, rows)
    else:
        # A leaf of the operator adds to one target only, so that each tree answers which of its nodes was
        # reached.
        starts = np.cumsum([0, *(len(value) for value in values[:-1])])
        parts = [
            (tree, np.arange(start, start + len(value), dtype=np.float64), index)
            for index, (tree, value, start) in enumerate(zip(trees, values, starts, strict=True))
        ]
        reached = graph.cast(_tree_ensemble(graph, parts, len(trees), rows), "INT64")
        shares = graph.apply("Gather", graph.constant(np.concatenate(values)), reached, axis=0)
        total = graph.apply("ReduceSum", shares, graph.constant(np.array([1])), keepdims=0)
    return graph.apply("Div", total, graph.constant(np.array([[float(len(trees))]])))


def _boosted(graph: Operators, estimator: Any, rows: str, raw_scores: Any) -> str:
    """The start value plus the stages' shrunken trees: one column a class (one in all for two classes)."""
    columns = int(estimator.estimators_.shape[1])
    parts = [
        (
            tree.tree_,
            np.asarray(tree.tree_.value[:, 0, 0], dtype=np.float64) * estimator.learning_rate,
            column,
        )
        for stage in estimator.estimators_
        for column, tree in enumerate(stage)
    ]
    total = _tree_ensemble(graph, parts, columns, rows)
    # The start value is what the score of any row has beyond its trees.
    row = np.zeros((1, estimator.n_features_in_))
    trees = [
        sum(
            estimator.learning_rate * float(tree.predict(row)[0]) for tree in estimator.estimators_[:, column]
        )
        for column in range(columns)
    ]
    start = np.asarray(raw_scores(row), dtype=np.float64).reshape(1, -1) - np.array([trees])
    return graph.apply("Add", total, graph.constant(start))


def _kernel(graph: Operators, machine: Any, rows: str) -> str:
    """The kernel between each row and each support vector: [rows, vectors]."""
    vectors = np.asarray(machine.support_vectors_, dtype=np.float64)
    product = graph.apply("MatMul", rows, graph.constant(vectors.T))
    gamma = graph.constant(np.array([[float(machine._gamma)]]))
    offset = graph.constant(np.array([[float(machine.coef0)]]))
    match machine.kernel:
        case "linear":
            return product
        case "poly":
            shifted = graph.apply("Add", graph.apply("Mul", product, gamma), offset)
            return graph.apply("Pow", shifted, graph.constant(np.array([[float(machine.degree)]])))
        case "sigmoid":
            return graph.apply("Tanh", graph.apply("Add", graph.apply("Mul", product, gamma), offset))
        case "rbf":
            squares = graph.apply("Mul", rows, rows)
            own = graph.apply("ReduceSum", squares, graph.constant(np.array([1])), keepdims=1)
            theirs = graph.constant(np.square(vectors).sum(axis=1).reshape(1, -1))
            twice = graph.apply("Mul", product, graph.constant(np.array([[2.0]])))
            distance = graph.apply("Sub", graph.apply("Add", own, theirs), twice)
            return graph.apply("Exp", graph.apply("Neg", graph.apply("Mul", distance, gamma)))
        case other:
            raise NotImplementedError(f"kernel {other} cannot be written as ONNX")


def _calibrated(graph: Operators, estimator: Any, rows: str) -> str:
    """Probabilities of a kernel machine: a sigmoid of each class's decision value, brought to the sum 1."""
    fitted = estimator.calibrated_classifiers_[0]
    machine, classes = fitted.estimator, len(estimator.classes_)
    decisions = _decisions(graph, machine, rows, classes)
    slopes = np.array([[float(calibrator.a_) for calibrator in fitted.calibrators]])
    offsets = np.array([[float(calibrator.b_) for calibrator in fitted.calibrators]])
    scaled = graph.apply(
        "Add", graph.apply("Mul", decisions, graph.constant(slopes)), graph.constant(offsets)
    )
    shares = graph.apply("Sigmoid", graph.apply("Neg", scaled))
    if classes == 2:
        return _with_complement(graph, shares)
    total = graph.apply("ReduceSum", shares, graph.constant(np.array([1])), keepdims=1)
    return graph.apply("Div", shares, total)


def _decisions(graph: Operators, machine: Any, rows: str, classes: int) -> str:
    """One decision value a class (for two classes one in all), from the machines of each pair of classes.

    Votes, and confidences squeezed to less than half a vote, as
    `sklearn.utils.multiclass._ovr_decision_function`.
    """
    kernel = _kernel(graph, machine, rows)
    if classes == 2:
        return _linear(graph, kernel, machine.dual_coef_, machine.intercept_)
    pairs = [(first, second) for first in range(classes) for second in range(first + 1, classes)]
    dual = np.asarray(machine.dual_coef_, dtype=np.float64)
    ends = np.cumsum(machine.n_support_)
    own = [slice(int(end - count), int(end)) for end, count in zip(ends, machine.n_support_, strict=True)]
    weights = np.zeros((len(pairs), dual.shape[1]))
    for pair, (first, second) in enumerate(pairs):
        weights[pair, own[first]] = dual[second - 1, own[first]]
        weights[pair, own[second]] = dual[first, own[second]]
    pairwise = _linear(graph, kernel, weights, machine.intercept_)
    return _vote(graph, pairwise, pairs, classes)


def _vote(graph: Operators, pairwise: str, pairs: Sequence[tuple[int, int]], classes: int) -> str:
    first_side, second_side = np.zeros((len(pairs), classes)), np.zeros((len(pairs), classes))
    for pair, (first, second) in enumerate(pairs):
        first_side[pair, first] = second_side[pair, second] = 1.0
    zero = graph.constant(np.array([[0.0]]))
    lost = graph.cast(graph.apply("Less", pairwise, zero), "DOUBLE")
    won = graph.apply("Sub", graph.constant(np.array([[1.0]])), lost)
    votes = graph.apply(
        "Add",
        graph.apply("MatMul", won, graph.constant(first_side)),
        graph.apply("MatMul", lost, graph.constant(second_side)),
    )
    confidence = graph.apply("MatMul", pairwise, graph.constant(first_side - second_side))
    size = graph.apply("Add", graph.apply("Abs", confidence), graph.constant(np.array([[1.0]])))
    share = graph.apply("Div", confidence, graph.apply("Mul", size, graph.constant(np.array([[3.0]]))))
    return graph.apply("Add", votes, share)

"""What a skops file may hold. The list lives here, in the server; nothing in a model adds to it.

skops trusts many types by default, among them every estimator of scikit-learn. This list is narrower: the
pipelines that the trainer writes. It names for each of skops' node kinds the types that it may build, since
past weaknesses (CVE-2025-54412, CVE-2025-54886) came from a node whose named type was not the one it built.
"""

from __future__ import annotations

from collections.abc import Mapping

_SKLEARN = (
    "calibration.CalibratedClassifierCV",
    "calibration._CalibratedClassifier",
    "calibration._SigmoidCalibration",
    "compose._column_transformer.ColumnTransformer",
    "compose._target.TransformedTargetRegressor",
    "dummy.DummyClassifier",
    "dummy.DummyRegressor",
    "ensemble._forest.RandomForestClassifier",
    "ensemble._forest.RandomForestRegressor",
    "ensemble._gb.GradientBoostingClassifier",
    "ensemble._gb.GradientBoostingRegressor",
    "impute._base.MissingIndicator",
    "impute._base.SimpleImputer",
    "linear_model._base.LinearRegression",
    "linear_model._logistic.LogisticRegression",
    "linear_model._ridge.Ridge",
    "pipeline.FeatureUnion",
    "pipeline.Pipeline",
    "preprocessing._data.StandardScaler",
    "preprocessing._encoders.OneHotEncoder",
    "preprocessing._label.LabelEncoder",
    "svm._classes.LinearSVC",
    "svm._classes.LinearSVR",
    "svm._classes.SVC",
    "svm._classes.SVR",
    "tree._classes.DecisionTreeClassifier",
    "tree._classes.DecisionTreeRegressor",
    "_loss.link.HalfLogitLink",
    "_loss.link.IdentityLink",
    "_loss.link.Interval",
    "_loss.link.LogitLink",
    "_loss.link.MultinomialLogit",
    "_loss.loss.AbsoluteError",
    "_loss.loss.ExponentialLoss",
    "_loss.loss.HalfBinomialLoss",
    "_loss.loss.HalfMultinomialLoss",
    "_loss.loss.HalfSquaredError",
    "_loss.loss.HuberLoss",
    "_loss.loss.PinballLoss",
)
_LOSSES = (
    "CyAbsoluteError",
    "CyExponentialLoss",
    "CyHalfBinomialLoss",
    "CyHalfMultinomialLoss",
    "CyHalfSquaredError",
    "CyHuberLoss",
    "CyPinballLoss",
)
_NUMBERS = ("bool", "float32", "float64", "int32", "int64", "intp", "uint8", "uint32", "str_")

ALLOWED_NODES: Mapping[str, frozenset[str]] = {
    "DictNode": frozenset({"builtins.dict"}),
    "ListNode": frozenset({"builtins.list"}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "JsonNode": frozenset({"builtins.str"}),
    "TypeNode": frozenset(
        {"builtins.str", "builtins.int", "builtins.float", "builtins.bool", "numpy.float64", "numpy.float32"}
    ),
    "NdArrayNode": frozenset({"numpy.ndarray", *(f"numpy.{name}" for name in _NUMBERS)}),
    "DTypeNode": frozenset({"numpy.dtype"}),
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
    "ObjectNode": frozenset(f"sklearn.{name}" for name in _SKLEARN),
    "LossNode": frozenset(f"sklearn._loss._loss.{name}" for name in _LOSSES),
    "TreeNode": frozenset({"sklearn.tree._tree.Tree"}),
}

# What skops itself does not trust by default although the pipelines above need it. A tree's node indices are
# checked after loading, before the first prediction.
TRUSTED = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.tree._tree.Tree",
)

"""What a manifest says: the types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
Task: TypeAlias = Literal["classification", "regression"]
ColumnType: TypeAlias = Literal["number", "integer", "boolean", "string"]
Runtime: TypeAlias = Literal["onnx", "skops"]
Datatype: TypeAlias = Literal["FP64", "FP32", "BYTES"]


@dataclass(frozen=True, kw_only=True)
class InputColumn:
    """One feature that a request brings.

    Attributes:
        name: The column's name in the training data.
        type: `number`, `integer`, `boolean` or `string`.
        nullable: Whether a value was missing in training. A missing value is imputed either way.
        categories: The values known from training, sorted; only for `string`. Others encode as
            all zeros.
    """

    name: str
    type: ColumnType
    nullable: bool
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class ConfusionMatrix:
    """Held-out rows counted by true class (rows) and predicted class (columns), in the order of `labels`."""

    labels: tuple[Scalar, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class ColumnDropped:
    """A column of the data that the model does not use, and why."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """What the model was trained on.

    Attributes:
        sha256: Of the data file's bytes; of several files, of the `<sha256>  <name>` lines sorted by name.
        rows: Rows that were used (a row without a target is not).
        train_rows: Rows that the model was fitted on.
        test_rows: Held-out rows that the metrics come from.
        columns: Columns in the data, the target among them.
        dropped: Columns that the model does not use.
    """

    sha256: str
    rows: int
    train_rows: int
    test_rows: int
    columns: int
    dropped: tuple[ColumnDropped, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of the run that are not the estimator's own."""

    target: str
    test_size: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class Smoke:
    """The first held-out row and the answer the server must give for it.

    Attributes:
        instance: Feature name to value; `None` where the value is missing.
        prediction: The class, or the number, as the server answers it.
        probabilities: By class, as text; `None` where the model has none.
    """

    instance: Mapping[str, Scalar]
    prediction: Scalar
    probabilities: Mapping[str, float] | None


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """Size and hash of one file of the model folder."""

    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class OnnxInput:
    """One input tensor of `model.onnx`, of shape [rows, len(features)].

    Attributes:
        name: The tensor's name.
        datatype: In Open Inference Protocol's words: `FP64` (float64), `FP32` (float32), `BYTES` (strings).
        features: Names of the columns that it holds, in order.
    """

    name: str
    datatype: Datatype
    features: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OnnxLayout:
    """The tensors of `model.onnx`.

    Attributes:
        inputs: At most two: the numbers and the strings.
        label: Output with the class index (int64, [rows]) or the regression value (float, [rows, 1]).
        probabilities: Output of shape [rows, classes]; `None` for regression.
    """

    inputs: tuple[OnnxInput, ...]
    label: str
    probabilities: str | None


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Whether `model.onnx` answers as scikit-learn does.

    Attributes:
        holds: When false there is no `model.onnx`, and the runtime is `skops`.
        rows: Rows compared: held-out ones, and made ones with missing and extreme values.
        max_abs_difference: Of probabilities, or of values over the target's spread; `None` if not computed.
        reason: Why parity does not hold, for people.
    """

    holds: bool
    rows: int
    max_abs_difference: float | None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that `manifest.json` says. Field names are its keys; `inputs` is `schema.inputs`.

    Attributes:
        task: `classification` or `regression`.
        estimator: For instance `logistic_regression`.
        hyperparameters: The estimator's parameters as the user set them.
        settings: Target, share of held-out rows, seed.
        target: The column that is predicted.
        classes: The classes in the order of the probabilities; `None` for regression.
        positive_class: The class that precision, recall and F1 speak of; `None` unless there are exactly two.
        inputs: The features, in the order of the training data.
        metrics: On held-out rows: accuracy, precision, recall, f1, roc_auc, log_loss, or mae, rmse, r2.
        confusion_matrix: Classification only.
        data: What the model was trained on.
        smoke: One row with its expected answer.
        files: Every other served file by name.
        runtime: Which file answers predictions.
        onnx: The tensors of `model.onnx`; `None` when there is none.
        parity: The comparison of both files.
        versions: Of Python and of the libraries that made the model.
    """

    task: Task
    estimator: str
    hyperparameters: Mapping[str, Scalar]
    settings: Settings
    target: str
    classes: tuple[Scalar, ...] | None
    positive_class: Scalar = None
    inputs: tuple[InputColumn, ...]
    metrics: Mapping[str, float]
    confusion_matrix: ConfusionMatrix | None
    data: DataSummary
    smoke: Smoke
    files: Mapping[str, FileEntry]
    runtime: Runtime
    onnx: OnnxLayout | None
    parity: Parity
    versions: Mapping[str, str] = field(default_factory=dict[str, str])

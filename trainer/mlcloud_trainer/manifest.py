"""The manifest of a model folder: what the model is, what it expects, and the hash of each of its files.

`manifest.json` is the root of trust: the SHA-256 of its exact bytes is the model's hash, and it names the
size and SHA-256 of every other file that is served. Nothing in it depends on time or place. This module is
read by the server as well as by the trainer, so it imports only the standard library.

What both runtimes (`model.onnx`, `model.skops`) have in common:

- A classifier's label is an **index into** `Manifest.classes`, never the class itself; its probabilities have
  one column a class, in that order. A regression model answers one number a row.
- Numbers, integers and booleans (0 and 1) travel as float64 with NaN for a missing value; strings travel as
  text with the empty string for a missing value.

`model.onnx` takes the tensors of `Manifest.onnx.inputs`, each of shape [rows, len(features)]. `model.skops`
takes one array of shape [rows, features] in the order of `Manifest.inputs`: float64 when no feature is a
string, else object.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, cast

from mlcloud_trainer._manifest_reading import ManifestError, Reader
from mlcloud_trainer._manifest_rules import inconsistencies

__all__ = [
    "MANIFEST_NAME",
    "ColumnDropped",
    "ConfusionMatrix",
    "DataSummary",
    "FileEntry",
    "InputColumn",
    "Manifest",
    "ManifestError",
    "OnnxInput",
    "OnnxLayout",
    "Parity",
    "Scalar",
    "Settings",
    "Smoke",
    "dump_manifest",
    "model_hash",
    "parse_manifest",
    "verify_files",
]

MANIFEST_NAME = "manifest.json"
FORMAT = "mlcloud-model"
FORMAT_VERSION = 1

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


def model_hash(manifest_bytes: bytes) -> str:
    """The model's hash: SHA-256 of the exact bytes of `manifest.json`, in lower-case hex."""
    return hashlib.sha256(manifest_bytes).hexdigest()


def dump_manifest(manifest: Manifest) -> bytes:
    """The bytes of `manifest.json`: UTF-8, sorted keys, two spaces, a newline; equal for equal manifests.

    Raises:
        ValueError: A number is NaN or infinite, which JSON cannot hold.
    """
    body: dict[str, object] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "task": manifest.task,
        "estimator": manifest.estimator,
        "hyperparameters": dict(manifest.hyperparameters),
        "settings": vars(manifest.settings),
        "target": manifest.target,
        "schema": {"inputs": [_dump_input(column) for column in manifest.inputs]},
        "metrics": dict(manifest.metrics),
        "data": {**vars(manifest.data), "dropped": [vars(column) for column in manifest.data.dropped]},
        "smoke": vars(manifest.smoke),
        "files": {name: vars(entry) for name, entry in manifest.files.items()},
        "runtime": manifest.runtime,
        "parity": vars(manifest.parity),
        "versions": dict(manifest.versions),
    }
    if manifest.classes is not None:
        body["classes"] = list(manifest.classes)
    if manifest.positive_class is not None:
        body["positive_class"] = manifest.positive_class
    if manifest.confusion_matrix is not None:
        body["confusion_matrix"] = vars(manifest.confusion_matrix)
    if manifest.onnx is not None:
        body["onnx"] = {
            "inputs": [vars(tensor) for tensor in manifest.onnx.inputs],
            "outputs": {"label": manifest.onnx.label, "probabilities": manifest.onnx.probabilities},
        }
    text = json.dumps(body, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def _dump_input(column: InputColumn) -> dict[str, object]:
    body = vars(column)
    return body if column.categories is not None else {key: body[key] for key in ("name", "type", "nullable")}


def parse_manifest(content: bytes) -> Manifest:
    """Read `manifest.json`. Keys that are not known are ignored, so that a newer trainer may add some.

    Raises:
        ManifestError: With every problem: not JSON, another format or version, a missing key, a wrong type.
    """
    try:
        parsed: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ManifestError([f"{MANIFEST_NAME} is not valid JSON: {error}"]) from None
    root = Reader(value=parsed, path="", problems=[])
    if root.text("format") != FORMAT or root.integer("format_version") != FORMAT_VERSION:
        raise ManifestError(
            [f'{MANIFEST_NAME}: expected format "{FORMAT}" version {FORMAT_VERSION}; this is another format']
        )
    manifest = _read(root)
    problems = root.problems or inconsistencies(manifest)
    if problems:
        raise ManifestError(problems)
    return manifest


def _read(root: Reader) -> Manifest:
    settings, data = root.child("settings"), root.child("data")
    smoke, parity = root.child("smoke"), root.child("parity")
    matrix, onnx = root.optional_child("confusion_matrix"), root.optional_child("onnx")
    return Manifest(
        task=cast(Task, root.one_of("task", ("classification", "regression"))),
        estimator=root.text("estimator"),
        hyperparameters=root.scalars("hyperparameters"),
        settings=Settings(
            target=settings.text("target"),
            test_size=settings.number("test_size"),
            seed=settings.integer("seed"),
        ),
        target=root.text("target"),
        classes=root.scalar_list("classes") if root.has("classes") else None,
        positive_class=root.scalar("positive_class"),
        inputs=tuple(_read_input(column) for column in root.child("schema").children("inputs")),
        metrics=root.numbers("metrics"),
        confusion_matrix=None
        if matrix is None
        else ConfusionMatrix(labels=matrix.scalar_list("labels"), counts=matrix.counts("counts")),
        data=DataSummary(
            sha256=data.text("sha256"),
            rows=data.integer("rows"),
            train_rows=data.integer("train_rows"),
            test_rows=data.integer("test_rows"),
            columns=data.integer("columns"),
            dropped=tuple(
                ColumnDropped(name=column.text("name"), reason=column.text("reason"))
                for column in (data.children("dropped") if data.has("dropped") else ())
            ),
        ),
        smoke=Smoke(
            instance=smoke.scalars("instance"),
            prediction=smoke.scalar("prediction"),
            probabilities=smoke.numbers("probabilities") if smoke.has("probabilities") else None,
        ),
        files={
            name: FileEntry(sha256=entry.text("sha256"), bytes=entry.integer("bytes"))
            for name, entry in root.child("files").each()
        },
        runtime=cast(Runtime, root.one_of("runtime", ("onnx", "skops"))),
        onnx=None if onnx is None else _read_onnx(onnx),
        parity=Parity(
            holds=parity.boolean("holds"),
            rows=parity.integer("rows"),
            max_abs_difference=parity.number("max_abs_difference")
            if parity.has("max_abs_difference")
            else None,
            reason=parity.text("reason") if parity.has("reason") else None,
        ),
        versions=root.texts("versions"),
    )


def _read_input(column: Reader) -> InputColumn:
    return InputColumn(
        name=column.text("name"),
        type=cast(ColumnType, column.one_of("type", ("number", "integer", "boolean", "string"))),
        nullable=column.boolean("nullable"),
        categories=column.text_list("categories") if column.has("categories") else None,
    )


def _read_onnx(onnx: Reader) -> OnnxLayout:
    outputs = onnx.child("outputs")
    return OnnxLayout(
        inputs=tuple(
            OnnxInput(
                name=tensor.text("name"),
                datatype=cast(Datatype, tensor.one_of("datatype", ("FP64", "FP32", "BYTES"))),
                features=tensor.text_list("features"),
            )
            for tensor in onnx.children("inputs")
        ),
        label=outputs.text("label"),
        probabilities=outputs.text("probabilities") if outputs.has("probabilities") else None,
    )


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Check that every file the manifest names lies in `folder` with the size and hash it states.

    Raises:
        ManifestError: With every file that is missing, not a regular file, or of another size or hash.
    """
    problems: list[str] = []
    for name, entry in sorted(manifest.files.items()):
        path = folder / name
        if path.is_symlink() or not path.is_file():
            problems.append(f"{name}: is missing or not a regular file")
        elif path.stat().st_size != entry.bytes:
            problems.append(f"{name}: has {path.stat().st_size} bytes, the manifest says {entry.bytes}")
        else:
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if found != entry.sha256:
                problems.append(f"{name}: has SHA-256 {found}, the manifest says {entry.sha256}")
    if problems:
        raise ManifestError(problems)

"""The manifest as a file: written, read, and held against the files that it names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import cast

from mlcloud_trainer.manifest.model import (
    ColumnDropped,
    ColumnType,
    ConfusionMatrix,
    DataSummary,
    Datatype,
    FileEntry,
    InputColumn,
    Manifest,
    OnnxInput,
    OnnxLayout,
    Parity,
    Runtime,
    Settings,
    Smoke,
    Task,
)
from mlcloud_trainer.manifest.reading import ManifestError, Reader
from mlcloud_trainer.manifest.rules import inconsistencies

MANIFEST_NAME = "manifest.json"
FORMAT = "mlcloud-model"
FORMAT_VERSION = 1


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

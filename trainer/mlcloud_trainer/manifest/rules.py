"""What the keys of a manifest must agree on."""

from __future__ import annotations

from pathlib import PurePosixPath

from mlcloud_trainer.manifest.model import Manifest


def inconsistencies(manifest: Manifest) -> list[str]:
    """Contradictions between keys that would otherwise surface as a wrong answer."""
    problems: list[str] = []
    if (manifest.task == "classification") != bool(manifest.classes):
        problems.append("classes: a classification model lists its classes, a regression model has none")
    if not manifest.inputs:
        problems.append("schema.inputs: is empty, a model has at least one feature")
    names = [column.name for column in manifest.inputs]
    if len(set(names)) != len(names):
        problems.append("schema.inputs: a feature is listed twice")
    if f"model.{manifest.runtime}" not in manifest.files:
        problems.append(
            f"files: the runtime is {manifest.runtime}, but model.{manifest.runtime} is not listed"
        )
    for name in manifest.files:
        if name in ("", "manifest.json", ".", "..") or PurePosixPath(name).name != name or "\\" in name:
            problems.append(f"files.{name!r}: is not a plain file name of the model folder")
    if manifest.runtime == "onnx" and manifest.onnx is None:
        problems.append("onnx: is missing, but the runtime is onnx")
    if manifest.onnx is not None:
        held = [feature for tensor in manifest.onnx.inputs for feature in tensor.features]
        if sorted(held) != sorted(names):
            problems.append("onnx.inputs: do not hold each feature of schema.inputs exactly once")
    return problems

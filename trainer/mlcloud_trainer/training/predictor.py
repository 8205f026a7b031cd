"""What an evaluation, a parity test or a plot asks a model: labels and probabilities, or values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.manifest import OnnxLayout, Task
from mlcloud_trainer.training.columns import FloatArray
from mlcloud_trainer.training.features import Features
from mlcloud_trainer.training.untyped import library


@dataclass(frozen=True, kw_only=True)
class Answers:
    """A model's answers for some rows.

    Attributes:
        values: Class indices (as whole float64 numbers), or the regression values.
        probabilities: [rows, classes]; `None` for regression.
    """

    values: FloatArray
    probabilities: FloatArray | None


def ask_pipeline(pipeline: Any, task: Task, matrix: NDArray[Any]) -> Answers:
    """The answers of the fitted scikit-learn pipeline."""
    if task == "regression":
        return Answers(
            values=np.asarray(pipeline.predict(matrix), dtype=np.float64).ravel(), probabilities=None
        )
    probabilities = np.asarray(pipeline.predict_proba(matrix), dtype=np.float64)
    return Answers(
        values=np.asarray(pipeline.predict(matrix), dtype=np.float64).ravel(), probabilities=probabilities
    )


def onnx_session(content: bytes) -> Any:
    """An ONNX Runtime session on one thread, so that sums have one order."""
    runtime = library("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def ask_onnx(session: Any, layout: OnnxLayout, features: Features, matrix: NDArray[Any]) -> Answers:
    """The answers of `model.onnx` for the same rows."""
    position = {column.name: index for index, column in enumerate(features.columns)}
    feeds: dict[str, NDArray[Any]] = {}
    for tensor in layout.inputs:
        columns = matrix[:, [position[name] for name in tensor.features]]
        feeds[tensor.name] = columns.astype(object if tensor.datatype == "BYTES" else np.float64)
    outputs = [layout.label] + ([layout.probabilities] if layout.probabilities else [])
    answers = session.run(outputs, feeds)
    return Answers(
        values=np.asarray(answers[0], dtype=np.float64).ravel(),
        probabilities=np.asarray(answers[1], dtype=np.float64) if layout.probabilities else None,
    )

"""Answers with ONNX Runtime, without scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs] - it has no types; see _Library
from numpy.typing import NDArray

from mlcloud_trainer.manifest import Manifest, OnnxInput, OnnxLayout
from mlcloud_trainer.serving.errors import StartupError
from mlcloud_trainer.serving.prediction import Prediction
from mlcloud_trainer.serving.rows import Batch
from mlcloud_trainer.serving.runtimes.onnx_inspection import inspect_onnx


class _Tensor(Protocol):
    name: str


class _Session(Protocol):
    """The part of onnxruntime.InferenceSession that is used."""

    def get_inputs(self) -> Sequence[_Tensor]: ...

    def get_outputs(self) -> Sequence[_Tensor]: ...

    def run(
        self, output_names: Sequence[str], input_feed: Mapping[str, object]
    ) -> list[NDArray[np.generic]]: ...


class _Options(Protocol):
    intra_op_num_threads: int
    inter_op_num_threads: int
    log_severity_level: int


class _Library(Protocol):
    """The part of the onnxruntime package that is used."""

    def SessionOptions(self) -> _Options: ...

    def InferenceSession(
        self, path_or_bytes: bytes, *, sess_options: _Options, providers: Sequence[str]
    ) -> _Session: ...


class OnnxRuntime:
    """A model in ONNX Runtime.

    Raises:
        StartupError: The file is damaged, has external data, foreign operators, or other tensors than the
            manifest says.
    """

    quick = True

    def __init__(self, content: bytes, manifest: Manifest) -> None:
        if manifest.onnx is None:
            raise StartupError(["manifest.json: does not describe the tensors of model.onnx"])
        inspect_onnx(content)
        self._session = _open(content)
        layout = manifest.onnx
        self._feeds = [_Feed(tensor, manifest) for tensor in layout.inputs]
        self._outputs = (
            [layout.label] if layout.probabilities is None else [layout.label, layout.probabilities]
        )
        self._is_classifier = manifest.classes is not None
        _check_names(self._session, layout)

    def predict(self, batch: Batch) -> Prediction:
        """One answer a row."""
        answers = self._session.run(self._outputs, {feed.name: feed.take(batch) for feed in self._feeds})
        if self._is_classifier:
            return Prediction(
                values=answers[0].reshape(-1).astype(np.int64, copy=False),
                probabilities=answers[1].astype(np.float64) if len(answers) > 1 else None,
            )
        return Prediction(values=answers[0].reshape(-1).astype(np.float64), probabilities=None)


class _Feed:
    """Cuts one input tensor out of a batch."""

    def __init__(self, tensor: OnnxInput, manifest: Manifest) -> None:
        self.name = tensor.name
        self._is_text = tensor.datatype == "BYTES"
        self._is_float32 = tensor.datatype == "FP32"
        kind = [column.name for column in manifest.inputs if (column.type == "string") == self._is_text]
        try:
            positions = [kind.index(name) for name in tensor.features]
        except ValueError:
            raise StartupError(
                [f"manifest.json: onnx.inputs: {tensor.name!r} mixes text and numbers"]
            ) from None
        self._positions = None if positions == list(range(len(kind))) else positions

    def take(self, batch: Batch) -> NDArray[np.float64] | NDArray[np.float32] | NDArray[np.object_]:
        if self._is_text:
            return batch.texts if self._positions is None else batch.texts[:, self._positions]
        numbers = batch.numbers if self._positions is None else batch.numbers[:, self._positions]
        return numbers.astype(np.float32) if self._is_float32 else numbers


def _open(content: bytes) -> _Session:
    library = cast("_Library", onnxruntime)
    options = library.SessionOptions()
    # One thread a call: requests are what runs side by side, and idle threads must not spin.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return library.InferenceSession(content, sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - its error types are private to its C++ module
        raise StartupError([f"model.onnx cannot be loaded ({type(error).__name__})"]) from None


def _check_names(session: _Session, layout: OnnxLayout) -> None:
    inputs = {tensor.name for tensor in session.get_inputs()}
    outputs = {tensor.name for tensor in session.get_outputs()}
    expected = {tensor.name for tensor in layout.inputs}
    wanted = {layout.label} | ({layout.probabilities} if layout.probabilities is not None else set[str]())
    if inputs != expected or not wanted <= outputs:
        raise StartupError(
            [
                f"model.onnx has inputs {sorted(inputs)} and outputs {sorted(outputs)}; "
                f"manifest.json says inputs {sorted(expected)} and outputs {sorted(wanted)}"
            ]
        )

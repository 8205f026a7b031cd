"""A model that is ready to answer: manifest, runtime, and the readers and labels that go with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlcloud_trainer.manifest import Manifest
from mlcloud_trainer.serving.artefact import read_artefact
from mlcloud_trainer.serving.errors import BadRequestError, StartupError
from mlcloud_trainer.serving.local_place import find_local
from mlcloud_trainer.serving.places import Archive, Folder
from mlcloud_trainer.serving.prediction import Labels, Prediction, class_text
from mlcloud_trainer.serving.rows import RowReader
from mlcloud_trainer.serving.runtimes import Runtime
from mlcloud_trainer.serving.runtimes.skops_inspection import inspect_skops
from mlcloud_trainer.serving.settings import ServerSettings

# The trainer compares both runtimes more finely; this only tells the right model from a wrong one, on a
# processor that may round otherwise than the one it was trained on.
SMOKE_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """What the protocol adapters work with.

    Attributes:
        name: In Open Inference Protocol v2 routes.
        version: The label in `x-model-version`.
        sha256: The model's hash.
        manifest: What the model is.
        reader: Checks rows.
        labels: Names classes.
        runtime: Answers batches.
    """

    name: str
    version: str
    sha256: str
    manifest: Manifest
    reader: RowReader
    labels: Labels
    runtime: Runtime

    def no_rows(self) -> Prediction:
        """The answer to a request without rows."""
        classes = self.manifest.classes
        if classes is None:
            return Prediction(values=np.empty(0, dtype=np.float64), probabilities=None)
        probabilities = None if self.manifest.smoke.probabilities is None else np.empty((0, len(classes)))
        return Prediction(values=np.empty(0, dtype=np.int64), probabilities=probabilities)


def load_model(settings: ServerSettings) -> ServedModel:
    """Read, verify and load the model, and ask it for the row whose answer its manifest states.

    Raises:
        StartupError: With the reasons why this model is not served.
    """
    artefact = read_artefact(
        _find(settings),
        expected_sha256=settings.model_sha256,
        max_bytes=settings.max_model_bytes,
    )
    manifest = artefact.manifest
    model = ServedModel(
        name=settings.model_name,
        version=settings.model_version or artefact.sha256[:12],
        sha256=artefact.sha256,
        manifest=manifest,
        reader=RowReader(
            manifest.inputs,
            target=manifest.target,
            max_rows=settings.requests.max_rows,
            max_values=settings.requests.max_values,
        ),
        labels=Labels(manifest),
        runtime=_runtime(manifest, artefact.content, settings.max_model_bytes),
    )
    _smoke(model)
    return model


def _find(settings: ServerSettings) -> Folder | Archive:
    place, variable = settings.model_place, settings.model_variable
    if isinstance(place, Path):
        return find_local(place, variable)
    # Imported here, as pyarrow is: a server whose model is a folder needs neither.
    from mlcloud_trainer.serving.remote_place import find_remote

    return find_remote(place, variable, settings.storage_timeout_s)


def _runtime(manifest: Manifest, content: bytes, max_bytes: int) -> Runtime:
    # Imported here: scikit-learn takes seconds to import, and an ONNX model never needs it.
    if manifest.runtime == "onnx":
        from mlcloud_trainer.serving.runtimes.onnx import OnnxRuntime

        return OnnxRuntime(content, manifest)
    inspect_skops(content, max_bytes)
    from mlcloud_trainer.serving.runtimes.skops import SkopsRuntime

    return SkopsRuntime(content, manifest)


def _smoke(model: ServedModel) -> None:
    smoke = model.manifest.smoke
    try:
        batch = model.reader.from_instances([dict(smoke.instance)], path="smoke")
        prediction = model.runtime.predict(batch)
        prediction.demand_finite()
    except BadRequestError as error:
        raise StartupError([f"manifest.json: smoke: {error.message}"]) from None
    except Exception as error:  # noqa: BLE001 - whatever a wrong model does, the answer is the same
        raise StartupError([f"the model fails on its own example row ({type(error).__name__})"]) from None
    classes = model.manifest.classes or ()
    if prediction.probabilities is not None and prediction.probabilities.shape != (1, len(classes)):
        raise StartupError(
            [f"the model has {prediction.probabilities.shape[1]} classes, its manifest {len(classes)}"]
        )
    if classes and not 0 <= int(prediction.values[0]) < len(classes):
        raise StartupError(
            [f"the model answers class {prediction.values[0]}, its manifest has {len(classes)}"]
        )
    answer = model.labels.of(prediction)[0]
    if not _alike(answer, smoke.prediction):
        raise StartupError(
            [f"the model answers {answer!r} for its example row, its manifest says {smoke.prediction!r}"]
        )
    if (prediction.probabilities is None) != (smoke.probabilities is None):
        raise StartupError(["the model and its manifest disagree on whether it has probabilities"])
    if prediction.probabilities is not None and smoke.probabilities is not None:
        for value, found in zip(classes, prediction.probabilities[0].tolist(), strict=True):
            expected = smoke.probabilities.get(class_text(value))
            if not _alike(found, expected):
                raise StartupError(
                    [f"the model gives {value!r} a probability of {found:g}, its manifest says {expected}"]
                )


def _alike(found: object, expected: object) -> bool:
    if isinstance(found, float) and isinstance(expected, (int, float)):
        return math.isclose(found, expected, rel_tol=SMOKE_TOLERANCE, abs_tol=SMOKE_TOLERANCE)
    return found == expected

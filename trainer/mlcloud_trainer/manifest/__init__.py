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

from mlcloud_trainer.manifest.document import (
    MANIFEST_NAME,
    dump_manifest,
    model_hash,
    parse_manifest,
    verify_files,
)
from mlcloud_trainer.manifest.model import (
    ColumnDropped,
    ColumnType,
    ConfusionMatrix,
    DataSummary,
    FileEntry,
    InputColumn,
    Manifest,
    OnnxInput,
    OnnxLayout,
    Parity,
    Runtime,
    Scalar,
    Settings,
    Smoke,
    Task,
)
from mlcloud_trainer.manifest.reading import ManifestError

__all__ = [
    "MANIFEST_NAME",
    "ColumnDropped",
    "ColumnType",
    "ConfusionMatrix",
    "DataSummary",
    "FileEntry",
    "InputColumn",
    "Manifest",
    "ManifestError",
    "OnnxInput",
    "OnnxLayout",
    "Parity",
    "Runtime",
    "Scalar",
    "Settings",
    "Smoke",
    "Task",
    "dump_manifest",
    "model_hash",
    "parse_manifest",
    "verify_files",
]

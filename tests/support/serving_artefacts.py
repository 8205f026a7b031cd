"""Model folders and archives made by hand: small ones, and ones that must be refused."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
from mlcloud_trainer.manifest import (
    DataSummary,
    FileEntry,
    InputColumn,
    Manifest,
    OnnxInput,
    OnnxLayout,
    Parity,
    Settings,
    Smoke,
    dump_manifest,
)
from onnx import TensorProto, helper


def product_graph(*, domain: str = "", external: bool = False) -> bytes:
    """An ONNX model that multiplies two float32 features; 1e38 x 1e38 is infinite."""
    split = helper.make_tensor("split", TensorProto.INT64, [2], [1, 1])
    if external:
        onnx.external_data_helper.set_external_data(
            split if split.raw_data else _raw(split), location="../../../../../../etc/hostname"
        )
        split.ClearField("raw_data")
        split.data_location = TensorProto.EXTERNAL
    graph = helper.make_graph(
        [
            helper.make_node("Split", ["features", "split"], ["left", "right"], axis=1),
            helper.make_node("Mul", ["left", "right"], ["value"], domain=domain),
        ],
        "product",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, [None, 1])],
        initializer=[split],
    )
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def _raw(tensor: TensorProto) -> TensorProto:
    tensor.raw_data = b"".join(value.to_bytes(8, "little") for value in tensor.int64_data)
    tensor.ClearField("int64_data")
    return tensor


def product_manifest(
    files: Mapping[str, bytes], *, runtime: str = "onnx", prediction: float = 6.0
) -> Manifest:
    """What belongs to `product_graph`; its example row is 2 x 3."""
    return Manifest(
        task="regression",
        estimator="linear_regression",
        hyperparameters={},
        settings=Settings(target="product", test_size=0.2, seed=42),
        target="product",
        classes=None,
        inputs=tuple(InputColumn(name=name, type="number", nullable=False) for name in ("left", "right")),
        metrics={"mae": 0.0},
        confusion_matrix=None,
        data=DataSummary(sha256="0" * 64, rows=10, train_rows=8, test_rows=2, columns=3),
        smoke=Smoke(instance={"left": 2.0, "right": 3.0}, prediction=prediction, probabilities=None),
        files={name: entry(content) for name, content in files.items()},
        runtime=runtime,
        onnx=OnnxLayout(
            inputs=(OnnxInput(name="features", datatype="FP32", features=("left", "right")),),
            label="value",
            probabilities=None,
        ),
        parity=Parity(holds=True, rows=2, max_abs_difference=0.0),
    )


def entry(content: bytes) -> FileEntry:
    return FileEntry(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def write_folder(folder: Path, manifest: Manifest | bytes, files: Mapping[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    content = manifest if isinstance(manifest, bytes) else dump_manifest(manifest)
    for name, data in {"manifest.json": content, **files}.items():
        (folder / name).write_bytes(data)
    return folder


def product_model(folder: Path, graph: bytes | None = None, *, prediction: float = 6.0) -> Path:
    """A whole folder."""
    files = {"model.onnx": product_graph() if graph is None else graph}
    return write_folder(folder, product_manifest(files, prediction=prediction), files)


def skops_model(folder: Path, skops: bytes) -> Path:
    """A folder whose model is this skops file."""
    files = {"model.skops": skops}
    return write_folder(folder, product_manifest(files, runtime="skops"), files)


def tar(members: Sequence[tuple[tarfile.TarInfo, bytes]], compression: str = "gz") -> bytes:
    """An archive of these members, as they are."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{compression}") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def regular(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """A link, folder, device or pipe."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info, b""


def members_of(folder: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [regular(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]

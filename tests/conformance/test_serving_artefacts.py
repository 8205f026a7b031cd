"""Which models are served, and which stop the start: attacks on the artefact."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest
import skops.io
from conftest import TestModel
from mlcloud_trainer.manifest import dump_manifest
from mlcloud_trainer.serving.errors import StartupError
from mlcloud_trainer.serving.model import ServedModel, load_model
from mlcloud_trainer.serving.settings import ServerSettings
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor
from support.serving_artefacts import (
    entry,
    members_of,
    product_graph,
    product_manifest,
    product_model,
    regular,
    skops_model,
    special,
    tar,
    write_folder,
)
from support.serving_process import serving, startup_failure


def load(path: Path, **variables: str | int) -> ServedModel:
    """What the server does with a model before it is ready, in this process."""
    environment = {"MLCLOUD_MODEL_URI": str(path), **{key: str(value) for key, value in variables.items()}}
    return load_model(ServerSettings.from_environment(environment))


def refusal(path: Path, **variables: str | int) -> str:
    """Why it is not served."""
    with pytest.raises(StartupError) as caught:
        load(path, **variables)
    return "\n".join(caught.value.problems)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return product_model(tmp_path / "product")


# What is served


@pytest.mark.parametrize("name", ["model.tar.gz", "model.tgz", "model.tar"])
def test_an_archive_is_served_from_memory_when_its_hash_is_the_demanded_one(
    product: Path, tmp_path: Path, name: str
) -> None:
    archive = tmp_path / "mounted" / name
    archive.parent.mkdir()
    folder = special("./", tarfile.DIRTYPE)
    report = regular("./report.html", b"<p>")
    archive.write_bytes(tar([folder, *members_of(product), report], "" if name == "model.tar" else "gz"))
    with serving(archive, MLCLOUD_MODEL_SHA256=sha256(archive)) as server:
        assert server.post("/invocations", [[4, 5]]).json() == {"predictions": [20.0]}
        assert server.get("/ping").headers["x-model-version"] == sha256(archive)[:12]
        assert not server.events("model_hash_not_demanded")
    assert [path.name for path in archive.parent.iterdir()] == [name]


def test_a_folder_with_one_archive_is_a_model(product: Path, tmp_path: Path) -> None:
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "model.tar.gz").write_bytes(tar(members_of(product)))
    with serving(tmp_path / "mounted") as server:
        assert server.get("/ping").status_code == 200


def test_without_a_demanded_hash_the_log_warns(product: Path) -> None:
    with serving(product) as server:
        assert server.events("model_hash_not_demanded")


def test_with_the_right_hash_it_does_not(product: Path) -> None:
    with serving(product, MLCLOUD_MODEL_SHA256=sha256(product / "manifest.json")) as server:
        assert not server.events("model_hash_not_demanded")


# Wrong or tampered


def test_a_model_of_another_hash_stops_the_server_and_both_hashes_are_named(product: Path) -> None:
    message = startup_failure(product, MLCLOUD_MODEL_SHA256="0" * 64)
    assert "0" * 64 in message
    assert sha256(product / "manifest.json") in message


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_tampered_model_stops_the_server(product: Path, name: str) -> None:
    demanded = sha256(product / "manifest.json")
    content = (product / name).read_bytes()
    (product / name).write_bytes(content.replace(b"right", b"fight"))
    assert "changed after training" in startup_failure(product, MLCLOUD_MODEL_SHA256=demanded)


def test_a_tampered_file_that_does_not_answer_stops_the_server_too(cancer: TestModel, tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in cancer.path.iterdir()}
    files["model.skops"] += b"\0"
    folder = write_folder(tmp_path / "copy", files.pop("manifest.json"), files)
    assert "model.skops" in refusal(folder)


def test_the_hash_is_checked_before_an_archive_is_opened(tmp_path: Path) -> None:
    bomb = tmp_path / "model.tar.gz"
    bomb.write_bytes(tar([regular("model.onnx", b"\0" * 80_000_000)]))
    message = startup_failure(bomb, MLCLOUD_MODEL_SHA256="0" * 64)
    assert "demands" in message
    assert "unpacks" not in message


def test_a_model_that_does_not_give_its_own_example_answer_is_not_served(tmp_path: Path) -> None:
    message = startup_failure(product_model(tmp_path / "model", prediction=7.0))
    assert "6.0" in message
    assert "7.0" in message


def test_a_missing_and_a_wrong_file_are_both_named(tmp_path: Path) -> None:
    files = {"model.onnx": product_graph(), "model.skops": b"x"}
    manifest = product_manifest(files)
    folder = write_folder(tmp_path / "model", manifest, {"model.onnx": b"other"})
    message = refusal(folder)
    assert "model.onnx: is not the file" in message
    assert "model.skops: is missing" in message


# Another format


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.canary),)


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "model.pickle"])
def test_a_pickle_is_never_loaded(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / name).write_bytes(pickle.dumps(Payload(tmp_path / "canary")))
    for path in (folder, folder / name):
        message = startup_failure(path)
        assert name in message
        assert "never loaded" in message
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", ["model.skops", "model.onnx"])
def test_a_pickle_under_a_safe_name_is_not_loaded_either(tmp_path: Path, name: str) -> None:
    files = {name: pickle.dumps(Payload(tmp_path / "canary"))}
    manifest = product_manifest(files, runtime=name.removeprefix("model."))
    assert name in refusal(write_folder(tmp_path / "model", manifest, files))
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", ["model.tar.gz", "model.tar", "model.tgz"])
def test_a_pickle_named_as_an_archive_is_not_loaded_either(tmp_path: Path, name: str) -> None:
    archive = tmp_path / name
    archive.write_bytes(pickle.dumps(Payload(tmp_path / "canary")))
    assert name in refusal(archive)
    assert not (tmp_path / "canary").exists()


def test_a_manifest_cannot_name_another_runtime(tmp_path: Path) -> None:
    files = {"model.pkl": pickle.dumps(Payload(tmp_path / "canary"))}
    text = json.loads(dump_manifest(product_manifest(files)))
    text["runtime"] = "pkl"
    folder = write_folder(tmp_path / "model", json.dumps(text).encode(), files)
    assert "runtime" in refusal(folder)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[" * 100_000, b'{"format": "mlcloud-model", "format_version": 2}']
)
def test_a_manifest_of_another_format_stops_the_start(tmp_path: Path, content: bytes) -> None:
    assert "manifest.json" in refusal(write_folder(tmp_path / "model", content, {}))


def test_an_empty_or_absent_folder_stops_the_start_and_says_what_to_set(tmp_path: Path) -> None:
    assert "found nothing" in startup_failure(tmp_path)
    assert "MLCLOUD_MODEL_URI" in startup_failure(tmp_path / "absent")


def test_several_models_in_a_folder_are_named(product: Path, tmp_path: Path) -> None:
    product_model(tmp_path / "second")
    message = refusal(tmp_path)
    assert "product" in message
    assert "second" in message


def test_a_pipe_in_place_of_a_file_does_not_hang_the_start(product: Path) -> None:
    (product / "model.onnx").unlink()
    os.mkfifo(product / "model.onnx")
    assert "not a regular file" in startup_failure(product)


# Archives


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/hostname", "a/b", "..", "manifest.json", "a\\b"])
def test_a_manifest_cannot_name_files_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    files = {"model.onnx": product_graph()}
    manifest = product_manifest(files)
    manifest = dataclasses.replace(manifest, files={**manifest.files, name: entry(b"x")})
    folder = write_folder(tmp_path / "model", manifest, files)
    assert "not a plain file name" in refusal(folder)


ARCHIVES: dict[str, tuple[list[tuple[tarfile.TarInfo, bytes]], str]] = {
    "traversal": ([regular("../evil", b"x")], "'../evil'"),
    "an absolute name": ([regular("/tmp/evil", b"x")], "evil"),
    "a folder": ([special("sub", tarfile.DIRTYPE)], "not a regular file"),
    "a file in a folder": ([regular("sub/model.onnx", b"x")], "'sub/model.onnx'"),
    "a symbolic link": ([special("model.onnx", tarfile.SYMTYPE, "/etc/passwd")], "not a regular file"),
    "a hard link": ([special("model.onnx", tarfile.LNKTYPE, "/etc/passwd")], "not a regular file"),
    "a character device": ([special("model.onnx", tarfile.CHRTYPE)], "not a regular file"),
    "a block device": ([special("model.onnx", tarfile.BLKTYPE)], "not a regular file"),
    "a pipe": ([special("model.onnx", tarfile.FIFOTYPE)], "not a regular file"),
    "a duplicate": ([regular("report.html", b"1"), regular("report.html", b"2")], "twice"),
    "a duplicate by another name": ([regular("report.html", b"1"), regular("./report.html", b"2")], "twice"),
    "a pickle": ([regular("model.pkl", b"x")], "'model.pkl'"),
    "too many members": ([special(".", tarfile.DIRTYPE)] * 40, "more than 16 members"),
    "a bomb": ([regular("model.onnx", b"\0" * 64_000_000)], "200 times"),
    "no manifest": ([regular("report.html", b"x")], "no manifest.json"),
}


@pytest.mark.parametrize(
    "case", ["traversal", "a symbolic link", "a bomb", "a duplicate", "a character device"]
)
def test_an_attack_with_an_archive_stops_the_server(product: Path, tmp_path: Path, case: str) -> None:
    members, message = ARCHIVES[case]
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(tar([*members, *members_of(product)]))
    assert message in startup_failure(archive, MLCLOUD_MODEL_SHA256=sha256(archive))


@pytest.mark.parametrize("case", ARCHIVES)
def test_an_archive_with_anything_else_in_it_is_refused(product: Path, tmp_path: Path, case: str) -> None:
    members, message = ARCHIVES[case]
    archive = tmp_path / "model.tar.gz"
    own = [] if case == "no manifest" else members_of(product)
    archive.write_bytes(tar([*members, *own]))
    before = sorted(tmp_path.rglob("*"))
    assert message in refusal(archive, MLCLOUD_MODEL_SHA256=sha256(archive))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("keep", [0, 20, 200, -20])
def test_a_damaged_archive_is_refused(product: Path, tmp_path: Path, keep: int) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(tar(members_of(product))[:keep])
    assert "model.tar.gz" in refusal(archive)


def test_a_header_that_claims_a_huge_size_costs_no_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("model.onnx")
    info.size = 1 << 40
    archive = tmp_path / "model.tar"
    archive.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024)
    refusal(archive)


def test_a_model_larger_than_the_limit_is_refused(product: Path) -> None:
    assert "MLCLOUD_MAX_MODEL_BYTES" in refusal(product, MLCLOUD_MAX_MODEL_BYTES=100)


# ONNX


def test_an_onnx_file_cannot_point_to_another_file(tmp_path: Path) -> None:
    folder = product_model(tmp_path / "model", product_graph(external=True))
    assert "another file" in startup_failure(folder)


def test_an_onnx_file_cannot_ask_for_foreign_operators(tmp_path: Path) -> None:
    folder = product_model(tmp_path / "model", product_graph(domain="com.evil"))
    assert "'com.evil'" in refusal(folder)


@pytest.mark.parametrize(
    "content", [b"\x3a\xff\xff\xff\xff\x0f", product_graph()[:-9], b"\x0b" * 9, b"\x80" * 90]
)
def test_a_damaged_onnx_file_stops_the_start(tmp_path: Path, content: bytes) -> None:
    assert "model.onnx" in refusal(product_model(tmp_path / "model", content))


# skops: the list of types is the server's


def fitted_tree() -> bytes:
    model = DecisionTreeRegressor(max_depth=2).fit([[2.0, 3.0], [1.0, 1.0], [5.0, 0.0]], [6.0, 1.0, 0.0])
    return skops.io.dumps(model)


def changed(content: bytes, change: object, member: str = "schema.json") -> bytes:
    """A skops file with one member changed by a function of its bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, change(data) if name == member else data)
    return buffer.getvalue()


def test_a_type_that_skops_trusts_but_the_server_does_not_is_refused(tmp_path: Path) -> None:
    content = skops.io.dumps(KNeighborsRegressor(1).fit([[2.0, 3.0]], [6.0]))
    assert skops.io.get_untrusted_types(data=content) == []
    assert "KNeighborsRegressor" in startup_failure(skops_model(tmp_path / "model", content))


@pytest.mark.parametrize(
    "node",
    [
        {"__loader__": "FunctionNode", "__module__": "os", "__class__": "system"},
        {"__loader__": "FunctionNode", "__module__": "numpy", "__class__": "add"},
        {"__loader__": "TypeNode", "__module__": "subprocess", "__class__": "Popen"},
        {"__loader__": "ObjectNode", "__module__": "sklearn.dummy", "__class__": "os"},
        # A node that names one type and builds another: CVE-2025-54412 and its kin.
        {"__loader__": "OperatorFuncNode", "__module__": "builtins", "__class__": "str", "attrs": {}},
        {"__loader__": "MethodNode", "__module__": "builtins", "__class__": "str", "content": {}},
        {"__loader__": "JsonNode", "__module__": "os", "__class__": "system"},
        {"__loader__": "PartialNode", "__module__": "functools", "__class__": "partial"},
        {"__class__": "x"},
    ],
)
def test_a_node_that_is_not_on_the_servers_list_is_refused_wherever_it_hides(
    tmp_path: Path, node: dict[str, object]
) -> None:
    def hide(data: bytes) -> bytes:
        schema = json.loads(data)
        schema["content"]["content"]["hidden"] = {"deep": [{"deeper": node}]}
        return json.dumps(schema).encode()

    message = refusal(skops_model(tmp_path / "model", changed(fitted_tree(), hide)))
    assert "not on the server's list" in message
    assert str(node["__class__"]) in message


def test_a_tree_whose_nodes_point_outside_of_it_is_refused(tmp_path: Path) -> None:
    good = fitted_tree()
    assert load(skops_model(tmp_path / "good", good)).sha256
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        # The largest array is that of the nodes; its first field is the left child of the root.
        name = max(archive.namelist(), key=lambda name: ("json" not in name, archive.getinfo(name).file_size))
    left_child_of_root = (1).to_bytes(8, "little")

    def point_outside(data: bytes) -> bytes:
        assert left_child_of_root in data
        return data.replace(left_child_of_root, (1_000_000).to_bytes(8, "little"), 1)

    content = changed(good, point_outside, name)
    assert "outside" in refusal(skops_model(tmp_path / "bad", content))


def test_a_skops_file_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * 50_000_000)
    assert "more than it may" in refusal(skops_model(tmp_path / "model", buffer.getvalue()))


def test_damaged_skops_files_stop_the_start(tmp_path: Path) -> None:
    content = fitted_tree()
    broken = {
        "no zip": b"x",
        "cut": content[: len(content) // 2],
        "no schema": changed(content, lambda data: b"[]"),
        "deep": changed(content, lambda data: b"[" * 200_000),
    }
    for name, data in broken.items():
        assert "model.skops" in refusal(skops_model(tmp_path / name, data)), name

"""A model in object storage: served by its hash, and nothing else of the storage is ever read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.object_storage import S3, SERVICES, ObjectStorage
from support.serving_artefacts import members_of, product_model, regular, tar
from support.serving_process import ServerProcess, serving, startup_failure

VARIABLE = {"s3": "MLCLOUD_MODEL_URI", "gs": "AIP_STORAGE_URI", "https": "MLCLOUD_MODEL_URI"}


@pytest.fixture(params=sorted(SERVICES))
def storage(request: pytest.FixtureRequest) -> Iterator[ObjectStorage]:
    server = SERVICES[request.param]()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def s3() -> Iterator[ObjectStorage]:
    server = S3()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return product_model(tmp_path / "product")


def upload(storage: ObjectStorage, folder: Path, prefix: str) -> str:
    """Put a model folder into the storage; its hash."""
    for path in folder.iterdir():
        storage.put(f"{prefix}/{path.name}", path.read_bytes())
    return hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()


def imported(server: ServerProcess, library: str) -> bool:
    return library in Path(f"/proc/{server.process.pid}/maps").read_text()


def test_a_model_folder_is_served(storage: ObjectStorage, product: Path) -> None:
    sha256 = upload(storage, product, "models/one")
    storage.put("models/one/notes.txt", b"nobody asks for it")
    given = {**storage.variables, VARIABLE[storage.scheme]: storage.address("models/one")}
    with serving(None, MLCLOUD_MODEL_SHA256=sha256, **given) as server:
        assert server.post("/invocations", [[4, 5]]).json() == {"predictions": [20.0]}
        assert server.get("/ping").headers["x-model-version"] == sha256[:12]
        before = len(storage.requests)
        server.post("/invocations", {"instances": [[4, 5]], "uri": storage.address("models/one/notes.txt")})
        assert len(storage.requests) == before
    assert not any("notes" in path for _, path in storage.requests)
    assert not any(method in ("POST", "PUT", "DELETE") for method, _ in storage.requests)


def test_an_archive_is_served(storage: ObjectStorage, product: Path) -> None:
    content = tar(members_of(product))
    storage.put("models/model.tar.gz", content)
    given = {**storage.variables, VARIABLE[storage.scheme]: storage.address("models/model.tar.gz")}
    with serving(None, MLCLOUD_MODEL_SHA256=hashlib.sha256(content).hexdigest(), **given) as server:
        assert server.post("/invocations", [[4, 5]]).json() == {"predictions": [20.0]}


def test_a_folder_with_one_archive_is_a_model(s3: ObjectStorage, product: Path) -> None:
    s3.put("models/one/model.tar.gz", tar(members_of(product)))
    with serving(None, MLCLOUD_MODEL_URI=s3.address("models/one/"), **s3.variables) as server:
        assert server.get("/ping").status_code == 200
        assert imported(server, "libarrow")


def test_a_server_of_a_local_folder_never_imports_pyarrow(product: Path) -> None:
    with serving(product) as server:
        assert server.get("/ping").status_code == 200
        assert not imported(server, "libarrow")


def test_a_tampered_manifest_stops_the_server_before_another_object_is_read(
    storage: ObjectStorage, product: Path
) -> None:
    sha256 = upload(storage, product, "m")
    storage.put("m/manifest.json", (product / "manifest.json").read_bytes().replace(b"right", b"fight"))
    given = {**storage.variables, "MLCLOUD_MODEL_URI": storage.address("m")}
    message = startup_failure(None, MLCLOUD_MODEL_SHA256=sha256, **given)
    assert f"{storage.address('m')}/manifest.json: has SHA-256" in message
    assert not any("model.onnx" in path for _, path in storage.requests)


def test_a_tampered_file_stops_the_server(s3: ObjectStorage, product: Path) -> None:
    sha256 = upload(s3, product, "m")
    s3.put("m/model.onnx", b"x" * (product / "model.onnx").stat().st_size)
    message = startup_failure(
        None, MLCLOUD_MODEL_SHA256=sha256, MLCLOUD_MODEL_URI=s3.address("m"), **s3.variables
    )
    assert "model.onnx: is not the file that manifest.json names" in message


def test_an_archives_hash_is_checked_before_it_is_opened(s3: ObjectStorage) -> None:
    s3.put("model.tar.gz", tar([regular("model.onnx", b"\0" * 80_000_000)]))
    given = {"MLCLOUD_MODEL_URI": s3.address("model.tar.gz"), **s3.variables}
    message = startup_failure(None, MLCLOUD_MODEL_SHA256="0" * 64, **given)
    assert "demands" in message
    assert "unpacks" not in message


def test_a_larger_archive_than_allowed_is_not_read(s3: ObjectStorage) -> None:
    s3.put("model.tar.gz", b"\x1f\x8b" + b"x" * 5000)
    given = {"MLCLOUD_MODEL_URI": s3.address("model.tar.gz"), **s3.variables}
    assert "more than the 1000 bytes" in startup_failure(None, MLCLOUD_MAX_MODEL_BYTES=1000, **given)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([], ["no model at", "in the bucket our-bucket, no object begins with m/"]),
        (["m/model.pkl"], ["model.pkl", "can run code"]),
        (["m/a.tar.gz", "m/b/manifest.json"], ["several models: a.tar.gz, b"]),
        (["m/notes.txt"], ["no manifest.json", "notes.txt"]),
    ],
)
def test_a_folder_that_is_no_model_says_what_it_holds(
    s3: ObjectStorage, keys: list[str], words: list[str]
) -> None:
    for key in keys:
        s3.put(key, b"x")
    message = startup_failure(None, MLCLOUD_MODEL_URI=s3.address("m"), **s3.variables)
    assert all(word in message for word in words), message


def test_a_model_that_may_not_be_read_names_the_permission(storage: ObjectStorage) -> None:
    storage.denied = True
    given = {**storage.variables, "MLCLOUD_MODEL_URI": storage.address("m")}
    message = startup_failure(None, **given)
    assert "access is denied" in message
    assert any(word in message for word in ("s3:GetObject", "storage.objects.get", "Blob Data Reader"))


def test_a_storage_that_does_not_answer_is_given_up_while_liveness_is_answered(s3: ObjectStorage) -> None:
    s3.stalled = True
    given = {"MLCLOUD_MODEL_URI": s3.address("m"), **s3.variables, "MLCLOUD_STORAGE_TIMEOUT_S": "3"}
    with serving(None, wait_for="listening", **given) as server:
        assert server.get("/v2/health/live").status_code == 200
        assert server.get("/ping").status_code == 503
        assert server.wait() == 1
        assert "longer than 3 s" in str(server.events("startup_failed"))

"""Objects of three clouds, read, listed and written over real HTTP."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from mlcloud_trainer.storage import StorageError, Store, open_store, parse_address
from mlcloud_trainer.storage.errors import MissingError
from support.object_storage import S3, SERVICES, ObjectStorage
from werkzeug.serving import make_server
from werkzeug.wrappers import Response


@dataclass(frozen=True)
class Opened:
    server: ObjectStorage
    store: Store
    service: str

    def at(self, key: str, bucket: str = "our-bucket"):
        return parse_address(self.server.address(key, bucket))


@pytest.fixture(params=sorted(SERVICES))
def opened(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    server = SERVICES[request.param]()
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    store = open_store(parse_address(server.address("any")), server.variables)
    try:
        yield Opened(server, store, request.param)
    finally:
        server.close()


def test_what_was_written_is_read(opened: Opened) -> None:
    content = bytes(range(256)) * 40_000
    opened.store.write(opened.at("a/b c/model.tar.gz"), content)
    assert opened.server.names() == ["a/b c/model.tar.gz"]
    assert opened.server.get("a/b c/model.tar.gz") == content
    assert opened.store.read(opened.at("a/b c/model.tar.gz"), len(content)) == content


def test_an_empty_object_is_read_and_written(opened: Opened) -> None:
    opened.store.write(opened.at("empty"), b"")
    assert opened.store.read(opened.at("empty"), 10) == b""


def test_a_folder_is_listed_with_its_folders_by_name(opened: Opened) -> None:
    for key in ("data/b.csv", "data/a/c.csv", "data/a.csv", "other/d.csv", "database/e.csv"):
        opened.server.put(key, b"xy")
    found = opened.store.objects(opened.at("data"))
    assert [item.relative for item in found] == ["a.csv", "a/c.csv", "b.csv"]
    assert [item.size for item in found] == [2, 2, 2]
    assert found[1].address == opened.at("data/a/c.csv")


def test_a_folder_that_is_not_there_holds_nothing(opened: Opened) -> None:
    assert opened.store.objects(opened.at("nothing/here")) == []


def test_a_larger_object_than_allowed_is_not_read(opened: Opened) -> None:
    opened.server.put("big", b"x" * 1001)
    with pytest.raises(StorageError, match="has more than the 1000 bytes"):
        opened.store.read(opened.at("big"), 1000)


@pytest.mark.parametrize("bucket", ["our-bucket", "another-bucket"])
def test_a_missing_object_is_named_with_its_bucket(opened: Opened, bucket: str) -> None:
    address = opened.at("no/such", bucket)
    with pytest.raises(MissingError) as caught:
        opened.store.read(address, 10)
    assert caught.value.problem.startswith(f"{address}: is missing")
    assert f"{bucket} has no no/such" in caught.value.problem


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("read", {"s3": "s3:GetObject", "gcs": "storage.objects.get", "azure": "Blob Data Reader"}),
        ("objects", {"s3": "s3:ListBucket", "gcs": "storage.objects.list", "azure": "Blob Data Reader"}),
        ("write", {"s3": "s3:PutObject", "gcs": "storage.objects.create", "azure": "Data Contributor"}),
    ],
)
def test_what_is_denied_names_the_permission(opened: Opened, action: str, words: dict[str, str]) -> None:
    opened.server.put("secret", b"x")
    opened.server.denied = True
    arguments = {"read": (10,), "objects": (), "write": (b"y",)}[action]
    with pytest.raises(StorageError) as caught:
        getattr(opened.store, action)(opened.at("secret"), *arguments)
    assert not isinstance(caught.value, MissingError)
    assert "access is denied" in caught.value.problem
    assert words[opened.service] in caught.value.problem


def test_a_storage_that_does_not_answer_is_given_up_in_time(opened: Opened) -> None:
    opened.server.stalled = True
    store = open_store(opened.at("a"), opened.server.variables, limit_s=0.5)
    started = time.monotonic()
    with pytest.raises(StorageError, match=r"longer than 0.5 s \(MLCLOUD_STORAGE_TIMEOUT_S\) to read"):
        store.read(opened.at("a"), 10)
    assert time.monotonic() - started < 20
    opened.server.close()
    for thread in threading.enumerate():
        if thread.name.startswith("storage-"):
            thread.join(30)


def test_a_jobs_role_is_found_where_ecs_offers_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container of AWS Batch: no keys, but an address that gives some."""
    role = {
        "AccessKeyId": "TASKROLE",
        "SecretAccessKey": "x",
        "Token": "t",
        "Expiration": "2999-01-01T00:00:00Z",
    }
    server = S3()
    server.put("a", b"hello")
    offered = make_server("127.0.0.1", 0, Response(json.dumps(role), content_type="application/json"))
    thread = threading.Thread(target=offered.serve_forever, daemon=True)
    thread.start()
    given = {key: value for key, value in server.variables.items() if "KEY" not in key}
    given["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"http://127.0.0.1:{offered.server_port}/role"
    given |= {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    try:
        address = parse_address(server.address("a"))
        assert open_store(address, given).read(address, 10) == b"hello"
        assert all("Credential=TASKROLE/" in caller for caller in server.callers)
    finally:
        offered.shutdown()
        thread.join(10)
        offered.server_close()
        server.close()

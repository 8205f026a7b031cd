"""Files that are uploaded into Blob Storage without keys, over the plugin's gRPC."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import provider_azure_cloud as az
from support.provider_azure_resources import BLOB
from support.provider_plugin import Plugin, RefusedError

ACCOUNT = "churndev"
CONTENT = b"a,b\n1,2\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[az.Cloud]:
    with az.running(tmp_path_factory.mktemp("azure")) as started:
        yield started


@pytest.fixture(scope="module")
def plugin(cloud: az.Cloud) -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@pytest.fixture
def given(cloud: az.Cloud, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
    container = f"data-{hashlib.sha256(request.node.name.encode()).hexdigest()[:10]}"
    cloud.storage.container(ACCOUNT, container)
    path = tmp_path / "rows.csv"
    path.write_bytes(CONTENT)
    return {
        "account": ACCOUNT,
        "container": container,
        "key": f"{SHA256}.csv",
        "path": str(path),
        "sha256": SHA256,
    }


def test_a_file_is_uploaded_under_its_hash(cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]) -> None:
    blob = plugin.resource(BLOB)
    uri = f"https://{ACCOUNT}.blob.core.windows.net/{given['container']}/{SHA256}.csv"
    assert blob.preview(given)["uri"] == uri
    outputs = blob.create(given)
    assert (outputs["uri"], outputs["bytes"], blob.id) == (uri, len(CONTENT), uri)
    assert cloud.storage.get(ACCOUNT, given["container"], given["key"]) == CONTENT
    sent = cloud.last("blobs_put").headers
    assert sent["x-ms-blob-content-type"] == "text/csv"
    assert sent["authorization"] == "Bearer token for https://storage.azure.com"
    assert blob.read() == outputs
    assert blob.kinds(given) == {}


def test_a_file_that_has_moved_is_not_uploaded_again(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    blob = plugin.resource(BLOB)
    outputs = blob.create(given)
    puts = cloud.count("blobs_put")
    moved = {**given, "path": "/elsewhere/rows.csv"}
    assert not blob.diff(moved).replaces
    assert blob.update(moved) == outputs
    assert cloud.count("blobs_put") == puts


def test_other_content_is_another_blob_and_the_old_one_goes_last(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    blob = plugin.resource(BLOB)
    blob.create(given)
    changed = blob.diff({**given, "sha256": "0" * 64, "key": f"{'0' * 64}.csv"})
    assert (sorted(changed.replaces), changed.deleteBeforeReplace) == (["key", "sha256"], False)
    blob.delete()
    blob.delete()
    assert cloud.storage.names(ACCOUNT, given["container"]) == []


def test_a_blob_removed_by_hand_is_gone_at_refresh(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    blob = plugin.resource(BLOB)
    blob.create(given)
    cloud.storage.accounts[ACCOUNT][given["container"]].clear()
    assert blob.read() is None


def test_a_role_that_was_given_just_now_is_waited_for(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.refuse("blobs_put", 403, times=2, code="AuthorizationPermissionMismatch")
    blob = plugin.resource(BLOB, "waits")
    assert blob.create(given)["bytes"] == len(CONTENT)
    plugin.engine.wait_for("Waiting until a role for data in churndev counts")


def test_another_refusal_is_told_at_once(cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]) -> None:
    puts = cloud.count("blobs_put")
    cloud.refuse("blobs_put", 403, code="AuthorizationFailure")
    with pytest.raises(RefusedError, match="told to fail"):
        plugin.resource(BLOB).create(given)
    assert cloud.count("blobs_put") == puts + 1


def test_a_file_that_has_changed_since_the_program_read_it_is_not_uploaded(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    Path(given["path"]).write_bytes(b"other")
    with pytest.raises(RefusedError, match="has changed since the program read it"):
        plugin.resource(BLOB).create(given)
    Path(given["path"]).unlink()
    with pytest.raises(RefusedError, match="path: there is no file"):
        plugin.resource(BLOB).create(given)
    assert cloud.storage.names(ACCOUNT, given["container"]) == []


@pytest.mark.parametrize(
    ("changed", "path", "words"),
    [
        ({"account": "Churn-Dev"}, "account", "3 to 24 of a-z"),
        ({"container": "a--b"}, "container", "3 to 63"),
        ({"key": f"../{SHA256}"}, "key", "not a blob's name"),
        ({"key": "rows.csv"}, "key", "does not hold the content's SHA-256"),
        ({"sha256": "abc"}, "sha256", "SHA-256"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_asked(
    plugin: Plugin, given: dict[str, Any], changed: dict[str, Any], path: str, words: str
) -> None:
    problems = plugin.resource(BLOB).check({**given, **changed})
    assert list(problems) == [path]
    assert words in problems[path]

"""What a manifest tells, also where it is not what a trainer of ours writes."""

from typing import Any

import pytest
from mlcloud.provider.aws.model_archive import ArchivedModel
from mlcloud.provider.manifest import Manifest


def of_a_folder(source: bytes) -> Any:
    return Manifest(source=source)


def of_an_archive(source: bytes) -> Any:
    return ArchivedModel(source=source, report=None)


kept = pytest.mark.parametrize("read", [of_a_folder, of_an_archive], ids=["folder", "archive"])


@kept
def test_a_manifest_tells_metrics_data_and_its_own_hash(read: Any) -> None:
    found = read(b'{"metrics": {"accuracy": 1, "flag": true}, "data": {"sha256": "a"}, "files": {"b": {}}}')
    assert found.metrics == {"accuracy": 1.0}
    assert found.data_sha256 == "a"
    assert found.files == ["b"]
    # `printf '{}' | sha256sum`
    assert read(b"{}").sha256 == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@kept
@pytest.mark.parametrize("source", [b"no JSON", b"[]", b'{"metrics": [], "data": "a"}', b"[" * 100_000])
def test_what_is_no_manifest_of_ours_tells_nothing_and_breaks_nothing(read: Any, source: bytes) -> None:
    found = read(source)
    assert (found.metrics, found.data_sha256, found.files) == ({}, None, [])

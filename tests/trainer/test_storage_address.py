"""Which texts are addresses of objects, and what they name."""

import pytest
from mlcloud_trainer.storage import Address, StorageError, is_remote, parse_address


@pytest.mark.parametrize(
    ("text", "address", "written"),
    [
        ("s3://our-bucket/a/b.csv", Address(service="s3", bucket="our-bucket", key="a/b.csv"), None),
        (
            "s3://our.bucket/a?b#c",
            Address(service="s3", bucket="our.bucket", key="a?b#c"),
            "s3://our.bucket/a?b#c",
        ),
        (
            "gs://our_bucket/model/",
            Address(service="gs", bucket="our_bucket", key="model"),
            "gs://our_bucket/model",
        ),
        (
            "https://account.blob.core.windows.net/models/a%20b/m.tar",
            Address(service="azure", account="account", bucket="models", key="a b/m.tar"),
            None,
        ),
        (
            "abfss://models@account.dfs.core.windows.net/a/m.tar",
            Address(service="azure", account="account", bucket="models", key="a/m.tar"),
            "https://account.blob.core.windows.net/models/a/m.tar",
        ),
    ],
)
def test_an_address_is_read_and_written(text, address, written):
    assert parse_address(text) == address
    assert str(address) == (written or text)


@pytest.mark.parametrize(
    "text",
    [
        "s3://our-bucket",
        "s3://our-bucket/",
        "s3://our-bucket/a/../b",
        "s3://our-bucket/a//b",
        "s3://our-bucket//a",
        "s3://our-bucket/a\nb",
        "s3://Our-Bucket/a",
        "s3:///a",
        "gs://x/a",
        "http://account.blob.core.windows.net/models/a",
        "https://example.com/models/a",
        "https://blob.core.windows.net.example.com/models/a",
        "https://account.blob.core.windows.net:8080/models/a",
        "https://account.blob.core.windows.net/models/%2e%2e/a",
        "https://account.blob.core.windows.net/models/a%0a",
        "abfss://account.dfs.core.windows.net/a",
        "ftp://host/a",
        "gs-bucket/a",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(StorageError, match="s3://BUCKET/KEY"):
        parse_address(text)


def test_a_key_in_a_query_is_refused_and_not_repeated():
    with pytest.raises(StorageError) as caught:
        parse_address("https://account.blob.core.windows.net/models/a?sig=SECRET")
    assert "SECRET" not in caught.value.problem


@pytest.mark.parametrize(
    ("text", "remote"),
    [("/a/b", False), ("a:b", False), ("file:///a", False), ("s3://b/k", True), ("ftp://h/p", True)],
)
def test_paths_are_told_from_addresses(text, remote):
    assert is_remote(text) is remote


def test_neighbours_and_children_stay_in_the_bucket():
    model = parse_address("s3://our-bucket/model.tar.gz")
    assert str(model.beside("failure")) == "s3://our-bucket/failure"
    assert (
        str(parse_address("gs://our-bucket/a/model") / "manifest.json")
        == "gs://our-bucket/a/model/manifest.json"
    )

"""The bucket and its objects, over the plugin's gRPC as the engines use it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlcloud.provider.values import UNKNOWN
from support.provider_plugin import Plugin, RefusedError

BUCKET = "mlcloud:local:Bucket"
OBJECT = "mlcloud:local:BucketObject"


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


def object_inputs(bucket: Path, source: Path) -> dict[str, Any]:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return {"bucket": str(bucket), "source": str(source), "sha256": digest, "prefix": "data"}


def test_a_bucket_is_a_directory_that_goes_with_it(plugin: Plugin, tmp_path: Path) -> None:
    bucket = plugin.resource(BUCKET)
    directory = tmp_path / "deep" / "bucket"
    assert bucket.preview({"directory": str(directory)})["uri"] == directory.as_uri()
    assert not directory.exists()

    outputs = bucket.create({"directory": str(directory)})

    assert outputs == {"directory": str(directory), "uri": directory.as_uri(), "forceDestroy": False}
    assert directory.is_dir()
    assert bucket.read() == outputs
    bucket.delete()
    bucket.delete()
    assert not directory.exists()
    assert bucket.read() is None


def test_a_bucket_that_holds_something_is_not_deleted_and_says_what_it_holds(
    plugin: Plugin, tmp_path: Path
) -> None:
    bucket = plugin.resource(BUCKET)
    inputs = {"directory": str(tmp_path / "bucket")}
    bucket.create(inputs)
    (tmp_path / "bucket" / "models").mkdir()
    (tmp_path / "bucket" / "models" / "kept.txt").write_text("x")

    with pytest.raises(RefusedError, match=r"not empty: it holds models/kept\.txt\. .*forceDestroy"):
        bucket.delete()

    assert (tmp_path / "bucket" / "models" / "kept.txt").exists()
    assert bucket.kinds({**inputs, "forceDestroy": True}) == {"forceDestroy": "UPDATE"}
    bucket.update({**inputs, "forceDestroy": True})
    bucket.delete()
    assert not (tmp_path / "bucket").exists()


def test_a_directory_that_the_bucket_did_not_make_is_never_taken_nor_removed(
    plugin: Plugin, tmp_path: Path
) -> None:
    directory = tmp_path / "mine"
    directory.mkdir()
    (directory / "letter.txt").write_text("x")
    bucket = plugin.resource(BUCKET)
    with pytest.raises(RefusedError, match="was not made by this resource"):
        bucket.create({"directory": str(directory)})

    bucket.create({"directory": str(tmp_path / "bucket"), "forceDestroy": True})
    (tmp_path / "bucket" / ".mlcloud").unlink()
    (tmp_path / "bucket" / "letter.txt").write_text("x")
    with pytest.raises(RefusedError, match="carries no mark of this resource"):
        bucket.delete()
    assert (tmp_path / "bucket" / "letter.txt").exists()


def test_a_bucket_of_another_resource_is_never_taken(plugin: Plugin, tmp_path: Path) -> None:
    inputs = {"directory": str(tmp_path / "bucket"), "forceDestroy": True}
    first, second = plugin.resource(BUCKET, "first"), plugin.resource(BUCKET, "second")
    first.create(inputs)
    with pytest.raises(RefusedError, match=rf"belongs to {first.urn}: choose another directory"):
        second.create(inputs)
    first.delete()
    second.create(inputs)
    assert (tmp_path / "bucket").is_dir()


def test_a_bucket_made_again_in_its_place_survives_the_deletion_of_the_one_before(
    plugin: Plugin, tmp_path: Path
) -> None:
    """What `pulumi up --replace` does: the new one is created, then the old one is deleted."""
    inputs = {"directory": str(tmp_path / "bucket"), "forceDestroy": True}
    old, new = plugin.resource(BUCKET), plugin.resource(BUCKET)
    old.create(inputs)
    outputs = new.create(inputs)
    (tmp_path / "bucket" / "rows.csv").write_text("x")
    assert old.id != new.id
    old.delete()
    assert (tmp_path / "bucket" / "rows.csv").exists()
    assert new.read() == outputs
    new.delete()
    assert not (tmp_path / "bucket").exists()


def test_links_in_a_bucket_are_removed_and_what_they_point_to_is_not(plugin: Plugin, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("x")
    bucket = plugin.resource(BUCKET)
    inputs = {"directory": str(tmp_path / "bucket")}
    bucket.create(inputs)
    (tmp_path / "bucket" / "link").symlink_to(mine)
    with pytest.raises(RefusedError, match="not empty: it holds link"):
        bucket.delete()
    bucket.update({**inputs, "forceDestroy": True})
    bucket.delete()
    assert not (tmp_path / "bucket").exists()
    assert (mine / "letter.txt").read_text() == "x"


def test_a_link_in_the_buckets_place_is_not_followed(plugin: Plugin, tmp_path: Path) -> None:
    bucket = plugin.resource(BUCKET)
    bucket.create({"directory": str(tmp_path / "bucket"), "forceDestroy": True})
    (tmp_path / "bucket").rename(tmp_path / "moved")
    (tmp_path / "moved" / "letter.txt").write_text("x")
    (tmp_path / "bucket").symlink_to(tmp_path / "moved")
    with pytest.raises(RefusedError, match="is a link"):
        bucket.delete()
    assert (tmp_path / "moved" / "letter.txt").exists()


def test_folders_above_go_with_the_last_that_needed_them_and_others_stay(
    plugin: Plugin, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    data, models = plugin.resource(BUCKET, "data"), plugin.resource(BUCKET, "models")
    data.create({"directory": str(tmp_path / "mine" / "stack" / "buckets" / "data")})
    models.create({"directory": str(tmp_path / "mine" / "stack" / "buckets" / "models")})
    data.delete()
    assert models.read() is not None
    models.delete()
    assert list((tmp_path / "mine").iterdir()) == []

    data.create({"directory": str(tmp_path / "mine" / "stack" / "data")})
    (tmp_path / "mine" / "stack" / "letter.txt").write_text("x")
    data.delete()
    assert (tmp_path / "mine" / "stack" / "letter.txt").exists()


def test_a_deletion_that_was_interrupted_is_completed_by_the_next(plugin: Plugin, tmp_path: Path) -> None:
    bucket = plugin.resource(BUCKET)
    bucket.create({"directory": str(tmp_path / "place" / "bucket"), "forceDestroy": True})
    (tmp_path / "place" / "bucket").rename(tmp_path / "place" / f".bucket.{2**22 + 1}.{'0' * 32}")
    bucket.delete()
    assert list(tmp_path.iterdir()) == []


def test_another_directory_replaces_the_bucket(plugin: Plugin, tmp_path: Path) -> None:
    bucket = plugin.resource(BUCKET)
    bucket.create({"directory": str(tmp_path / "one")})
    found = bucket.diff({"directory": str(tmp_path / "two")})
    assert list(found.replaces) == ["directory"]
    assert not found.deleteBeforeReplace


def test_a_bucket_removed_by_hand_is_made_again_by_the_next_update(plugin: Plugin, tmp_path: Path) -> None:
    bucket = plugin.resource(BUCKET)
    inputs = {"directory": str(tmp_path / "bucket")}
    bucket.create(inputs)
    assert bucket.kinds(inputs) == {}
    (tmp_path / "bucket" / ".mlcloud").unlink()
    (tmp_path / "bucket").rmdir()
    assert bucket.kinds(inputs) == {"uri": "UPDATE"}
    bucket.update(inputs)
    assert bucket.kinds(inputs) == {}


def test_an_object_lies_under_its_own_hash(plugin: Plugin, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    plugin.resource(BUCKET).create({"directory": str(bucket)})
    source = tmp_path / "rows.csv"
    source.write_text("a,b\n1,2\n")
    inputs = object_inputs(bucket, source)
    stored = plugin.resource(OBJECT)
    previewed = stored.preview(inputs)

    outputs = stored.create(inputs)

    assert outputs["key"] == f"data/{inputs['sha256']}/rows.csv"
    assert outputs["bytes"] == 8
    assert Path(outputs["path"]).read_text() == "a,b\n1,2\n"
    assert outputs["uri"] == Path(outputs["path"]).as_uri()
    assert {**previewed, "bytes": 8} == outputs
    assert previewed["bytes"] is UNKNOWN
    assert stored.read() == outputs
    stored.delete()
    stored.delete()
    assert [path.name for path in bucket.iterdir()] == [".mlcloud"]


def test_changed_content_is_another_object_and_a_moved_file_is_the_same(
    plugin: Plugin, tmp_path: Path
) -> None:
    bucket = tmp_path / "bucket"
    plugin.resource(BUCKET).create({"directory": str(bucket)})
    source = tmp_path / "rows.csv"
    source.write_text("a\n1\n")
    stored = plugin.resource(OBJECT)
    before = object_inputs(bucket, source)
    outputs = stored.create(before)

    moved = source.rename(tmp_path / "moved.csv")
    assert stored.kinds({**before, "source": str(moved)}) == {"source": "UPDATE"}
    assert stored.update({**before, "source": str(moved)}) == outputs

    moved.write_text("a\n2\n")
    found = stored.diff(object_inputs(bucket, moved))
    assert list(found.replaces) == ["sha256"]
    assert not found.deleteBeforeReplace


def test_content_that_is_not_what_the_program_read_is_refused_and_leaves_nothing(
    plugin: Plugin, tmp_path: Path
) -> None:
    bucket = tmp_path / "bucket"
    plugin.resource(BUCKET).create({"directory": str(bucket)})
    source = tmp_path / "rows.csv"
    source.write_text("a\n1\n")
    inputs = object_inputs(bucket, source)
    source.write_text("a\n2\n")
    with pytest.raises(RefusedError, match=r"it changed while the stack was updated"):
        plugin.resource(OBJECT).create(inputs)
    assert [path.name for path in bucket.rglob("*")] == [".mlcloud"]

    with pytest.raises(RefusedError, match="is not a bucket of the local cloud"):
        plugin.resource(OBJECT).create({**inputs, "bucket": str(tmp_path)})


def test_a_tampered_object_is_gone_at_refresh(plugin: Plugin, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    plugin.resource(BUCKET).create({"directory": str(bucket)})
    source = tmp_path / "rows.csv"
    source.write_text("a\n1\n")
    stored = plugin.resource(OBJECT)
    path = Path(stored.create(object_inputs(bucket, source))["path"])
    path.chmod(0o644)
    path.write_text("a\n9\n")
    assert stored.read() is None


def test_a_tampered_object_is_copied_again_when_it_is_made_again(plugin: Plugin, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    plugin.resource(BUCKET).create({"directory": str(bucket)})
    source = tmp_path / "rows.csv"
    source.write_text("a\n1\n")
    inputs = object_inputs(bucket, source)
    stored = plugin.resource(OBJECT)
    path = Path(stored.create(inputs)["path"])
    path.chmod(0o644)
    path.write_text("a\n")
    assert stored.kinds(inputs) == {"path": "UPDATE"}
    stored.update(inputs)
    assert path.read_text() == "a\n1\n"
    path.chmod(0o644)
    path.write_text("a\n9\n")
    plugin.resource(OBJECT).create(inputs)
    assert path.read_text() == "a\n1\n"


def test_an_object_made_again_in_its_place_survives_the_deletion_of_the_one_before(
    plugin: Plugin, tmp_path: Path
) -> None:
    bucket = tmp_path / "bucket"
    plugin.resource(BUCKET).create({"directory": str(bucket)})
    source = tmp_path / "rows.csv"
    source.write_text("a\n1\n")
    inputs = object_inputs(bucket, source)
    old, new = plugin.resource(OBJECT, "old"), plugin.resource(OBJECT, "new")
    old.create(inputs)
    outputs = new.create(inputs)
    old.delete()
    assert new.read() == outputs
    assert new.kinds(inputs) == {}
    new.delete()
    assert [path.name for path in bucket.iterdir()] == [".mlcloud"]


def test_an_object_gets_the_ending_that_tells_its_format(plugin: Plugin, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    plugin.resource(BUCKET).create({"directory": str(bucket)})
    source = tmp_path / "rows.txt"
    source.write_text("a\n1\n")
    inputs = {**object_inputs(bucket, source), "suffix": ".csv"}
    stored = plugin.resource(OBJECT)
    previewed = stored.preview(inputs)
    outputs = stored.create(inputs)
    assert previewed["uri"] == outputs["uri"]
    assert Path(outputs["path"]).name == "rows.csv"
    assert list(stored.diff({**inputs, "suffix": ".parquet"}).replaces) == ["suffix"]
    kept = source.rename(tmp_path / "other.CSV")
    assert plugin.resource(OBJECT).create({**inputs, "source": str(kept)})["key"].endswith("/other.CSV")
    problems = stored.check({**inputs, "suffix": "../csv"})
    assert problems == {
        "suffix": '"../csv" is not an ending: a dot and 1 to 16 letters or digits, as `.csv`.'
    }

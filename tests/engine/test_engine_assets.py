"""Files, texts and bundles among the inputs: hashed, kept and compared as Pulumi does it."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
from mlcloud.embedded.properties import values
from support.engine import Stack, Thing

KEY = "4dabf18193072939515e22adb298388d"
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
HELLO = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"

STORED: dict[str, tuple[pulumi.Asset | pulumi.Archive, dict[str, Any]]] = {
    # From pulumi/pulumi's own tests: sdk/go/common/resource/asset_test.go, TestAssetSerialize.
    "a text": (
        pulumi.StringAsset("a test asset"),
        {
            KEY: ASSET,
            "hash": "e34c74529110661faae4e121e57165ff4cb4dbdde1ef9770098aa3695e6b6704",
            "text": "a test asset",
        },
    ),
    "a bundle of a text": (
        pulumi.AssetArchive({"foo": pulumi.StringAsset("a test asset")}),
        {
            KEY: ARCHIVE,
            "hash": "27ab4a14a617df10cff3e1cf4e30cf510302afe56bf4cc91f84041c9f7b62fd8",
            "assets": {"foo": {KEY: ASSET, "text": "a test asset"}},
        },
    ),
    # What the same package's Serialize gave for the files of the fixture below.
    "a file": (pulumi.FileAsset("dir/a.txt"), {KEY: ASSET, "hash": HELLO, "path": "dir/a.txt"}),
    "a folder": (
        pulumi.FileArchive("dir"),
        {
            KEY: ARCHIVE,
            "hash": "b88eaac7c0c4f62c5ab6c5e30c20dbc4296bf312359971e8d45d82bcae34dffc",
            "path": "dir",
        },
    ),
    "a bundle of each": (
        pulumi.AssetArchive(
            {
                "z": pulumi.FileAsset("dir/a.txt"),
                "b": pulumi.StringAsset("t"),
                "s": pulumi.FileArchive("dir/sub"),
            }
        ),
        {
            KEY: ARCHIVE,
            "hash": "ac2dba21926d587a759a64ac908d9160f0af73bea81f66a9dde45aef171225af",
            "assets": {
                "z": {KEY: ASSET, "path": "dir/a.txt"},
                "b": {KEY: ASSET, "text": "t"},
                "s": {KEY: ARCHIVE, "path": "dir/sub"},
            },
        },
    ),
    "an empty bundle": (
        pulumi.AssetArchive({}),
        {
            KEY: ARCHIVE,
            "hash": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
            "assets": {},
        },
    ),
}


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack whose program's folder holds some files."""
    (tmp_path / "dir" / "sub").mkdir(parents=True)
    (tmp_path / "dir" / ".pulumi").mkdir()
    contents = {"a.txt": "hello\n", "a-b": "x", "empty": "", "sub/b.txt": "deep", ".pulumi/own": "left out"}
    for name, text in contents.items():
        (tmp_path / "dir" / name).write_text(text)
    return Stack(tmp_path)


@pytest.mark.parametrize("kind", STORED)
def test_the_state_holds_what_pulumi_would_write(stack: Stack, kind: str) -> None:
    given, stored = STORED[kind]
    assert stack.up(lambda: Thing("a", file=given)).ok, stack.errors
    assert stack.resources["a"].inputs["file"] == stored
    assert stack.preview(lambda: Thing("a", file=given)).resources[-1].inputs["file"] == stored


def test_a_second_update_changes_nothing_also_after_a_refresh(stack: Stack) -> None:
    def program() -> None:
        Thing("a", files=[pulumi.FileAsset("dir/a.txt")], bundle={"inner": pulumi.FileArchive("dir")})

    stack.up(program)
    made = stack.resources["a"].inputs
    assert set(stack.refresh().summary) == {"same"}
    assert stack.resources["a"].inputs == made
    assert set(stack.up(program).summary) == {"same"}


def test_another_place_of_the_same_content_is_no_change_and_other_content_is(stack: Stack) -> None:
    stack.up(lambda: Thing("a", file=pulumi.FileAsset("dir/a.txt")))
    (stack.folder / "copy.txt").write_text("hello\n")
    stack.up(lambda: Thing("a", file=pulumi.FileAsset("copy.txt")))
    assert ("same", "a") in stack.ops
    (stack.folder / "copy.txt").write_text("changed\n")
    stack.up(lambda: Thing("a", file=pulumi.FileAsset("copy.txt")))
    assert ("update", "a") in stack.ops
    assert stack.resources["a"].inputs["file"]["hash"] != HELLO


def test_a_packed_archive_is_its_bytes(stack: Stack) -> None:
    (stack.folder / "packed.zip").write_text("hello\n")
    assert stack.up(lambda: Thing("a", file=pulumi.FileArchive("packed.zip"))).ok
    assert stack.resources["a"].inputs["file"]["hash"] == HELLO


def test_a_provider_is_told_of_earlier_content_by_its_hash_alone(stack: Stack) -> None:
    stack.up(lambda: Thing("a", file=pulumi.FileAsset("dir/a.txt")))
    stack.up(lambda: Thing("a", file=pulumi.StringAsset("other")))
    stack.up(lambda: None)
    told = dict(stack.provider.requests)
    alone = {KEY: ASSET, "hash": HELLO}
    assert values.from_struct(told["create"].properties)["file"] == {**alone, "path": "dir/a.txt"}
    assert values.from_struct(told["diff"].old_inputs)["file"] == alone
    assert set(values.from_struct(told["diff"].news)["file"]) == {KEY, "hash"}
    assert values.from_struct(told["update"].old_inputs)["file"] == alone
    assert values.from_struct(told["update"].news)["file"]["text"] == "other"
    assert set(values.from_struct(told["delete"].old_inputs)["file"]) == {KEY, "hash"}


REFUSED: list[tuple[pulumi.Asset | pulumi.Archive, str]] = [
    (pulumi.FileAsset("missing.csv"), "missing.csv: No such file"),
    (pulumi.FileAsset("dir"), "dir: Is a directory"),
    (pulumi.FileArchive("dir/a.txt"), "neither a folder nor an archive"),
    (pulumi.RemoteAsset("https://example.com/rows.csv"), "run this stack with pulumi"),
    (pulumi.AssetArchive({"in": pulumi.FileArchive("packed.zip")}), "does not unpack it"),
    (pulumi.AssetArchive({"n" * 101: pulumi.StringAsset("x")}), "up to 100 plain characters"),
]


@pytest.mark.parametrize(("given", "told"), REFUSED, ids=[told for _, told in REFUSED])
def test_what_cannot_be_read_is_refused_before_anything_is_made(
    stack: Stack, given: pulumi.Asset | pulumi.Archive, told: str
) -> None:
    assert not stack.up(lambda: Thing("a", file=given)).ok
    assert told in stack.errors[0]
    assert stack.provider.things == {}


def test_a_checkpoint_keeps_the_map_as_it_is(stack: Stack) -> None:
    given, stored = STORED["a bundle of each"]
    stack.up(lambda: Thing("a", file=given))
    assert json.loads(json.dumps(stack.resources["a"].inputs))["file"] == stored

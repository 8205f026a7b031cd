"""The registry's entries, over the plugin's gRPC."""

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlcloud.provider.local.files import sha256_of
from support.provider_models import LINEAGE, Model, make_model
from support.provider_plugin import Plugin, RefusedError, ResourceClient

VERSION = "mlcloud:local:ModelVersion"


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


def inputs_of(root: Path, model: Model) -> dict[str, Any]:
    return {
        "name": "tumours",
        "registryDirectory": str(root / "registry"),
        "modelUri": model.uri,
        "modelSha256": model.sha256,
        "metrics": {"accuracy": 0.9},
    }


def test_a_model_that_is_there_gets_an_entry_named_by_its_hash(plugin: Plugin, tmp_path: Path) -> None:
    model = make_model(tmp_path / "bucket", "B")
    registered = plugin.resource(VERSION)
    inputs = inputs_of(tmp_path, model)
    previewed = registered.preview(inputs)

    outputs = registered.create(inputs)

    assert outputs == previewed
    assert outputs["version"] == model.version
    assert outputs["sha256"] == model.sha256
    assert outputs["uri"] == model.uri
    assert outputs["stage"] == "live"
    entry = json.loads((tmp_path / "registry" / "tumours" / f"{model.version}.json").read_text())
    assert entry["metrics"] == {"accuracy": 0.9}
    assert registered.read() == outputs
    registered.delete()
    registered.delete()
    assert not (tmp_path / "registry").exists()
    assert model.folder.exists()


def test_a_pinned_model_that_is_not_there_is_named_with_uri_and_hash(plugin: Plugin, tmp_path: Path) -> None:
    model = make_model(tmp_path / "bucket", "B")
    absent = Model(tmp_path / "elsewhere", model.sha256)
    with pytest.raises(RefusedError, match="There is no model at") as refused:
        plugin.resource(VERSION).create(inputs_of(tmp_path, absent))
    assert absent.folder.as_uri() in refused.value.message
    assert model.sha256 in refused.value.message
    assert not (tmp_path / "registry").exists()

    with pytest.raises(RefusedError, match=r"has SHA-256 .* it is another one"):
        plugin.resource(VERSION).create({**inputs_of(tmp_path, model), "modelSha256": "0" * 64})


def test_a_tampered_file_of_the_model_is_named(plugin: Plugin, tmp_path: Path) -> None:
    model = make_model(tmp_path / "bucket", "B")
    (model.folder / "model.skops").write_text("other")
    with pytest.raises(RefusedError, match=r"The file model\.skops .* is not the one in its manifest"):
        plugin.resource(VERSION).create(inputs_of(tmp_path, model))
    (model.folder / "model.skops").unlink()
    with pytest.raises(RefusedError, match=r"lacks the file model\.skops"):
        plugin.resource(VERSION).create(inputs_of(tmp_path, model))


def test_a_model_may_travel_as_one_archive_with_its_own_hash(plugin: Plugin, tmp_path: Path) -> None:
    model = make_model(tmp_path / "bucket", "B")
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("manifest.json", "model.skops"):
            content = (model.folder / name).read_bytes()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    inputs = {**inputs_of(tmp_path, model), "modelUri": archive.as_uri(), "modelSha256": sha256_of(archive)}
    assert plugin.resource(VERSION).create(inputs)["version"] == sha256_of(archive)[:12]

    archive.write_bytes(b"no archive")
    with pytest.raises(RefusedError, match="is not an archive"):
        plugin.resource(VERSION).create({**inputs, "modelSha256": sha256_of(archive)})


def test_another_model_is_another_version_and_another_stage_is_not(plugin: Plugin, tmp_path: Path) -> None:
    model = make_model(tmp_path / "bucket", "B")
    registered = plugin.resource(VERSION)
    inputs = inputs_of(tmp_path, model)
    registered.create(inputs)
    assert list(registered.diff({**inputs, "modelSha256": "0" * 64}).replaces) == ["modelSha256"]
    assert registered.kinds({**inputs, "stage": "archived"}) == {"stage": "UPDATE"}
    assert registered.update({**inputs, "stage": "archived"})["stage"] == "archived"


def test_a_version_registered_again_by_another_resource_survives_the_first_ones_deletion(
    plugin: Plugin, tmp_path: Path
) -> None:
    model = make_model(tmp_path / "bucket", "B")
    first, second = plugin.resource(VERSION, "first"), plugin.resource(VERSION, "second")
    first.create(inputs_of(tmp_path, model))
    outputs = second.create(inputs_of(tmp_path, model))
    first.delete()
    assert second.read() == outputs


def entry_of(root: Path, version: str, name: str = "tumours") -> dict[str, Any]:
    return json.loads((root / "registry" / name / f"{version}.json").read_text())


def entries_in(root: Path) -> set[str]:
    return {path.stem for path in (root / "registry").glob("*/*.json")}


def test_an_entry_tells_where_the_model_comes_from(plugin: Plugin, tmp_path: Path) -> None:
    model = make_model(tmp_path / "bucket", "B")
    (model.folder / "report.html").write_text("<h1>report</h1>")
    inputs = {**inputs_of(tmp_path, model), "run": "training-0a1b2c3d4e5f"}
    del inputs["metrics"]
    plugin.resource(VERSION).create(inputs)
    entry = entry_of(tmp_path, model.version)
    assert entry["metrics"] == {"accuracy": 0.9}, "those of the manifest, where none are given"
    assert entry["lineage"] == {
        "data_sha256": "da" * 32,
        "data_rows": 120,
        **{name: LINEAGE[name] for name in ("estimator", "hyperparameters", "settings", "versions")},
        "run": "training-0a1b2c3d4e5f",
        "report": str(model.folder / "report.html"),
    }


def test_a_manifest_that_does_not_tell_its_data_has_no_lineage(plugin: Plugin, tmp_path: Path) -> None:
    model = make_model(tmp_path / "bucket", "B", lineage={"data": {"rows": 3}, "estimator": "svm"})
    plugin.resource(VERSION).create(inputs_of(tmp_path, model))
    assert entry_of(tmp_path, model.version)["lineage"] is None


class TestHistory:
    """What an engine does with a replaced version: the new one is created, then the old one is deleted."""

    def replaced(self, plugin: Plugin, old: ResourceClient, inputs: dict[str, Any]) -> ResourceClient:
        new = plugin.resource(VERSION)
        new.create(inputs)
        old.delete()
        return new

    def test_a_version_that_was_followed_stays_until_the_stack_goes(
        self, plugin: Plugin, tmp_path: Path
    ) -> None:
        old, new = (make_model(tmp_path / "bucket", name) for name in "AB")
        first = plugin.resource(VERSION)
        first.create(inputs_of(tmp_path, old))
        second = self.replaced(plugin, first, inputs_of(tmp_path, new))
        assert entry_of(tmp_path, old.version)["stage"] == "kept"
        assert entry_of(tmp_path, new.version)["stage"] == "live"
        second.delete()
        assert not (tmp_path / "registry").exists()
        assert old.folder.exists()

    def test_a_version_that_is_live_again_is_so_with_the_date_of_its_first_time(
        self, plugin: Plugin, tmp_path: Path
    ) -> None:
        old, new = (make_model(tmp_path / "bucket", name) for name in "AB")
        first = plugin.resource(VERSION)
        first.create(inputs_of(tmp_path, old))
        created = entry_of(tmp_path, old.version)["created"]
        second = self.replaced(plugin, first, inputs_of(tmp_path, new))
        third = self.replaced(plugin, second, inputs_of(tmp_path, old))
        entry = entry_of(tmp_path, old.version)
        assert (entry["stage"], entry["created"], entry["until"]) == ("live", created, None)
        assert entry_of(tmp_path, new.version)["stage"] == "kept"
        third.delete()
        assert not (tmp_path / "registry").exists()

    def test_it_goes_with_its_model(self, plugin: Plugin, tmp_path: Path) -> None:
        models = [make_model(tmp_path / "bucket", name) for name in "ABC"]
        client = plugin.resource(VERSION)
        client.create(inputs_of(tmp_path, models[0]))
        client = self.replaced(plugin, client, inputs_of(tmp_path, models[1]))
        shutil.rmtree(models[0].folder)
        client = self.replaced(plugin, client, inputs_of(tmp_path, models[2]))
        assert entries_in(tmp_path) == {models[1].version, models[2].version}
        client.delete()

    def test_the_same_label_for_another_model_hides_neither(self, plugin: Plugin, tmp_path: Path) -> None:
        old, new = (make_model(tmp_path / "bucket", name) for name in "AB")
        first = plugin.resource(VERSION)
        first.create({**inputs_of(tmp_path, old), "version": "v1"})
        second = self.replaced(plugin, first, {**inputs_of(tmp_path, new), "version": "v1"})
        assert entry_of(tmp_path, "v1")["sha256"] == new.sha256
        kept = entry_of(tmp_path, f"v1.{old.version}")
        assert (kept["sha256"], kept["version"], kept["stage"]) == (old.sha256, "v1", "kept")
        second.delete()
        assert not (tmp_path / "registry").exists()

    def test_another_name_is_the_same_history(self, plugin: Plugin, tmp_path: Path) -> None:
        old, new = (make_model(tmp_path / "bucket", name) for name in "AB")
        first = plugin.resource(VERSION)
        first.create(inputs_of(tmp_path, old))
        second = self.replaced(plugin, first, {**inputs_of(tmp_path, new), "name": "lumps"})
        assert entry_of(tmp_path, old.version)["stage"] == "kept"
        assert entry_of(tmp_path, new.version, "lumps")["stage"] == "live"
        second.delete()
        assert not (tmp_path / "registry").exists()

    def test_the_entry_of_an_earlier_release_is_kept_like_any_other(
        self, plugin: Plugin, tmp_path: Path
    ) -> None:
        old, new = (make_model(tmp_path / "bucket", name) for name in "AB")
        first = plugin.resource(VERSION)
        outputs = first.create(inputs_of(tmp_path, old))
        entry = entry_of(tmp_path, old.version)
        written = {key: value for key, value in entry.items() if key not in ("created", "until", "lineage")}
        Path(outputs["entry"]).write_text(json.dumps(written | {"entry": outputs["entry"]}))
        assert first.read() == outputs
        second = self.replaced(plugin, first, inputs_of(tmp_path, new))
        kept = entry_of(tmp_path, old.version)
        assert (kept["stage"], kept["created"] > 0) == ("kept", True)
        second.delete()
        assert not (tmp_path / "registry").exists()

    def test_another_resource_of_the_same_name_keeps_its_own(self, plugin: Plugin, tmp_path: Path) -> None:
        mine, theirs = (make_model(tmp_path / "bucket", name) for name in "AB")
        first, other = plugin.resource(VERSION, "mine"), plugin.resource(VERSION, "theirs")
        first.create(inputs_of(tmp_path, mine))
        other.create(inputs_of(tmp_path, theirs))
        first.delete()
        assert entries_in(tmp_path) == {theirs.version}
        other.delete()


def test_an_entry_removed_by_hand_is_written_again(plugin: Plugin, tmp_path: Path) -> None:
    registered = plugin.resource(VERSION)
    inputs = inputs_of(tmp_path, make_model(tmp_path / "bucket", "B"))
    entry = Path(registered.create(inputs)["entry"])
    entry.unlink()
    assert registered.kinds(inputs) == {"entry": "UPDATE"}
    assert registered.read() is None
    registered.update(inputs)
    assert entry.is_file()

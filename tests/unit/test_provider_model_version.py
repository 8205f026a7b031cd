"""The registry's entries, over the plugin's gRPC."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlcloud.provider.local.files import sha256_of
from support.provider_models import Model, make_model
from support.provider_plugin import Plugin, RefusedError

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


def test_an_entry_removed_by_hand_is_written_again(plugin: Plugin, tmp_path: Path) -> None:
    registered = plugin.resource(VERSION)
    inputs = inputs_of(tmp_path, make_model(tmp_path / "bucket", "B"))
    entry = Path(registered.create(inputs)["entry"])
    entry.unlink()
    assert registered.kinds(inputs) == {"entry": "UPDATE"}
    assert registered.read() is None
    registered.update(inputs)
    assert entry.is_file()

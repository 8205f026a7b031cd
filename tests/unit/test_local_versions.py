"""The versions of a local stack: the registry's, and models that lie beside the live one."""

import json
import shutil
from pathlib import Path
from typing import Any

from mlcloud.local import operations
from mlcloud.provider.local.registry import Entry, register, unregister
from support.provider_models import LINEAGE, Model, make_model

URN = "urn:pulumi:dev::project::mlcloud:local:ModelVersion::model-version"


class Registry:
    """A stack's registry, written as its resource does, and the outputs of the stack."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 1_700_000_000.0
        self.path = Path()
        self.token = ""

    def go_live(self, model: Model, version: str | None = None, uri: str | None = None) -> dict[str, Any]:
        self.now += 60
        before, label = (self.path, self.token), version or model.version
        self.path, self.token = self.root / "registry" / "tumours" / f"{label}.json", f"t{self.now}"
        entry = Entry(
            name="tumours",
            version=label,
            uri=uri or model.uri,
            sha256=model.sha256,
            stage="live",
            metrics={"accuracy": 0.9},
            lineage={"data_sha256": "da" * 32, "run": "training-1", "new_key": 1},
            created=self.now,
            until=None,
            urn=URN,
            token=self.token,
        )
        register(self.root / "registry", entry)
        if before[1]:
            unregister(self.root / "registry", before[0], URN, before[1])
        return {
            "model_uri": entry.uri,
            "model_sha256": model.sha256,
            "model_version": label,
            "models_bucket": str(self.root / "bucket"),
            "registry": str(self.root / "registry"),
        }


def seen(outputs: dict[str, Any]) -> list[tuple[str, str, bool]]:
    return [(version.label, version.stage, version.is_live) for version in operations.models(outputs)]


def test_earlier_versions_stay_listed_with_where_they_come_from(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    old, new = (make_model(tmp_path / "bucket", name) for name in "AB")
    registry.go_live(old)
    outputs = registry.go_live(new)
    assert seen(outputs) == [(new.version, "live", True), (old.version, "kept", False)]
    live, kept = operations.models(outputs)
    assert kept.lineage is not None
    assert (kept.lineage.run, kept.lineage.data_sha256) == ("training-1", "da" * 32)
    assert (live.uri, live.metrics) == (new.uri, {"accuracy": 0.9})
    assert live.created > kept.created


def test_a_version_goes_from_the_list_with_its_model(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    old, new = (make_model(tmp_path / "bucket", name) for name in "AB")
    registry.go_live(old)
    outputs = registry.go_live(new)
    shutil.rmtree(old.folder)
    assert seen(outputs) == [(new.version, "live", True)]
    shutil.rmtree(new.folder)
    assert seen(outputs) == []


def test_a_promoted_version_is_listed_where_it_lies_and_nothing_else_of_that_bucket(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    theirs = [make_model(tmp_path / "theirs", name) for name in "ABC"]
    registry.go_live(theirs[0])
    outputs = registry.go_live(theirs[1])
    assert [version.uri for version in operations.models(outputs)] == [theirs[1].uri, theirs[0].uri]


def test_a_model_under_two_labels_is_listed_once_under_the_live_one(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    model = make_model(tmp_path / "bucket", "A")
    registry.go_live(model)
    assert seen(registry.go_live(model, "v1")) == [("v1", "live", True)]


def test_what_a_failed_update_has_registered_is_not_live(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    old, new = (make_model(tmp_path / "bucket", name) for name in "AB")
    outputs = registry.go_live(old)
    registry.go_live(new)
    assert sorted(seen(outputs)) == sorted([(old.version, "live", True), (new.version, "kept", False)])


def test_the_registry_of_an_earlier_release_is_listed_with_the_models_beside_the_live_one(
    tmp_path: Path,
) -> None:
    old, new = (make_model(tmp_path / "bucket", name) for name in "AB")
    outputs = Registry(tmp_path).go_live(new)
    entry = tmp_path / "registry" / "tumours" / f"{new.version}.json"
    content = json.loads(entry.read_text())
    earlier = {
        key: value for key, value in content.items() if key not in ("created", "until", "lineage", "metrics")
    }
    entry.write_text(json.dumps(earlier | {"metrics": {"accuracy": 0.8}, "entry": str(entry)}))
    assert sorted(seen(outputs)) == sorted([(new.version, "live", True), (old.version, "kept", False)])
    live = next(version for version in operations.models(outputs) if version.is_live)
    assert live.lineage is not None
    assert (live.lineage.estimator, live.metrics) == (LINEAGE["estimator"], {"accuracy": 0.8})
    without_paths = {key: outputs[key] for key in ("model_uri", "model_sha256", "model_version")}
    assert sorted(seen(without_paths)) == sorted([(new.version, "live", True), (old.version, "kept", False)])


def test_a_file_that_is_no_entry_is_passed_over(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    outputs = registry.go_live(make_model(tmp_path / "bucket", "A"))
    (tmp_path / "registry" / "tumours" / "notes.json").write_text("{}")
    (tmp_path / "registry" / "tumours" / "broken.json").write_text("{")
    assert len(seen(outputs)) == 1

"""What every local component promises: protected data in prod, one type token scheme, versions."""

from pathlib import Path
from typing import Any

import pytest
from mlcloud.core.context import StackContext
from mlcloud.core.settings import load
from mlcloud.local.stack import build
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from support.plan import plan

ROWS = "age,bought\n" + "".join(f"{age},{'yes' if age > 40 else 'no'}\n" for age in range(20, 60))


def stack(environment: str, folder: Path) -> list[dict[str, Any]]:
    (folder / "data.csv").write_text(ROWS)
    settings = load(
        {
            "mlcloud:environment": environment,
            "mlcloud:data": '{"path": "data.csv"}',
            "mlcloud:training": '{"estimator": "svm", "target": "bought"}',
        }
    )
    context = StackContext.of(settings, project="p", stack="s", root=folder, home=folder / ".state")
    servicer = make_servicer(Engine(None))
    found = plan(lambda: build(settings, context), providers={"mlcloud": servicer}, folder=folder)
    assert found.ok, found.diagnostics
    return found.to_dict()["resources"]


def test_prod_protects_and_keeps_what_holds_data(tmp_path: Path) -> None:
    buckets = {
        entry["name"]: entry for entry in stack("prod", tmp_path) if entry["type"] == "mlcloud:local:Bucket"
    }
    assert set(buckets) == {"storage-data", "storage-models", "storage-runs"}
    for name in ("storage-data", "storage-models"):
        assert buckets[name]["protect"]
        assert buckets[name]["retainOnDelete"]
        assert not buckets[name]["inputs"].get("forceDestroy", False)


def test_prods_endpoint_goes_only_when_its_protection_was_taken_off(tmp_path: Path) -> None:
    found = [entry for entry in stack("prod", tmp_path) if entry["type"] == "mlcloud:local:Endpoint"]
    assert [(entry["protect"], entry["retainOnDelete"]) for entry in found] == [(True, False)]


def test_dev_can_be_destroyed_with_what_it_holds(tmp_path: Path) -> None:
    resources = stack("dev", tmp_path)
    assert not any(entry["protect"] or entry["retainOnDelete"] for entry in resources)
    buckets = [entry for entry in resources if entry["type"] == "mlcloud:local:Bucket"]
    assert [entry["inputs"]["forceDestroy"] for entry in buckets] == [True, True, True]


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_type_tokens_are_those_that_a_hosted_component_has(environment: str, tmp_path: Path) -> None:
    for entry in stack(environment, tmp_path):
        package, module, name = entry["type"].split(":")
        assert (package, module) in (("mlcloud", "index"), ("mlcloud", "local"), ("pulumi", "pulumi"))
        assert entry["custom"] == (module == "local")
        assert name[0].isupper()
        if entry["custom"]:
            assert entry["version"], f"{entry['name']} names no provider version"

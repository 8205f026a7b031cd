"""The repository's Azure stack files, planned and applied without a subscription."""

import json
from pathlib import Path
from typing import Any

import pytest
from mlcloud.embedded.engine.engine import Engine
from mlcloud.embedded.project.project import Project
from mlcloud.embedded.state.secrets import Passphrase
from mlcloud.simulated import providers_for
from mlcloud.simulated.azure.replacements import is_known

ROOT = Path(__file__).resolve().parents[2]
STACKS = ["azure-dev", "azure-prod"]


def engine(stack: str, home: Path) -> Engine:
    Passphrase(home=home, environ={}).read(create=True)
    return Engine.open(Project.load(ROOT), stack, home, providers=providers_for("azure", own=True))


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("ARM_SUBSCRIPTION_ID", "ARM_LOCATION_NAME", "AZURE_SUBSCRIPTION_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLCLOUD_HOME", str(tmp_path))


def declared(plan: Any) -> list[Any]:
    return [item for item in plan.resources if item.custom and not item.type.startswith("pulumi:")]


@pytest.mark.parametrize("stack", STACKS)
def test_a_plan_knows_every_input_and_what_forces_replacements(stack: str, tmp_path: Path) -> None:
    plan = engine(stack, tmp_path).preview()
    assert plan.ok, plan.diagnostics
    found = declared(plan)
    assert len(found) > 60
    assert "[unknown]" not in json.dumps([item.inputs for item in found])
    types = {item.type for item in found if item.type.startswith("azure-native:")}
    assert {token for token in types if not is_known(token)} == set(), "name their source in replacements.py"


def test_what_is_named_by_its_content_comes_before_what_it_replaces_goes(tmp_path: Path) -> None:
    """The provider deletes first, unless it is told not to: an endpoint would have nothing that answers."""
    found = declared(engine("azure-prod", tmp_path).preview())
    successors = ("endpoint-deployment", "endpoint-scaling", "environment-version", "model-version")
    told = {item.name: item.delete_before_replace for item in found if item.name in successors}
    assert told == dict.fromkeys(successors, False)
    assert not next(item for item in found if item.name == "endpoint-deployment").protect
    assert next(item for item in found if item.name == "endpoint-endpoint").protect

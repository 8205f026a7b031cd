"""The repository's GCP stack files, planned and applied without a project."""

import json
from pathlib import Path
from typing import Any

import pytest
from mlcloud.embedded.engine.engine import Engine
from mlcloud.embedded.project.project import Project
from mlcloud.embedded.state.secrets import Passphrase
from mlcloud.simulated import providers_for
from mlcloud.simulated.gcp.replacements import is_known

ROOT = Path(__file__).resolve().parents[2]
STACKS = ["gcp-dev", "gcp-prod"]


def engine(stack: str, home: Path) -> Engine:
    Passphrase(home=home, environ={}).read(create=True)
    return Engine.open(Project.load(ROOT), stack, home, providers=providers_for("gcp", own=True))


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLCLOUD_HOME", str(tmp_path))


def declared(plan: Any) -> list[Any]:
    return [item for item in plan.resources if item.custom and not item.type.startswith("pulumi:")]


@pytest.mark.parametrize("stack", STACKS)
def test_a_plan_knows_every_input_and_what_forces_replacements(stack: str, tmp_path: Path) -> None:
    plan = engine(stack, tmp_path).preview()
    assert plan.ok, plan.diagnostics
    found = declared(plan)
    assert len(found) > 40
    assert "[unknown]" not in json.dumps([item.inputs for item in found])
    types = {item.type for item in found if item.type.startswith("gcp:")}
    assert {token for token in types if not is_known(token)} == set(), "name their source in replacements.py"


def test_a_whole_stack_is_applied_and_a_second_update_changes_nothing(tmp_path: Path) -> None:
    planned = engine("gcp-prod", tmp_path).preview()
    result = engine("gcp-prod", tmp_path).up()
    assert result.ok, result.diagnostics
    assert result.summary == planned.summary
    assert set(engine("gcp-prod", tmp_path).up().summary) == {"same"}
    refused = engine("gcp-prod", tmp_path).destroy()
    assert not refused.ok and "protect" in refused.diagnostics[0].message

"""Whole cloud stacks under both engines, with the same simulators: the same operations in the same order."""

import os
import shutil
from pathlib import Path

import pytest
from support.cloud_stack import CloudStack
from support.cloud_stack_cli import CloudStackCli
from support.cloud_stack_golden import GOLDEN, common, names_of, read_golden, record_golden, runs_of
from support.cloud_stacks import STACKS

# An edit of a stack need not wait for a recording; more than a few need one.
MOST = 0.9


@pytest.mark.parametrize("name", STACKS)
def test_the_embedded_engine_does_what_pulumi_did(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MLCLOUD_HOME", str(tmp_path))
    found, recorded = runs_of(CloudStack(name, tmp_path), STACKS[name]), read_golden(name)
    both = names_of(found) & names_of(recorded)
    assert len(both) > MOST * max(len(names_of(found)), len(names_of(recorded))), (
        f"record {GOLDEN.name} again"
    )
    assert common(found, both) == common(recorded, both)


@pytest.mark.skipif(
    shutil.which("pulumi") is None,
    reason="pulumi is not on PATH: the embedded engine is held to what it was recorded to do",
)
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", STACKS)
def test_pulumi_does_what_was_recorded(name: str, tmp_path: Path) -> None:
    stack = CloudStackCli(name, tmp_path)
    found = runs_of(stack, STACKS[name])
    if os.environ.get("MLCLOUD_RECORD"):
        record_golden(name, found)
    recorded = read_golden(name)
    both = names_of(found) & names_of(recorded)
    assert common(found, both) == common(recorded, both), stack.output
    assert found[0]["ok"], stack.output
    assert found[1]["ops"] == [], "the second update changes nothing"

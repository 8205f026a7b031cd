"""The real Pulumi CLI on the same scenarios: alone, and in turn with the embedded engine on one stack."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from support.scenarios import ALL
from support.scenarios.cli import CliSide, cli_version, file_state
from support.scenarios.differences import DIFFERENCES
from support.scenarios.embedded import EmbeddedSide
from support.scenarios.golden import (
    VERSION,
    answer_to,
    answers_to,
    assert_ops,
    assert_things,
    differences,
    read_golden,
)
from support.scenarios.provider import ScenarioProvider
from support.scenarios.scenario import Scenario

if shutil.which("pulumi") is None:
    pytest.skip("pulumi is not on PATH: its recorded answers stand for it", allow_module_level=True)

# The SDK's own, of programs whose run failed: see CliSide.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return read_golden()


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.slug)
def test_the_cli_answers_as_it_was_recorded(
    scenario: Scenario, golden: dict[str, Any], tmp_path: Path
) -> None:
    side = CliSide(tmp_path, ScenarioProvider())
    found = differences(golden["scenarios"][scenario.name], answers_to(scenario, side))
    assert found == {}, f"recorded with {VERSION}, run with {cli_version()}: `make record-engine`"


def _can_take_turns(scenario: Scenario) -> bool:
    """Whether the engines do the same, whatever they show and count."""
    known = DIFFERENCES.get(scenario.name)
    return known is None or not any(path.endswith(("run.ops", "refresh.ops")) for path in known.told)


@pytest.mark.parametrize("scenario", [*filter(_can_take_turns, ALL)], ids=lambda scenario: scenario.slug)
def test_engines_take_turns_on_one_stack(scenario: Scenario, tmp_path: Path) -> None:
    provider = ScenarioProvider()
    cli = CliSide(tmp_path, provider)
    embedded = EmbeddedSide(tmp_path, provider, file_state(cli.home))
    sides: list[Any] = [cli, embedded] if ALL.index(scenario) % 2 else [embedded, cli]
    for number, update in enumerate(scenario.updates):
        told = answer_to(update, sides[number % 2])
        assert told["run"]["ok"] is not bool(update.fails), sides[number % 2].output
        assert_ops(told["run"]["ops"], update.ops)
        assert_things(told, update)
        if not update.fails and update.kind == "up":
            seen = sides[(number + 1) % 2].preview(update.program)
            assert seen["ok"] and seen["resources"] == [], "the other engine has something to do"

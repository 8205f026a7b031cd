"""The real Pulumi CLI on the same scenarios: alone, and in turn with the embedded engine on one stack."""

import os
import shutil
from pathlib import Path

import pytest
from support.engine_both import ALL, FolderStack
from support.engine_golden import (
    assert_ops,
    assert_things,
    normal_state,
    read_golden,
    record_golden,
)
from support.engine_programs import Scenario, Update

if shutil.which("pulumi") is None:
    pytest.skip("pulumi is not on PATH: its recorded answers stand for it", allow_module_level=True)


def run_update(stack: FolderStack, engine: str, number: int, update: Update) -> None:
    stack.choose(number)
    update.before(stack)
    if update.refresh is not None:
        assert stack.run(engine, "refresh"), stack.output
        assert_ops(stack.ops, update.refresh)
    assert stack.run(engine, "up") is not bool(update.fails), stack.output
    assert_ops(stack.ops, update.ops)
    assert_things(stack.snapshot, update)


def run_with_the_cli(scenario: Scenario, folder: Path) -> None:
    stack = FolderStack(folder, scenario.name)
    golden = read_golden(scenario)
    for number, update in enumerate(scenario.updates):
        run_update(stack, "cli", number, update)
        assert normal_state(stack.snapshot) == golden[number]


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.slug)
def test_the_cli_does_what_the_scenario_says(scenario: Scenario, tmp_path: Path) -> None:
    if "MLCLOUD_RECORD" in os.environ:
        record_golden(scenario, record(scenario, tmp_path / "recorded"))
    if scenario.cli_differs:
        with pytest.raises(AssertionError):
            run_with_the_cli(scenario, tmp_path / "stack")
    else:
        run_with_the_cli(scenario, tmp_path / "stack")


def record(scenario: Scenario, folder: Path) -> list[list[dict[str, object]]]:
    stack, states = FolderStack(folder, scenario.name), []
    for number, update in enumerate(scenario.updates):
        stack.choose(number)
        update.before(stack)
        if update.refresh is not None:
            stack.run("cli", "refresh")
        stack.run("cli", "up")
        states.append(normal_state(stack.snapshot))
    return states


@pytest.mark.parametrize(
    "scenario",
    [scenario for scenario in ALL if not scenario.cli_differs],
    ids=lambda scenario: scenario.slug,
)
def test_engines_take_turns_on_one_stack(scenario: Scenario, tmp_path: Path) -> None:
    stack = FolderStack(tmp_path, scenario.name)
    engines = ["cli", "embedded"] if ALL.index(scenario) % 2 else ["embedded", "cli"]
    for number, update in enumerate(scenario.updates):
        run_update(stack, engines[number % 2], number, update)
        if not update.fails:
            assert stack.run(engines[(number + 1) % 2], "preview"), stack.output
            assert_ops(stack.ops, [])

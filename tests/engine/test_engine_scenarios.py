"""Edits of a program and what the embedded engine makes of them: the same as the Pulumi CLI."""

from pathlib import Path

import pytest
from support.engine import Stack
from support.engine_failures import FAILURES
from support.engine_golden import assert_ops, assert_things, normal_state, read_golden
from support.engine_moves import MOVES
from support.engine_programs import Scenario, Update
from support.engine_scenarios import SCENARIOS

ALL = [*SCENARIOS, *FAILURES, *MOVES]
each_scenario = pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.slug)


def run_update(stack: Stack, update: Update) -> None:
    update.before(stack)
    if update.refresh is not None:
        assert stack.refresh().ok
        assert_ops(stack.ops, update.refresh)
    result = stack.up(update.program)
    assert_ops(stack.ops, update.ops)
    assert result.ok is not bool(update.fails), stack.errors
    assert any(update.fails in message for message in stack.errors) or not update.fails, stack.errors
    assert_things(stack.state.snapshot, update)


@each_scenario
def test_scenario(scenario: Scenario, tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    for update in scenario.updates:
        previewed = stack.preview(update.program) if not update.fails else None
        run_update(stack, update)
        if previewed is not None and update.refresh is None:
            # What was previewed is what happened.
            assert previewed.ok
            assert previewed.summary == stack.counts


@each_scenario
def test_the_state_after_each_update_is_what_the_cli_leaves(scenario: Scenario, tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    for update, golden in zip(scenario.updates, read_golden(scenario), strict=True):
        run_update(stack, update)
        assert normal_state(stack.state.snapshot) == golden


@each_scenario
def test_a_stack_is_destroyed_wholly_after_any_scenario(scenario: Scenario, tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    for update in scenario.updates:
        run_update(stack, update)
    stack.provider.fail, stack.provider.broken = {}, {}
    assert stack.destroy().ok
    assert stack.state.snapshot.resources == []
    assert len(stack.provider.things) == scenario.retained

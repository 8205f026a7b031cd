"""Edits of a program and what the embedded engine makes of them."""

from pathlib import Path

import pytest
from support.engine import Stack
from support.engine_scenarios import SCENARIOS, Ops, Scenario, Update


def assert_ops(found: list[tuple[str, str]], expected: Ops) -> None:
    rest = [op for op in found if op[0] != "same"]
    for step in expected:
        together = step if isinstance(step, set) else {step}
        assert set(rest[: len(together)]) == together, (found, expected)
        rest = rest[len(together) :]
    assert not rest, (found, expected)


def run_update(stack: Stack, update: Update) -> None:
    update.before(stack)
    if update.refresh is not None:
        assert stack.refresh().ok
        assert_ops(stack.ops, update.refresh)
    result = stack.up(update.program)
    assert_ops(stack.ops, update.ops)
    assert result.ok is not bool(update.fails), stack.errors
    assert any(update.fails in message for message in stack.errors) or not update.fails, stack.errors
    things = {name: item for name, item in stack.resources.items() if item.type.startswith("test:")}
    assert set(things) == set(update.state)
    for name, inputs in update.state.items():
        assert things[name].inputs == {**things[name].inputs, **inputs}
    assert not stack.state.snapshot.pending_operations


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_scenario(scenario: Scenario, tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    for update in scenario.updates:
        previewed = stack.preview(update.program) if not update.fails else None
        run_update(stack, update)
        if previewed is not None and update.refresh is None:
            # What was previewed is what happened.
            assert previewed.ok
            assert previewed.summary == stack.counts


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_a_stack_is_destroyed_wholly_after_any_scenario(scenario: Scenario, tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    for update in scenario.updates:
        run_update(stack, update)
    assert stack.destroy().ok
    assert stack.state.snapshot.resources == []
    assert stack.provider.things == {}

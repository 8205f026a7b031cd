"""Edits of a program and what the embedded engine makes of them: what scenarios say, and the Pulumi CLI."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from support.scenarios import ALL
from support.scenarios.differences import DIFFERENCES
from support.scenarios.embedded import EmbeddedSide
from support.scenarios.golden import Told, answer_to, assert_ops, assert_things, differences, read_golden
from support.scenarios.scenario import Scenario

each_scenario = pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.slug)


@dataclass(frozen=True, kw_only=True)
class Life:
    """What the embedded engine made of a scenario."""

    side: EmbeddedSide
    told: list[Told]
    errors: list[list[str]]
    """Of each update."""


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Scenario], Life]:
    """Lives through a scenario once, whoever asks."""
    known: dict[str, Life] = {}

    def live(scenario: Scenario) -> Life:
        side = EmbeddedSide(tmp_path_factory.mktemp("scenario"))
        life = Life(side=side, told=[], errors=[])
        for update in scenario.updates:
            life.told.append(answer_to(update, side))
            life.errors.append(list(side.errors))
        return life

    def lived(scenario: Scenario) -> Life:
        if scenario.name not in known:
            known[scenario.name] = live(scenario)
        return known[scenario.name]

    return lived


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return read_golden()


@each_scenario
def test_what_a_scenario_says_comes_to_pass(scenario: Scenario, lives: Callable[[Scenario], Life]) -> None:
    life = lives(scenario)
    for update, told, errors in zip(scenario.updates, life.told, life.errors, strict=True):
        if update.refresh is not None:
            assert told["refresh"]["ok"]
            assert_ops(told["refresh"]["ops"], update.refresh)
        assert_ops(told["run"]["ops"], update.ops)
        assert told["run"]["ok"] is not bool(update.fails), errors
        assert any(update.fails in message for message in errors) or not update.fails, errors
        assert_things(told, update)
        if update.shows is not None:
            assert told["preview"]["outputs"] == update.shows
        if update.kind == "up" and not update.fails:
            # What was previewed is what happened.
            assert told["preview"]["ok"]
            assert told["preview"]["counts"] == (update.foreseen or told["run"]["counts"])


@each_scenario
def test_the_embedded_engine_answers_as_the_cli_did(
    scenario: Scenario, lives: Callable[[Scenario], Life], golden: dict[str, Any]
) -> None:
    found = differences(golden["scenarios"][scenario.name], lives(scenario).told)
    known = DIFFERENCES.get(scenario.name)
    assert found == (known.told if known else {})


@each_scenario
def test_a_stack_is_destroyed_wholly_after_any_scenario(
    scenario: Scenario, lives: Callable[[Scenario], Life]
) -> None:
    side = lives(scenario).side
    side.provider.fail, side.provider.broken = {}, {}
    assert side.run("destroy", lambda: None)["ok"], side.errors
    assert side.snapshot.resources == []
    assert len(side.provider.things) == scenario.retained


def test_every_known_difference_is_that_of_a_scenario() -> None:
    assert {*DIFFERENCES} <= {scenario.name for scenario in ALL}

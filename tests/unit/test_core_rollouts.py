"""A rollout of the settings in shares and seconds: what every cloud's endpoint moves its traffic by."""

import pytest
from mlcloud.core.rollouts import Moves, moves, share_problem
from mlcloud.core.settings import AllAtOnce, Canary, Linear


def test_a_canary_moves_its_share_first_and_is_watched_after_each_move() -> None:
    how = moves(Canary(kind="canary", percent=10, wait_minutes=5), prod=True)
    assert how == Moves(canary_percent=10, wait_s=300, termination_wait_s=300)


def test_a_linear_rollout_moves_one_step_after_the_other() -> None:
    how = moves(Linear(kind="linear", step_percent=25, wait_minutes=1), prod=False)
    assert how == Moves(linear_step_percent=25, wait_s=60, termination_wait_s=0)


@pytest.mark.parametrize(("prod", "wait_s"), [(True, 300), (False, 0)])
def test_all_at_once_is_watched_in_prod_alone(prod: bool, wait_s: float) -> None:
    assert moves(AllAtOnce(), prod=prod) == Moves(wait_s=wait_s, termination_wait_s=wait_s)


@pytest.mark.parametrize(
    ("rollout", "allowed", "fix"),
    [
        (Canary(kind="canary", percent=2.5), "whole percents from 1 to 50", "write 2"),
    ],
)
def test_shares_that_a_service_cannot_split_are_refused(
    rollout: Canary | Linear, allowed: str, fix: str
) -> None:
    problem = share_problem(rollout, service="Vertex AI")
    assert problem is not None
    assert problem.allowed.startswith(allowed) and "Vertex AI" in problem.allowed
    assert problem.fix == fix


def test_whole_shares_are_fine() -> None:
    assert share_problem(Canary(kind="canary", percent=50), service="Azure ML") is None
    assert share_problem(AllAtOnce(), service="Azure ML") is None

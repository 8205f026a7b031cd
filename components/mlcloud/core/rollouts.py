"""How traffic moves to a new version: what a rollout of the settings is in shares and seconds."""

from dataclasses import dataclass
from typing import Final

from mlcloud.core.errors import Problem
from mlcloud.core.settings.model import AllAtOnce, Canary, Linear, Rollout

# In prod the old machines stay so long after the traffic has moved: a rollback then is a matter of seconds.
_PROD_WAIT_S: Final = 300
# What our resources take where they move the traffic themselves.
_SHARES: Final = {"canary": (1, 50), "linear": (10, 50)}


@dataclass(frozen=True, kw_only=True)
class Moves:
    """How an endpoint's traffic moves.

    Attributes:
        canary_percent: Share that moves first; None is no canary.
        linear_step_percent: Share of each step; None is no steps.
        wait_s: Seconds that alarms are watched after each move.
        termination_wait_s: Seconds that the old machines stay after the last one.
    """

    canary_percent: int | None = None
    linear_step_percent: int | None = None
    wait_s: float = 0
    termination_wait_s: float = 0


def moves(rollout: Rollout, *, prod: bool) -> Moves:
    """Return how traffic moves in a rollout; in prod, all at once is watched too."""
    after_s = _PROD_WAIT_S if prod else 0
    match rollout:
        case Canary():
            return Moves(
                canary_percent=int(rollout.percent),
                wait_s=rollout.wait_minutes * 60,
                termination_wait_s=after_s,
            )
        case Linear():
            return Moves(
                linear_step_percent=int(rollout.step_percent),
                wait_s=rollout.wait_minutes * 60,
                termination_wait_s=after_s,
            )
        case AllAtOnce():
            return Moves(wait_s=after_s, termination_wait_s=after_s)


def share_problem(rollout: Rollout, *, service: str) -> Problem | None:
    """Return the problem of a rollout in shares that a service cannot split; None is no problem.

    Args:
        rollout: How traffic is to move.
        service: Who splits it, for people.
    """
    if isinstance(rollout, AllAtOnce):
        return None
    share = rollout.percent if isinstance(rollout, Canary) else rollout.step_percent
    low, high = _SHARES[rollout.kind]
    if share == int(share) and low <= share <= high:
        return None
    return Problem(
        path="rollout",
        value=share,
        allowed=f"whole percents from {low} to {high}: {service} splits traffic by no others",
        fix=f"write {min(max(low, round(share)), high)}",
    )

"""How traffic can move on Azure ML: what the settings and the endpoint both refuse."""

from typing import Final

from mlcloud.core.errors import Problem
from mlcloud.core.settings.model import AllAtOnce, Canary, Rollout

# Weights are whole percents (OnlineEndpointProperties.traffic); our traffic takes a step of 10 to 50.
_SHARES: Final = {"canary": (1, 50), "linear": (10, 50)}


def rollout_problem(rollout: Rollout) -> Problem | None:
    """Return the problem of a rollout that Azure ML cannot do; None is no problem."""
    if isinstance(rollout, AllAtOnce):
        return None
    share = rollout.percent if isinstance(rollout, Canary) else rollout.step_percent
    low, high = _SHARES[rollout.kind]
    if share == int(share) and low <= share <= high:
        return None
    return Problem(
        path="rollout",
        value=share,
        allowed=f"whole percents from {low} to {high}: Azure ML splits traffic by no others",
        fix=f"write {min(max(low, round(share)), high)}",
    )

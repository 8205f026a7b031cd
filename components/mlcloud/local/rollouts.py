"""How traffic can move on this machine: what the settings and the endpoint both refuse."""

from typing import Final

from mlcloud.core.errors import Problem
from mlcloud.core.rollouts import Moves, moves, share_problem
from mlcloud.core.settings.model import AllAtOnce, Rollout

# Long enough for a server that crashes as soon as it has requests, short enough to be waited for.
_FIRST_SECONDS: Final = 3.0


def rollout_problem(rollout: Rollout) -> Problem | None:
    """Return the problem of a rollout that this machine cannot do; None is no problem.

    The supervisor hands out connections in turns of a hundred.
    """
    return share_problem(rollout, service="the endpoint's supervisor")


def moves_here(rollout: Rollout) -> Moves:
    """Return how traffic moves on this machine, in every environment alike.

    All at once, a new version is watched for its first 3 seconds, in prod too: there are no machines to wait
    for, and whoever wants it watched for longer chooses a canary. The old version stands by until then.
    """
    if isinstance(rollout, AllAtOnce):
        return Moves(wait_s=_FIRST_SECONDS)
    return moves(rollout, prod=False)

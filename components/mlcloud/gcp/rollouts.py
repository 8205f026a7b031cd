"""How traffic can move on Vertex AI: what the settings and the endpoint both refuse."""

from mlcloud.core.errors import Problem
from mlcloud.core.rollouts import share_problem
from mlcloud.core.settings.model import Rollout


def rollout_problem(rollout: Rollout) -> Problem | None:
    """Return the problem of a rollout that Vertex AI cannot do; None is no problem.

    Traffic is split in whole percents (Endpoint.trafficSplit).
    """
    return share_problem(rollout, service="Vertex AI")

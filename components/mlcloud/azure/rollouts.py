"""How traffic can move on Azure ML: what the settings and the endpoint both refuse."""

from mlcloud.core.errors import Problem
from mlcloud.core.rollouts import share_problem
from mlcloud.core.settings.model import Rollout


def rollout_problem(rollout: Rollout) -> Problem | None:
    """Return the problem of a rollout that Azure ML cannot do; None is no problem.

    Weights are whole percents (OnlineEndpointProperties.traffic).
    """
    return share_problem(rollout, service="Azure ML")

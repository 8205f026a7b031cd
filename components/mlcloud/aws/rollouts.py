"""How traffic may move on SageMaker: what deployment guardrails can do, in numbers and by kind of capacity.

Limits: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_BlueGreenUpdatePolicy.html. They are for
real-time and asynchronous endpoints (https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html)
without Inf1 (https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html).
"""

import math
from typing import Final

from mlcloud.core.errors import Problem
from mlcloud.core.settings import AllAtOnce, Canary, Linear, Rollout

_STARTING_S: Final = 3600
_LONGEST_UPDATE_S: Final = 28800


def update_s(rollout: Rollout) -> float:
    """Seconds that an update may take: starting the machines, and watching after each move."""
    match rollout:
        case Canary():
            moves = 2
        case Linear():
            moves = math.ceil(100 / rollout.step_percent)
        case AllAtOnce():
            return _STARTING_S
    return _STARTING_S + moves * rollout.wait_minutes * 60


def rollout_problems(rollout: Rollout, *, instance_type: str | None) -> list[Problem]:
    """Return what SageMaker cannot do of a rollout.

    Args:
        rollout: How traffic is to move.
        instance_type: The machines that answer; None where capacity is serverless.
    """
    if isinstance(rollout, AllAtOnce):
        return []
    problems: list[Problem] = []
    if instance_type is None:
        problems.append(
            Problem(
                path="rollout.kind",
                value=rollout.kind,
                allowed="all-at-once with serverless capacity: SageMaker moves its traffic in one step",
                fix="use all-at-once, or capacity of the kind instance",
            )
        )
    elif instance_type.startswith("ml.inf1."):
        problems.append(
            Problem(
                path="rollout.kind",
                value=rollout.kind,
                allowed="all-at-once on ml.inf1 machines",
                fix="use all-at-once, or ml.inf2 machines",
            )
        )
    match rollout:
        case Canary():
            name, share = "percent", rollout.percent
        case Linear():
            name, share = "step_percent", rollout.step_percent
    if share != int(share):
        problems.append(
            Problem(
                path=f"rollout.{name}",
                value=share,
                allowed="whole percents: SageMaker takes no others",
                fix=f"write {max(1, round(share))}",
            )
        )
    if update_s(rollout) > _LONGEST_UPDATE_S:
        problems.append(
            Problem(
                path="rollout.wait_minutes",
                value=rollout.wait_minutes,
                allowed="an update of at most 8 hours, an hour for starting the machines included",
                fix="wait less between the moves, or make fewer of them",
            )
        )
    return problems

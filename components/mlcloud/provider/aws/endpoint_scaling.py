"""What scales an endpoint's variants: put aside where SageMaker demands it, and put back as it was.

SageMaker refuses another instance type while a variant is a registered target of Application Auto Scaling
(https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html); deregistering a target deletes
its policies and scheduled actions
(https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeregisterScalableTarget.html).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlcloud.provider.aws.clients import AwsError, Clients

_SERVICE: Final = "application-autoscaling"
_NAMESPACE: Final = "sagemaker"
_POLICY_KEYS: Final = (
    "PolicyName",
    "ResourceId",
    "ScalableDimension",
    "PolicyType",
    "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)
_ACTION_KEYS: Final = (
    "ScheduledActionName",
    "Schedule",
    "Timezone",
    "ResourceId",
    "ScalableDimension",
    "StartTime",
    "EndTime",
    "ScalableTargetAction",
)
_TARGET_KEYS: Final = ("ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity", "SuspendedState")


@dataclass(frozen=True, kw_only=True)
class ScalingTarget:
    """A registered target with all that hangs on it, as parameters of the calls that make it again.

    Attributes:
        target: of `RegisterScalableTarget`.
        policies: of `PutScalingPolicy`, one each.
        actions: of `PutScheduledAction`, one each.
    """

    target: dict[str, Any]
    policies: tuple[dict[str, Any], ...]
    actions: tuple[dict[str, Any], ...]


def resource_id(endpoint: str, variant: str) -> str:
    """How Application Auto Scaling names a variant."""
    return f"endpoint/{endpoint}/variant/{variant}"


def targets(clients: Clients, endpoint: str, variants: Sequence[str]) -> list[ScalingTarget]:
    """The registered targets among an endpoint's variants."""
    found: list[ScalingTarget] = []
    if not variants:
        return found
    identifiers = [resource_id(endpoint, variant) for variant in variants]
    for target in clients.pages(
        _SERVICE,
        "describe_scalable_targets",
        "ScalableTargets",
        ServiceNamespace=_NAMESPACE,
        ResourceIds=identifiers,
    ):
        parameters = _picked(target, _TARGET_KEYS)
        tags = _tags(clients, target)
        if tags:
            parameters["Tags"] = tags
        policies = _on(clients, target, "describe_scaling_policies", "ScalingPolicies", _POLICY_KEYS)
        actions = _on(clients, target, "describe_scheduled_actions", "ScheduledActions", _ACTION_KEYS)
        found.append(ScalingTarget(target=parameters, policies=policies, actions=actions))
    return found


def deregister(clients: Clients, scaling: Sequence[ScalingTarget]) -> None:
    """Take targets out; one that is gone is no error."""
    for item in scaling:
        try:
            clients.call(
                _SERVICE,
                "deregister_scalable_target",
                ServiceNamespace=_NAMESPACE,
                ResourceId=item.target["ResourceId"],
                ScalableDimension=item.target["ScalableDimension"],
            )
        except AwsError as error:
            if error.code != "ObjectNotFoundException":
                raise


def register(clients: Clients, scaling: Sequence[ScalingTarget]) -> None:
    """Put targets back with their bounds, policies and scheduled actions."""
    for item in scaling:
        clients.call(_SERVICE, "register_scalable_target", ServiceNamespace=_NAMESPACE, **item.target)
        for policy in item.policies:
            clients.call(_SERVICE, "put_scaling_policy", ServiceNamespace=_NAMESPACE, **policy)
        for action in item.actions:
            clients.call(_SERVICE, "put_scheduled_action", ServiceNamespace=_NAMESPACE, **action)


def unstarted(scaling: Sequence[ScalingTarget]) -> list[str]:
    """Policies that no alarm starts any more once they were put back, in words.

    A step policy is started by an alarm of somebody else's, and loses that with its target: the end of a
    policy takes the action out of the alarm and leaves the alarm
    (https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeleteScalingPolicy.html). Target
    tracking makes its alarms itself.
    """
    return [
        f"{policy['PolicyName']} of {item.target['ResourceId']}"
        for item in scaling
        for policy in item.policies
        if policy["PolicyType"] == "StepScaling"
    ]


def described(scaling: Sequence[ScalingTarget]) -> str:
    """Targets in words: what they scale and between which bounds."""
    return ", ".join(
        f"{item.target['ResourceId']} from {item.target['MinCapacity']} to {item.target['MaxCapacity']}"
        for item in scaling
    )


def _on(
    clients: Clients, target: dict[str, Any], operation: str, member: str, keys: Sequence[str]
) -> tuple[dict[str, Any], ...]:
    """What hangs on a target."""
    items = clients.pages(
        _SERVICE,
        operation,
        member,
        ServiceNamespace=_NAMESPACE,
        ResourceId=target["ResourceId"],
        ScalableDimension=target["ScalableDimension"],
    )
    return tuple(_picked(item, keys) for item in items)


def _tags(clients: Clients, target: dict[str, Any]) -> dict[str, str]:
    arn = target.get("ScalableTargetARN")
    if arn is None:  # targets from before 2023 have none, and no tags
        return {}
    return clients.call(_SERVICE, "list_tags_for_resource", ResourceARN=arn).get("Tags", {})


def _picked(item: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: item[key] for key in keys if item.get(key) is not None}

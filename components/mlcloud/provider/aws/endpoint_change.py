"""Calls that make, change and end an endpoint, and wait for what comes of it.

States: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html; moving traffic:
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html.
"""

import math
import time
from collections.abc import Mapping
from typing import Any, Final, cast

from mlcloud.provider.aws.clients import AwsError, Clients, tag_list
from mlcloud.provider.aws.endpoint_inputs import EndpointInputs
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.resource import Context

IN_SERVICE: Final = "InService"
FAILED: Final = "Failed"
# AWS's own upkeep: it serves as before.
MAINTENANCE: Final = "SystemUpdating"
MOVING: Final = ("Creating", "Updating", MAINTENANCE, "RollingBack", "Deleting")
_FIRST_POLL_S: Final = 0.25
_LONGEST_POLL_S: Final = 15.0
_POLL_GROWTH: Final = 1.5
# SageMaker keeps `MaximumExecutionTimeoutInSeconds` itself; this is for the way back.
_ROLLBACK_MARGIN_S: Final = 1800.0

# What `UpdateEndpoint` retains, by the property of a variant's configuration that declares it.
_RETAINED: Final = {"DesiredInstanceCount": "InitialInstanceCount", "DesiredWeight": "InitialVariantWeight"}


def describe(clients: Clients, name: str) -> dict[str, Any] | None:
    """The endpoint as SageMaker has it; None when there is none."""
    try:
        return clients.call("sagemaker", "describe_endpoint", EndpointName=name)
    except AwsError as error:
        if error.is_missing:
            return None
        raise


def describe_config(clients: Clients, name: str) -> dict[str, Any] | None:
    """An endpoint configuration; None when there is none."""
    try:
        return clients.call("sagemaker", "describe_endpoint_config", EndpointConfigName=name)
    except AwsError as error:
        if error.is_missing:
            return None
        raise


def variants(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A configuration's production variants by name."""
    found = cast("list[dict[str, Any]]", config["ProductionVariants"])
    return {str(variant["VariantName"]): variant for variant in found}


def becomes_serverless(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether machines would give way to serverless capacity, which SageMaker refuses; the other way is open.

    https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-update.html
    """
    return "ServerlessConfig" in after and "ServerlessConfig" not in before


def create(clients: Clients, new: EndpointInputs) -> None:
    """Start to make the endpoint. Rollback and steps are of no use yet: there is nothing to go back to."""
    clients.call(
        "sagemaker",
        "create_endpoint",
        EndpointName=new.name,
        EndpointConfigName=new.endpoint_config_name,
        Tags=tag_list(new.tags),
    )


def update(
    clients: Clients,
    new: EndpointInputs,
    live: Mapping[str, Any] | None,
    wanted: Mapping[str, Any],
    scaled: bool,
) -> None:
    """Start to move the traffic.

    Args:
        clients: AWS.
        new: what is wanted.
        live: the configuration that runs, None where it is gone.
        wanted: the configuration that is to run.
        scaled: whether the number of machines belongs to autoscaling.
    """
    if any("ServerlessConfig" in variant for variant in variants(wanted).values()):
        # It has no machines to keep the number of, and guardrails are for the other kinds
        # (https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html).
        config = new.endpoint_config_name
        clients.call("sagemaker", "update_endpoint", EndpointName=new.name, EndpointConfigName=config)
        return
    excluded = [
        {"VariantPropertyType": kind}
        for kind, declared in _RETAINED.items()
        if live is not None
        and not (kind == "DesiredInstanceCount" and scaled)
        and _declared(live, declared) != _declared(wanted, declared)
    ]
    # What is captured is declared, and by nothing but the configuration.
    excluded.append({"VariantPropertyType": "DataCaptureConfig"})
    clients.call(
        "sagemaker",
        "update_endpoint",
        EndpointName=new.name,
        EndpointConfigName=new.endpoint_config_name,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=excluded,
        DeploymentConfig=deployment_config(new),
    )


def deployment_config(new: EndpointInputs) -> dict[str, Any]:
    """How traffic moves, what rolls it back, and how long it may take."""
    routing: dict[str, Any] = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": math.ceil(new.wait_s)}
    if new.canary_percent is not None:
        routing["Type"] = "CANARY"
        routing["CanarySize"] = {"Type": "CAPACITY_PERCENT", "Value": new.canary_percent}
    elif new.linear_step_percent is not None:
        routing["Type"] = "LINEAR"
        routing["LinearStepSize"] = {"Type": "CAPACITY_PERCENT", "Value": new.linear_step_percent}
    found: dict[str, Any] = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": math.ceil(new.termination_wait_s),
            "MaximumExecutionTimeoutInSeconds": math.ceil(new.timeout_s),
        }
    }
    if new.alarm_names:
        found["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in new.alarm_names]}
    return found


def tag(clients: Clients, arn: str, old: Mapping[str, str], new: dict[str, str]) -> None:
    """Give the endpoint its tags."""
    tags = tag_list({key: value for key, value in new.items() if old.get(key) != value})
    if tags is not None:
        clients.call("sagemaker", "add_tags", ResourceArn=arn, Tags=tags)
    gone = sorted(set(old) - set(new))
    if gone:
        clients.call("sagemaker", "delete_tags", ResourceArn=arn, TagKeys=gone)


def settle(context: Context, clients: Clients, name: str, limit_s: float) -> dict[str, Any] | None:
    """Wait until the endpoint does not change any more; returns it, or None when it is gone.

    Raises:
        ResourceError: it still changes after `limit_s` and the time to roll back.
        Cancelled: the engine asked to stop; what AWS is doing goes on.
    """
    deadline = time.monotonic() + limit_s + _ROLLBACK_MARGIN_S
    shown, poll_s = "", _FIRST_POLL_S
    while True:
        found = describe(clients, name)
        if found is None or found["EndpointStatus"] not in MOVING:
            return found
        words = _stage(found)
        if words != shown:
            context.log(f"The endpoint {name}: {words}", ephemeral=True)
            shown = words
        if time.monotonic() > deadline:
            raise ResourceError(
                f"The endpoint {name} is still {found['EndpointStatus']} after {limit_s:g} s (timeoutS). "
                "Look at it in SageMaker, and run the update again: it follows what goes on."
            )
        context.pause(poll_s)
        poll_s = min(poll_s * _POLL_GROWTH, _LONGEST_POLL_S)


def delete(context: Context, clients: Clients, name: str, limit_s: float) -> None:
    """End the endpoint and wait until it is gone; SageMaker refuses that while it changes."""
    found = settle(context, clients, name, limit_s)
    if found is None:
        return
    try:
        clients.call("sagemaker", "delete_endpoint", EndpointName=name)
    except AwsError as error:
        if not error.is_missing:
            raise
    settle(context, clients, name, limit_s)


def _declared(config: Mapping[str, Any], key: str) -> dict[str, object]:
    return {name: variant.get(key) for name, variant in variants(config).items()}


def _stage(found: Mapping[str, Any]) -> str:
    """The endpoint's state, with the step that its traffic is at."""
    summary = cast("dict[str, Any]", found.get("PendingDeploymentSummary") or {})
    pending = cast("list[dict[str, Any]]", summary.get("ProductionVariants", []))
    steps = [
        str(status.get("StatusMessage") or status.get("Status"))
        for variant in pending
        for status in cast("list[dict[str, Any]]", variant.get("VariantStatus", []))
    ]
    return "; ".join([str(found["EndpointStatus"]), *dict.fromkeys(steps)])

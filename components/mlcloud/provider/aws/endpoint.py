"""An endpoint of SageMaker: changes are proven by what is live, and nothing that is live is ever deleted."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from typing_extensions import override

from mlcloud.provider.aws import endpoint_change as change
from mlcloud.provider.aws import endpoint_history as history
from mlcloud.provider.aws import endpoint_scaling as scaling
from mlcloud.provider.aws.clients import AwsError, Clients, clients_in
from mlcloud.provider.aws.endpoint_inputs import DEFAULT_TIMEOUT_S, EndpointInputs, EndpointOutputs
from mlcloud.provider.errors import Cancelled, Problem, ResourceError, Unhealthy
from mlcloud.provider.resource import Context, Resource


class Endpoint(
    Resource[EndpointInputs, EndpointOutputs], token="mlcloud:aws:Endpoint", delete_before_replace=False
):
    """Runs an endpoint configuration; an update is proven by what is live, and a rollback fails it.

    Capacity survives an update, a changed instance type takes the scaling target out and puts it back, and
    the last configurations stay with their models. See ADR 0007.
    """

    @override
    def check(self, old: EndpointInputs | None, new: EndpointInputs) -> list[Problem]:
        """One way to move traffic, and time enough for it."""
        del old
        problems: list[Problem] = []
        if new.canary_percent is not None and new.linear_step_percent is not None:
            reason = "`canaryPercent` and `linearStepPercent` are two ways to move traffic: give one."
            problems.append(Problem(path="linearStepPercent", reason=reason))
        moves = 1 if new.canary_percent is None else 2
        if new.linear_step_percent is not None:
            moves = -(-100 // new.linear_step_percent)
        needed_s = moves * new.wait_s + new.termination_wait_s
        if needed_s > new.timeout_s:
            reason = (
                f"{new.timeout_s:g} is less than the {needed_s:g} s that `waitS` and `terminationWaitS` need."
            )
            problems.append(Problem(path="timeoutS", reason=reason))
        return problems

    @override
    def preview(self, new: EndpointInputs, old: EndpointOutputs | None) -> Mapping[str, object]:
        """What is live when the update has succeeded."""
        return {"status": change.IN_SERVICE}

    @override
    def drift(self, identifier: str, outputs: EndpointOutputs) -> list[str]:
        """An endpoint that was last seen ill; what it is now, `read` asks."""
        return [] if outputs.status == change.IN_SERVICE else ["status"]

    @override
    def create(self, context: Context, new: EndpointInputs) -> tuple[str, EndpointOutputs]:
        """Make it, or go on with the endpoint of this name that an interrupted update left."""
        return new.name, _run(context, clients_in(new.region), new, {}, ())

    @override
    def read(
        self, context: Context, identifier: str, inputs: EndpointInputs, outputs: EndpointOutputs
    ) -> EndpointOutputs | None:
        """Gone when there is no such endpoint; ill when it does not run its configuration."""
        clients = clients_in(outputs.region)
        found = change.describe(clients, outputs.name)
        if found is None:
            return None
        seen = _outputs(clients, inputs, found, outputs.config_names)
        reason = _illness(found, inputs.endpoint_config_name)
        if reason is not None:
            raise Unhealthy(identifier, seen, [f"{reason} The next update mends it."])
        return replace(seen, status=change.IN_SERVICE)

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: EndpointInputs,
        outputs: EndpointOutputs,
        new: EndpointInputs,
    ) -> EndpointOutputs:
        """Move the traffic to another configuration; what is live afterwards decides."""
        return _run(context, clients_in(new.region), new, old.tags, outputs.config_names)

    @override
    def delete(self, context: Context, identifier: str, outputs: EndpointOutputs) -> None:
        """End it, then its configurations and their models; data and archives of models stay."""
        clients = clients_in(outputs.region)
        scaling.deregister(clients, scaling.targets(clients, outputs.name, outputs.variant_names))
        change.delete(context, clients, outputs.name, DEFAULT_TIMEOUT_S)
        history.clean(context, clients, outputs.name, outputs.config_names, keep=0, live=None)


def _run(
    context: Context,
    clients: Clients,
    new: EndpointInputs,
    old_tags: Mapping[str, str],
    config_names: list[str] | tuple[str, ...],
) -> EndpointOutputs:
    """Bring the endpoint to its configuration from wherever it is."""
    wanted = change.describe_config(clients, new.endpoint_config_name)
    if wanted is None:
        raise ResourceError(
            f"endpointConfigName: there is no configuration {new.endpoint_config_name} in {new.region}."
        )
    names = history.with_latest(config_names, new.endpoint_config_name)
    started = False
    try:
        found = change.settle(context, clients, new.name, new.timeout_s)
        if found is not None and found["EndpointStatus"] == change.FAILED:
            context.log(f"The endpoint {new.name} had failed: making it again.", severity="warning")
            change.delete(context, clients, new.name, new.timeout_s)
            found = None
        started = True
        if found is None:
            change.create(clients, new)
            found = change.settle(context, clients, new.name, new.timeout_s)
            _stop_on_failed_start(context, clients, new, found)
        else:
            change.tag(clients, str(found["EndpointArn"]), old_tags, new.tags)
            if _illness(found, new.endpoint_config_name) is not None:
                found = _move(context, clients, new, found, wanted)
    except Cancelled:
        seen = change.describe(clients, new.name)
        if seen is None or not started:
            raise
        status = seen["EndpointStatus"]
        reason = f"Stopped, as asked; the endpoint {new.name} is {status}, and AWS goes on with it."
        raise Unhealthy(new.name, _outputs(clients, new, seen, names), [reason]) from None
    if found is None:
        raise ResourceError(f"The endpoint {new.name} was deleted while it was changed.")
    reason = _illness(found, new.endpoint_config_name)
    if reason is not None:
        raise Unhealthy(new.name, _outputs(clients, new, found, names), [reason])
    live = str(found["EndpointConfigName"])
    left = history.clean(context, clients, new.name, names, keep=new.retained_configs, live=live)
    return _outputs(clients, new, found, left)


def _move(
    context: Context, clients: Clients, new: EndpointInputs, found: dict[str, Any], wanted: dict[str, Any]
) -> dict[str, Any] | None:
    """Move the traffic. Where a machine type changes, its scaling target goes first and comes back after."""
    live = change.describe_config(clients, str(found["EndpointConfigName"]))
    after = change.variants(wanted)
    before = after if live is None else change.variants(live)
    if set(before) != set(after):
        raise ResourceError(
            f"endpointConfigName: its variants are {', '.join(after)}, and the endpoint {new.name} runs "
            f"{', '.join(before)}. SageMaker moves traffic between variants of the same names: keep them."
        )
    targets = scaling.targets(clients, new.name, list(before))
    changed = {
        scaling.resource_id(new.name, name)
        for name in after
        if live is None or before[name].get("InstanceType") != after[name].get("InstanceType")
    }
    aside = [item for item in targets if item.target["ResourceId"] in changed]
    scaling.deregister(clients, aside)
    try:
        change.update(clients, new, live, wanted, scaled=bool(targets))
        return change.settle(context, clients, new.name, new.timeout_s)
    finally:
        _put_back(context, clients, new, aside)


def _put_back(
    context: Context, clients: Clients, new: EndpointInputs, aside: list[scaling.ScalingTarget]
) -> None:
    """Register what was taken out, whatever came of the update."""
    try:
        scaling.register(clients, aside)
    except ResourceError as error:
        context.log(
            f"The endpoint {new.name} does not scale now: {error} Run the update with a refresh, which "
            f"declares again what was there: {scaling.described(aside)}.",
            severity="error",
        )


def _stop_on_failed_start(
    context: Context, clients: Clients, new: EndpointInputs, found: dict[str, Any] | None
) -> None:
    """An endpoint that never served is removed: it would only keep its name."""
    if found is None or found["EndpointStatus"] != change.FAILED:
        return
    reason = str(found.get("FailureReason", "SageMaker gives no reason")).strip()
    change.delete(context, clients, new.name, new.timeout_s)
    raise ResourceError(
        f"The endpoint {new.name} could not be made: {reason}\nNothing of it is left. Its "
        f"log: {_log_group(new.name)} in CloudWatch."
    )


def _log_group(name: str) -> str:
    return f"/aws/sagemaker/Endpoints/{name}"


def _illness(found: Mapping[str, Any], config_name: str) -> str | None:
    """What is wrong with an endpoint; None when it runs the configuration."""
    name, status, live = found["EndpointName"], found["EndpointStatus"], found["EndpointConfigName"]
    cause = f": {str(found['FailureReason']).strip()}" if found.get("FailureReason") else ""
    if status not in (change.IN_SERVICE, change.MAINTENANCE):
        return f"The endpoint {name} is {status}{cause}."
    if live != config_name:
        return (
            f"The endpoint {name} runs the configuration {live}, not {config_name}: SageMaker rolled the "
            f"update back{cause or ', and gives no reason'}. What was served before keeps serving; "
            f"nothing of it was deleted. Its log: {_log_group(name)} in CloudWatch."
        )
    return None


def _outputs(
    clients: Clients, new: EndpointInputs, found: Mapping[str, Any], config_names: list[str]
) -> EndpointOutputs:
    names = [
        str(variant["VariantName"])
        for variant in cast("list[dict[str, Any]]", found.get("ProductionVariants", []))
    ]
    if not names:
        # An endpoint that is being made says its variants later; its configuration knows them.
        try:
            config = change.describe_config(clients, new.endpoint_config_name)
        except AwsError:
            config = None
        names = [] if config is None else list(change.variants(config))
    url = f"{clients.url('sagemaker-runtime')}/endpoints/{new.name}/invocations"
    return EndpointOutputs(
        name=new.name,
        region=new.region,
        arn=str(found["EndpointArn"]),
        url=url,
        endpoint_config_name=str(found["EndpointConfigName"]),
        status=str(found["EndpointStatus"]),
        variant_names=names,
        config_names=config_names,
    )

"""The traffic of an online endpoint of Azure ML, which moves to another deployment in steps."""

from collections.abc import Collection, Mapping

from typing_extensions import override

from mlcloud.provider.azure import online_endpoint as online
from mlcloud.provider.azure import traffic_move
from mlcloud.provider.azure.clients import Clients, clients_in
from mlcloud.provider.azure.online_endpoint import Endpoint, Split
from mlcloud.provider.azure.traffic_inputs import DEFAULT_TIMEOUT_S, AzureTrafficInputs, AzureTrafficOutputs
from mlcloud.provider.errors import Problem, ResourceError, Unhealthy
from mlcloud.provider.owner import shown
from mlcloud.provider.resource import Context, Resource
from mlcloud.provider.rollout import ALL, DIFFERS, SERVING, described, two_ways


class AzureTraffic(
    Resource[AzureTrafficInputs, AzureTrafficOutputs],
    token="mlcloud:azure:Traffic",
    delete_before_replace=False,
):
    """Moves an endpoint's traffic to a deployment in steps, and gives it back when something is wrong.

    Endpoint and deployments are native resources, and are there before it; the deployment that it moves away
    from is deleted after it. See ADR 0016.
    """

    @override
    def check(self, old: AzureTrafficInputs | None, new: AzureTrafficInputs) -> list[Problem]:
        """One way to move traffic."""
        del old
        both = two_ways(new.canary_percent, new.linear_step_percent)
        return [] if both is None else [both]

    @override
    def preview(self, new: AzureTrafficInputs, old: AzureTrafficOutputs | None) -> Mapping[str, object]:
        """What serves when the update has succeeded."""
        return {"deployment": new.deployment, "traffic": {new.deployment: ALL}, "status": SERVING}

    @override
    def drift(self, identifier: str, outputs: AzureTrafficOutputs) -> list[str]:
        """Traffic that was last seen elsewhere; what it is now, `read` asks."""
        return [] if outputs.status == SERVING else ["status"]

    @override
    def create(self, context: Context, new: AzureTrafficInputs) -> tuple[str, AzureTrafficOutputs]:
        """Give the deployment the traffic, or go on with what an interrupted update left."""
        clients = clients_in(new.subscription)
        path = online.path_of(clients, new.resource_group, new.workspace, new.endpoint)
        return path, _run(context, clients, new, None)

    @override
    def read(
        self, context: Context, identifier: str, inputs: AzureTrafficInputs, outputs: AzureTrafficOutputs
    ) -> AzureTrafficOutputs | None:
        """Gone when the endpoint is, or has no deployments; ill when it does not serve what is declared."""
        clients = clients_in(outputs.subscription)
        path = _path(clients, outputs)
        endpoint = online.describe(clients, path)
        owners = {} if endpoint is None else online.owners(clients, path)
        if endpoint is None or not owners:
            return None
        reason = _illness(endpoint, inputs, owners)
        seen = traffic_move.outputs(inputs, endpoint, SERVING if reason is None else DIFFERS)
        if reason is not None:
            raise Unhealthy(identifier, seen, [f"{reason} The next update mends it."])
        return seen

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: AzureTrafficInputs,
        outputs: AzureTrafficOutputs,
        new: AzureTrafficInputs,
    ) -> AzureTrafficOutputs:
        """Move the traffic to another deployment, or set again what a change of the endpoint has taken."""
        return _run(context, clients_in(new.subscription), new, outputs)

    @override
    def delete(self, context: Context, identifier: str, outputs: AzureTrafficOutputs) -> None:
        """Take the traffic from every deployment, so that they can be deleted; others' keep theirs.

        Raises:
            ResourceError: the traffic is shared with somebody else: ours cannot go before it has none.
        """
        clients = clients_in(outputs.subscription)
        path = _path(clients, outputs)
        endpoint = online.settled(context, clients, path, DEFAULT_TIMEOUT_S)
        if endpoint is None:
            return
        strangers = endpoint.strangers(online.owners(clients, path), endpoint.owner)
        theirs = f"{', '.join(strangers)}, which this stack has not made"
        if strangers and endpoint.split.traffic.keys() - set(strangers):
            raise ResourceError(
                f"endpoint: {outputs.endpoint} shares its traffic with {theirs}: "
                f"{described(endpoint.split.traffic)}. Give them all of it, or delete them, and run it again."
            )
        if strangers:
            told = f"{outputs.endpoint} sends traffic to {theirs}: it is left as it is."
            context.log(told, severity="warning")
            return
        online.move(context, clients, path, Split(traffic={}), DEFAULT_TIMEOUT_S)


def _path(clients: Clients, outputs: AzureTrafficOutputs) -> str:
    return online.path_of(clients, outputs.resource_group, outputs.workspace, outputs.endpoint)


def _run(
    context: Context, clients: Clients, new: AzureTrafficInputs, before: AzureTrafficOutputs | None
) -> AzureTrafficOutputs:
    """Bring the endpoint's traffic to what is wanted from wherever it is."""
    path = online.path_of(clients, new.resource_group, new.workspace, new.endpoint)
    endpoint = online.expect(context, clients, path, new.timeout_s)
    owners = online.owners(clients, path)
    _demand_own(endpoint, owners, new)
    wanted = Split(traffic={new.deployment: ALL})
    proven = before is not None and before.status == SERVING and before.deployment == new.deployment
    if proven and not endpoint.split.traffic:
        # It has served, and lost its traffic to a change of the endpoint: it is given back at once.
        endpoint = online.move(context, clients, path, wanted, new.timeout_s)
    elif not proven or endpoint.split != wanted:
        served = None if before is None else before.deployment
        kept = served if served in owners and served != new.deployment else None
        endpoint = traffic_move.take_over(context, clients, new, endpoint, kept)
    return traffic_move.outputs(new, endpoint, SERVING)


def _demand_own(endpoint: Endpoint, owners: Mapping[str, Mapping[str, str]], new: AzureTrafficInputs) -> None:
    """Refuse an endpoint that is somebody else's, before anything of it changes.

    The wanted deployment is this stack's: its tags say whose the endpoint, and who gets its traffic, must be.

    Raises:
        ResourceError: it is somebody else's, or the deployment is not there.
    """
    if new.deployment not in owners:
        raise ResourceError(
            f"deployment: the endpoint {new.endpoint} has no deployment {new.deployment}: declare it first."
        )
    owner = owners[new.deployment]
    if endpoint.owner != owner:
        raise ResourceError(
            f"endpoint: {new.endpoint} is not this stack's: it has the tags {shown(endpoint.owner)}, and "
            f"{new.deployment} has {shown(owner)}. Nothing of it was changed. Use another endpoint."
        )
    strangers = endpoint.strangers(owners, owner)
    if strangers:
        raise ResourceError(
            f"endpoint: {new.endpoint} sends traffic to {', '.join(strangers)}, which this stack has not "
            "made. An endpoint's traffic belongs to one stack: delete them, or use another endpoint."
        )


def _illness(endpoint: Endpoint, inputs: AzureTrafficInputs, deployments: Collection[str]) -> str | None:
    """What is wrong with an endpoint; None when it serves what is declared."""
    wanted, name, split = inputs.deployment, inputs.endpoint, endpoint.split
    if wanted not in deployments:
        return f"The endpoint {name} does not have the deployment {wanted}."
    if split.traffic != {wanted: ALL}:
        return f"The endpoint {name} sends {described(split.traffic)}, not all to {wanted}."
    if split.mirror:
        return f"The endpoint {name} mirrors {described(split.mirror)}."
    return None

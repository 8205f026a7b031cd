"""A model's deployment on an endpoint of Vertex AI, which changes by a new one beside it."""

from collections.abc import Mapping

from typing_extensions import override

from mlcloud.provider.errors import Problem, ResourceError, Unhealthy
from mlcloud.provider.gcp import deployed_model as deployed
from mlcloud.provider.gcp import model_rollout
from mlcloud.provider.gcp.clients import Clients, clients_in, short_name
from mlcloud.provider.gcp.deployed_model import Endpoint
from mlcloud.provider.gcp.model_deployment_inputs import (
    VertexModelDeploymentInputs,
    VertexModelDeploymentOutputs,
)
from mlcloud.provider.resource import Context, Resource
from mlcloud.provider.rollout import ALL, DIFFERS, SERVING, described, two_ways


class VertexModelDeployment(
    Resource[VertexModelDeploymentInputs, VertexModelDeploymentOutputs],
    token="mlcloud:gcp:ModelDeployment",
    delete_before_replace=False,
):
    """Serves a version of a model; another version or machine is deployed beside it before it goes.

    The new one gets its share of the traffic in steps, each with a smoke prediction and a look at the alerts.
    A failure gives the traffic back and leaves nothing of the new one. See ADR 0013.
    """

    @override
    def check(
        self, old: VertexModelDeploymentInputs | None, new: VertexModelDeploymentInputs
    ) -> list[Problem]:
        """What belongs together."""
        del old
        both = two_ways(new.canary_percent, new.linear_step_percent)
        problems = [] if both is None else [both]
        if (new.accelerator_type is None) != (new.accelerator_count is None):
            missing = "acceleratorCount" if new.accelerator_count is None else "acceleratorType"
            reason = "`acceleratorType` and `acceleratorCount` belong together: give both, or none."
            problems.append(Problem(path=missing, reason=reason))
        if new.max_replicas is not None and new.max_replicas < new.min_replicas:
            reason = f"{new.max_replicas} is less than `minReplicas`, {new.min_replicas}."
            problems.append(Problem(path="maxReplicas", reason=reason))
        if "gpu" in new.scaling and new.accelerator_type is None:
            reason = "there is no accelerator whose use could be followed: give `acceleratorType`, or `cpu`."
            problems.append(Problem(path="scaling.gpu", reason=reason))
        return problems

    @override
    def preview(
        self, new: VertexModelDeploymentInputs, old: VertexModelDeploymentOutputs | None
    ) -> Mapping[str, object]:
        """What serves when the update has succeeded."""
        wanted = deployed.identifier(new)
        return {"deployed_model_id": wanted, "traffic": {wanted: ALL}, "status": SERVING}

    @override
    def drift(self, identifier: str, outputs: VertexModelDeploymentOutputs) -> list[str]:
        """A deployment that was last seen ill; what it is now, `read` asks."""
        return [] if outputs.status == SERVING else ["status"]

    @override
    def create(
        self, context: Context, new: VertexModelDeploymentInputs
    ) -> tuple[str, VertexModelDeploymentOutputs]:
        """Deploy it, or go on with what an interrupted update left."""
        return model_rollout.identity(new), _run(
            context, clients_in(new.project, new.region), new, proven=False
        )

    @override
    def read(
        self,
        context: Context,
        identifier: str,
        inputs: VertexModelDeploymentInputs,
        outputs: VertexModelDeploymentOutputs,
    ) -> VertexModelDeploymentOutputs | None:
        """Gone when nothing of it is deployed; ill when the endpoint does not serve what is declared."""
        clients = clients_in(outputs.project, outputs.region)
        endpoint = deployed.describe(clients, outputs.endpoint)
        if endpoint is None or not endpoint.own(outputs.name):
            return None
        reason = _illness(endpoint, inputs)
        seen = model_rollout.outputs(clients, inputs, endpoint, SERVING if reason is None else DIFFERS)
        if reason is not None:
            raise Unhealthy(identifier, seen, [f"{reason} The next update mends it."])
        return seen

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: VertexModelDeploymentInputs,
        outputs: VertexModelDeploymentOutputs,
        new: VertexModelDeploymentInputs,
    ) -> VertexModelDeploymentOutputs:
        """Move the traffic to another version or machine; replicas and scaling change in place."""
        same = outputs.status == SERVING and outputs.deployed_model_id == deployed.identifier(new)
        return _run(context, clients_in(new.project, new.region), new, proven=same)

    @override
    def delete(self, context: Context, identifier: str, outputs: VertexModelDeploymentOutputs) -> None:
        """Undeploy what it has deployed, what serves last; the endpoint and others' deployed models stay."""
        clients = clients_in(outputs.project, outputs.region)
        endpoint = deployed.describe(clients, outputs.endpoint)
        if endpoint is None:
            return
        deployed.settle(context, clients, outputs.endpoint)
        endpoint = deployed.expect(clients, outputs.endpoint)
        traffic = endpoint.traffic
        own = sorted(endpoint.own(outputs.name), key=lambda key: traffic.get(key, 0))
        if len(traffic) > 1 and not endpoint.strangers(outputs.name):
            # A move was broken off: nothing with traffic is undeployed unless it is the last.
            deployed.move(clients, outputs.endpoint, {own[-1]: ALL})
        for item in own:
            deployed.undeploy(context, clients, outputs.endpoint, item)


def _run(
    context: Context, clients: Clients, new: VertexModelDeploymentInputs, *, proven: bool
) -> VertexModelDeploymentOutputs:
    """Bring the endpoint to what is wanted from wherever it is."""
    deployed.settle(context, clients, new.endpoint)
    endpoint = deployed.expect(clients, new.endpoint)
    strangers = endpoint.strangers(new.name)
    if strangers:
        raise ResourceError(
            f"endpoint: {short_name(new.endpoint)} sends traffic to {', '.join(strangers)}, which "
            f"{new.name} has not deployed. An endpoint's traffic belongs to one deployment: undeploy them, "
            "or use another endpoint."
        )
    wanted = deployed.identifier(new)
    if proven and endpoint.traffic == {wanted: ALL}:
        deployed.mutate(context, clients, new, endpoint)
    else:
        model_rollout.roll_out(context, clients, new, endpoint)
    _clear(context, clients, new)
    return model_rollout.outputs(clients, new, deployed.expect(clients, new.endpoint), SERVING)


def _clear(context: Context, clients: Clients, new: VertexModelDeploymentInputs) -> None:
    """Undeploy every other deployed model of ours: it has no traffic and costs.

    Raises:
        Unhealthy: one could not be undeployed; the next update tries again.
    """
    endpoint = deployed.expect(clients, new.endpoint)
    for item in endpoint.own(new.name):
        if item == deployed.identifier(new):
            continue
        try:
            deployed.undeploy(context, clients, new.endpoint, item)
        except ResourceError as error:
            seen = model_rollout.outputs(clients, new, deployed.expect(clients, new.endpoint), DIFFERS)
            told = (
                f"{new.name} serves as declared; {new.name}-{item}, which it replaces, still costs: {error}"
            )
            raise Unhealthy(model_rollout.identity(new), seen, [told]) from None


def _illness(endpoint: Endpoint, inputs: VertexModelDeploymentInputs) -> str | None:
    """What is wrong with an endpoint; None when it serves what is declared, and nothing else of ours."""
    wanted = deployed.identifier(inputs)
    name = short_name(inputs.endpoint)
    if wanted not in endpoint.deployed:
        return f"The endpoint {name} does not have {inputs.name}-{wanted}."
    if endpoint.traffic != {wanted: ALL}:
        return f"The endpoint {name} sends {described(endpoint.traffic)}, not all to {wanted}."
    changed = deployed.changes(endpoint, inputs)
    if changed:
        return f"{', '.join(changed)} of {inputs.name}-{wanted} are not as declared."
    left = [item for item in endpoint.own(inputs.name) if item != wanted]
    return f"{', '.join(left)} on the endpoint {name} serves nothing and costs." if left else None

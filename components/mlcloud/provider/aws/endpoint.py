"""An endpoint of SageMaker: changes are proven by what is live, and nothing that is live is ever deleted."""

from collections.abc import Mapping
from dataclasses import replace

from typing_extensions import override

from mlcloud.provider.aws import endpoint_change as change
from mlcloud.provider.aws import endpoint_history as history
from mlcloud.provider.aws import endpoint_rollout as rollout
from mlcloud.provider.aws import endpoint_scaling as scaling
from mlcloud.provider.aws.clients import clients_in
from mlcloud.provider.aws.endpoint_inputs import DEFAULT_TIMEOUT_S, EndpointInputs, EndpointOutputs
from mlcloud.provider.aws.endpoint_seen import UNPROVEN, illness, outputs_of
from mlcloud.provider.errors import Problem, Unhealthy
from mlcloud.provider.resource import Context, Resource
from mlcloud.provider.rollout import two_ways


class Endpoint(
    Resource[EndpointInputs, EndpointOutputs], token="mlcloud:aws:Endpoint", delete_before_replace=False
):
    """Runs an endpoint configuration; an update is proven by what is live, and a rollback fails it.

    Capacity survives an update, a changed instance type takes the scaling target out and puts it back, a
    version that fails its smoke prediction makes place for the one before, and the last configurations stay
    with their models. See ADR 0007 and 0011.
    """

    @override
    def check(self, old: EndpointInputs | None, new: EndpointInputs) -> list[Problem]:
        """One way to move traffic, and time enough for it."""
        del old
        both = two_ways(new.canary_percent, new.linear_step_percent)
        problems = [] if both is None else [both]
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
        """Make it, or go on with this stack's endpoint of this name that an interrupted update left."""
        return new.name, rollout.run(context, clients_in(new.region), new, None, {})

    @override
    def read(
        self, context: Context, identifier: str, inputs: EndpointInputs, outputs: EndpointOutputs
    ) -> EndpointOutputs | None:
        """Gone when there is no such endpoint; ill when it does not run its configuration."""
        clients = clients_in(outputs.region)
        found = change.describe(clients, outputs.name)
        if found is None:
            return None
        seen = outputs_of(clients, inputs, found, outputs.config_names, outputs.proven_config_names)
        reason = illness(found, inputs.endpoint_config_name)
        if reason is not None:
            raise Unhealthy(identifier, seen, [f"{reason} The next update mends it."])
        if outputs.status == UNPROVEN:
            reason = f"The endpoint {outputs.name} has not given the expected smoke prediction."
            raise Unhealthy(identifier, outputs, [f"{reason} The next update asks again."])
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
        return rollout.run(context, clients_in(new.region), new, outputs, old.tags)

    @override
    def delete(self, context: Context, identifier: str, outputs: EndpointOutputs) -> None:
        """End it, then its configurations and their models; data and archives of models stay."""
        clients = clients_in(outputs.region)
        scaling.deregister(clients, scaling.targets(clients, outputs.name, outputs.variant_names))
        change.delete(context, clients, outputs.name, DEFAULT_TIMEOUT_S)
        names = outputs.config_names
        history.clean(context, clients, outputs.name, names, proven=(), keep=0, live=None)

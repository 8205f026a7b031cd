"""Brings an endpoint to its configuration from wherever it is; what is live, and answers, proves it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mlcloud.provider.aws import endpoint_change as change
from mlcloud.provider.aws import endpoint_history as history
from mlcloud.provider.aws import endpoint_scaling as scaling
from mlcloud.provider.aws import endpoint_smoke as smoke_prediction
from mlcloud.provider.aws.clients import Clients
from mlcloud.provider.aws.endpoint_inputs import EndpointInputs, EndpointOutputs
from mlcloud.provider.aws.endpoint_owner import demand_own
from mlcloud.provider.aws.endpoint_seen import UNPROVEN, illness, is_proven, log_group, outputs_of
from mlcloud.provider.errors import Cancelled, ResourceError, Unhealthy
from mlcloud.provider.resource import Context
from mlcloud.provider.smoke import Smoke

_MENDS: Final = "The next update"


def run(
    context: Context,
    clients: Clients,
    new: EndpointInputs,
    old: EndpointOutputs | None,
    old_tags: Mapping[str, str],
) -> EndpointOutputs:
    """Bring the endpoint to its configuration.

    Args:
        context: of the operation.
        clients: AWS.
        new: what is wanted.
        old: the endpoint as an update has last seen it; None before the first.
        old_tags: the tags that it was given.

    Raises:
        ResourceError: nothing was changed, or nothing is left.
        Unhealthy: the endpoint is there, and does not do what is wanted.
    """
    wanted = change.describe_config(clients, new.endpoint_config_name)
    if wanted is None:
        raise ResourceError(
            f"endpointConfigName: there is no configuration {new.endpoint_config_name} in {new.region}."
        )
    return _Rollout(context, clients, new, old, wanted).run(old_tags)


class _Rollout:
    """One change of an endpoint."""

    def __init__(
        self,
        context: Context,
        clients: Clients,
        new: EndpointInputs,
        old: EndpointOutputs | None,
        wanted: dict[str, Any],
    ) -> None:
        self._context = context
        self._clients = clients
        self._new = new
        self._wanted = wanted
        self._names = history.with_latest(() if old is None else old.config_names, new.endpoint_config_name)
        self._proven_names = history.proven_in(old)
        self._is_proven = is_proven(old, new.endpoint_config_name)
        self._before_name = None if old is None else old.endpoint_config_name
        self._is_known = old is not None
        self._smoke: Smoke | None = None
        if not self._is_proven:
            self._demand_proof()

    def run(self, old_tags: Mapping[str, str]) -> EndpointOutputs:
        new, started = self._new, False
        try:
            found = self._settle()
            if found is not None and not self._is_known:
                demand_own(self._clients, new, found)
            started = True
            if found is None:
                found = self._create()
            elif found["EndpointStatus"] == change.FAILED:
                found = self._make_again(found)
            else:
                change.tag(self._clients, str(found["EndpointArn"]), old_tags, new.tags)
                if illness(found, new.endpoint_config_name) is not None:
                    if self._is_proven:
                        self._demand_proof()
                    self._before_name = str(found["EndpointConfigName"])
                    found = self._move(new, found, self._wanted)
            return self._proven(found)
        except Cancelled:
            seen = change.describe(self._clients, new.name)
            if seen is None or not started:
                raise
            status = seen["EndpointStatus"]
            reason = f"Stopped, as asked; the endpoint {new.name} is {status}, and AWS goes on with it."
            raise self._unhealthy(seen, reason, proven=self._is_proven) from None

    def _demand_proof(self) -> None:
        """Have the model's row at hand before anything moves: a model that is not there moves nothing."""
        self._is_proven = False
        self._smoke = smoke_prediction.expected(self._clients, self._new)

    def _create(self) -> dict[str, Any] | None:
        """An endpoint that never served is removed: it would only keep its name."""
        new = self._new
        if self._is_proven:
            self._demand_proof()
        change.create(self._clients, new)
        found = self._settle()
        if found is None or found["EndpointStatus"] != change.FAILED:
            return found
        reason = str(found.get("FailureReason", "SageMaker gives no reason")).strip()
        change.delete(self._context, self._clients, new.name, new.timeout_s)
        raise ResourceError(
            f"The endpoint {new.name} could not be made: {reason}\nNothing of it is left. Its "
            f"log: {log_group(new.name)} in CloudWatch."
        )

    def _make_again(self, failed: Mapping[str, Any]) -> dict[str, Any] | None:
        """Delete an endpoint that failed and make it anew, with what scaled it."""
        new = self._new
        self._context.log(f"The endpoint {new.name} had failed: making it again.", severity="warning")
        ran = change.describe_config(self._clients, str(failed["EndpointConfigName"]))
        variants = change.variants(self._wanted if ran is None else ran)
        aside = scaling.targets(self._clients, new.name, list(variants))
        scaling.deregister(self._clients, aside)
        try:
            change.delete(self._context, self._clients, new.name, new.timeout_s)
            return self._create()
        finally:
            self._put_back(aside)

    def _move(
        self, to: EndpointInputs, found: dict[str, Any], wanted: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Move the traffic. A changed machine type takes the scaling target out first and back after."""
        live = change.describe_config(self._clients, str(found["EndpointConfigName"]))
        after = change.variants(wanted)
        before = after if live is None else change.variants(live)
        if set(before) != set(after):
            raise ResourceError(
                f"endpointConfigName: its variants are {', '.join(after)}, and the endpoint {to.name} runs "
                f"{', '.join(before)}. SageMaker moves traffic between variants of the same names: keep them."
            )
        frozen = [name for name in after if change.becomes_serverless(before[name], after[name])]
        if frozen:
            raise ResourceError(
                f"endpointConfigName: {', '.join(frozen)} runs on machines, and {to.endpoint_config_name} "
                "makes it serverless, which SageMaker does not do to a live endpoint. Keep the kind "
                f"of capacity, or delete the endpoint {to.name} first."
            )
        targets = scaling.targets(self._clients, to.name, list(before))
        changed = {
            scaling.resource_id(to.name, name)
            for name in after
            if live is None or before[name].get("InstanceType") != after[name].get("InstanceType")
        }
        aside = [item for item in targets if item.target["ResourceId"] in changed]
        scaling.deregister(self._clients, aside)
        try:
            change.update(self._clients, to, live, wanted, scaled=bool(targets))
            return self._settle()
        finally:
            self._put_back(aside)

    def _put_back(self, aside: list[scaling.ScalingTarget]) -> None:
        """Register what was taken out, whatever came of the update."""
        try:
            scaling.register(self._clients, aside)
        except ResourceError as error:
            self._context.log(
                f"The endpoint {self._new.name} does not scale now: {error} Run the update with a refresh, "
                f"which declares again what was there: {scaling.described(aside)}.",
                severity="error",
            )
            return
        for policy in scaling.unstarted(aside):
            self._context.log(
                f"The endpoint {self._new.name} was changed, and no alarm starts the policy {policy} "
                "now: its action went with the scaling target. Run the update with a refresh, which gives "
                "the alarm its action again.",
                severity="warning",
            )

    def _proven(self, found: dict[str, Any] | None) -> EndpointOutputs:
        """What is live, once it runs the configuration and answers; nothing old goes before that."""
        new = self._new
        found = self._there(found)
        reason = illness(found, new.endpoint_config_name)
        if reason is not None:
            raise self._unhealthy(found, reason, proven=True)
        verdict = smoke_prediction.ask(self._context, self._clients, new.name, self._wanted, self._smoke)
        if verdict.failure is not None:
            self._proven_names = [name for name in self._proven_names if name != new.endpoint_config_name]
            self._go_back(found, verdict.failure)
        if verdict.unasked is not None:
            reason = (
                f"The endpoint {new.name} runs the configuration {new.endpoint_config_name}, and could not "
                f"be asked for a smoke prediction: {verdict.unasked} {_MENDS} asks again."
            )
            raise self._unhealthy(found, reason, proven=False)
        proven = history.with_latest(self._proven_names, new.endpoint_config_name)
        left = history.clean(
            self._context,
            self._clients,
            new.name,
            self._names,
            proven=proven,
            keep=new.retained_configs,
            live=str(found["EndpointConfigName"]),
        )
        marked = [name for name in proven if name in left]
        return replace(outputs_of(self._clients, new, found, left, marked), status=change.IN_SERVICE)

    def _go_back(self, found: dict[str, Any], failure: str) -> None:
        """Let the configuration before serve again; it raises, for the update has failed.

        All traffic goes at once and no alarm stops it: the new version's own wrong answers raise them.
        """
        new = self._new
        told = (
            f"The endpoint {new.name} ran the configuration {new.endpoint_config_name}, which failed its "
            f"smoke prediction: {failure}. Its log: {log_group(new.name)} in CloudWatch."
        )
        before = self._before()
        if before is None:
            reason = f"{told} There is none to go back to. {_MENDS} asks again, or moves to another."
            raise self._unhealthy(found, reason, proven=False)
        name = str(before["EndpointConfigName"])
        self._context.log(f"{told} Going back to {name}.", severity="warning")
        back = replace(
            new,
            endpoint_config_name=name,
            alarm_names=[],
            canary_percent=None,
            linear_step_percent=None,
            wait_s=0.0,
            termination_wait_s=0.0,
        )
        try:
            seen = self._there(self._move(back, found, before))
        except Cancelled:
            raise
        except ResourceError as error:
            reason = f"{told} It still serves, for the way back to {name} failed: {error} {_MENDS} tries."
            raise self._unhealthy(found, reason, proven=False) from None
        wrong = illness(seen, name)
        if wrong is not None:
            raise self._unhealthy(seen, f"{told} The way back to {name} failed: {wrong}", proven=False)
        reason = f"{told} It runs {name} again, as before; nothing was deleted. {_MENDS} tries again."
        raise self._unhealthy(seen, reason, proven=True)

    def _before(self) -> dict[str, Any] | None:
        """The configuration that ran before, where it is still there and has not failed itself.

        One that no update has run, put there by hand or by a state that is lost, is taken to serve rightly.
        """
        name = self._before_name
        if name is None or (name in self._names and name not in self._proven_names):
            return None
        return change.describe_config(self._clients, name)

    def _settle(self) -> dict[str, Any] | None:
        return change.settle(self._context, self._clients, self._new.name, self._new.timeout_s)

    def _there(self, found: dict[str, Any] | None) -> dict[str, Any]:
        if found is None:
            raise ResourceError(f"The endpoint {self._new.name} was deleted while it was changed.")
        return found

    def _unhealthy(self, found: Mapping[str, Any], reason: str, *, proven: bool) -> Unhealthy:
        """What is live and ill; not `proven`: it was not seen to answer rightly now."""
        outputs = outputs_of(self._clients, self._new, found, self._names, self._proven_names)
        if not proven and outputs.status == change.IN_SERVICE:
            outputs = replace(outputs, status=UNPROVEN)
        return Unhealthy(self._new.name, outputs, [reason])

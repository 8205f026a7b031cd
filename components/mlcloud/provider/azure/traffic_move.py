"""A new deployment takes over an online endpoint of Azure ML: traffic in steps, a way back.

It is asked for a smoke prediction before it gets any traffic, and each step is proven by another one and a
look at the alerts before the next.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, cast

from mlcloud.provider import rollout
from mlcloud.provider.azure import online_endpoint as online
from mlcloud.provider.azure import operations, smoke_prediction
from mlcloud.provider.azure.alerts import open_alerts
from mlcloud.provider.azure.clients import Clients
from mlcloud.provider.azure.online_endpoint import Endpoint, Split
from mlcloud.provider.azure.traffic_inputs import AzureTrafficInputs, AzureTrafficOutputs
from mlcloud.provider.errors import Cancelled, ResourceError, Unhealthy
from mlcloud.provider.resource import Context
from mlcloud.provider.rollout import ALL, ROLLING_BACK
from mlcloud.provider.smoke import Smoke

_SUCCEEDED: Final = "Succeeded"


@dataclass(frozen=True, kw_only=True)
class _Move:
    """One change of what serves.

    Attributes:
        context: of the operation.
        clients: Azure's APIs.
        new: what is wanted.
        path: the endpoint's id.
        endpoint: as it is before.
        home: where the traffic goes back to: what served before. None: there is nothing.
        smoke: what the new deployment must answer.
        known: alerts that had fired before.
    """

    context: Context
    clients: Clients
    new: AzureTrafficInputs
    path: str
    endpoint: Endpoint
    home: str | None
    smoke: Smoke | None
    known: dict[str, str]

    def go(self) -> Endpoint:
        """Move the traffic step by step, from where it is; returns the endpoint as it is then."""
        new, endpoint = self.new, self.endpoint
        self._demand_ready()
        smoke_prediction.ask(self.context, self.clients, new, endpoint, self.smoke)
        reached = endpoint.split.traffic.get(new.deployment, 0)
        if self.home is not None and new.mirror_percent is not None and reached == 0:
            self._mirror(self.home, new.mirror_percent)
        for share in [ALL] if self.home is None else _shares(new):
            if share > reached or share == ALL:
                endpoint = self._step(share)
        return endpoint

    def _demand_ready(self) -> None:
        new = self.new
        path = f"{self.path}/deployments/{new.deployment}"
        doing = f"waiting for {new.deployment}"
        found = operations.settled(self.context, self.clients, path, new.timeout_s, doing)
        if found is None:
            raise ResourceError("its deployment is gone")
        state = cast("dict[str, Any]", found.get("properties") or {}).get("provisioningState", _SUCCEEDED)
        if state != _SUCCEEDED:
            raise ResourceError(f"its deployment is {state}")

    def _mirror(self, home: str, percent: int) -> None:
        """Copy requests to the new deployment, and watch how it takes them."""
        new = self.new
        self._set(Split(traffic={home: ALL}, mirror={new.deployment: percent}))
        self.context.log(f"{percent} % of the traffic are mirrored to {new.deployment}.", ephemeral=True)
        self._watch(new.wait_s)

    def _step(self, share: int) -> Endpoint:
        new = self.new
        traffic = {new.deployment: share}
        if self.home is not None and share < ALL:
            traffic[self.home] = ALL - share
        endpoint = self._set(Split(traffic=traffic))
        self.context.log(f"{share} % of the traffic goes to {new.deployment}.", ephemeral=True)
        smoke_prediction.ask(self.context, self.clients, new, endpoint, self.smoke)
        wait_s = new.wait_s if share < ALL else max(new.wait_s, new.termination_wait_s)
        # Nothing can go back where nothing served before.
        self._watch(0 if self.home is None else wait_s)
        return endpoint

    def _watch(self, wait_s: float) -> None:
        rules = self.new.alert_rules
        rollout.watch(self.context, lambda: open_alerts(self.clients, rules), self.known, wait_s)

    def _set(self, split: Split) -> Endpoint:
        return online.move(self.context, self.clients, self.path, split, self.new.timeout_s)

    def roll_back(self, reason: str) -> None:
        """Give the traffic back.

        Raises:
            Unhealthy: that did not work: the state keeps what there is, and the next update goes on.
        """
        new, steady = self.new, self.context.steady()
        before = Split(traffic={} if self.home is None else {self.home: ALL})
        try:
            online.move(steady, self.clients, self.path, before, new.timeout_s)
        except ResourceError as error:
            # The next update goes back to the same, and callers keep their address.
            seen = outputs(new, self.endpoint, ROLLING_BACK)
            seen = replace(seen, deployment=self.home or new.deployment)
            told = f"{reason}. Going back failed, too: {error} The next update goes on from there."
            raise Unhealthy(self.path, seen, [told]) from None


def take_over(
    context: Context, clients: Clients, new: AzureTrafficInputs, endpoint: Endpoint, before: str | None
) -> Endpoint:
    """Move the traffic to the wanted deployment; a failure gives it all back.

    Args:
        context: of the operation.
        clients: Azure's APIs.
        new: what is wanted.
        endpoint: as it is.
        before: the deployment that is known to have served before; None: there is none.

    Returns:
        The endpoint as it is then.

    Raises:
        ResourceError: it did not take over, and has no traffic.
        Cancelled: the engine asked to stop: what served before has all the traffic.
        Unhealthy: going back failed.
    """
    home = _home(endpoint, new, before)
    path = online.path_of(clients, new.resource_group, new.workspace, new.endpoint)
    if home is not None and not endpoint.split.traffic:
        # The endpoint was set without its traffic: what served before serves until the new one is proven.
        endpoint = online.move(context, clients, path, Split(traffic={home: ALL}), new.timeout_s)
    known = rollout.alerts_before(context, lambda: open_alerts(clients, new.alert_rules))
    smoke = smoke_prediction.expected(context, clients, new, endpoint)
    move = _Move(
        context=context,
        clients=clients,
        new=new,
        path=path,
        endpoint=endpoint,
        home=home,
        smoke=smoke,
        known=known,
    )
    try:
        return move.go()
    except Cancelled:
        move.roll_back("Stopped, as asked")
        whose = "nobody's" if home is None else f"{home}'s again"
        raise Cancelled(
            f"Stopped, as asked: the traffic of {new.endpoint} is {whose}, and {new.deployment} has none."
        ) from None
    except ResourceError as error:
        reason = str(error).rstrip(".")
        move.roll_back(reason)
        kept = "Nothing served before" if home is None else f"{home} keeps serving"
        raise ResourceError(
            f"{new.deployment} did not take over the traffic of {new.endpoint}: {reason}. {kept}; the new "
            f"one has no traffic, and costs until an update declares another. Its log: {_logs(new)}"
        ) from None


def outputs(new: AzureTrafficInputs, endpoint: Endpoint, status: str) -> AzureTrafficOutputs:
    """What the endpoint serves, as it was last seen."""
    traffic = endpoint.split.traffic
    return AzureTrafficOutputs(
        subscription=new.subscription,
        resource_group=new.resource_group,
        workspace=new.workspace,
        endpoint=new.endpoint,
        url=new.scoring_url or endpoint.scoring_url,
        deployment=max(traffic, key=lambda name: traffic[name], default=new.deployment),
        traffic=dict(traffic),
        status=status,
    )


def _home(endpoint: Endpoint, new: AzureTrafficInputs, before: str | None) -> str | None:
    """What has most of the traffic besides the wanted one; where nothing else has any, what served before."""
    traffic = endpoint.split.traffic
    others = [name for name in traffic if name != new.deployment]
    return max(others, key=lambda name: traffic[name], default=before)


def _shares(new: AzureTrafficInputs) -> list[int]:
    return rollout.shares(canary_percent=new.canary_percent, linear_step_percent=new.linear_step_percent)


def _logs(new: AzureTrafficInputs) -> str:
    return (
        f"`az ml online-deployment get-logs --name {new.deployment} --endpoint-name {new.endpoint} "
        f"--workspace-name {new.workspace} --resource-group {new.resource_group} "
        f"--subscription {new.subscription}`."
    )

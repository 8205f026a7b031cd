"""A new version takes over an endpoint of Vertex AI: beside the old one, traffic in steps, a way back.

Each step is proven by a smoke prediction and a look at the alerts before the next.
"""

from dataclasses import dataclass

from mlcloud.provider import rollout
from mlcloud.provider.errors import Cancelled, ResourceError, Unhealthy
from mlcloud.provider.gcp import deployed_model as deployed
from mlcloud.provider.gcp import smoke_prediction
from mlcloud.provider.gcp.alerts import open_alerts
from mlcloud.provider.gcp.clients import Clients, short_name
from mlcloud.provider.gcp.deployed_model import Endpoint
from mlcloud.provider.gcp.model_deployment_inputs import (
    VertexModelDeploymentInputs,
    VertexModelDeploymentOutputs,
)
from mlcloud.provider.resource import Context
from mlcloud.provider.rollout import ALL, ROLLING_BACK
from mlcloud.provider.smoke import Smoke


@dataclass(frozen=True, kw_only=True)
class _Rollout:
    """One change of what serves.

    Attributes:
        context: of the operation.
        clients: Google's APIs.
        new: what is wanted.
        home: where the traffic goes back to: the deployed model of ours that has most of it. None: there
            is none.
        smoke: what the new version must answer.
        known: alerts that were open before.
    """

    context: Context
    clients: Clients
    new: VertexModelDeploymentInputs
    home: str | None
    smoke: Smoke | None
    known: dict[str, str]

    @property
    def wanted(self) -> str:
        """The new deployed model."""
        return deployed.identifier(self.new)

    def move(self) -> None:
        """Move the traffic step by step, from where it is."""
        reached = deployed.expect(self.clients, self.new.endpoint).traffic.get(self.wanted, 0)
        for share in [ALL] if self.home is None else _shares(self.new):
            if share > reached or share == ALL:
                self._step(share)

    def _step(self, share: int) -> None:
        new = self.new
        traffic = {self.wanted: share}
        if self.home is not None and share < ALL:
            traffic[self.home] = ALL - share
        endpoint = deployed.move(self.clients, new.endpoint, traffic)
        self.context.log(f"{share} % of the traffic goes to {new.name}-{self.wanted}.", ephemeral=True)
        smoke_prediction.ask(self.context, self.clients, new, endpoint, self.smoke)
        wait_s = new.wait_s if share < ALL else max(new.wait_s, new.termination_wait_s)
        # A trial is for the smoke prediction alone, and nothing can go back where nothing served before.
        is_trial = share < ALL and new.canary_percent is None and new.linear_step_percent is None
        watched_s = 0 if self.home is None or is_trial else wait_s
        rollout.watch(
            self.context, lambda: open_alerts(self.clients, new.alert_policies), self.known, watched_s
        )

    def roll_back(self, reason: str, *, wait: bool) -> None:
        """Give the traffic back, and undeploy the new one.

        Raises:
            Unhealthy: that did not work: the state keeps what there is, and the next update goes on.
        """
        new = self.new
        try:
            if self.home is not None:
                deployed.move(self.clients, new.endpoint, {self.home: ALL})
            else:
                deployed.release(self.clients, new.endpoint, [self.wanted])
            deployed.undeploy(self.context.steady(), self.clients, new.endpoint, self.wanted, wait=wait)
        except ResourceError as error:
            seen = VertexModelDeploymentOutputs(
                name=new.name,
                project=new.project,
                region=new.region,
                endpoint=new.endpoint,
                url=_url(self.clients, new, None),
                deployed_model_id=self.wanted,
                model=new.model,
                traffic={},
                status=ROLLING_BACK,
            )
            told = f"{reason}. Going back failed, too: {error} The next update goes on from there."
            raise Unhealthy(identity(new), seen, [told]) from None


def roll_out(
    context: Context, clients: Clients, new: VertexModelDeploymentInputs, endpoint: Endpoint
) -> None:
    """Deploy the wanted one where it is not, and move the traffic; a failure takes it all back.

    Raises:
        ResourceError: it did not take over, and nothing of it is left.
        Cancelled: the engine asked to stop: the traffic is as it was.
        Unhealthy: going back failed.
    """
    known = rollout.alerts_before(context, lambda: open_alerts(clients, new.alert_policies))
    smoke = smoke_prediction.expected(clients, new)
    change = _Rollout(
        context=context, clients=clients, new=new, home=_home(endpoint, new), smoke=smoke, known=known
    )
    name = f"{new.name}-{change.wanted}"
    try:
        if change.wanted in endpoint.deployed:
            deployed.mutate(context, clients, new, endpoint)
        else:
            deployed.deploy(context, clients, new, endpoint)
        change.move()
    except Cancelled:
        change.roll_back("Stopped, as asked", wait=False)
        raise Cancelled(
            f"Stopped, as asked: the traffic of {short_name(new.endpoint)} is as it was, and {name} is "
            "undeployed."
        ) from None
    except ResourceError as error:
        reason = str(error).rstrip(".")
        change.roll_back(reason, wait=True)
        kept = "Nothing served before" if change.home is None else "What served before keeps serving"
        raise ResourceError(
            f"{name} ({short_name(new.model)}) did not take over: {reason}. {kept}; nothing of the new one "
            f"is left. Its log: {_logs(new)} in Cloud Logging."
        ) from None


def identity(new: VertexModelDeploymentInputs) -> str:
    """The resource's identifier in the state."""
    return f"{new.endpoint}/deployedModels/{new.name}"


def outputs(
    clients: Clients, new: VertexModelDeploymentInputs, endpoint: Endpoint, status: str
) -> VertexModelDeploymentOutputs:
    """What the endpoint serves now."""
    traffic, own = endpoint.traffic, endpoint.own(new.name)
    live = max(own, key=lambda item: traffic.get(item, 0), default=deployed.identifier(new))
    found = endpoint.deployed.get(live, {})
    model, version = str(found.get("model", new.model)), found.get("modelVersionId")
    return VertexModelDeploymentOutputs(
        name=new.name,
        project=new.project,
        region=new.region,
        endpoint=new.endpoint,
        url=_url(clients, new, endpoint.host),
        deployed_model_id=live,
        model=model if "@" in model or version is None else f"{model}@{version}",
        traffic=traffic,
        status=status,
    )


def _home(endpoint: Endpoint, new: VertexModelDeploymentInputs) -> str | None:
    others = [item for item in endpoint.own(new.name) if item != deployed.identifier(new)]
    return max(others, key=lambda item: endpoint.traffic.get(item, 0), default=None)


def _shares(new: VertexModelDeploymentInputs) -> list[int]:
    return rollout.shares(
        canary_percent=new.canary_percent,
        linear_step_percent=new.linear_step_percent,
        trial_percent=new.trial_percent,
    )


def _logs(new: VertexModelDeploymentInputs) -> str:
    endpoint = short_name(new.endpoint)
    return f'resource.type="aiplatform.googleapis.com/Endpoint" resource.labels.endpoint_id="{endpoint}"'


def _url(clients: Clients, new: VertexModelDeploymentInputs, host: str | None) -> str:
    return f"{clients.url('aiplatform', host)}/v1/{new.endpoint}:predict"

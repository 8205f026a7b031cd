"""The endpoint on Azure: an online endpoint, a deployment of it, and traffic that moves and rolls back."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from mlcloud.azure.alarms import Alarm, LogAlarm
from mlcloud.azure.capacity import InstanceCapacity, Probe
from mlcloud.azure.logs import declare_endpoint_logs, endpoint_logs, failed_share
from mlcloud.azure.metrics import LATENCY_P99, Endpoint, OnlineEndpoint
from mlcloud.azure.models import ServedModel
from mlcloud.azure.placement import private_in_prod
from mlcloud.azure.prefixes import azureml_prefix
from mlcloud.azure.resources import AzureTraffic, AzureUniqueName
from mlcloud.azure.rollouts import rollout_problem
from mlcloud.azure.scaling import InstanceScaling, declare_scaling
from mlcloud.core.args import validate, within
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.rollouts import moves
from mlcloud.core.scope import Scope
from mlcloud.core.settings import AllAtOnce, Rollout

_KIND: Final = "Managed"


@dataclass(frozen=True, kw_only=True)
class AzureEndpointArgs:
    """What an online endpoint is made from.

    Attributes:
        scope: Whose it is and where.
        resource_group: Name of the resource group.
        workspace: Name of the workspace.
        log_workspace_id: Resource id of the workspace of Log Analytics that takes its logs.
        model: What it serves.
        model_version: Resource id of the version in the workspace.
        environment_id: Resource id of the environment's version: the image, its port and its routes.
        capacity: What answers the requests, and how it is asked.
        identity_id: Resource id of the user-assigned identity that the server works as.
        action_group: Resource id of the action group that hears of its alarms.
        scaling: What the number of machines follows; needed where the capacity has room, none elsewhere.
        rollout: How traffic moves to a new version. Default: all at once.
        mirror_percent: Share of the traffic that is copied to a new version before it gets any, 1 to 50.
            Default: none.
        private: Whether it answers by the workspace's private endpoint alone; prod demands it. What the
            server reaches is the workspace's managed network's to say. Default: no.
        part: What it is called within the stack. Default: nothing, the stack has one endpoint.
        latency_p99_ms: An update is rolled back when 1 % of the requests take longer. Default 1000.
        error_percent: An update is rolled back when more requests fail by the server's fault. Default 1.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    workspace: pulumi.Input[str]
    log_workspace_id: pulumi.Input[str]
    model: ServedModel
    model_version: pulumi.Input[str]
    environment_id: pulumi.Input[str]
    capacity: InstanceCapacity
    identity_id: pulumi.Input[str]
    action_group: pulumi.Input[str]
    scaling: InstanceScaling | None = None
    rollout: Rollout = field(default_factory=AllAtOnce)
    mirror_percent: int | None = None
    private: bool = False
    part: str | None = None
    latency_p99_ms: float = 1000
    error_percent: float = 1

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The endpoint",
            within("error_percent", self.error_percent, low=0, high=100),
            within("latency_p99_ms", self.latency_p99_ms, low=1e-9),
            within("mirror_percent", self.mirror_percent, low=1, high=50),
            rollout_problem(self.rollout),
            _scaling_problem(self),
            within("capacity.min", self.capacity.min, low=2) if self.scope.is_prod else None,
            private_in_prod(self.scope, private=self.private),
        )

    @property
    def parts(self) -> list[str]:
        """What its things are called within the stack."""
        return [] if self.part is None else [self.part]


def _scaling_problem(args: AzureEndpointArgs) -> Problem | None:
    room = args.capacity.most > args.capacity.min
    if room == (args.scaling is not None):
        return None
    allowed = "what the number of machines follows" if room else "nothing: the number of machines is fixed"
    fix = (
        "give `scaling`, or `capacity.max` as `capacity.min`"
        if room
        else "remove it, or raise `capacity.max`"
    )
    return Problem(path="scaling", value=args.scaling, allowed=allowed, fix=fix)


class AzureEndpoint(pulumi.ComponentResource):
    """A served model; an update that raises one of its alarms goes back to what served before."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    url: pulumi.Output[str]
    model_version: pulumi.Output[str]
    deployment: pulumi.Output[str]
    """Name of the deployment that serves."""
    logs: pulumi.Output[str]
    """What its container writes, as a query of Log Analytics."""
    source: Endpoint
    """What scaling, alarms and workbooks read metrics of."""

    def __init__(
        self, name: str, args: AzureEndpointArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzureEndpoint", name, {}, opts)
        endpoint, digest = self._endpoint(name, args)
        deployment = self._deployment(name, args, endpoint)
        self.source = OnlineEndpoint(
            endpoint_id=endpoint.id,
            endpoint_name=endpoint.name,
            deployment_id=deployment.id,
            deployment_name=deployment.name,
            log_workspace_id=args.log_workspace_id,
            capacity=args.capacity,
        )
        before: list[pulumi.Resource] = [
            declare_endpoint_logs(
                f"{name}-logs",
                scope=args.scope,
                endpoint_id=endpoint.id,
                log_workspace_id=args.log_workspace_id,
                parent=self,
            )
        ]
        if args.scaling is not None:
            before.append(self._scaling(name, args, args.scaling))
        rules = _rollback_alarms(self, name, args)
        traffic = self._traffic(name, args, rules, before, digest)
        self.id = endpoint.id
        self.name = endpoint.name
        self.url = traffic.url
        self.deployment = traffic.deployment
        self.model_version = pulumi.Output.all(args.model.label, traffic.deployment).apply(
            lambda known: str(known[0])
        )
        self.logs = endpoint_logs(endpoint.name)
        self.register_outputs({"name": self.name, "url": self.url, "model_version": self.model_version})

    def _endpoint(self, name: str, args: AzureEndpointArgs) -> tuple[ml.OnlineEndpoint, pulumi.Output[str]]:
        """Declare where requests arrive, and return with it the hash of all that may change in place.

        Azure ML sets an endpoint as a whole, traffic with it, which is `AzureTraffic`'s alone: it is not
        declared here, and a change of what is sets the weights again. See docs/adr/0016.
        """
        scope = args.scope
        access = "Disabled" if args.private else "Enabled"
        description = f"Serves {args.model.name}"
        endpoint = ml.OnlineEndpoint(
            f"{name}-endpoint",
            endpoint_name=scope.name("azure-ml-endpoint", *args.parts),
            resource_group_name=args.resource_group,
            workspace_name=args.workspace,
            location=scope.region,
            kind=_KIND,
            identity=ml.ManagedServiceIdentityArgs(
                type="UserAssigned", user_assigned_identities=[args.identity_id]
            ),
            properties=ml.OnlineEndpointPropertiesArgs(
                auth_mode="AADToken", description=description, public_network_access=access
            ),
            tags=scope.tags,
            opts=child_options(
                self,
                environment=scope.environment,
                serves=True,
                extra=pulumi.ResourceOptions(
                    ignore_changes=["tags", "properties.traffic", "properties.mirrorTraffic"],
                ),
            ),
        )
        declared = pulumi.Output.all(access, description, args.identity_id, endpoint.id)
        return endpoint, declared.apply(_digest)

    def _deployment(
        self, name: str, args: AzureEndpointArgs, endpoint: ml.OnlineEndpoint
    ) -> ml.OnlineDeployment:
        scope, capacity = args.scope, args.capacity
        own = pulumi.ResourceOptions(
            # The traffic moves before the old colour goes; azure-native would delete it first.
            delete_before_replace=False,
            # Scaling changes the number of machines.
            ignore_changes=["sku.capacity"] if args.scaling is not None else None,
        )
        return ml.OnlineDeployment(
            f"{name}-deployment",
            deployment_name=self._colour(name, args),
            endpoint_name=endpoint.name,
            resource_group_name=args.resource_group,
            workspace_name=args.workspace,
            location=scope.region,
            kind=_KIND,
            sku=ml.SkuArgs(name="Default", capacity=capacity.min),
            properties=ml.ManagedOnlineDeploymentArgs(
                endpoint_compute_type=_KIND,
                description=f"Serves {args.model.name}",
                model=args.model_version,
                environment_id=args.environment_id,
                environment_variables=args.model.environment,
                instance_type=capacity.instance_type,
                liveness_probe=_probe(capacity.liveness),
                readiness_probe=_probe(capacity.readiness),
                request_settings=ml.OnlineRequestSettingsArgs(
                    max_concurrent_requests_per_instance=capacity.concurrency,
                    request_timeout=f"PT{capacity.request_timeout_s}S",
                ),
                scale_settings=ml.DefaultScaleSettingsArgs(scale_type="Default"),
                # Its container logs go by the endpoint's diagnostic settings, which needs no way out.
                app_insights_enabled=False,
                # A workspace's managed network says what is reached, and this then does not apply
                # (https://learn.microsoft.com/azure/machine-learning/concept-secure-online-endpoint).
                egress_public_network_access="Enabled",
            ),
            tags=scope.tags,
            # Not protected: each new model makes another one, and the one before goes.
            opts=child_options(self, environment=scope.environment, extra=own),
        )

    def _colour(self, name: str, args: AzureEndpointArgs) -> pulumi.Output[str]:
        """A deployment's name: of all that cannot change while it serves, and never given twice."""
        capacity, model = args.capacity, args.model
        asked = {
            "liveness": asdict(capacity.liveness),
            "readiness": asdict(capacity.readiness),
            "concurrency": capacity.concurrency,
            "request_timeout_s": capacity.request_timeout_s,
        }
        colour = AzureUniqueName(
            f"{name}-colour",
            prefix="v",
            content={
                "model": model.sha256,
                "model_version": args.model_version,
                "names": pulumi.Output.concat(model.name, " ", model.label),
                "image": model.image_uri,
                "environment": args.environment_id,
                "instance_type": capacity.instance_type,
                "asked": json.dumps(asked, sort_keys=True),
            },
            opts=child_options(self, environment=args.scope.environment),
        )
        return colour.name

    def _scaling(self, name: str, args: AzureEndpointArgs, scaling: InstanceScaling) -> pulumi.Resource:
        return declare_scaling(
            f"{name}-scaling",
            scaling,
            self.source,
            scope=args.scope,
            resource_group=args.resource_group,
            setting_name=pulumi.Output.concat(
                args.scope.name("azure-monitor", *args.parts), "-", self.source.deployment_name
            ),
            parent=self,
        )

    def _traffic(
        self,
        name: str,
        args: AzureEndpointArgs,
        rules: Sequence[pulumi.CustomResource],
        before: Sequence[pulumi.Resource],
        endpoint_inputs: pulumi.Output[str],
    ) -> AzureTraffic:
        scope = args.scope
        how = moves(args.rollout, prod=scope.is_prod)
        return AzureTraffic(
            f"{name}-traffic",
            name=azureml_prefix(scope, *args.parts),
            subscription=scope.account,
            resource_group=args.resource_group,
            workspace=args.workspace,
            endpoint=self.source.endpoint_name,
            deployment=self.source.deployment_name,
            model_uri=args.model.uri,
            model_sha256=args.model.sha256,
            alert_rules=[rule.id for rule in rules],
            canary_percent=how.canary_percent,
            linear_step_percent=how.linear_step_percent,
            mirror_percent=args.mirror_percent,
            wait_s=how.wait_s,
            termination_wait_s=how.termination_wait_s,
            endpoint_inputs=endpoint_inputs,
            opts=child_options(
                self,
                environment=scope.environment,
                serves=True,
                extra=pulumi.ResourceOptions(depends_on=list(before)),
            ),
        )


def _rollback_alarms(
    parent: AzureEndpoint, name: str, args: AzureEndpointArgs
) -> Sequence[pulumi.CustomResource]:
    """The alarms that roll an update back: there before the traffic."""
    scope, source = args.scope, parent.source
    shown = scope.name("azure-ml-endpoint", *args.parts)
    errors = LogAlarm(
        part="server-errors",
        description=f"More than {args.error_percent:g} % of the requests to {shown} fail by the server's "
        "fault. `mlcloud logs` shows what it said; `mlcloud rollback` serves the version before.",
        query=failed_share,
        threshold=args.error_percent,
        severity="CRITICAL",
    )
    latency = Alarm(
        part="latency-p99",
        description=f"1 % of the requests to {shown} take longer than {args.latency_p99_ms:g} ms. More or "
        "larger machines help, or `mlcloud rollback`.",
        metric=LATENCY_P99,
        threshold=args.latency_p99_ms,
        severity="CRITICAL",
    )
    return [
        alarm.declare(
            f"{name}-{alarm.part}",
            source,
            scope=scope,
            resource_group=args.resource_group,
            rule_name=scope.name("azure-monitor", *args.parts, alarm.part),
            action_group=args.action_group,
            parent=parent,
        )
        for alarm in (errors, latency)
    ]


def _probe(probe: Probe) -> ml.ProbeSettingsArgs:
    return ml.ProbeSettingsArgs(
        initial_delay=f"PT{probe.initial_delay_s}S",
        period=f"PT{probe.period_s}S",
        timeout=f"PT{probe.timeout_s}S",
        success_threshold=1,
        failure_threshold=probe.failures,
    )


def _digest(known: list[str]) -> str:
    return hashlib.sha256("\0".join(known).encode()).hexdigest()

"""The endpoint on GCP: an endpoint of Vertex AI, and a deployment that moves its traffic and rolls back."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_gcp import monitoring, vertex

from mlcloud.core.args import needed_in_prod, validate, within
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.rollouts import moves
from mlcloud.core.scope import Scope
from mlcloud.core.settings import AllAtOnce, Rollout
from mlcloud.gcp.alarms import Alarm
from mlcloud.gcp.capacity import InstanceCapacity
from mlcloud.gcp.logs import endpoint_logs
from mlcloud.gcp.metrics import Endpoint, PrivateEndpoint, PublicEndpoint, latencies_of, responses_of
from mlcloud.gcp.models import ServedModel
from mlcloud.gcp.placement import Placement
from mlcloud.gcp.prefixes import vertex_prefix
from mlcloud.gcp.resources import VertexModelDeployment
from mlcloud.gcp.rollouts import rollout_problem
from mlcloud.gcp.scaling import InstanceScaling


@dataclass(frozen=True, kw_only=True)
class GcpEndpointArgs:
    """What an endpoint of Vertex AI is made from.

    Attributes:
        scope: Whose it is and where.
        model: What it serves.
        model_version: Full name of the version in the registry, `projects/.../models/<model>@<version>`.
        capacity: What answers the requests.
        service_account: E-mail address of the account that the server works as.
        channels: Channels of Cloud Monitoring that hear of its alarms, 1 to 16.
        scaling: What the number of machines follows, where the capacity has room. Default: Vertex AI's own,
            60 % of CPU and accelerators.
        rollout: How traffic moves to a new version. Default: all at once, after a trial.
        placement: The network whose clients reach it, by Private Service Connect. Default: a name of its own
            on the internet, before which Google asks for credentials.
        key_name: KMS key of what it holds; Vertex AI's agent must be allowed to use it. Default: Google's own
            keys.
        part: What it is called within the stack. Default: nothing, the stack has one endpoint.
        latency_p99_ms: An update is rolled back when 1 % of the requests take longer. Default 1000.
        error_percent: An update is rolled back when more requests fail by the server's fault. Default 1.
    """

    scope: Scope
    model: ServedModel
    model_version: pulumi.Input[str]
    capacity: InstanceCapacity
    service_account: pulumi.Input[str]
    channels: Sequence[pulumi.Input[str]]
    scaling: InstanceScaling | None = None
    rollout: Rollout = field(default_factory=AllAtOnce)
    placement: Placement | None = None
    key_name: pulumi.Input[str] | None = None
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
            within("channels", len(self.channels), low=1, high=16),
            within("error_percent", self.error_percent, low=0, high=100),
            within("latency_p99_ms", self.latency_p99_ms, low=1e-9),
            rollout_problem(self.rollout),
            *(_prod_problems(self) if self.scope.is_prod else []),
        )

    @property
    def parts(self) -> list[str]:
        """What its things are called within the stack."""
        return [] if self.part is None else [self.part]


class GcpEndpoint(pulumi.ComponentResource):
    """A served model; an update that raises one of its alarms goes back to what served before."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    """The endpoint's identifier."""
    url: pulumi.Output[str]
    model_version: pulumi.Output[str]
    logs: pulumi.Output[str]
    """What it writes, as a query of Cloud Logging."""
    source: Endpoint
    """What scaling, alarms and dashboards read metrics of."""

    def __init__(self, name: str, args: GcpEndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:GcpEndpoint", name, {}, opts)
        scope, capacity = args.scope, args.capacity
        endpoint = self._endpoint(name, args)
        kind = PublicEndpoint if args.placement is None else PrivateEndpoint
        self.source = kind(endpoint_name=endpoint.name, region=scope.region, capacity=capacity)
        policies = _rollback_alarms(self, name, args, self.source)
        deployment = self._deployment(name, args, endpoint, policies)
        self.id = deployment.endpoint
        self.name = endpoint.name
        self.url = deployment.url
        self.model_version = pulumi.Output.all(args.model.label, deployment.deployed_model_id).apply(
            lambda known: str(known[0])
        )
        self.logs = endpoint_logs(endpoint.name)
        self.register_outputs({"name": self.name, "url": self.url, "model_version": self.model_version})

    def _endpoint(self, name: str, args: GcpEndpointArgs) -> vertex.AiEndpoint:
        """Declare where requests arrive. `traffic_split` is the deployment's alone: it cannot be given here.

        A private endpoint's name cannot be used again for seven days, so that each one has a new name
        (https://cloud.google.com/vertex-ai/docs/predictions/private-service-connect#limitations).
        """
        scope, placement = args.scope, args.placement
        private = None
        if placement is not None:
            private = vertex.AiEndpointPrivateServiceConnectConfigArgs(
                enable_private_service_connect=True,
                project_allowlists=[scope.account],
                psc_automation_configs=[
                    vertex.AiEndpointPrivateServiceConnectConfigPscAutomationConfigArgs(
                        project_id=scope.account, network=placement.network
                    )
                ],
            )
        return vertex.AiEndpoint(
            f"{name}-endpoint",
            display_name=scope.name("gcp-display-name", *args.parts),
            description=f"Serves {args.model.name}",
            project=scope.account,
            location=scope.region,
            # An endpoint has either, never both.
            dedicated_endpoint_enabled=True if private is None else None,
            private_service_connect_config=private,
            encryption_spec=None
            if args.key_name is None
            else vertex.AiEndpointEncryptionSpecArgs(kms_key_name=args.key_name),
            labels=scope.tags,
            opts=child_options(
                self,
                environment=scope.environment,
                serves=True,
                # The list of projects cannot be changed, which pulumi-gcp does not know.
                extra=pulumi.ResourceOptions(
                    ignore_changes=["trafficSplit"],
                    replace_on_changes=["privateServiceConnectConfig.projectAllowlists"],
                ),
            ),
        )

    def _deployment(
        self,
        name: str,
        args: GcpEndpointArgs,
        endpoint: vertex.AiEndpoint,
        policies: Sequence[monitoring.AlertPolicy],
    ) -> VertexModelDeployment:
        scope, capacity = args.scope, args.capacity
        accelerator, count = capacity.accelerator or (None, None)
        goals = [] if args.scaling is None else args.scaling.goals(self.source)
        how = moves(args.rollout, prod=scope.is_prod)
        return VertexModelDeployment(
            f"{name}-deployment",
            name=vertex_prefix(scope, *args.parts),
            project=scope.account,
            region=scope.region,
            endpoint=endpoint.id,
            model=args.model_version,
            machine_type=capacity.machine_type,
            accelerator_type=accelerator,
            accelerator_count=count,
            min_replicas=capacity.min,
            max_replicas=capacity.most,
            scaling={goal.metric: goal.target for goal in goals},
            spot=capacity.spot,
            service_account=args.service_account,
            container_logs=True,
            access_logs=scope.is_prod,
            model_uri=args.model.uri,
            model_sha256=args.model.sha256,
            alert_policies=[policy.name for policy in policies],
            canary_percent=how.canary_percent,
            linear_step_percent=how.linear_step_percent,
            wait_s=how.wait_s,
            termination_wait_s=how.termination_wait_s,
            opts=child_options(self, environment=scope.environment, serves=True),
        )


def _rollback_alarms(
    parent: pulumi.Resource, name: str, args: GcpEndpointArgs, source: Endpoint
) -> Sequence[monitoring.AlertPolicy]:
    """The alarms that roll an update back: there before the deployment."""
    shown = args.scope.name("gcp-display-name", *args.parts)
    errors = Alarm(
        part="server-errors",
        description=f"More than {args.error_percent:g} % of the requests to {shown} fail by the server's "
        "fault. `mlcloud logs` shows what it said; `mlcloud rollback` serves the version before.",
        metrics=responses_of(source),
        hundreds=5,
        threshold=args.error_percent / 100,
        duration_s=120,
        severity="CRITICAL",
    )
    latency = Alarm(
        part="latency-p99",
        description=f"1 % of the requests to {shown} take longer than {args.latency_p99_ms:g} ms. More or "
        "larger machines help, or `mlcloud rollback`.",
        metrics=latencies_of(source),
        threshold=args.latency_p99_ms,
        duration_s=120,
        severity="CRITICAL",
    )
    return [
        alarm.declare(
            f"{name}-{alarm.part}",
            source,
            scope=args.scope,
            display_name=args.scope.name("gcp-display-name", *args.parts, alarm.part),
            channels=args.channels,
            parent=parent,
        )
        for alarm in (errors, latency)
    ]


def _prod_problems(args: GcpEndpointArgs) -> list[Problem | None]:
    """What prod demands of an endpoint: two machines, a key and a private network."""
    return [
        within("capacity.min", args.capacity.min, low=2),
        needed_in_prod("key_name", args.key_name, "a key of one's own", prod=True),
        needed_in_prod("placement", args.placement, "a network", prod=True),
    ]

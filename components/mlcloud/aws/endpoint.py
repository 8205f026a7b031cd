"""The endpoint on AWS: a model, a configuration, and an endpoint that moves traffic and rolls back itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import cloudwatch, sagemaker

from mlcloud.aws.alarms import Alarm
from mlcloud.aws.arns import endpoint_log_group
from mlcloud.aws.capacity import AsynchronousCapacity, Capacity, InstanceCapacity, ServerlessCapacity
from mlcloud.aws.logs import declare_log_group, retention_problem
from mlcloud.aws.metrics import LATENCY, SERVER_ERRORS, Endpoint
from mlcloud.aws.models import ServedModel, declare_model
from mlcloud.aws.prefixes import sagemaker_prefix
from mlcloud.aws.resources import Endpoint as EndpointResource
from mlcloud.aws.resources import EndpointRevision
from mlcloud.aws.rollouts import rollout_problems, update_s
from mlcloud.core.args import needed_in_prod, validate, within
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.rollouts import moves
from mlcloud.core.scope import Scope
from mlcloud.core.settings import AllAtOnce, Rollout


@dataclass(frozen=True, kw_only=True)
class AwsEndpointArgs:
    """What an endpoint of SageMaker is made from.

    Attributes:
        scope: Whose it is and where.
        model: What it serves.
        capacity: What answers the requests.
        role_arn: The role with which SageMaker fetches model and image.
        topic_arn: Where its alarms are told.
        rollout: How traffic moves to a new version. Default: all at once.
        part: What it is called within the stack. Default: nothing, the stack has one endpoint.
        log_key_arn: Key of its log group. Default: CloudWatch's own encryption.
        log_retention_days: How long logs are kept, one of CloudWatch's numbers of days. Default 365.
        latency_p99_ms: An update is rolled back when 1 % of the requests take longer. Default 1000.
        error_percent: An update is rolled back when more requests fail by the server's fault. Default 1.
        retained_configs: Configurations that stay of those that have served rightly, the live one included,
            1 to 100. Default 3.
    """

    scope: Scope
    model: ServedModel
    capacity: Capacity
    role_arn: pulumi.Input[str]
    topic_arn: pulumi.Input[str]
    rollout: Rollout = field(default_factory=AllAtOnce)
    part: str | None = None
    log_key_arn: pulumi.Input[str] | None = None
    log_retention_days: int = 365
    latency_p99_ms: float = 1000
    error_percent: float = 1
    retained_configs: int = 3

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The endpoint",
            retention_problem("log_retention_days", self.log_retention_days),
            within("retained_configs", self.retained_configs, low=1, high=100),
            within("error_percent", self.error_percent, low=0, high=100),
            *rollout_problems(self.rollout, instance_type=_machine(self.capacity)),
            *(_prod_problems(self) if self.scope.is_prod else []),
        )

    @property
    def parts(self) -> list[str]:
        """What its things are called within the stack."""
        return [] if self.part is None else [self.part]


class AwsEndpoint(pulumi.ComponentResource):
    """A served model; an update that raises an alarm or predicts wrongly goes back to what served before."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    url: pulumi.Output[str]
    model_version: pulumi.Output[str]
    arn: pulumi.Output[str]
    config_name: pulumi.Output[str]
    """The configuration that it was seen running."""
    logs: pulumi.Output[str]
    """The name of its log group."""
    source: Endpoint
    """What scaling, alarms and dashboards read metrics of."""

    def __init__(self, name: str, args: AwsEndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AwsEndpoint", name, {}, opts)
        scope = args.scope
        endpoint_name = sagemaker_prefix(scope, *args.parts)
        configuration = self._configuration(name, args, endpoint_name)
        log_group = declare_log_group(
            f"{name}-logs",
            name=endpoint_log_group(endpoint_name),
            scope=scope,
            retention_days=args.log_retention_days,
            key_arn=args.log_key_arn,
            parent=self,
        )
        alarms = _rollback_alarms(self, name, args, endpoint_name)
        how = moves(args.rollout, prod=scope.is_prod)
        endpoint = EndpointResource(
            f"{name}-endpoint",
            name=endpoint_name,
            region=scope.region,
            endpoint_config_name=configuration.name,
            model_uri=args.model.uri,
            model_sha256=args.model.sha256,
            alarm_names=[alarm.name for alarm in alarms],
            canary_percent=how.canary_percent,
            linear_step_percent=how.linear_step_percent,
            wait_s=how.wait_s,
            termination_wait_s=how.termination_wait_s,
            timeout_s=update_s(args.rollout),
            retained_configs=args.retained_configs,
            tags=scope.tags,
            opts=child_options(
                self,
                environment=scope.environment,
                serves=True,
                # The group would else be made by SageMaker, without retention and key.
                extra=pulumi.ResourceOptions(depends_on=[log_group, *alarms]),
            ),
        )
        self.id = endpoint.id
        self.name = endpoint.name
        self.url = endpoint.url
        self.arn = endpoint.arn
        self.config_name = endpoint.endpoint_config_name
        self.model_version = pulumi.Output.all(args.model.label, endpoint.endpoint_config_name).apply(
            lambda known: str(known[0])
        )
        self.logs = log_group.name
        self.source = args.capacity.source(endpoint.name)
        self.register_outputs({"name": self.name, "url": self.url, "model_version": self.model_version})

    def _configuration(
        self, name: str, args: AwsEndpointArgs, endpoint_name: str
    ) -> sagemaker.EndpointConfiguration:
        """Declare model and configuration under one new name for each content; the old ones stay.

        What a live endpoint refers to must not go: SageMaker stops patching it. The endpoint resource removes
        configurations that are older than the last few.
        """
        scope, capacity = args.scope, args.capacity
        revision = EndpointRevision(
            f"{name}-revision",
            prefix=endpoint_name,
            content={**args.model.content, **capacity.content, "role": args.role_arn},
            opts=child_options(self, environment=scope.environment),
        )
        options = child_options(
            self,
            environment=scope.environment,
            extra=pulumi.ResourceOptions(retain_on_delete=True),
        )
        serverless = isinstance(capacity, ServerlessCapacity)
        model = declare_model(
            f"{name}-model",
            name=revision.name,
            model=args.model,
            role_arn=args.role_arn,
            placement=None if serverless else capacity.placement,
            isolated=not serverless and capacity.isolated,
            tags=scope.tags,
            opts=options,
        )
        return sagemaker.EndpointConfiguration(
            f"{name}-config",
            name=revision.name,
            production_variants=[capacity.variant(model.name)],
            kms_key_arn=None if serverless else capacity.volume_key_arn,
            async_inference_config=capacity.queue if isinstance(capacity, AsynchronousCapacity) else None,
            tags=scope.tags,
            opts=options,
        )


def _rollback_alarms(
    parent: pulumi.Resource, name: str, args: AwsEndpointArgs, endpoint_name: str
) -> Sequence[cloudwatch.MetricAlarm]:
    """The alarms that roll an update back: there before it, and known by the endpoint's plain name."""
    capacity = args.capacity
    errors = Alarm(
        part="server-errors",
        description=f"More than {args.error_percent:g} % of the requests to {endpoint_name} fail by the "
        "server's fault. Look into the endpoint's log group; `mlcloud rollback` serves the version before.",
        metric=SERVER_ERRORS,
        threshold=args.error_percent / 100,
        periods=2,
    )
    latency = Alarm(
        part="latency-p99",
        description=f"1 % of the requests to {endpoint_name} take longer than {args.latency_p99_ms:g} ms in "
        "the model. More or larger machines help, or `mlcloud rollback`.",
        metric=LATENCY,
        threshold=LATENCY.from_ms(args.latency_p99_ms),
        statistic="p99",
        periods=2,
    )

    def alarm_name(part: str) -> str:
        return args.scope.name("aws-cloudwatch-alarm", *args.parts, part)

    declared = [
        errors.declare(
            f"{name}-{errors.part}",
            capacity.source(endpoint_name),
            scope=args.scope,
            alarm_name=alarm_name(errors.part),
            actions=[args.topic_arn],
            parent=parent,
        )
    ]
    # SageMaker lists no percentiles of asynchronous endpoints.
    if not isinstance(capacity, AsynchronousCapacity):
        declared.append(
            latency.declare(
                f"{name}-{latency.part}",
                capacity.source(endpoint_name),
                scope=args.scope,
                alarm_name=alarm_name(latency.part),
                actions=[args.topic_arn],
                parent=parent,
            )
        )
    return declared


def _machine(capacity: Capacity) -> str | None:
    return None if isinstance(capacity, ServerlessCapacity) else capacity.instance_type


def _prod_problems(args: AwsEndpointArgs) -> list[Problem | None]:
    """What prod demands of an endpoint on machines: two of them, a key and a private network."""
    capacity = args.capacity
    if isinstance(capacity, ServerlessCapacity):
        return []
    return [
        within("capacity.instances", capacity.instances, low=2)
        if isinstance(capacity, InstanceCapacity)
        else None,
        needed_in_prod("capacity.kms_key_arn", capacity.kms_key_arn, "a key of one's own", prod=True),
        needed_in_prod("capacity.placement", capacity.placement, "private subnets", prod=True),
    ]

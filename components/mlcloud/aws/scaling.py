"""Scaling of endpoints: bounds, policies and schedules, typed by the kind of endpoint.

Numbers are in the words of the traffic: requests per second that one machine was measured to carry, times a
safety factor, as https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-loadtest.html has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_aws import appautoscaling
from pulumi_aws.appautoscaling import (
    PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs as FullMetric,
)
from pulumi_aws.appautoscaling import (
    PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensionArgs as Dimension,
)
from pulumi_aws.appautoscaling import (
    PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs as NamedMetric,
)

from mlcloud.aws.alarms import Alarm
from mlcloud.aws.metrics import (
    BACKLOG_PER_INSTANCE,
    BACKLOG_WITHOUT_CAPACITY,
    CONCURRENT_REQUESTS,
    CPU,
    GPU,
    INVOCATIONS_PER_INSTANCE,
    PROVISIONED_CONCURRENCY_USED,
    AsynchronousEndpoint,
    Endpoint,
    InstanceEndpoint,
    Metric,
    ServerlessEndpoint,
)
from mlcloud.core.args import validate, within
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

_INSTANCES: Final = "sagemaker:variant:DesiredInstanceCount"
_CONCURRENCY: Final = "sagemaker:variant:DesiredProvisionedConcurrency"
# Machines need minutes to start: fast out, slow in.
_OUT_S: Final = 60
_IN_S: Final = 300


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Other bounds from a point in time on.

    Attributes:
        name: Its name among the endpoint's schedules.
        cron: When, as Application Auto Scaling writes it: `cron(0 7 ? * MON-FRI *)`.
        min: Fewest from then on.
        max: Most from then on.
        timezone: IANA name of the time zone. Default UTC.
    """

    name: str
    cron: str
    min: int
    max: int
    timezone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class InstanceScaling:
    """Scaling of machines that run all the time; each goal that is given is a policy, and the largest wins.

    Attributes:
        endpoint: The endpoint.
        min: Fewest machines, 1 or more.
        max: Most machines.
        requests_per_s: Requests that one machine carries in a second, as measured. Default: no such goal.
        safety_factor: Share of it that is used, above 0 and at most 1. Default 0.5.
        concurrent_requests: Requests that a machine works on at once. Default: no such goal.
        cpu_percent: CPU of a machine, in percent of all its processors. Default: no such goal.
        gpu_percent: GPU of a machine, in percent of all its GPUs. Default: no such goal.
        schedules: Other bounds at other times. Default: none.
    """

    endpoint: InstanceEndpoint
    min: int
    max: int
    requests_per_s: float | None = None
    safety_factor: float = 0.5
    concurrent_requests: float | None = None
    cpu_percent: float | None = None
    gpu_percent: float | None = None
    schedules: Sequence[Schedule] = ()

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        goals = (self.requests_per_s, self.concurrent_requests, self.cpu_percent, self.gpu_percent)
        nothing = Problem(
            path="requests_per_s",
            value=None,
            allowed="at least one of requests_per_s, concurrent_requests, cpu_percent, gpu_percent",
            fix="say when machines are added",
        )
        smallest = 1e-9
        validate(
            "The scaling",
            # A real-time variant has no zero (API_RegisterScalableTarget, MinCapacity).
            within("min", self.min, low=1),
            within("max", self.max, low=self.min),
            within("requests_per_s", self.requests_per_s, low=smallest),
            within("safety_factor", self.safety_factor, low=smallest, high=1),
            within("concurrent_requests", self.concurrent_requests, low=smallest),
            within("cpu_percent", self.cpu_percent, low=1, high=100),
            within("gpu_percent", self.gpu_percent, low=1, high=100),
            nothing if all(goal is None for goal in goals) else None,
        )

    @property
    def goals(self) -> list["Goal"]:
        """One goal for each number that is given."""
        found: list[Goal] = []
        if self.requests_per_s is not None:
            per_minute = self.requests_per_s * self.safety_factor * 60
            found.append(_goal("requests", INVOCATIONS_PER_INSTANCE, self.endpoint, per_minute))
        if self.concurrent_requests is not None:
            found.append(_goal("concurrency", CONCURRENT_REQUESTS, self.endpoint, self.concurrent_requests))
        if self.cpu_percent is not None:
            found.append(_goal("cpu", CPU, self.endpoint, CPU.from_percent(self.cpu_percent, self.endpoint)))
        if self.gpu_percent is not None:
            found.append(_goal("gpu", GPU, self.endpoint, GPU.from_percent(self.gpu_percent, self.endpoint)))
        return found


@dataclass(frozen=True, kw_only=True)
class ServerlessScaling:
    """Scaling of the servers that a serverless endpoint keeps warm.

    Attributes:
        endpoint: The endpoint; its capacity has a provisioned concurrency.
        min: Fewest warm servers, 1 or more.
        max: Most warm servers.
        used_percent: Share of them that is in use. Default 70.
        schedules: Other bounds at other times. Default: none.
    """

    endpoint: ServerlessEndpoint
    min: int
    max: int
    used_percent: float = 70
    schedules: Sequence[Schedule] = ()

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The scaling",
            within("min", self.min, low=1),
            within("max", self.max, low=self.min),
            within("used_percent", self.used_percent, low=1, high=100),
        )

    @property
    def goals(self) -> list["Goal"]:
        """The share of the warm servers in use: a ratio, not percent."""
        return [_goal("concurrency", PROVISIONED_CONCURRENCY_USED, self.endpoint, self.used_percent / 100)]


@dataclass(frozen=True, kw_only=True)
class AsynchronousScaling:
    """Scaling by the queue; down to nothing when it is empty.

    Attributes:
        endpoint: The endpoint.
        min: Fewest machines. Default 0.
        max: Most machines.
        backlog_per_instance: Waiting requests for each machine. Default 5.
        schedules: Other bounds at other times. Default: none.
    """

    endpoint: AsynchronousEndpoint
    max: int
    min: int = 0
    backlog_per_instance: float = 5
    schedules: Sequence[Schedule] = ()

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The scaling",
            within("min", self.min, low=0),
            within("max", self.max, low=max(self.min, 1)),
            within("backlog_per_instance", self.backlog_per_instance, low=1e-9),
        )

    @property
    def goals(self) -> list["Goal"]:
        """The backlog of each machine."""
        return [_goal("backlog", BACKLOG_PER_INSTANCE, self.endpoint, self.backlog_per_instance)]


Scaling = InstanceScaling | ServerlessScaling | AsynchronousScaling


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A value of a metric that is held by adding and removing capacity.

    Attributes:
        part: What it is, as a part of names.
        metric: The metric.
        dimensions: The metric's dimensions for the endpoint.
        value: The value, in the metric's unit.
    """

    part: str
    metric: Metric[Any]
    dimensions: Mapping[str, pulumi.Input[str]]
    value: float

    @property
    def policy(self) -> appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs:
        """The policy: by Application Auto Scaling's name of the metric where it has one."""
        predefined = self.metric.scaling_metric_type
        return appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
            target_value=self.value,
            scale_out_cooldown=_OUT_S,
            scale_in_cooldown=_IN_S,
            predefined_metric_specification=None
            if predefined is None
            else NamedMetric(predefined_metric_type=predefined),
            customized_metric_specification=FullMetric(
                namespace=self.metric.namespace,
                metric_name=self.metric.name,
                statistic=self.metric.statistic,
                dimensions=[Dimension(name=name, value=value) for name, value in self.dimensions.items()],
            )
            if predefined is None
            else None,
        )


def _goal(part: str, metric: Metric[Any], endpoint: Endpoint, value: float) -> Goal:
    return Goal(part=part, metric=metric, dimensions=metric.dimensions(endpoint), value=value)


@dataclass(frozen=True, kw_only=True)
class AwsScalingArgs:
    """What the scaling of an endpoint is made from.

    Attributes:
        scope: Whose it is and where.
        scaling: Bounds and goals, by the endpoint's kind.
        part: What it is called within the stack. Default: nothing, the stack has one endpoint.
    """

    scope: Scope
    scaling: Scaling
    part: str | None = None


class AwsScaling(pulumi.ComponentResource):
    """A scaling target with its policies and schedules."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]

    def __init__(self, name: str, args: AwsScalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AwsScaling", name, {}, opts)
        self._scope = args.scope
        self._parts = [] if args.part is None else [args.part]
        scaling, endpoint = args.scaling, args.scaling.endpoint
        target = appautoscaling.Target(
            f"{name}-target",
            service_namespace="sagemaker",
            # The name is an output of the endpoint, so that the target comes after it and goes before it.
            resource_id=pulumi.Output.concat(
                "endpoint/", endpoint.endpoint_name, "/variant/", endpoint.variant_name
            ),
            scalable_dimension=_CONCURRENCY if isinstance(scaling, ServerlessScaling) else _INSTANCES,
            min_capacity=scaling.min,
            max_capacity=scaling.max,
            tags=args.scope.tags,
            opts=self._options,
        )
        for goal in scaling.goals:
            self._policy(name, goal.part, target, policy_type="TargetTrackingScaling", tracking=goal.policy)
        if isinstance(scaling, AsynchronousScaling) and scaling.min == 0:
            self._wake(name, target, scaling)
        for schedule in scaling.schedules:
            self._schedule(name, target, schedule)
        self.id = target.id
        self.name = target.resource_id
        self.register_outputs({"name": self.name})

    @property
    def _options(self) -> pulumi.ResourceOptions:
        return child_options(self, environment=self._scope.environment)

    def _policy(
        self,
        name: str,
        part: str,
        target: appautoscaling.Target,
        *,
        policy_type: str,
        tracking: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs | None = None,
        steps: appautoscaling.PolicyStepScalingPolicyConfigurationArgs | None = None,
    ) -> appautoscaling.Policy:
        return appautoscaling.Policy(
            f"{name}-{part}",
            name=part,
            service_namespace=target.service_namespace,
            resource_id=target.resource_id,
            scalable_dimension=target.scalable_dimension,
            policy_type=policy_type,
            target_tracking_scaling_policy_configuration=tracking,
            step_scaling_policy_configuration=steps,
            opts=self._options,
        )

    def _wake(self, name: str, target: appautoscaling.Target, scaling: AsynchronousScaling) -> None:
        """Start the first machine: with none, there is no backlog per machine that a goal could see.

        https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html
        """
        step = appautoscaling.PolicyStepScalingPolicyConfigurationStepAdjustmentArgs(
            metric_interval_lower_bound="0", scaling_adjustment=1
        )
        policy = self._policy(
            name,
            "wake",
            target,
            policy_type="StepScaling",
            steps=appautoscaling.PolicyStepScalingPolicyConfigurationArgs(
                adjustment_type="ChangeInCapacity",
                metric_aggregation_type="Average",
                cooldown=_IN_S,
                step_adjustments=[step],
            ),
        )
        Alarm(
            part="wake",
            description="Requests wait and no machine runs: this alarm starts one. It is no trouble.",
            metric=BACKLOG_WITHOUT_CAPACITY,
            threshold=1,
            comparison="at-least",
            periods=2,
        ).declare(
            f"{name}-wake-alarm",
            scaling.endpoint,
            scope=self._scope,
            alarm_name=self._scope.name("aws-cloudwatch-alarm", *self._parts, "wake"),
            actions=[policy.arn],
            tells_its_end=False,
            parent=self,
        )

    def _schedule(self, name: str, target: appautoscaling.Target, schedule: Schedule) -> None:
        appautoscaling.ScheduledAction(
            f"{name}-schedule-{schedule.name}",
            name=schedule.name,
            service_namespace=target.service_namespace,
            resource_id=target.resource_id,
            scalable_dimension=target.scalable_dimension,
            schedule=schedule.cron,
            timezone=schedule.timezone,
            scalable_target_action=appautoscaling.ScheduledActionScalableTargetActionArgs(
                min_capacity=schedule.min, max_capacity=schedule.max
            ),
            opts=self._options,
        )

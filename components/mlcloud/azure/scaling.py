"""Scaling of endpoints: what the number of machines follows, and other bounds at other times.

Numbers are in the words of the traffic: requests per second that one machine was measured to carry, times a
safety factor. It is a setting of Azure Monitor on the deployment, which then owns the number of machines
(https://learn.microsoft.com/azure/machine-learning/how-to-autoscale-endpoints).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_azure_native import monitor

from mlcloud.azure.capacity import INSTANCES_MAX
from mlcloud.azure.metric_types import ENDPOINT_NAMESPACE
from mlcloud.azure.metrics import CPU, GPU, LATENCY, REQUESTS, Metric, OnlineEndpoint
from mlcloud.core.args import validate, within
from mlcloud.core.errors import Problem, UserError
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

_MINUTE_S: Final = 60
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Machines need minutes to start: fast out, slow in.
_OUT_COOLDOWN: Final = "PT5M"
_IN_COOLDOWN: Final = "PT15M"
_WINDOW: Final = "PT5M"
# One goes when the others could carry its load: not at the goal itself, which would flap
# (https://learn.microsoft.com/azure/azure-monitor/autoscale/autoscale-best-practices).
_IN_SHARE: Final = 0.5
# AutoscaleSetting.profiles: at most 20, one of which always holds.
_SCHEDULES_MAX: Final = 19


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Other bounds from a time of the week on, until the next schedule begins.

    Attributes:
        name: Its name among the endpoint's schedules.
        days: English names of the days on which it begins: `Monday`.
        at: When, `07:00`.
        min: Fewest from then on, 1 to 50.
        max: Most from then on.
        timezone: Windows' name of the time zone, as `W. Europe Standard Time`. Default UTC.
    """

    name: str
    days: Sequence[str]
    at: str
    min: int
    max: int
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        unknown = [day for day in self.days if day not in _DAYS]
        days = Problem(path="days", value=list(self.days), allowed=", ".join(_DAYS), fix="name some of them")
        at = Problem(path="at", value=self.at, allowed="a time from 00:00 to 23:59", fix="write as 07:00")
        validate(
            "The schedule",
            days if unknown or not self.days else None,
            None if re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.at) else at,
            within("min", self.min, low=1, high=INSTANCES_MAX),
            within("max", self.max, low=self.min, high=INSTANCES_MAX),
        )


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One metric that the number of machines follows.

    Attributes:
        metric: The metric.
        target: The value above which machines are added, in the metric's unit.
        per_machine: Whether the value is shared out among the machines first.
    """

    metric: Metric[Any]
    target: float
    per_machine: bool = False


@dataclass(frozen=True, kw_only=True)
class InstanceScaling:
    """Scaling of machines that run all the time; one goal that is passed adds a machine.

    Attributes:
        requests_per_s: Requests that one machine carries in a second, as measured. Default: no such goal.
        safety_factor: Share of it that is used, above 0 and at most 1. Default 0.5.
        cpu_percent: Mean use of the machines' processors, in percent. Default: no such goal.
        gpu_percent: Mean use of the machines' accelerators, in percent. Default: no such goal.
        latency_ms: Mean time to answer a request, in milliseconds. Default: no such goal.
        schedules: Other bounds at other times, at most 19. Default: none.
    """

    requests_per_s: float | None = None
    safety_factor: float = 0.5
    cpu_percent: int | None = None
    gpu_percent: int | None = None
    latency_ms: float | None = None
    schedules: Sequence[Schedule] = ()

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        goals = (self.requests_per_s, self.cpu_percent, self.gpu_percent, self.latency_ms)
        nothing = Problem(
            path="requests_per_s",
            value=None,
            allowed="at least one of requests_per_s, cpu_percent, gpu_percent, latency_ms",
            fix="say when machines are added",
        )
        smallest = 1e-9
        validate(
            "The scaling",
            within("requests_per_s", self.requests_per_s, low=smallest),
            within("safety_factor", self.safety_factor, low=smallest, high=1),
            within("cpu_percent", self.cpu_percent, low=1, high=100),
            within("gpu_percent", self.gpu_percent, low=1, high=100),
            within("latency_ms", self.latency_ms, low=smallest),
            within("schedules", len(self.schedules), high=_SCHEDULES_MAX),
            nothing if all(goal is None for goal in goals) else None,
        )

    def goals(self, endpoint: OnlineEndpoint) -> list[Goal]:
        """Return one goal for each number that is given.

        Args:
            endpoint: The endpoint whose machines come and go.

        Raises:
            UserError: the endpoint does not publish the metric: it would never scale.
        """
        found: list[Goal] = []
        if self.requests_per_s is not None:
            per_minute = self.requests_per_s * self.safety_factor * _MINUTE_S
            found.append(Goal(metric=REQUESTS, target=per_minute, per_machine=True))
        for metric, target in ((CPU, self.cpu_percent), (GPU, self.gpu_percent), (LATENCY, self.latency_ms)):
            if target is None:
                continue
            if not metric.is_published_by(endpoint):
                raise UserError(
                    f"{metric.name} is not published by machines of the size "
                    f"{endpoint.capacity.instance_type}: the endpoint would never scale. Choose another "
                    "goal, or a size with accelerators."
                )
            found.append(Goal(metric=metric, target=target))
        return found


def declare_scaling(
    resource_name: str,
    scaling: InstanceScaling,
    endpoint: OnlineEndpoint,
    *,
    scope: Scope,
    resource_group: pulumi.Input[str],
    setting_name: pulumi.Input[str],
    parent: pulumi.Resource,
) -> monitor.AutoscaleSetting:
    """Declare the scaling of a deployment: the capacity's bounds, and the schedules'.

    Raises:
        UserError: the endpoint does not publish what a goal follows.
    """
    rules = [rule for goal in scaling.goals(endpoint) for rule in _rules(goal, endpoint)]
    capacity = endpoint.capacity
    profiles = [
        monitor.AutoscaleProfileArgs(
            name="always", capacity=_bounds(capacity.min, capacity.most), rules=rules
        )
    ]
    for schedule in scaling.schedules:
        hour, minute = map(int, schedule.at.split(":"))
        profiles.append(
            monitor.AutoscaleProfileArgs(
                name=schedule.name,
                capacity=_bounds(schedule.min, schedule.max),
                rules=rules,
                recurrence=monitor.RecurrenceArgs(
                    frequency=monitor.RecurrenceFrequency.WEEK,
                    schedule=monitor.RecurrentScheduleArgs(
                        days=list(schedule.days),
                        hours=[hour],
                        minutes=[minute],
                        time_zone=schedule.timezone,
                    ),
                ),
            )
        )
    return monitor.AutoscaleSetting(
        resource_name,
        autoscale_setting_name=setting_name,
        name=setting_name,
        resource_group_name=resource_group,
        location=scope.region,
        # Off where nothing is said (AutoscaleSetting.enabled).
        enabled=True,
        target_resource_uri=endpoint.deployment_id,
        profiles=profiles,
        tags=scope.tags,
        opts=child_options(
            parent,
            environment=scope.environment,
            # The deployment that still serves keeps its scaling until it goes.
            extra=pulumi.ResourceOptions(delete_before_replace=False),
        ),
    )


def _bounds(low: int, high: int) -> monitor.ScaleCapacityArgs:
    return monitor.ScaleCapacityArgs(minimum=str(low), maximum=str(high), default=str(low))


def _rules(goal: Goal, endpoint: OnlineEndpoint) -> list[monitor.ScaleRuleArgs]:
    """One more machine above the goal; one less where every goal is far from being reached."""
    more = monitor.ScaleRuleArgs(
        metric_trigger=_trigger(goal, endpoint, monitor.ComparisonOperationType.GREATER_THAN, goal.target),
        scale_action=monitor.ScaleActionArgs(
            direction=monitor.ScaleDirection.INCREASE,
            type=monitor.ScaleType.CHANGE_COUNT,
            value="1",
            cooldown=_OUT_COOLDOWN,
        ),
    )
    less = monitor.ScaleRuleArgs(
        metric_trigger=_trigger(
            goal, endpoint, monitor.ComparisonOperationType.LESS_THAN, goal.target * _IN_SHARE
        ),
        scale_action=monitor.ScaleActionArgs(
            direction=monitor.ScaleDirection.DECREASE,
            type=monitor.ScaleType.CHANGE_COUNT,
            value="1",
            cooldown=_IN_COOLDOWN,
        ),
    )
    return [more, less]


def _trigger(
    goal: Goal, endpoint: OnlineEndpoint, operator: monitor.ComparisonOperationType, threshold: float
) -> monitor.MetricTriggerArgs:
    metric = goal.metric
    # What the endpoint publishes is that of all deployments: this one's is asked for.
    dimensions = [
        monitor.ScaleRuleMetricDimensionArgs(
            dimension_name="deployment", operator="Equals", values=[endpoint.deployment_name]
        )
    ]
    return monitor.MetricTriggerArgs(
        metric_name=metric.name,
        metric_namespace=metric.namespace,
        metric_resource_uri=metric.resource_id(endpoint),
        dimensions=dimensions if metric.namespace == ENDPOINT_NAMESPACE else None,
        divide_per_instance=goal.per_machine,
        operator=operator,
        threshold=threshold,
        statistic=monitor.MetricStatisticType.AVERAGE,
        time_aggregation=monitor.TimeAggregationType.AVERAGE,
        time_grain="PT1M",
        time_window=_WINDOW,
    )

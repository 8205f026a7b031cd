"""An alarm over one row of the table of metrics."""

from dataclasses import dataclass
from typing import Final, Generic, Literal

import pulumi
from pulumi_aws import cloudwatch

from mlcloud.aws.metrics import Metric, Source_contra, Statistic
from mlcloud.core.args import validate
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

Comparison = Literal["above", "at-least", "below"]
Missing = Literal["notBreaching", "breaching", "ignore"]

_OPERATORS: Final[dict[Comparison, str]] = {
    "above": "GreaterThanThreshold",
    "at-least": "GreaterThanOrEqualToThreshold",
    "below": "LessThanThreshold",
}


@dataclass(frozen=True, kw_only=True)
class Alarm(Generic[Source_contra]):
    """When a metric raises an alarm.

    Attributes:
        part: What it watches, as a part of its name: `server-errors`.
        description: What it means and what to do, for the person who is woken.
        metric: A row of the table.
        threshold: The limit, in the metric's unit.
        statistic: Default: the metric's own.
        comparison: On which side of the limit the trouble lies. Default `above`.
        period_s: Seconds that a value sums up. Default 60.
        periods: Values in a row that must be beyond the limit. Default 3.
        missing: What a missing value means. Default: nothing is wrong.
    """

    part: str
    description: str
    metric: Metric[Source_contra]
    threshold: float
    statistic: Statistic | None = None
    comparison: Comparison = "above"
    period_s: int = 60
    periods: int = 3
    missing: Missing = "notBreaching"

    def __post_init__(self) -> None:
        """Check the statistic, which would else give an alarm without values.

        Raises:
            ArgsError: The metric's documentation does not call the statistic valid.
        """
        valid = self.metric.statistics
        wrong = Problem(
            path="statistic",
            value=self.statistic,
            allowed=f"{', '.join(valid)} ({self.metric.source})",
            fix=f"use {self.metric.statistic}",
        )
        unfit = self.statistic is not None and self.statistic not in valid
        validate(f"The alarm {self.part}", wrong if unfit else None)

    def declare(
        self,
        resource_name: str,
        source: Source_contra,
        *,
        scope: Scope,
        alarm_name: str,
        actions: list[pulumi.Input[str]],
        parent: pulumi.Resource,
        tells_its_end: bool = True,
    ) -> cloudwatch.MetricAlarm:
        """Declare the alarm for one source of the metric.

        Args:
            resource_name: Its name in the program.
            source: What publishes the metric.
            scope: Whose it is and where.
            alarm_name: Its name in CloudWatch.
            actions: ARNs of topics that are told, or of policies that are started.
            parent: The component that it belongs to.
            tells_its_end: Whether the actions hear of its end, too: people do, policies must not.

        Raises:
            UserError: The source does not publish the metric.
        """
        statistic = self.statistic or self.metric.statistic
        percentile = statistic.startswith("p")
        return cloudwatch.MetricAlarm(
            resource_name,
            name=alarm_name,
            alarm_description=self.description,
            namespace=self.metric.namespace,
            metric_name=self.metric.name,
            dimensions=self.metric.dimensions(source),
            statistic=None if percentile else statistic,
            extended_statistic=statistic if percentile else None,
            # With too few requests a percentile says nothing.
            evaluate_low_sample_count_percentiles="ignore" if percentile else None,
            comparison_operator=_OPERATORS[self.comparison],
            threshold=self.threshold,
            period=self.period_s,
            evaluation_periods=self.periods,
            datapoints_to_alarm=self.periods,
            treat_missing_data=self.missing,
            actions_enabled=True,
            alarm_actions=actions,
            ok_actions=actions if tells_its_end else None,
            tags=scope.tags,
            opts=child_options(parent, environment=scope.environment),
        )

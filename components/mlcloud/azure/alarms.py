"""Alert rules: over a row of the table of metrics, and over what an endpoint's logs say.

A metric alert compares one value with a limit and knows no shares, so that a share of the requests is counted
in the log of the traffic
(https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-types).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pulumi
from pulumi_azure_native import monitor

from mlcloud.azure.logs import PERCENT_COLUMN
from mlcloud.azure.metrics import Aggregation, Metric, OnlineEndpoint, Source
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

Comparison = Literal["above", "below"]
Severity = Literal["CRITICAL", "ERROR", "WARNING"]
# What both kinds of rule can sum up, as ISO 8601 writes it
# (https://learn.microsoft.com/rest/api/monitor/metric-alerts, https://learn.microsoft.com/rest/api/monitor/scheduled-query-rules).
Window = Literal["PT5M", "PT15M", "PT30M", "PT1H"]

_COMPARISONS: Final[dict[Comparison, str]] = {"above": "GreaterThan", "below": "LessThan"}
_SEVERITIES: Final[dict[Severity, int]] = {"CRITICAL": 0, "ERROR": 1, "WARNING": 2}
_ONE_RESOURCE: Final = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """When a metric raises an alarm.

    Attributes:
        part: What it watches, as a part of its name: `latency-p99`.
        description: What it means and what to do, for the person who is woken.
        metric: A row of the table.
        threshold: The limit, in the metric's unit.
        aggregation: Default: the metric's own.
        dimensions: Only values with these dimensions count. Default: all.
        comparison: On which side of the limit the trouble lies. Default `above`.
        window: The time that a value sums up. Default five minutes, looked at each minute.
        severity: How bad it is. Default `ERROR`.
    """

    part: str
    description: str
    metric: Metric[Any]
    threshold: float
    aggregation: Aggregation | None = None
    dimensions: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    comparison: Comparison = "above"
    window: Window = "PT5M"
    severity: Severity = "ERROR"

    def declare(
        self,
        resource_name: str,
        source: Source,
        *,
        scope: Scope,
        resource_group: pulumi.Input[str],
        rule_name: pulumi.Input[str],
        action_group: pulumi.Input[str],
        parent: pulumi.Resource,
    ) -> monitor.MetricAlert:
        """Declare the alert rule for one source of the metric.

        Raises:
            UserError: The source does not publish the metric.
        """
        return monitor.MetricAlert(
            resource_name,
            rule_name=rule_name,
            resource_group_name=resource_group,
            # Metric alerts belong to no region.
            location="global",
            description=self.description,
            enabled=True,
            severity=_SEVERITIES[self.severity],
            scopes=[self.metric.resource_id(source)],
            evaluation_frequency="PT1M",
            window_size=self.window,
            criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
                odata_type=_ONE_RESOURCE, all_of=[self._criterion()]
            ),
            auto_mitigate=True,
            actions=[monitor.MetricAlertActionArgs(action_group_id=action_group)],
            tags=scope.tags,
            opts=child_options(parent, environment=scope.environment),
        )

    def _criterion(self) -> monitor.MetricCriteriaArgs:
        return monitor.MetricCriteriaArgs(
            criterion_type="StaticThresholdCriterion",
            name=self.part,
            metric_name=self.metric.name,
            metric_namespace=self.metric.namespace,
            operator=_COMPARISONS[self.comparison],
            threshold=self.threshold,
            time_aggregation=self.aggregation or self.metric.aggregation,
            dimensions=[
                monitor.MetricDimensionArgs(name=name, operator="Include", values=list(values))
                for name, values in self.dimensions.items()
            ],
        )


@dataclass(frozen=True, kw_only=True)
class LogAlarm:
    """When what an endpoint logs raises an alarm.

    Attributes:
        part: What it watches, as a part of its name: `server-errors`.
        description: What it means and what to do, for the person who is woken.
        query: What is looked for, in the language of Log Analytics, by the endpoint's name.
        threshold: The limit: of the column `percent`, or of the rows that are found.
        counts_rows: Whether rows are counted. Default: no, the column `percent` is compared.
        comparison: On which side of the limit the trouble lies. Default `above`.
        window: The time that is looked at, as ISO 8601 writes it. Default five minutes.
        frequency: How often, as ISO 8601 writes it. Default five minutes.
        severity: How bad it is. Default `ERROR`.
    """

    part: str
    description: str
    query: Callable[[pulumi.Input[str]], pulumi.Output[str]]
    threshold: float
    counts_rows: bool = False
    comparison: Comparison = "above"
    window: str = "PT5M"
    frequency: str = "PT5M"
    severity: Severity = "ERROR"

    def declare(
        self,
        resource_name: str,
        source: OnlineEndpoint,
        *,
        scope: Scope,
        resource_group: pulumi.Input[str],
        rule_name: pulumi.Input[str],
        action_group: pulumi.Input[str],
        parent: pulumi.Resource,
    ) -> monitor.ScheduledQueryRule:
        """Declare the alert rule in the workspace of Log Analytics that has the endpoint's logs."""
        return monitor.ScheduledQueryRule(
            resource_name,
            rule_name=rule_name,
            resource_group_name=resource_group,
            location=scope.region,
            kind="LogAlert",
            display_name=rule_name,
            description=self.description,
            enabled=True,
            severity=_SEVERITIES[self.severity],
            scopes=[source.log_workspace_id],
            evaluation_frequency=self.frequency,
            window_size=self.window,
            criteria=monitor.ScheduledQueryRuleCriteriaArgs(all_of=[self._condition(source)]),
            auto_mitigate=True,
            # The tables of an endpoint's logs are there when the first line is.
            skip_query_validation=True,
            actions=monitor.ActionsArgs(action_groups=[action_group]),
            tags=scope.tags,
            opts=child_options(parent, environment=scope.environment),
        )

    def _condition(self, source: OnlineEndpoint) -> monitor.ConditionArgs:
        return monitor.ConditionArgs(
            criterion_type="StaticThresholdCriterion",
            query=self.query(source.endpoint_name),
            time_aggregation="Count" if self.counts_rows else "Maximum",
            metric_measure_column=None if self.counts_rows else PERCENT_COLUMN,
            operator=_COMPARISONS[self.comparison],
            threshold=self.threshold,
            failing_periods=monitor.ConditionFailingPeriodsArgs(
                number_of_evaluation_periods=1, min_failing_periods_to_alert=1
            ),
        )

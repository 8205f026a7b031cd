"""An alert policy over rows of the table of metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pulumi
from pulumi_gcp import monitoring

from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope
from mlcloud.gcp.metrics import Endpoint, Metric, Reducer

Comparison = Literal["above", "below"]
Severity = Literal["CRITICAL", "ERROR", "WARNING"]

_COMPARISONS: Final[dict[Comparison, str]] = {"above": "COMPARISON_GT", "below": "COMPARISON_LT"}
# An alert that nobody closes is closed after half an hour without data.
_AUTO_CLOSE: Final = "1800s"


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """When metrics raise an alarm.

    Attributes:
        part: What it watches, as a part of its name: `server-errors`.
        description: What it means and what to do, for the person who is woken.
        metrics: Rows of the table; the alarm is raised by any of them.
        threshold: The limit, in the metrics' unit; a share where `hundreds` is given.
        reducer: Default: the metrics' own.
        hundreds: Only answers with a status of so many hundreds count, as a share of all: 4 or 5.
        comparison: On which side of the limit the trouble lies. Default `above`.
        period_s: Seconds that a value sums up, 60 or more. Default 60.
        duration_s: Seconds for which the limit must be passed. Default 180.
        absence: Whether a missing value is trouble, too. Default: no.
        severity: How bad it is. Default `ERROR`.
    """

    part: str
    description: str
    metrics: Sequence[Metric[Any]]
    threshold: float
    reducer: Reducer | None = None
    hundreds: int | None = None
    comparison: Comparison = "above"
    period_s: int = 60
    duration_s: int = 180
    absence: bool = False
    severity: Severity = "ERROR"

    def declare(
        self,
        resource_name: str,
        source: Endpoint,
        *,
        scope: Scope,
        display_name: str,
        channels: Sequence[pulumi.Input[str]],
        parent: pulumi.Resource,
    ) -> monitoring.AlertPolicy:
        """Declare the alert policy for one source of the metrics.

        Raises:
            UserError: The source does not publish one of the metrics.
        """
        return monitoring.AlertPolicy(
            resource_name,
            project=scope.account,
            display_name=display_name,
            combiner="OR",
            conditions=[self._condition(metric, source) for metric in self.metrics],
            notification_channels=list(channels),
            documentation=monitoring.AlertPolicyDocumentationArgs(
                content=self.description, mime_type="text/markdown"
            ),
            alert_strategy=monitoring.AlertPolicyAlertStrategyArgs(auto_close=_AUTO_CLOSE),
            severity=self.severity,
            enabled=True,
            user_labels=scope.tags,
            opts=child_options(parent, environment=scope.environment),
        )

    def _condition(self, metric: Metric[Any], source: Endpoint) -> monitoring.AlertPolicyConditionArgs:
        aggregation = {
            "alignment_period": f"{self.period_s}s",
            "per_series_aligner": metric.aligner,
            "cross_series_reducer": self.reducer or metric.reducer,
        }
        share = self.hundreds is not None
        return monitoring.AlertPolicyConditionArgs(
            display_name=f"{self.part}: {metric.name}",
            condition_threshold=monitoring.AlertPolicyConditionConditionThresholdArgs(
                filter=metric.filter(source, hundreds=self.hundreds),
                aggregations=[
                    monitoring.AlertPolicyConditionConditionThresholdAggregationArgs(**aggregation)
                ],
                denominator_filter=metric.filter(source) if share else None,
                denominator_aggregations=[
                    monitoring.AlertPolicyConditionConditionThresholdDenominatorAggregationArgs(**aggregation)
                ]
                if share
                else None,
                comparison=_COMPARISONS[self.comparison],
                threshold_value=self.threshold,
                duration=f"{self.duration_s}s",
                evaluation_missing_data=f"EVALUATION_MISSING_DATA_{'ACTIVE' if self.absence else 'INACTIVE'}",
                trigger=monitoring.AlertPolicyConditionConditionThresholdTriggerArgs(count=1),
            ),
        )

"""An alarm over a row of the table of metrics."""

from dataclasses import dataclass
from typing import Literal

from mlcloud.local.metrics import Metric
from mlcloud.provider.local.alarms import Rule

Comparison = Literal["above", "below"]


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """When a metric raises an alarm.

    Attributes:
        part: What it watches, as its name: `server-errors`.
        description: What it means and what to do, for the person who is woken.
        metric: A row of the table.
        threshold: The limit, in the metric's unit.
        comparison: On which side of the limit the trouble lies. Default `above`.
        period_s: Seconds that a value looks back, 1 to 900. Default 60.
        duration_s: Seconds for which the limit must be passed, and kept before the alarm ends, 0 to 900.
            Default 15.
        least_requests: With fewer requests in the period there is no value, where it is one of requests.
            Default 10.
    """

    part: str
    description: str
    metric: Metric
    threshold: float
    comparison: Comparison = "above"
    period_s: float = 60
    duration_s: float = 15
    least_requests: int = 10

    @property
    def rule(self) -> Rule:
        """The rule by which the monitor judges it."""
        return Rule(
            name=self.part,
            metric=self.metric.name,
            threshold=self.threshold,
            comparison=self.comparison,
            period_s=self.period_s,
            hold_s=self.duration_s,
            least_requests=self.least_requests,
            description=self.description,
        )

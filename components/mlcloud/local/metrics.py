"""The metrics that a monitor on this machine measures: one table for alarms and the status page.

They are made of what servers and training runs say of themselves: counters and gauges that the trainer's
container publishes in every cloud (`docs/guides/container.md`), and the run folders' records.
"""

from dataclasses import dataclass
from typing import Final, Literal

from mlcloud.provider.local.series import MEASURES

Statistic = Literal["share", "p50", "p99", "mean", "age", "count"]
Source = Literal["server", "training"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric of the monitor.

    Attributes:
        name: Its name in `alarms.json`.
        of: The metrics or records that it is made of.
        statistic: What makes one value of a period.
        source: What publishes it. A server's is measured for the whole endpoint and for each version.
    """

    name: str
    of: tuple[str, ...]
    statistic: Statistic
    source: Source = "server"

    @property
    def unit(self) -> str:
        """The unit of its values."""
        return MEASURES[self.name].unit


_REQUESTS: Final = "mlcloud_requests_total"
_DURATIONS: Final = "mlcloud_request_duration_seconds"

# Requests of users: probes of health and of metrics count nowhere.
SERVER_ERRORS: Final = Metric(name="server_error_percent", of=(_REQUESTS,), statistic="share")
CLIENT_ERRORS: Final = Metric(name="client_error_percent", of=(_REQUESTS,), statistic="share")
# Estimated from a histogram: as exact as its buckets are narrow, 0.001 to 60 s.
LATENCY_P50: Final = Metric(name="latency_p50_ms", of=(_DURATIONS,), statistic="p50")
LATENCY_P99: Final = Metric(name="latency_p99_ms", of=(_DURATIONS,), statistic="p99")
SATURATION: Final = Metric(
    name="saturation_percent",
    of=("mlcloud_requests_in_flight", "mlcloud_requests_capacity", _DURATIONS),
    statistic="mean",
)
QUIET: Final = Metric(name="quiet_hours", of=(_REQUESTS,), statistic="age")
FAILED_RUNS: Final = Metric(
    name="failed_training_runs", of=("run.json",), statistic="count", source="training"
)

METRICS: Final[tuple[Metric, ...]] = (
    SERVER_ERRORS,
    CLIENT_ERRORS,
    LATENCY_P50,
    LATENCY_P99,
    SATURATION,
    QUIET,
    FAILED_RUNS,
)

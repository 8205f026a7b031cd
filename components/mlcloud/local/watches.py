"""What is watched of an endpoint on this machine, and of its training runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mlcloud.core.args import validate, within
from mlcloud.local.alarms import Alarm
from mlcloud.local.metrics import (
    CLIENT_ERRORS,
    FAILED_RUNS,
    LATENCY_P50,
    LATENCY_P99,
    QUIET,
    SATURATION,
    SERVER_ERRORS,
)

_FIVE_MINUTES_S: Final = 300
# As on the clouds, where a condition lasts at most 23 hours and a half.
_QUIET_HOURS_MAX: Final = 23


@dataclass(frozen=True, kw_only=True)
class InstanceWatch:
    """What is watched of an endpoint whose servers run all the time.

    Server errors and the slowest requests are judged soon: they roll an update back.

    Attributes:
        error_percent: Share of requests that may fail by the server's fault. Default 1.
        latency_p99_ms: 1 % of the requests may take longer. Default 1000.
        latency_p50_ms: Half of the requests may take so long. Default 500.
        client_error_percent: Share of requests that the server refuses. Default 20.
        saturation_percent: Share of the servers' time, or of the requests that they take at once. Default 80.
        quiet_hours: An alarm after so many hours without a request, 1 to 23. Default: not watched.
    """

    error_percent: float = 1
    latency_p99_ms: float = 1000
    latency_p50_ms: float = 500
    client_error_percent: float = 20
    saturation_percent: float = 80
    quiet_hours: int | None = None

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The watch",
            within("error_percent", self.error_percent, low=0, high=100),
            within("client_error_percent", self.client_error_percent, low=0, high=100),
            within("saturation_percent", self.saturation_percent, low=1, high=100),
            within("quiet_hours", self.quiet_hours, low=1, high=_QUIET_HOURS_MAX),
        )

    @property
    def alarms(self) -> Sequence[Alarm]:
        """The alarms of this endpoint."""
        found = [
            Alarm(
                part="server-errors",
                description=f"More than {self.error_percent:g} % of the requests fail by the server's fault. "
                "`mlcloud logs` shows what it said; `mlcloud rollback` serves the version before.",
                metric=SERVER_ERRORS,
                threshold=self.error_percent,
            ),
            Alarm(
                part="latency-p99",
                description=f"1 % of the requests take longer than {self.latency_p99_ms:g} ms. More servers "
                "help (`endpoint.capacity.min`), or `mlcloud rollback`.",
                metric=LATENCY_P99,
                threshold=self.latency_p99_ms,
            ),
            Alarm(
                part="client-errors",
                description=f"The server refuses more than {self.client_error_percent:g} % of the requests. "
                "A client sends what the model's schema does not have: compare it with the manifest.",
                metric=CLIENT_ERRORS,
                threshold=self.client_error_percent,
                period_s=_FIVE_MINUTES_S,
            ),
            Alarm(
                part="latency-p50",
                description=f"Half of the requests take longer than {self.latency_p50_ms:g} ms. More servers "
                "help.",
                metric=LATENCY_P50,
                threshold=self.latency_p50_ms,
                period_s=_FIVE_MINUTES_S,
            ),
            Alarm(
                part="saturation",
                description=f"The servers are more than {self.saturation_percent:g} % full: requests wait, "
                "and more of them are refused. Let there be more servers (`endpoint.capacity.max`).",
                metric=SATURATION,
                threshold=self.saturation_percent,
            ),
            Alarm(
                part="failed-training",
                description="A training run failed. `mlcloud logs --training` shows what the trainer said.",
                metric=FAILED_RUNS,
                threshold=0,
                duration_s=0,
            ),
        ]
        if self.quiet_hours is not None:
            found.append(
                Alarm(
                    part="no-traffic",
                    description=f"No request for {self.quiet_hours} hours. Clients may have lost the "
                    "endpoint, or it runs in vain.",
                    metric=QUIET,
                    threshold=self.quiet_hours,
                    duration_s=0,
                )
            )
        return found


Watch = InstanceWatch

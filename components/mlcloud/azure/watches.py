"""What is watched of an endpoint, besides the alarms that roll an update back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mlcloud.azure.alarms import Alarm, LogAlarm
from mlcloud.azure.logs import refused_share, requests_query
from mlcloud.azure.metrics import (
    CPU,
    DISK,
    GPU,
    GPU_MEMORY,
    INSTANCES,
    LATENCY_P50,
    MEMORY,
    REQUESTS,
    Endpoint,
)
from mlcloud.core.args import validate, within
from mlcloud.core.errors import Problem

# A log alert looks back over these times, at most two days
# (https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule).
QUIET_HOURS: Final = (1, 2, 3, 4, 5, 6, 24, 48)


@dataclass(frozen=True, kw_only=True)
class InstanceWatch:
    """What is watched of an endpoint on machines that run all the time.

    Attributes:
        endpoint: The endpoint.
        latency_p50_ms: Half of the requests may take so long. Default 500.
        client_error_percent: Share of requests that the server refuses. Default 20.
        machine_percent: CPU, memory, disk and, where there is one, accelerator of the machines. Default 85.
        quiet_hours: An alarm after so many hours without a request: 1 to 6, 24 or 48. Default: not watched.
    """

    endpoint: Endpoint
    latency_p50_ms: float = 500
    client_error_percent: float = 20
    machine_percent: float = 85
    quiet_hours: int | None = None

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        allowed = f"one of {', '.join(map(str, QUIET_HOURS))}"
        quiet = Problem(path="quiet_hours", value=self.quiet_hours, allowed=allowed, fix=f"write {allowed}")
        validate(
            "The watch",
            None if self.quiet_hours is None or self.quiet_hours in QUIET_HOURS else quiet,
            within("client_error_percent", self.client_error_percent, low=0, high=100),
            within("machine_percent", self.machine_percent, low=1, high=100),
        )

    @property
    def alarms(self) -> Sequence[Alarm | LogAlarm]:
        """The alarms of this endpoint: none on an accelerator that is not there."""
        found: list[Alarm | LogAlarm] = [
            self._client_errors(),
            self._half_latency(),
            self._throttled(),
            *self._machines(),
        ]
        capacity = self.endpoint.capacity
        if capacity.most > capacity.min:
            found.append(
                Alarm(
                    part="saturation",
                    description=f"All {capacity.most} machines that scaling may start are in use: the next "
                    "requests wait or are refused. Raise the capacity's `max`.",
                    metric=INSTANCES,
                    threshold=capacity.most - 0.5,
                    window="PT15M",
                    severity="WARNING",
                )
            )
        if self.quiet_hours is not None:
            found.append(self._quiet(self.quiet_hours))
        return found

    def _client_errors(self) -> LogAlarm:
        percent = self.client_error_percent
        return LogAlarm(
            part="client-errors",
            description=f"The server refuses more than {percent:g} % of the requests. A client sends what "
            "the model's schema does not have: compare it with the manifest.",
            query=refused_share,
            threshold=percent,
            window="PT15M",
            severity="WARNING",
        )

    def _half_latency(self) -> Alarm:
        limit_ms = self.latency_p50_ms
        return Alarm(
            part="latency-p50",
            description=f"Half of the requests take longer than {limit_ms:g} ms. More or larger machines "
            "help.",
            metric=LATENCY_P50,
            threshold=limit_ms,
            window="PT15M",
            severity="WARNING",
        )

    def _throttled(self) -> Alarm:
        return Alarm(
            part="throttled",
            description="Azure ML refuses requests: more arrive at once than the machines take. Raise the "
            "capacity's `max`, or `concurrent_requests` where the machines have room.",
            metric=REQUESTS,
            dimensions={"statusCode": ["429"]},
            threshold=0,
            window="PT15M",
            severity="WARNING",
        )

    def _machines(self) -> list[Alarm]:
        percent = self.machine_percent
        return [
            Alarm(
                part=part,
                description=f"More than {percent:g} % of the machines' {words} is in use. Larger machines "
                "help; more of them, where requests are what fills it.",
                metric=metric,
                threshold=percent,
                window="PT15M",
                severity="WARNING",
            )
            for part, words, metric in (
                ("cpu", "CPU", CPU),
                ("memory", "memory", MEMORY),
                ("disk", "disk", DISK),
                ("gpu", "accelerators", GPU),
                ("gpu-memory", "accelerators' memory", GPU_MEMORY),
            )
            if metric.is_published_by(self.endpoint)
        ]

    def _quiet(self, hours: int) -> LogAlarm:
        return LogAlarm(
            part="no-traffic",
            description=f"No request for {hours} hours. Clients may have lost the endpoint, or it costs in "
            "vain.",
            query=requests_query,
            threshold=1,
            counts_rows=True,
            comparison="below",
            window=f"PT{hours}H" if hours < 24 else f"P{hours // 24}D",
            frequency="PT1H",
            severity="WARNING",
        )


Watch = InstanceWatch

"""What is watched of an endpoint, besides the alarms that roll an update back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mlcloud.core.args import validate, within
from mlcloud.gcp.alarms import Alarm
from mlcloud.gcp.metrics import (
    CPU,
    GPU,
    MEMORY,
    REPLICAS,
    Endpoint,
    latencies_of,
    responses_of,
)

_FIVE_MINUTES_S: Final = 300
_HOUR_S: Final = 3600
# A condition lasts at most 23 hours and a half (AlertPolicy, MetricThreshold.duration).
_QUIET_HOURS_MAX: Final = 23


@dataclass(frozen=True, kw_only=True)
class InstanceWatch:
    """What is watched of an endpoint on machines that run all the time.

    Attributes:
        endpoint: The endpoint.
        latency_p50_ms: Half of the requests may take so long. Default 500.
        client_error_percent: Share of requests that the server refuses. Default 20.
        machine_percent: CPU, memory and, where there is one, accelerator of the machines. Default 85.
        quiet_hours: An alarm after so many hours without a request, 1 to 23. Default: not watched.
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
        validate(
            "The watch",
            within("quiet_hours", self.quiet_hours, low=1, high=_QUIET_HOURS_MAX),
            within("client_error_percent", self.client_error_percent, low=0, high=100),
            within("machine_percent", self.machine_percent, low=1, high=100),
        )

    @property
    def alarms(self) -> Sequence[Alarm]:
        """The alarms of this endpoint: none on an accelerator that is not there."""
        found = [self._client_errors(), self._half_latency(), *self._machines()]
        capacity = self.endpoint.capacity
        if capacity.most > capacity.min:
            found.append(
                Alarm(
                    part="saturation",
                    description=f"All {capacity.most} machines that scaling may start are in use: the next "
                    "requests wait or are refused. Raise the capacity's `max`.",
                    metrics=[REPLICAS],
                    threshold=capacity.most - 0.5,
                    duration_s=3 * _FIVE_MINUTES_S,
                    severity="WARNING",
                )
            )
        if self.quiet_hours is not None:
            found.append(self._quiet(self.quiet_hours))
        return found

    def _client_errors(self) -> Alarm:
        percent = self.client_error_percent
        return Alarm(
            part="client-errors",
            description=f"The server refuses more than {percent:g} % of the requests. A client sends what "
            "the model's schema does not have: compare it with the manifest.",
            metrics=responses_of(self.endpoint),
            hundreds=4,
            threshold=percent / 100,
            period_s=_FIVE_MINUTES_S,
            duration_s=3 * _FIVE_MINUTES_S,
            severity="WARNING",
        )

    def _half_latency(self) -> Alarm:
        limit_ms = self.latency_p50_ms
        return Alarm(
            part="latency-p50",
            description=f"Half of the requests take longer than {limit_ms:g} ms. More or larger machines "
            "help.",
            metrics=latencies_of(self.endpoint),
            reducer="REDUCE_PERCENTILE_50",
            threshold=limit_ms,
            period_s=_FIVE_MINUTES_S,
            duration_s=3 * _FIVE_MINUTES_S,
            severity="WARNING",
        )

    def _machines(self) -> list[Alarm]:
        percent = self.machine_percent
        found: list[Alarm] = []
        for part, words, metric in (
            ("cpu", "CPU", CPU),
            ("memory", "memory", MEMORY),
            ("gpu", "accelerators", GPU),
        ):
            threshold = metric.from_percent(percent, self.endpoint)
            if metric.is_published_by(self.endpoint) and threshold is not None:
                found.append(
                    Alarm(
                        part=part,
                        description=f"More than {percent:g} % of the machines' {words} is in use. Larger "
                        "machines help; more of them, where requests are what fills it.",
                        metrics=[metric],
                        threshold=threshold,
                        period_s=_FIVE_MINUTES_S,
                        duration_s=3 * _FIVE_MINUTES_S,
                        severity="WARNING",
                    )
                )
        return found

    def _quiet(self, hours: int) -> Alarm:
        return Alarm(
            part="no-traffic",
            description=f"No request for {hours} hours. Clients may have lost the endpoint, or it costs in "
            "vain.",
            metrics=responses_of(self.endpoint)[-1:],
            threshold=1,
            comparison="below",
            period_s=_HOUR_S,
            duration_s=hours * _HOUR_S,
            absence=True,
            severity="WARNING",
        )


Watch = InstanceWatch

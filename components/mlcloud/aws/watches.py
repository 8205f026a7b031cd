"""What is watched of an endpoint, by its kind, besides the alarms that roll an update back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlcloud.aws.alarms import Alarm
from mlcloud.aws.metrics import (
    ASYNCHRONOUS_LATENCY,
    CLIENT_ERRORS,
    CONCURRENCY_USED,
    CONCURRENT_REQUESTS,
    CPU,
    DISK,
    GPU,
    GPU_MEMORY,
    INVOCATION_FAILURES,
    INVOCATIONS,
    INVOCATIONS_PROCESSED,
    LATENCY,
    MEMORY,
    OLDEST_REQUEST_AGE,
    AsynchronousEndpoint,
    Endpoint,
    InstanceEndpoint,
    OnMachines,
    OnRequest,
    ServerlessEndpoint,
)

_FIVE_MINUTES_S = 300


@dataclass(frozen=True, kw_only=True)
class InstanceWatch:
    """What is watched of an endpoint on machines that run all the time.

    Attributes:
        endpoint: The endpoint.
        latency_p50_ms: Half of the requests may take so long in the model. Default 500.
        client_error_percent: Share of requests that the server refuses. Default 20.
        machine_percent: CPU, memory, disk and, where there is one, GPU of the machines. Default 85.
        concurrent_requests: Requests at once that the machines bear: saturation. Default: not watched.
        quiet_hours: An alarm after so many hours without a request. Default: not watched.
    """

    endpoint: InstanceEndpoint
    latency_p50_ms: float = 500
    client_error_percent: float = 20
    machine_percent: float = 85
    concurrent_requests: float | None = None
    quiet_hours: int | None = None

    @property
    def alarms(self) -> Sequence[Alarm[Any]]:
        """The alarms of this kind of endpoint."""
        found: list[Alarm[Any]] = [
            _client_errors(self.client_error_percent),
            _half_latency(self.latency_p50_ms),
            *_machines(self.endpoint, self.machine_percent),
        ]
        if self.concurrent_requests is not None:
            found.append(
                Alarm(
                    part="saturation",
                    description=f"More than {self.concurrent_requests:g} requests at once: the next ones "
                    "wait or are refused. Raise the most machines that scaling may start.",
                    metric=CONCURRENT_REQUESTS,
                    threshold=self.concurrent_requests,
                )
            )
        if self.quiet_hours is not None:
            found.append(_quiet(self.quiet_hours))
        return found


@dataclass(frozen=True, kw_only=True)
class ServerlessWatch:
    """What is watched of a serverless endpoint.

    Attributes:
        endpoint: The endpoint.
        latency_p50_ms: Half of the requests may take so long in the model. Default 500.
        client_error_percent: Share of requests that the server refuses. Default 20.
        memory_percent: Memory of the servers. Default 85.
        concurrency_percent: Share of the most concurrent requests that is in use: saturation. Default 80.
        quiet_hours: An alarm after so many hours without a request. Default: not watched.
    """

    endpoint: ServerlessEndpoint
    latency_p50_ms: float = 500
    client_error_percent: float = 20
    memory_percent: float = 85
    concurrency_percent: float = 80
    quiet_hours: int | None = None

    @property
    def alarms(self) -> Sequence[Alarm[Any]]:
        """The alarms of this kind of endpoint."""
        return [
            _client_errors(self.client_error_percent),
            _half_latency(self.latency_p50_ms),
            _memory(self.memory_percent),
            Alarm(
                part="saturation",
                description=f"More than {self.concurrency_percent:g} % of the most concurrent requests are "
                "in use: the next ones are throttled. Raise the capacity's max_concurrency.",
                metric=CONCURRENCY_USED,
                threshold=self.concurrency_percent / 100,
            ),
            *([] if self.quiet_hours is None else [_quiet(self.quiet_hours)]),
        ]


@dataclass(frozen=True, kw_only=True)
class AsynchronousWatch:
    """What is watched of an endpoint with a queue.

    Attributes:
        endpoint: The endpoint.
        latency_ms: The longest request may take so long in the model. Default 60000.
        client_error_percent: Share of requests that the server refuses. Default 20.
        machine_percent: CPU, memory, disk and, where there is one, GPU of the machines. Default 85.
        waiting_s: The oldest request may wait so long: saturation. Default 900.
        quiet_hours: An alarm after so many hours without a request. Default: not watched.
    """

    endpoint: AsynchronousEndpoint
    latency_ms: float = 60_000
    client_error_percent: float = 20
    machine_percent: float = 85
    waiting_s: float = 900
    quiet_hours: int | None = None

    @property
    def alarms(self) -> Sequence[Alarm[Any]]:
        """The alarms of this kind of endpoint."""
        found: list[Alarm[Any]] = [
            _client_errors(self.client_error_percent),
            Alarm(
                part="latency",
                description=f"A request takes longer than {self.latency_ms:g} ms in the model. Larger "
                "machines help, or fewer requests at once on each.",
                metric=ASYNCHRONOUS_LATENCY,
                threshold=ASYNCHRONOUS_LATENCY.from_ms(self.latency_ms),
            ),
            Alarm(
                part="failures",
                description="Requests of the queue failed: their reasons lie beside the answers.",
                metric=INVOCATION_FAILURES,
                threshold=0,
                period_s=_FIVE_MINUTES_S,
                periods=1,
            ),
            Alarm(
                part="saturation",
                description=f"The oldest request waits for more than {self.waiting_s:g} s. Raise the most "
                "machines that scaling may start, and look whether the account's quota lets it.",
                metric=OLDEST_REQUEST_AGE,
                threshold=self.waiting_s,
            ),
            *_machines(self.endpoint, self.machine_percent),
        ]
        if self.quiet_hours is not None:
            found.append(_quiet_queue(self.quiet_hours))
        return found


Watch = InstanceWatch | ServerlessWatch | AsynchronousWatch


def _client_errors(percent: float) -> Alarm[Endpoint]:
    return Alarm(
        part="client-errors",
        description=f"The server refuses more than {percent:g} % of the requests. A client sends what the "
        "model's schema does not have: compare it with the manifest.",
        metric=CLIENT_ERRORS,
        threshold=percent / 100,
        period_s=_FIVE_MINUTES_S,
    )


def _half_latency(limit_ms: float) -> Alarm[OnRequest]:
    return Alarm(
        part="latency-p50",
        description=f"Half of the requests take longer than {limit_ms:g} ms in the model. More or larger "
        "machines help.",
        metric=LATENCY,
        statistic="p50",
        threshold=LATENCY.from_ms(limit_ms),
        period_s=_FIVE_MINUTES_S,
    )


def _memory(percent: float) -> Alarm[Endpoint]:
    return Alarm(
        part="memory",
        description=f"More than {percent:g} % of the memory is in use; the server is ended when it is full. "
        "Give it more.",
        metric=MEMORY,
        threshold=percent,
        period_s=_FIVE_MINUTES_S,
    )


def _machines(endpoint: OnMachines, percent: float) -> list[Alarm[Any]]:
    """The alarms of what a machine has: none on a GPU that is not there."""
    found: list[Alarm[Any]] = [_memory(percent)]
    for part, metric in (("cpu", CPU), ("disk", DISK), ("gpu", GPU), ("gpu-memory", GPU_MEMORY)):
        if metric.is_published_by(endpoint):
            words = part.upper().replace("-MEMORY", " memory") if part != "disk" else "disk"
            found.append(
                Alarm(
                    part=part,
                    description=f"More than {percent:g} % of the machines' {words} is in use. Larger "
                    "machines help; more of them, where requests are what fills it.",
                    metric=metric,
                    threshold=metric.from_percent(percent, endpoint),
                    period_s=_FIVE_MINUTES_S,
                )
            )
    return found


def _quiet(hours: int) -> Alarm[OnRequest]:
    return Alarm(
        part="no-traffic",
        description=f"No request for {hours} hours. Clients may have lost the endpoint, or it costs in vain.",
        metric=INVOCATIONS,
        threshold=1,
        comparison="below",
        period_s=3600,
        periods=hours,
        missing="breaching",
    )


def _quiet_queue(hours: int) -> Alarm[AsynchronousEndpoint]:
    return Alarm(
        part="no-traffic",
        description=f"No request was worked off for {hours} hours. Clients may have lost the endpoint.",
        metric=INVOCATIONS_PROCESSED,
        threshold=1,
        comparison="below",
        period_s=3600,
        periods=hours,
        missing="breaching",
    )

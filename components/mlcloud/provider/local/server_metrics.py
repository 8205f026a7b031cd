"""What a server says of itself at `/metrics`, as far as alarms and the status page need it."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_SAMPLE: Final = re.compile(r"^(mlcloud_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_PROBES: Final = frozenset({"/", "/ping", "/metrics", "/v2"})
_NAMES: Final = frozenset(
    {
        "mlcloud_ready",
        "mlcloud_requests_in_flight",
        "mlcloud_requests_capacity",
        "mlcloud_requests_total",
        "mlcloud_request_duration_seconds_bucket",
        "mlcloud_request_duration_seconds_sum",
    }
)


@dataclass(frozen=True, kw_only=True)
class ServerMetrics:
    """One look at a server. Counters begin at 0 with its process.

    Attributes:
        ready: whether it answers predictions.
        requests: requests of users that it has answered; probes are none.
        client_errors: of these, those answered with 400 to 499.
        server_errors: of these, those answered with 500 or above.
        latency: how many of them took how long: a bucket's upper bound in seconds, and what fell into it.
        busy_s: seconds that they took together.
        in_flight: requests that are being answered; the look itself is none.
        capacity: requests that it takes at once; None where it does not say.
    """

    ready: bool
    requests: int
    client_errors: int
    server_errors: int
    latency: Mapping[float, int]
    busy_s: float
    in_flight: int
    capacity: int | None

    @classmethod
    def of(cls, text: str) -> "ServerMetrics | None":
        """Read Prometheus text; None where it is not of a server of mlcloud's trainer."""
        gauges: dict[str, float] = {}
        statuses: Counter[int] = Counter()
        buckets: dict[str, dict[float, float]] = {}
        busy_s = 0.0
        for name, labels, number in _SAMPLE.findall(text):
            if name not in _NAMES:
                continue
            found = dict(_LABEL.findall(labels))
            route = found.get("route", "")
            try:
                value = float(number)
                if name == "mlcloud_requests_total":
                    statuses[int(found["status"])] += 0 if _is_probe(route) else int(value)
                elif name == "mlcloud_request_duration_seconds_bucket":
                    if not _is_probe(route):
                        buckets.setdefault(route, {})[float(found["le"])] = value
                elif name == "mlcloud_request_duration_seconds_sum":
                    busy_s += 0 if _is_probe(route) else value
                else:
                    gauges[name] = value
            except (KeyError, ValueError, OverflowError):
                return None
        if "mlcloud_ready" not in gauges:
            return None
        capacity = gauges.get("mlcloud_requests_capacity")
        return cls(
            ready=gauges["mlcloud_ready"] > 0,
            requests=statuses.total(),
            client_errors=sum(count for status, count in statuses.items() if 400 <= status < 500),
            server_errors=sum(count for status, count in statuses.items() if status >= 500),
            latency=_parted(buckets),
            busy_s=busy_s,
            # The server counts the request that asks for this.
            in_flight=max(0, int(gauges.get("mlcloud_requests_in_flight", 0)) - 1),
            capacity=None if capacity is None else int(capacity),
        )

    def since(self, before: "ServerMetrics | None") -> "ServerMetrics":
        """What was counted after an earlier look at the same server; gauges are those of now.

        Args:
            before: None where its counters began at 0 meanwhile.
        """
        if before is None or self.requests < before.requests:
            return self
        latency = {
            bound: max(0, count - before.latency.get(bound, 0)) for bound, count in self.latency.items()
        }
        return ServerMetrics(
            ready=self.ready,
            requests=self.requests - before.requests,
            client_errors=max(0, self.client_errors - before.client_errors),
            server_errors=max(0, self.server_errors - before.server_errors),
            latency=latency if any(latency.values()) else {},
            busy_s=max(0.0, self.busy_s - before.busy_s),
            in_flight=self.in_flight,
            capacity=self.capacity,
        )


def _is_probe(route: str) -> bool:
    return route in _PROBES or route.endswith(("/ready", "/live"))


def _parted(buckets: Mapping[str, Mapping[float, float]]) -> dict[float, int]:
    """Prometheus counts each bucket together with all below it; here each stands alone, all routes in one."""
    found: Counter[float] = Counter()
    for cumulative in buckets.values():
        below = 0.0
        for bound, count in sorted(cumulative.items()):
            found[bound] += int(count - below)
            below = count
    return dict(found)

"""What happened second by second, for as long as alarms and charts look back, and what is measured in it."""

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mlcloud.provider.local.server_metrics import ServerMetrics

# As long as the charts of the status page; no alarm looks back farther.
KEPT_S: Final = 900.0
# A server whose last answer is older says nothing of how busy it is now.
_FRESH_S: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Point:
    """What was counted since the point before, of one server or of several.

    Attributes:
        at: when, in monotonic seconds.
        requests: requests answered.
        client_errors: of these, those answered with 400 to 499.
        server_errors: of these, those answered with 500 or above.
        latency: seconds as upper bounds of buckets, and what fell into each.
        busy_s: seconds that the answered requests took together.
        servers: servers that tell what they work on.
        in_flight: requests that are being answered; None where no server tells.
        capacity: requests that the servers take at once; None where one does not say.
    """

    at: float
    requests: int = 0
    client_errors: int = 0
    server_errors: int = 0
    latency: Mapping[float, int] = field(default_factory=dict[float, int])
    busy_s: float = 0.0
    servers: int = 0
    in_flight: int | None = None
    capacity: int | None = None


class Series:
    """The points of the last 15 minutes."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque()

    def add(self, point: Point) -> None:
        """Take a point, which is later than those before, and forget those that nobody looks back to."""
        self._points.append(point)
        while self._points[0].at <= point.at - KEPT_S:
            self._points.popleft()

    def last(self, period_s: float, now: float) -> list[Point]:
        """The points of the last so many seconds."""
        found: list[Point] = []
        for point in reversed(self._points):
            if point.at <= now - period_s:
                break
            found.append(point)
        return found[::-1]


class Servers:
    """Turns looks at servers, whose counters begin at 0 with each process, into points."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._looks: dict[str, tuple[float, ServerMetrics]] = {}
        self._counted: dict[str, list[ServerMetrics]] = {}

    def look(self, server: str, began: float, metrics: ServerMetrics, at: float) -> None:
        """Take what a server said.

        Args:
            server: names the process.
            began: when it began, in Unix seconds. What a server counted before this object was there is
                nobody's news; one that began later is counted from its first request on.
            metrics: what it said.
            at: when, in monotonic seconds.
        """
        known = self._looks.get(server)
        before = known[1] if known is not None else None if began >= self._began else metrics
        self._counted.setdefault(server, []).append(metrics.since(before))
        self._looks[server] = (at, metrics)

    def latest(self, server: str, now: float) -> ServerMetrics | None:
        """What a server said last; None where that was never or long ago."""
        at, metrics = self._looks.get(server, (-math.inf, None))
        return metrics if now - at <= _FRESH_S else None

    def point(self, servers: Iterable[str], now: float) -> Point:
        """What these servers have counted since the last call of `counted`, as one point."""
        names = list(servers)
        counted = [metrics for name in names for metrics in self._counted.get(name, ())]
        latest = [metrics for name in names if (metrics := self.latest(name, now)) is not None]
        capacities = [metrics.capacity for metrics in latest if metrics.capacity is not None]
        return Point(
            at=now,
            requests=sum(metrics.requests for metrics in counted),
            client_errors=sum(metrics.client_errors for metrics in counted),
            server_errors=sum(metrics.server_errors for metrics in counted),
            latency=merged(metrics.latency for metrics in counted),
            busy_s=sum(metrics.busy_s for metrics in counted),
            servers=len(latest),
            in_flight=sum(metrics.in_flight for metrics in latest) if latest else None,
            capacity=sum(capacities) if latest and len(capacities) == len(latest) else None,
        )

    def counted(self, living: Iterable[str]) -> None:
        """Go on to the next point, and forget the servers that have ended."""
        self._counted = {}
        self._looks = {name: self._looks[name] for name in living if name in self._looks}


def merged(parts: Iterable[Mapping[float, int]]) -> dict[float, int]:
    """Several histograms as one."""
    found: Counter[float] = Counter()
    for part in parts:
        found.update(part)
    return dict(found)


def quantile(share: float, buckets: Mapping[float, int]) -> float | None:
    """How long the given share of the requests took at most, in the unit of the buckets' bounds.

    As Prometheus estimates it (`histogram_quantile`): linear within the bucket that holds it; of what exceeds
    the last bound, that bound. Source: https://prometheus.io/docs/prometheus/latest/querying/functions/.

    Args:
        share: from 0 to 1.
        buckets: counts by upper bound, each bucket alone.

    Returns:
        None where nothing was counted.
    """
    total = sum(buckets.values())
    if total <= 0:
        return None
    rank, below, low = share * total, 0, 0.0
    for bound, count in sorted(buckets.items()):
        if count > 0 and below + count >= rank and math.isfinite(bound):
            return low + (bound - low) * max(0.0, rank - below) / count
        below, low = below + count, bound if math.isfinite(bound) else low
    return low


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What an alarm may be about.

    Attributes:
        unit: the unit of its values.
        of: its value over some points; None where they do not tell. None: it is no matter of points.
        by_request: whether it says something of requests, so that a few of them say little.
    """

    unit: str
    of: Callable[[Sequence[Point]], float | None] | None
    by_request: bool = False


def requests_in(points: Sequence[Point]) -> int:
    """How many requests were answered."""
    return sum(point.requests for point in points)


def _percent_of(count: Callable[[Point], int]) -> Callable[[Sequence[Point]], float | None]:
    def percent(points: Sequence[Point]) -> float | None:
        requests = requests_in(points)
        return 100 * sum(map(count, points)) / requests if requests else None

    return percent


def _latency_ms(share: float) -> Callable[[Sequence[Point]], float | None]:
    def latency_ms(points: Sequence[Point]) -> float | None:
        seconds = quantile(share, merged(point.latency for point in points))
        return None if seconds is None else 1000 * seconds

    return latency_ms


def _saturation_percent(points: Sequence[Point]) -> float | None:
    """How full the servers were on average: a moment's crowd waits for no more than a moment.

    A server that answers one request at a time never shows a second one; it is full when it does only that.
    """
    found = [share for share in (_taken_percent(points), _busy_percent(points)) if share is not None]
    return max(found, default=None)


def _taken_percent(points: Sequence[Point]) -> float | None:
    """Of the requests that the servers take at once, how many there were."""
    shares = [
        100 * point.in_flight / point.capacity
        for point in points
        if point.in_flight is not None and point.capacity
    ]
    return sum(shares) / len(shares) if shares else None


def _busy_percent(points: Sequence[Point]) -> float | None:
    """Of the servers' time, how much went into requests: at most all of it."""
    later = points[1:]
    went_by_s = points[-1].at - points[0].at if later else 0.0
    servers = sum(point.servers for point in later) / len(later) if later else 0.0
    if went_by_s <= 0 or not servers:
        return None
    return min(100.0, 100 * sum(point.busy_s for point in later) / (went_by_s * servers))


MEASURES: Final[Mapping[str, Measure]] = {
    "server_error_percent": Measure(
        unit="percent", of=_percent_of(lambda point: point.server_errors), by_request=True
    ),
    "client_error_percent": Measure(
        unit="percent", of=_percent_of(lambda point: point.client_errors), by_request=True
    ),
    "latency_p50_ms": Measure(unit="ms", of=_latency_ms(0.5), by_request=True),
    "latency_p99_ms": Measure(unit="ms", of=_latency_ms(0.99), by_request=True),
    "saturation_percent": Measure(unit="percent", of=_saturation_percent),
    "quiet_hours": Measure(unit="hours", of=None),
    "failed_training_runs": Measure(unit="runs", of=None),
}

"""What the status page shows, as one JSON document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mlcloud.provider.local.monitor_folder import Watched
from mlcloud.provider.local.monitor_sources import Endpoint, Generation, Run, Version
from mlcloud.provider.local.monitor_watch import Traffic, Watch
from mlcloud.provider.local.series import KEPT_S, Point, merged, quantile, requests_in
from mlcloud.provider.local.serving import HOST

_STEP_S: Final = 5
# How far back the numbers of now look: a rate of a few seconds, and shares of a minute.
_RATE_S: Final = 10.0
_SHARES_S: Final = 60.0
_SHOWN_CHANGES: Final = 50
_SHOWN_VERSIONS: Final = 20


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All that was seen at one moment.

    Attributes:
        now: monotonic seconds.
        wall: Unix seconds.
        endpoint: the endpoint; None where there is none.
        runs: the training runs.
        versions: the versions in the registry.
    """

    now: float
    wall: float
    endpoint: Endpoint | None = None
    runs: Sequence[Run] = ()
    versions: Sequence[Version] = ()

    def report(self, label: str) -> Path | None:
        """The report of a version that the registry knows, the latest of its label; None of any other."""
        found = [version for version in self.versions if version.label == label]
        return max(found, key=lambda one: one.created).report if found else None


def status(
    watched: Watched, seen: Seen, watch: Watch, history: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Make the document.

    Args:
        watched: what is watched.
        seen: what was seen last.
        watch: what is known of the traffic, and how the alarms stand.
        history: the changes of alarms, the latest first.
    """
    return {
        "project": watched.project,
        "stack": watched.stack,
        "title": watched.title,
        "written": seen.wall,
        "endpoint": _endpoint(seen, watch),
        "versions": _versions(seen, watch),
        "series": _series(watch.whole, seen),
        "alarms": watch.alarms(),
        "history": list(history[:_SHOWN_CHANGES]),
        "training": _training(seen),
    }


def _endpoint(seen: Seen, watch: Watch) -> dict[str, Any]:
    endpoint, points = seen.endpoint, _last(watch.whole, seen.now, _SHARES_S)
    state, detail = _state(endpoint, watch)
    requests = requests_in(points)
    latest = points[-1] if points else Point(at=seen.now)
    return {
        "url": f"http://{HOST}:{endpoint.port}" if endpoint is not None and endpoint.port else "",
        "state": state,
        "detail": detail,
        "ready": 0 if endpoint is None else endpoint.ready,
        "replicas": 0 if endpoint is None else endpoint.replicas,
        "requests_per_s": _rate(watch.whole, seen.now),
        "error_percent": 100 * sum(point.server_errors for point in points) / requests if requests else None,
        **_latencies(points),
        "in_flight": latest.in_flight,
        "capacity": latest.capacity,
    }


def _state(endpoint: Endpoint | None, watch: Watch) -> tuple[str, str]:
    """How the endpoint is, and what there is to say of it."""
    if endpoint is None:
        return "down", "There is no endpoint yet."
    if not endpoint.supervised:
        answering = any(
            watch.latest(server.name) is not None
            for generation in endpoint.generations
            for server in generation.servers
        )
        return (
            "serving" if answering else "down",
            "The endpoint's supervisor does not run: `mlcloud up` starts it.",
        )
    if endpoint.ready == 0:
        return "starting", endpoint.error
    sharing = sum(generation.weight > 0 for generation in endpoint.generations)
    return "rolling-out" if sharing > 1 else "serving", endpoint.error


def _versions(seen: Seen, watch: Watch) -> list[dict[str, Any]]:
    """Those that have servers, the most traffic first; then what else the registry knows, latest first."""
    generations = () if seen.endpoint is None else seen.endpoint.generations
    found: dict[str, dict[str, Any]] = {}
    for generation in sorted(generations, key=lambda one: one.weight, reverse=True):
        entry = found.setdefault(
            generation.label, _version(generation.label, generation.sha256, seen, watch, weight=0)
        )
        entry["weight"] += generation.weight
        entry["servers"].extend(_servers(generation, watch))
    for version in sorted(seen.versions, key=lambda one: one.created, reverse=True):
        if version.label not in found and len(found) < _SHOWN_VERSIONS:
            found[version.label] = _version(version.label, version.sha256, seen, watch, weight=0)
    return list(found.values())


def _version(label: str, sha256: str, seen: Seen, watch: Watch, *, weight: float) -> dict[str, Any]:
    traffic = watch.versions.get(label)
    known = next((one for one in seen.versions if (one.label, one.sha256) == (label, sha256)), None)
    return {
        "label": label,
        "sha256": sha256,
        "stage": "" if known is None else known.stage,
        "weight": weight,
        "requests_per_s": _rate(traffic, seen.now),
        "requests": 0 if traffic is None else traffic.requests,
        "errors": 0 if traffic is None else traffic.errors,
        **_latencies(_last(traffic, seen.now, _SHARES_S)),
        "servers": [],
        "metrics": {} if known is None else dict(known.metrics),
        "created": None if known is None else known.created,
        "lineage": None if known is None else known.lineage,
        "report": None if known is None or known.report is None else f"/reports/{label}",
    }


def _servers(generation: Generation, watch: Watch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for server in generation.servers:
        latest = watch.latest(server.name)
        found.append(
            {
                "pid": server.process.pid,
                "ready": server.accepting and latest is not None and latest.ready,
                "began": server.began,
                "in_flight": None if latest is None else latest.in_flight,
            }
        )
    return found


def _training(seen: Seen) -> dict[str, Any] | None:
    """The run that began last."""
    run = max(seen.runs, key=lambda one: one.started_at, default=None)
    if run is None:
        return None
    version = next((one for one in seen.versions if run.sha256 and one.sha256 == run.sha256), None)
    has_report = version is not None and version.report is not None
    return {
        "run": run.name,
        "status": run.status,
        "since": run.started_at,
        "report": f"/reports/{version.label}" if version is not None and has_report else None,
    }


def _series(traffic: Traffic | None, seen: Seen) -> dict[str, Any]:
    """The last 15 minutes in steps; the first is cut at the beginning, the last ends now."""
    steps = int(KEPT_S / _STEP_S)
    parts: list[list[Point]] = [[] for _ in range(steps)]
    for point in _last(traffic, seen.now, KEPT_S):
        parts[max(0, steps - 1 - int((seen.now - point.at) / _STEP_S))].append(point)
    latencies = [_latencies(points) for points in parts]
    return {
        "step_s": _STEP_S,
        "from": seen.wall - KEPT_S,
        "requests_per_s": [requests_in(points) / _STEP_S for points in parts],
        "errors_per_s": [sum(point.server_errors for point in points) / _STEP_S for points in parts],
        "p50_ms": [latency["p50_ms"] for latency in latencies],
        "p99_ms": [latency["p99_ms"] for latency in latencies],
        "in_flight": [max((point.in_flight or 0 for point in points), default=0) for points in parts],
    }


def _last(traffic: Traffic | None, now: float, period_s: float) -> list[Point]:
    return [] if traffic is None else traffic.series.last(period_s, now)


def _rate(traffic: Traffic | None, now: float) -> float:
    """Requests a second lately; of something that has begun a moment ago, since then."""
    if traffic is None:
        return 0.0
    period_s = min(_RATE_S, max(1.0, now - traffic.began))
    return requests_in(_last(traffic, now, _RATE_S)) / period_s


def _latencies(points: Sequence[Point]) -> dict[str, float | None]:
    latency = merged(point.latency for point in points)
    found = {"p50_ms": quantile(0.5, latency), "p99_ms": quantile(0.99, latency)}
    return {name: None if seconds is None else 1000 * seconds for name, seconds in found.items()}

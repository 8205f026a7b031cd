"""Counters of the running server, as Prometheus text. In memory; they begin at 0 with the process."""

from __future__ import annotations

import bisect
from collections import defaultdict

# From one row on ONNX Runtime to Azure ML's default request timeout of 5 s and SageMaker's 60 s.
LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What the server has answered so far. Used from the event loop only, so it needs no lock."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.capacity = 0
        self.rows = 0
        self.invalid_requests = 0
        self._requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._buckets: dict[str, list[int]] = {}
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._model: dict[str, str] = {}
        self.ready = False

    def describe_model(self, *, name: str, version: str, sha256: str, runtime: str) -> None:
        """State which model is served, for `mlcloud_model_info`."""
        self._model = {"name": name, "version": version, "sha256": sha256, "runtime": runtime}

    def observe(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is a documented route, or `other`."""
        self._requests[route, status] += 1
        buckets = self._buckets.get(route)
        if buckets is None:
            buckets = self._buckets[route] = [0] * (len(LATENCY_BUCKETS_S) + 1)
        buckets[bisect.bisect_left(LATENCY_BUCKETS_S, seconds)] += 1
        self._seconds[route] += seconds

    def render(self) -> bytes:
        """All metrics in Prometheus text format 0.0.4."""
        lines = [
            "# HELP mlcloud_ready Whether the server answers predictions.",
            "# TYPE mlcloud_ready gauge",
            f"mlcloud_ready {int(self.ready)}",
            "# HELP mlcloud_requests_in_flight Requests that are being answered.",
            "# TYPE mlcloud_requests_in_flight gauge",
            f"mlcloud_requests_in_flight {self.in_flight}",
            "# HELP mlcloud_requests_capacity Requests that are worked on or wait at once, at most.",
            "# TYPE mlcloud_requests_capacity gauge",
            f"mlcloud_requests_capacity {self.capacity}",
            "# HELP mlcloud_predicted_rows_total Rows that were predicted.",
            "# TYPE mlcloud_predicted_rows_total counter",
            f"mlcloud_predicted_rows_total {self.rows}",
            "# HELP mlcloud_invalid_requests_total Connections refused before a request could be read.",
            "# TYPE mlcloud_invalid_requests_total counter",
            f"mlcloud_invalid_requests_total {self.invalid_requests}",
        ]
        if self._model:
            lines += [
                "# HELP mlcloud_model_info The model that is served.",
                "# TYPE mlcloud_model_info gauge",
                f"mlcloud_model_info{_labels(self._model)} 1",
            ]
        lines += self._request_lines() + self._latency_lines()
        return ("\n".join(lines) + "\n").encode()

    def _request_lines(self) -> list[str]:
        lines = [
            "# HELP mlcloud_requests_total Requests answered, by route and status.",
            "# TYPE mlcloud_requests_total counter",
        ]
        for (route, status), count in sorted(self._requests.items()):
            lines.append(f"mlcloud_requests_total{_labels({'route': route, 'status': str(status)})} {count}")
        return lines

    def _latency_lines(self) -> list[str]:
        name = "mlcloud_request_duration_seconds"
        lines = [f"# HELP {name} Time from a request's head to its answer.", f"# TYPE {name} histogram"]
        for route, buckets in sorted(self._buckets.items()):
            total = 0
            for bound, count in zip((*LATENCY_BUCKETS_S, "+Inf"), buckets, strict=True):
                total += count
                lines.append(f"{name}_bucket{_labels({'route': route, 'le': str(bound)})} {total}")
            lines.append(f"{name}_sum{_labels({'route': route})} {self._seconds[route]:.6f}")
            lines.append(f"{name}_count{_labels({'route': route})} {total}")
        return lines


def _labels(labels: dict[str, str]) -> str:
    escaped = (
        (key, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for key, value in labels.items()
    )
    return "{" + ",".join(f'{key}="{value}"' for key, value in escaped) + "}"

"""What a status page shows, as the monitor would say it: a stack that serves, and changes to it."""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlcloud.provider.local.page import PageServer

from support.provider_endpoints import free_port

STEP_S = 2
POINTS = 150
OLD, NEW = "9c2f0ab41d77", "e41b77c09a52"


def alarm(
    name: str, metric: str, *, state: str = "ok", value: float | None = 0.0, **more: Any
) -> dict[str, Any]:
    """One rule with its state; since two minutes."""
    return {
        "name": name,
        "metric": metric,
        "comparison": "above",
        "threshold": 5.0,
        "unit": "percent",
        "period_s": 60,
        "state": state,
        "value": value,
        "since": time.time() - 125,
        "description": f"What {name} means.",
        "versions": {},
        **more,
    }


def version(label: str, *, weight: float = 0.0, servers: int = 0, **more: Any) -> dict[str, Any]:
    """One version; its servers have run for an hour."""
    now = time.time()
    return {
        "label": label,
        "sha256": (label * 6)[:64],
        "stage": "live" if weight else "archived",
        "weight": weight,
        "requests_per_s": 2.2 * weight,
        "requests": 41_250,
        "errors": 12,
        "p50_ms": 3.42,
        "p99_ms": 18.9,
        "servers": [
            {"pid": 4000 + index, "ready": True, "began": now - 3725, "in_flight": index}
            for index in range(servers)
        ],
        "metrics": {"accuracy": 0.972028, "roc_auc": 0.995912},
        "created": now - 90_000,
        "lineage": {"data_sha256": "5d41402abc4b2a76", "estimator": "logistic_regression", "code": "0.1.0"},
        "report": f"/reports/{quote(label, safe='')}",
        **more,
    }


def status(**more: Any) -> dict[str, Any]:
    """A stack that serves one version and has kept another; nothing is wrong."""
    now = time.time()
    wave = [math.sin(index / 9) + 0.4 * math.sin(index / 2.3) for index in range(POINTS)]
    return {
        "stack": "local-dev",
        "project": "mlcloud",
        "title": "breast-cancer",
        "written": now,
        "endpoint": {
            "url": "http://127.0.0.1:8470",
            "state": "serving",
            "detail": "",
            "ready": 2,
            "replicas": 2,
            "requests_per_s": 220.4,
            "error_percent": 0.03,
            "p50_ms": 3.42,
            "p99_ms": 18.9,
            "in_flight": 3,
            "capacity": 128,
        },
        "versions": [version(OLD), version(NEW, weight=100.0, servers=2, created=now - 4000)],
        "series": {
            "step_s": STEP_S,
            "from": now - (POINTS - 1) * STEP_S,
            "requests_per_s": [220 + 40 * value for value in wave],
            "errors_per_s": [1.2 if index % 41 == 0 else 0.0 for index in range(POINTS)],
            "p50_ms": [None if 40 <= index < 46 else 3.4 + 0.5 * wave[index] for index in range(POINTS)],
            "p99_ms": [None if 40 <= index < 46 else 19 + 6 * wave[index] for index in range(POINTS)],
            "in_flight": [max(0, round(3 + 2 * value)) for value in wave],
        },
        "alarms": [
            alarm("server-errors", "server_error_percent", value=0.03),
            alarm("latency-p99", "latency_p99_ms", value=18.9, threshold=60.0, unit="ms"),
            alarm("no-traffic", "quiet_hours", state="no-data", value=None, threshold=1.0, unit="hours"),
        ],
        "history": [],
        "training": {"run": "breast-cancer-1f7c", "status": "succeeded", "since": now - 4100, "report": None},
        **more,
    }


class ShownStatus:
    """A status page whose status a test changes.

    Attributes:
        content: what the page shows.
        stuck_at: when it was measured last, in Unix seconds; None while it is measured at each look.
        failure: why there is nothing to show.
    """

    def __init__(self, content: Mapping[str, Any], reports: Callable[[str], Path | None]) -> None:
        self.content = dict(content)
        self.stuck_at: float | None = None
        self.failure: Exception | None = None
        # A port that the system gives to nobody else while the server is away.
        self.server = PageServer(self._look, reports, port=free_port(), any_port=False)

    def _look(self) -> Mapping[str, Any]:
        if self.failure is not None:
            raise self.failure
        return {**self.content, "written": time.time() if self.stuck_at is None else self.stuck_at}

    def change(self, **more: Any) -> None:
        """Change parts of the status; the next look shows it."""
        self.content = {**self.content, **more}

    def change_endpoint(self, **more: Any) -> None:
        """Change what is said of the endpoint."""
        self.change(endpoint={**self.content["endpoint"], **more})

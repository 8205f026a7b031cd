"""Cloud Logging and Monitoring of the fake GCP: lines of jobs, and alerts."""

from collections.abc import Callable
from typing import Any

from support.provider_gcp_answers import filter_of


class Watching:
    """Entries as Cloud Logging has them, and alerts as Cloud Monitoring has them."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.alerts: list[dict[str, Any]] = []
        self._later: list[tuple[int, str, str]] = []

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {"entries.list": self._entries, "alerts.list": self._alerts}

    def write(self, payload: dict[str, Any] | str, second: int, severity: str = "INFO") -> None:
        """A line of any job."""
        kind = "textPayload" if isinstance(payload, str) else "jsonPayload"
        self.entries.append(
            {
                "insertId": str(len(self.entries)),
                "timestamp": f"2026-01-01T00:00:{second:02}Z",
                "severity": severity,
                kind: payload,
            }
        )

    def open(self, policy: str, display_name: str) -> None:
        """An alert of a policy, told with the project's number."""
        number = policy.rsplit("/", 1)[-1]
        self.alerts.append(
            {
                "name": f"projects/42/alerts/{len(self.alerts)}",
                "state": "OPEN",
                "policy": {"name": f"projects/42/alertPolicies/{number}", "displayName": display_name},
            }
        )

    def open_later(self, policy: str, display_name: str, *, calls: int) -> None:
        """An alert that is opened before the so-manieth call from now."""
        self._later.append((calls, policy, display_name))

    def _entries(self, request: Any) -> dict[str, Any]:
        form = r'resource\.type="ml_job" AND resource\.labels\.job_id="\d+"(?: AND timestamp>="([^"]+)")?'
        asked = filter_of(request.body["filter"], form)
        since = "" if asked is None else asked[1] or ""
        found = [item for item in self.entries if item["timestamp"] >= since]
        return {"entries": found}

    def _alerts(self, request: Any) -> dict[str, Any]:
        due = [(policy, name) for calls, policy, name in self._later if calls <= 1]
        self._later = [(calls - 1, policy, name) for calls, policy, name in self._later if calls > 1]
        for policy, name in due:
            self.open(policy, name)
        asked = filter_of(request.query.get("filter"), r'state="(OPEN|CLOSED)"')
        return {"alerts": [item for item in self.alerts if asked is None or item["state"] == asked[1]]}

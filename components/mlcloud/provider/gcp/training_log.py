"""The lines of a custom job in Cloud Logging, as they come.

https://cloud.google.com/vertex-ai/docs/training/monitor-debug-interactive-shell and
https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.gcp.clients import Clients
from mlcloud.provider.resource import Context
from mlcloud.provider.training import show_line

_PAGE: Final = 1000
_MOST_PAGES: Final = 10


def query(job_id: str) -> str:
    """What finds the lines of a job."""
    return f'resource.type="ml_job" AND resource.labels.job_id="{job_id}"'


class LogLines:
    """Shows the trainer's lines; that they cannot be read stops nothing."""

    def __init__(self, context: Context, clients: Clients, job_id: str) -> None:
        self._context = context
        self._clients = clients
        self._query = query(job_id)
        self._seen: set[str] = set()
        self._since = ""
        self._readable = True

    def show(self) -> None:
        """Show what is new."""
        if not self._readable:
            return
        try:
            for entry in self._entries():
                key = str(entry.get("insertId", ""))
                if key in self._seen:
                    continue
                self._seen.add(key)
                self._since = max(self._since, str(entry.get("timestamp", "")))
                show_line(self._context, line_of(entry))
        except ResourceError as error:
            self._readable = False
            self._context.log(f"The training's log is not shown: {error}", severity="warning")

    def _entries(self) -> list[dict[str, Any]]:
        # Entries of one moment may come one after the other: the last moment is asked for again.
        since = f' AND timestamp>="{self._since}"' if self._since else ""
        asked: dict[str, Any] = {
            "resourceNames": [f"projects/{self._clients.project}"],
            "filter": f"{self._query}{since}",
            "orderBy": "timestamp asc",
            "pageSize": _PAGE,
        }
        found: list[dict[str, Any]] = []
        for _ in range(_MOST_PAGES):
            answer = self._clients.post("logging", "v2/entries:list", asked, repeat=True)
            found += cast("list[dict[str, Any]]", answer.get("entries", []))
            if not answer.get("nextPageToken"):
                break
            asked["pageToken"] = answer["nextPageToken"]
        return found


def line_of(entry: Mapping[str, Any]) -> str:
    """An entry as the line that the container wrote: Vertex AI keeps a JSON object as an object."""
    payload = entry.get("jsonPayload")
    if not isinstance(payload, dict):
        return str(entry.get("textPayload", "")).strip()
    known = cast("dict[str, Any]", payload)
    if "event" in known:
        # What the line calls its level becomes the entry's severity.
        return json.dumps({"level": str(entry.get("severity", "")).lower(), **known})
    return str(known.get("message", "")).strip()

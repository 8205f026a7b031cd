"""Custom jobs of the fake Vertex AI: each goes through its states as it is looked at."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.provider_gcp_answers import filter_of, missing, not_now
from support.provider_gcp_storage import Storage

PENDING = {"state": "JOB_STATE_PENDING"}
RUNNING = {"state": "JOB_STATE_RUNNING", "startTime": "2026-01-01T00:00:00Z"}
SUCCEEDED = {**RUNNING, "state": "JOB_STATE_SUCCEEDED", "endTime": "2026-01-01T00:00:42Z"}
CANCELLING = {**RUNNING, "state": "JOB_STATE_CANCELLING"}
CANCELLED = {**SUCCEEDED, "state": "JOB_STATE_CANCELLED"}
_ENDED = ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED")


def failed(reason: str) -> dict[str, Any]:
    return {**SUCCEEDED, "state": "JOB_STATE_FAILED", "error": {"code": 3, "message": reason}}


@dataclass
class Job:
    """What a job does: its states, the last stays; and what it leaves in its folder, by name."""

    states: list[dict[str, Any]]
    files: Mapping[str, bytes] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)

    @property
    def now(self) -> dict[str, Any]:
        return {**self.content, **self.states[0]}


class Jobs:
    """All jobs by full name; the next one that is made is `next_job`."""

    def __init__(self, storage: Storage) -> None:
        self.all: dict[str, Job] = {}
        self.next_job = Job([PENDING, RUNNING, SUCCEEDED])
        self._storage = storage
        self._ids = itertools.count(9_000_000)

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "customJobs.create": self._create,
            "customJobs.get": self._get,
            "customJobs.list": self._list,
            "customJobs.cancel": self._cancel,
        }

    def _create(self, request: Any) -> dict[str, Any]:
        job, self.next_job = self.next_job, Job([PENDING, RUNNING, SUCCEEDED])
        number = next(self._ids)
        name = f"{request.given['parent']}/customJobs/{number}"
        job.content = {
            **request.body,
            "name": name,
            "createTime": f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z",
        }
        self.all[name] = job
        return job.now

    def _get(self, request: Any) -> dict[str, Any]:
        job = self.all.get(request.given["name"])
        if job is None:
            raise missing(request.given["name"])
        if len(job.states) > 1:
            job.states.pop(0)
        if job.states[0]["state"] in _ENDED and job.files:
            self._leave(job)
        return job.now

    def _leave(self, job: Job) -> None:
        prefix = job.content["jobSpec"]["baseOutputDirectory"]["outputUriPrefix"].removeprefix("gs://")
        bucket, _, folder = prefix.partition("/")
        for name, content in job.files.items():
            self._storage.put(bucket, f"{folder}/{name}", content)
        job.files = {}

    def _list(self, request: Any) -> dict[str, Any]:
        wanted = filter_of(request.query.get("filter"), r'labels\.(\w+)="([^"]*)"')
        jobs = [
            job.now
            for job in self.all.values()
            if wanted is None or job.content.get("labels", {}).get(wanted[1]) == wanted[2]
        ]
        return {"customJobs": jobs}

    def _cancel(self, request: Any) -> dict[str, Any]:
        job = self.all.get(request.given["name"])
        if job is None:
            raise missing(request.given["name"])
        if job.now["state"] in _ENDED:
            raise not_now("The job has ended.")
        job.states = [CANCELLING, CANCELLED]
        return {}

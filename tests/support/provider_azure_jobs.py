"""Jobs of the fake Azure ML: each goes through its states as it is looked at, and tells its run history."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.provider_azure_answers import Answer, missing, user_error
from support.provider_azure_operations import Operations
from support.provider_azure_storage import PLACE, Storage

QUEUED = {"status": "Queued"}
RUNNING = {"status": "Running", "startTimeUtc": "2026-01-01T00:00:00+00:00"}
COMPLETED = {**RUNNING, "status": "Completed", "endTimeUtc": "2026-01-01T00:00:42+00:00"}
CANCEL_REQUESTED = {**RUNNING, "status": "CancelRequested"}
CANCELED = {**COMPLETED, "status": "Canceled"}
_ENDED = ("Completed", "Failed", "Canceled")
_PAGE = 2
LOG = "user_logs/std_log.txt"


def failed(reason: str, code: str = "UserError") -> dict[str, Any]:
    return {**COMPLETED, "status": "Failed", "error": {"error": {"code": code, "message": reason}}}


@dataclass
class Job:
    """What a job does: its states, the last stays; its log by file; what it leaves in its folder, by name.

    A log is written as it is looked at: so many bytes are there at each look, and at last all of them. Its
    address is signed, or of a blob that takes Entra tokens.
    """

    states: list[dict[str, Any]]
    files: Mapping[str, bytes] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    log_bytes: list[int] = field(default_factory=list)
    signed: bool = True
    content: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        return str(self.states[0]["status"])


class Jobs:
    """All jobs by name; the next one that is made is `next_job`."""

    def __init__(self, storage: Storage, operations: Operations, url: Callable[[], str]) -> None:
        self.all: dict[str, Job] = {}
        self.next_job = Job([QUEUED, RUNNING, COMPLETED])
        self._storage = storage
        self._operations = operations
        self._url = url

    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "jobs_create_or_update": self._create,
            "jobs_get": self._get,
            "jobs_list": self._list,
            "jobs_cancel": self._cancel,
            "runs_get_details": self._details,
            "logs_get GET /logs/{job}/{folder}/{file}": self._log,
        }

    def _create(self, request: Any) -> Answer:
        name, asked = request.given["id"], request.body["properties"]
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}", name):
            raise user_error(f"{name} is not a job's name.")
        known = self.all.get(name)
        if known is not None:
            return Answer(200, self._update(name, known, asked))
        job, self.next_job = self.next_job, Job([QUEUED, RUNNING, COMPLETED])
        address = self._url().removeprefix("https://")
        services = {
            "Tracking": {
                "jobServiceType": "Tracking",
                "endpoint": f"azureml://{address}/mlflow/v1.0{request.path}",
            },
            "Studio": {
                "jobServiceType": "Studio",
                "endpoint": f"https://ml.azure.com/runs/{name}?wsid={request.path}",
            },
        }
        job.content = {
            "id": request.path,
            "name": name,
            "type": "Microsoft.MachineLearningServices/workspaces/jobs",
            "properties": {"experimentName": "Default", **asked, "services": services},
        }
        self.all[name] = job
        return Answer(201, self._now(job))

    def _update(self, name: str, job: Job, asked: dict[str, Any]) -> dict[str, Any]:
        """A job is what it was made as: its tags, description and the like are all that can change."""
        free = {"tags", "displayName", "description", "properties", "isArchived", "services"}
        kept = {key: value for key, value in job.content["properties"].items() if key not in free}
        given = {key: value for key, value in asked.items() if key not in free}
        if given != {key: kept.get(key) for key in given}:
            raise user_error(
                "A job with this name already exists. If you are trying to create a new job, use a different "
                f"name. If you are trying to update an existing job, the job {name} cannot be changed."
            )
        job.content["properties"] |= {
            key: value for key, value in asked.items() if key in free - {"services"}
        }
        return self._now(job)

    def _now(self, job: Job) -> dict[str, Any]:
        properties = {**job.content["properties"], "status": job.status}
        return {**job.content, "properties": properties}

    def _named(self, name: str) -> Job:
        if name not in self.all:
            raise missing(f"The job {name}")
        return self.all[name]

    def _get(self, request: Any) -> dict[str, Any]:
        job = self._named(request.given["id"])
        if len(job.states) > 1:
            job.states.pop(0)
        if job.status in _ENDED and job.files:
            self._leave(job)
        return self._now(job)

    def _leave(self, job: Job) -> None:
        folder = job.content["properties"]["environmentVariables"]["MLCLOUD_OUTPUT_URI"].rpartition("/")[0]
        for name, content in job.files.items():
            self._storage.put_at(f"{folder}/{name}", content)
        job.files = {}

    def _list(self, request: Any) -> dict[str, Any]:
        tag = request.query.get("tag")
        jobs = [
            job
            for job in self.all.values()
            if tag is None or tag in job.content["properties"].get("tags", {})
        ]
        start = int(request.query.get("$skip") or 0)
        page: dict[str, Any] = {"value": [self._now(job) for job in jobs[start : start + _PAGE]]}
        if len(jobs) > start + _PAGE:
            more = f"api-version={request.query['api-version']}&$skip={start + _PAGE}"
            page["nextLink"] = f"{self._url()}{request.path}?{more}{f'&tag={tag}' if tag else ''}"
        return page

    def _cancel(self, request: Any) -> Answer:
        job = self._named(request.given["id"])
        if job.status in _ENDED:
            raise user_error("The job has ended.")
        job.states = [CANCEL_REQUESTED, CANCELED]
        return self._operations.start(dict, status=202, by_location=True)

    # Run history: another service, found by the job's own `Tracking` address

    def _details(self, request: Any) -> dict[str, Any]:
        name = request.given["runId"]
        job = self._named(name)
        told = {key: value for key, value in job.states[0].items() if key != "status"}
        logs = {file: self._address(name, job, file) for file in job.logs}
        return {"runId": name, "status": job.status, **told, "logFiles": logs}

    def _address(self, name: str, job: Job, file: str) -> str:
        if job.signed:
            return f"{self._url()}/logs/{name}/{file}?sig=secret"
        path = f"ExperimentRun/dcid.{name}/{file}"
        self._storage.put("workspace", "azureml", path, self._written(job, file))
        return f"{self._url()}{PLACE}/workspace/azureml/{path}"

    def _written(self, job: Job, file: str) -> bytes:
        there = job.log_bytes.pop(0) if job.log_bytes and file == LOG else None
        return job.logs[file].encode()[:there]

    def _log(self, request: Any) -> Answer:
        job = self._named(request.given["job"])
        name = f"{request.given['folder']}/{request.given['file']}"
        if request.query.get("sig") != "secret" or "authorization" in request.headers:
            raise user_error("The address of a log is signed, and takes no token besides.")
        text = self._written(job, name)
        asked = request.headers.get("range", "")
        first = int(asked.removeprefix("bytes=").removesuffix("-") or 0)
        if asked and first >= len(text):
            return Answer(416, b"", "text/plain")
        return Answer(206 if asked else 200, text[first:], "text/plain")

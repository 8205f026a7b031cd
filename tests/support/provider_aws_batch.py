"""A queue of Batch before moto, whose own runs containers: its jobs go through told states, or really train.

Every call is judged by botocore's model before it is answered.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from support.provider_aws_cloud import ACCOUNT, REGION, Answer, Call, Cloud
from support.provider_aws_judge import problems

QUEUE = f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/gpus"
DEFINITION = f"arn:aws:batch:{REGION}:{ACCOUNT}:job-definition/gpus:1"
_OPERATIONS = {
    "/v1/submitjob": "SubmitJob",
    "/v1/listjobs": "ListJobs",
    "/v1/describejobs": "DescribeJobs",
    "/v1/terminatejob": "TerminateJob",
}
SUCCEEDS = ["SUBMITTED", "RUNNABLE", "RUNNING", "SUCCEEDED"]
FAILS = ["RUNNING", "FAILED"]
STAYS = ["RUNNING"]


@dataclass
class BatchJob:
    """A job: the states of its next descriptions, the last of which stays."""

    asked: dict[str, Any]
    states: list[str]
    created_ms: int
    reason: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    terminated: bool = False
    process: "subprocess.Popen[str] | None" = None

    def status(self) -> str:
        if self.process is not None:
            code = self.process.poll()
            return "RUNNING" if code is None else "SUCCEEDED" if code == 0 else "FAILED"
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def variables(self) -> dict[str, str]:
        overrides = self.asked.get("containerOverrides")
        if overrides is None:
            overrides = self.asked["nodeOverrides"]["nodePropertyOverrides"][0]["containerOverrides"]
        return {item["name"]: item["value"] for item in overrides["environment"]}


class BatchCloud(Cloud):
    """moto with a queue. `archive` is what the next job writes when it succeeds, `failure` when it fails."""

    def __init__(self) -> None:
        self.batch_jobs: dict[str, BatchJob] = {}
        self.next_states = list(SUCCEEDS)
        self.next_reason = ""
        self.archive: bytes | None = None
        self.failure: bytes | None = None
        self.runs_trainer = False
        super().__init__()

    def named(self, name: str) -> list[BatchJob]:
        return [job for job in self.batch_jobs.values() if job.asked["jobName"].startswith(name)]

    def next_stream(self) -> str:
        """The log stream of the job that is submitted next."""
        return self._stream(self._id(len(self.batch_jobs)))

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = unquote(environ["PATH_INFO"])
        operation = "TagResource" if path.startswith("/v1/tags/") else _OPERATIONS.get(path)
        if operation is None:
            return super()._answer(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        parameters = json.loads(body) if body else {}
        if operation == "TagResource":
            parameters["resourceArn"] = path.removeprefix("/v1/tags/")
        with self._lock:
            self.calls.append(Call("batch", operation, parameters))
            found = problems("batch", operation, parameters)
            self.problems.extend(found)
            refused = self.refusals.get(operation)
            if found or refused:
                answer = refused.pop(0) if refused else (400, {"message": "; ".join(found)})
            else:
                answer = getattr(self, f"_batch_{operation}")(parameters)
        status, content = answer
        start_response(f"{status} told", [("Content-Type", "application/json")])
        return [json.dumps(content).encode()]

    def _batch_SubmitJob(self, asked: dict[str, Any]) -> Answer:
        job_id = self._id(len(self.batch_jobs))
        # A millisecond apart, as real ones are.
        created = int(time.time() * 1000) + len(self.batch_jobs)
        job = BatchJob(asked, list(self.next_states), created, self.next_reason)
        self.next_states, self.next_reason = list(SUCCEEDS), ""
        if self.runs_trainer:
            kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLCLOUD", "AWS"))}
            job.process = subprocess.Popen(
                [sys.executable, "-m", "mlcloud_trainer", "train", "--prefix", "/nonexistent"],
                env={**kept, **self.variables, **job.variables()},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        self.batch_jobs[job_id] = job
        return 200, {"jobId": job_id, "jobName": asked["jobName"], "jobArn": self._arn(job_id)}

    def _batch_ListJobs(self, asked: dict[str, Any]) -> Answer:
        (given,) = asked["filters"]
        wanted = given["values"][0].lower()
        listed = [
            {"jobId": job_id, "jobName": job.asked["jobName"], "createdAt": job.created_ms}
            for job_id, job in self.batch_jobs.items()
            if job.asked["jobName"].lower() == wanted and job.asked["jobQueue"] == asked["jobQueue"]
        ]
        return 200, {"jobSummaryList": listed}

    def _batch_DescribeJobs(self, asked: dict[str, Any]) -> Answer:
        described = []
        for job_id in asked["jobs"]:
            job = self.batch_jobs.get(job_id.partition("#")[0])
            if job is not None:
                described.append(self._describe(job_id, job))
        return 200, {"jobs": described}

    def _describe(self, job_id: str, job: BatchJob) -> dict[str, Any]:
        status = job.status()
        bucket, _, key = job.variables()["MLCLOUD_OUTPUT_URI"].removeprefix("s3://").partition("/")
        if status == "SUCCEEDED" and self.archive is not None:
            self.put(bucket, key, self.archive)
            self.archive = None
        if status == "FAILED" and self.failure is not None:
            self.put(bucket, key.replace("model.tar.gz", "failure"), self.failure)
            self.failure = None
        found = {
            "jobId": job_id,
            "jobArn": self._arn(job_id),
            "jobName": job.asked["jobName"],
            "status": status,
            "createdAt": job.created_ms,
            "tags": job.tags | job.asked.get("tags", {}),
            "isTerminated": job.terminated,
            "container": {"logStreamName": self._stream(job_id)},
        }
        if status in ("SUCCEEDED", "FAILED"):
            found |= {"startedAt": job.created_ms + 1000, "stoppedAt": job.created_ms + 43_000}
        if status == "FAILED":
            found |= {"statusReason": job.reason or "Essential container in task exited"}
            found["container"] |= {"exitCode": 1}
        return found

    def _batch_TerminateJob(self, asked: dict[str, Any]) -> Answer:
        job = self.batch_jobs[asked["jobId"]]
        if job.status() not in ("SUCCEEDED", "FAILED"):
            job.states, job.reason, job.terminated = ["RUNNING", "FAILED"], asked["reason"], True
        return 200, {}

    def _batch_TagResource(self, asked: dict[str, Any]) -> Answer:
        self.batch_jobs[asked["resourceArn"].rpartition("/")[2]].tags |= asked["tags"]
        return 204, {}

    @staticmethod
    def _id(index: int) -> str:
        return f"{index:08d}-0000-0000-0000-000000000000"

    @staticmethod
    def _stream(job_id: str) -> str:
        return f"gpus/default/{job_id}"

    @staticmethod
    def _arn(job_id: str) -> str:
        return f"arn:aws:batch:{REGION}:{ACCOUNT}:job/{job_id}"

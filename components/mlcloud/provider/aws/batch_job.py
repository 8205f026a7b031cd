"""A job of Batch that trains: submitted, found again, looked at, stopped.

Batch's names are not unique: of the jobs that bear a run's name in the queue, the newest counts. What the
container finds under /opt/ml on SageMaker, it is told by variables here (docs/guides/container.md). Sources:
https://docs.aws.amazon.com/batch/latest/userguide/job_states.html and
https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html.
"""

import json
import math
from typing import Any, Final

from mlcloud.provider.aws import model_archive
from mlcloud.provider.aws.batch_run_inputs import BatchTrainingRunInputs
from mlcloud.provider.aws.clients import AwsError, Clients
from mlcloud.provider.aws.training_flow import Job, State, name_of, output_of
from mlcloud.provider.aws.training_log import JobLog
from mlcloud.provider.resource import Context

# A job with this tag counts no more: Batch keeps the records of ended jobs, and removes none when asked.
FORGOTTEN: Final = "mlcloud-forgotten"
_STOPPED: Final = "mlcloud: the update was stopped"
_MOST_FAILURE_BYTES: Final = 64 * 1024


def artifact_of(new: BatchTrainingRunInputs) -> str:
    """Where the job writes its model, as SageMaker's jobs do."""
    return f"{output_of(new)}/{name_of(new)}/output/{model_archive.ARCHIVE}"


def request(new: BatchTrainingRunInputs) -> dict[str, Any]:
    """The parameters of `SubmitJob`."""
    variables = {
        "AWS_REGION": new.region,
        "MLCLOUD_DATA_URI": new.data_uri,
        "MLCLOUD_HYPERPARAMETERS": json.dumps(new.hyperparameters, sort_keys=True),
        "MLCLOUD_OUTPUT_URI": artifact_of(new),
    }
    given = {"environment": [{"name": name, "value": value} for name, value in variables.items()]}
    found: dict[str, Any] = {
        "jobName": name_of(new),
        "jobQueue": new.job_queue,
        "jobDefinition": new.job_definition,
        "timeout": {"attemptDurationSeconds": math.ceil(new.timeout_s)},
    }
    if new.nodes == 1:
        found["containerOverrides"] = given
    else:
        nodes = [{"targetNodes": "0:", "containerOverrides": given}]
        found["nodeOverrides"] = {"numNodes": new.nodes, "nodePropertyOverrides": nodes}
    if new.tags:
        found |= {"tags": new.tags, "propagateTags": True}
    return found


def stop_job(clients: Clients, job_id: str) -> None:
    """Tell a job to stop; one that has ended or is gone is no error."""
    try:
        clients.call("batch", "terminate_job", jobId=job_id, reason=_STOPPED)
    except AwsError as error:
        if not error.is_missing and error.code != "ClientException":
            raise


def job_id_of(arn: str) -> str:
    """A job's id, by which Batch's calls name it."""
    return arn.rpartition("/")[2]


class BatchJobs:
    """The jobs of a run, which bear the run's name."""

    def __init__(self, context: Context, clients: Clients, new: BatchTrainingRunInputs) -> None:
        self._clients = clients
        self._new = new
        self._name = name_of(new)
        self._id: str | None = None
        self._seen: list[str] = []
        self._log = JobLog(context, clients, new.log_group, self._streams)

    @property
    def title(self) -> str:
        """What people call the job."""
        return f"Batch job {self._name}"

    @property
    def logs(self) -> str:
        """Where its log is in CloudWatch; Batch names the streams after the definition and its own task."""
        return logs_of(self._new)

    def find(self) -> Job | None:
        """The newest job of the name that counts; None when there is none."""
        # One's own job is asked for by its id: a list may lag behind.
        found = self._newest() if self._id is None else self._describe(self._id)
        if found is None:
            return None
        self._id = str(found["jobId"])
        state = _state(found)
        self._note(found)
        started, ended = found.get("startedAt", 0), found.get("stoppedAt", 0)
        return Job(
            title=self.title,
            arn=str(found["jobArn"]),
            state=state,
            by_hand=state == "stopped",
            artifact=artifact_of(self._new),
            reason=self._reason(found, state) if state in ("failed", "stopped") else "",
            duration_s=max(0, ended - started) / 1000 if started and ended else 0.0,
            transitions=tuple(self._seen),
        )

    def submit(self) -> None:
        """Start a job, which counts from now on."""
        self._id = str(self._clients.call("batch", "submit_job", **request(self._new))["jobId"])

    def stop(self, job: Job) -> None:
        """Tell it to stop; one that has ended or is gone is no error."""
        stop_job(self._clients, job_id_of(job.arn))

    def forget(self, context: Context, job: Job) -> None:
        """Mark an ended job, so that it counts no more."""
        del context
        self._clients.call("batch", "tag_resource", resourceArn=job.arn, tags={FORGOTTEN: "true"})
        self._id = None

    def show_log(self, job: Job) -> None:
        """Show the trainer's new lines; of several machines, those of the first."""
        del job
        self._log.show()

    def last_words(self, job: Job) -> str:
        """What the trainer said last; of several machines, on the first."""
        del job
        return self._log.last_words()

    def _streams(self) -> list[str]:
        if self._id is None:
            return []
        first = self._id if self._new.nodes == 1 else f"{self._id}#0"
        container = (self._describe(first) or {}).get("container", {})
        return [str(container["logStreamName"])] if container.get("logStreamName") else []

    def _newest(self) -> dict[str, Any] | None:
        filters = [{"name": "JOB_NAME", "values": [self._name]}]
        answer = self._clients.call("batch", "list_jobs", jobQueue=self._new.job_queue, filters=filters)
        # The filter knows no upper case, and Batch sorts by time; neither is relied upon.
        alike = [job for job in answer["jobSummaryList"] if job["jobName"] == self._name]
        if not alike:
            return None
        newest = max(alike, key=lambda job: int(job.get("createdAt", 0)))
        found = self._describe(str(newest["jobId"]))
        return None if found is None or FORGOTTEN in found.get("tags", {}) else found

    def _describe(self, job_id: str) -> dict[str, Any] | None:
        found = self._clients.call("batch", "describe_jobs", jobs=[job_id])["jobs"]
        return found[0] if found else None

    def _note(self, found: dict[str, Any]) -> None:
        reason = str(found.get("statusReason", "")).strip()
        line = f"{found['status']}: {reason}" if reason else str(found["status"])
        if line not in self._seen[-1:]:
            self._seen.append(line)

    def _reason(self, found: dict[str, Any], state: State) -> str:
        """Why an ended job has no model, in words."""
        if state == "stopped":
            return f"The {self.title} was stopped."
        told = str(found.get("statusReason", "")).strip()
        if "exceeded timeout" in told:
            return f"The {self.title} took longer than {self._new.timeout_s:g} s (timeoutS) and was ended."
        container = found.get("container", {})
        exit_code = container.get("exitCode")
        more = [str(container.get("reason", "")), "" if exit_code is None else f"exit code {exit_code}"]
        reasons = [self._failure(found) or told or "Batch gives no reason", *filter(None, more)]
        return f"The {self.title} failed: {'; '.join(reasons)}"

    def _failure(self, found: dict[str, Any]) -> str:
        """What the trainer wrote beside its model; empty where it is of an earlier job, or cannot be read."""
        bucket, key = model_archive.split_uri(artifact_of(self._new))
        try:
            answer = self._clients.call(
                "s3", "get_object", Bucket=bucket, Key=f"{key.rpartition('/')[0]}/failure"
            )
        except AwsError:
            return ""
        with answer["Body"] as body:
            # S3 tells whole seconds, Batch milliseconds.
            if answer["LastModified"].timestamp() + 1 < found.get("createdAt", 0) / 1000:
                return ""
            return body.read(_MOST_FAILURE_BYTES).decode("utf-8", "replace").strip()


def logs_of(new: BatchTrainingRunInputs) -> str:
    """Where a job's log is in CloudWatch."""
    definition = new.job_definition.rpartition("/")[2].partition(":")[0]
    return f"{new.log_group}:{definition}/"


def _state(found: dict[str, Any]) -> State:
    ended = {"SUCCEEDED": "completed", "FAILED": "failed"}.get(str(found["status"]))
    if ended == "failed" and found.get("isTerminated"):
        # A job that its time limit ends is terminated by Batch itself, with another reason.
        return "failed" if "exceeded timeout" in str(found.get("statusReason", "")) else "stopped"
    if ended == "completed":
        return "completed"
    if ended == "failed":
        return "failed"
    return "stopping" if found.get("isTerminated") or found.get("isCancelled") else "running"

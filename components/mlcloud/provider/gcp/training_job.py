"""A custom job of Vertex AI: submitted, found again, followed with its log, cancelled.

https://cloud.google.com/vertex-ai/docs/training/create-custom-job. The trainer is told by variables what
it is to do (docs/guides/container.md), and leaves model and failure in the run's folder in Cloud Storage.
"""

import json
import math
import time
from datetime import datetime
from typing import Any, Final, cast

from mlcloud.provider.errors import Cancelled, ResourceError
from mlcloud.provider.gcp import model_folder
from mlcloud.provider.gcp.clients import Clients, GcpError, short_name
from mlcloud.provider.gcp.propagation import until_granted
from mlcloud.provider.gcp.training_inputs import VertexTrainingRunInputs
from mlcloud.provider.gcp.training_log import LogLines
from mlcloud.provider.resource import Context

SUCCEEDED: Final = "JOB_STATE_SUCCEEDED"
CANCELLING: Final = "JOB_STATE_CANCELLING"
CANCELLED: Final = "JOB_STATE_CANCELLED"
# CustomJob.endTime: the states after which nothing comes.
ENDED: Final = (
    SUCCEEDED,
    "JOB_STATE_FAILED",
    CANCELLED,
    "JOB_STATE_EXPIRED",
    "JOB_STATE_PARTIALLY_SUCCEEDED",
)
RUN_LABEL: Final = "mlcloud_run"
_FIRST_POLL_S: Final = 0.25
_LONGEST_POLL_S: Final = 15.0
_POLL_GROWTH: Final = 1.5
_STOP_LIMIT_S: Final = 600.0
_STOP_POLL_S: Final = 1.0
_FAILURE_CHARACTERS: Final = 2000


def latest(clients: Clients, run_name: str) -> dict[str, Any] | None:
    """The newest job of a run; None when it has none."""
    filters = f'labels.{RUN_LABEL}="{run_name}"'
    jobs = clients.pages("aiplatform", f"v1/{clients.location}/customJobs", "customJobs", filter=filters)
    own = [job for job in jobs if job.get("labels", {}).get(RUN_LABEL) == run_name]
    return max(own, key=lambda job: (str(job.get("createTime", "")), str(job["name"])), default=None)


def describe(clients: Clients, name: str) -> dict[str, Any] | None:
    """The job as Vertex AI has it; None when there is none."""
    try:
        return clients.get("aiplatform", f"v1/{name}")
    except GcpError as error:
        if error.is_missing:
            return None
        raise


def state(job: dict[str, Any]) -> str:
    """The job's state."""
    return str(job.get("state", "JOB_STATE_UNSPECIFIED"))


def folder(new: VertexTrainingRunInputs, run_name: str) -> str:
    """The run's folder: `model/` below it, and why it failed in `failure`."""
    base = new.output_uri if new.output_uri is not None else f"gs://{new.models_bucket}/runs"
    return f"{base.rstrip('/')}/{run_name}"


def model_of(new: VertexTrainingRunInputs, run_name: str) -> str:
    """Where the job leaves its model: `AIP_MODEL_DIR` is `<base>/model/`."""
    return f"{folder(new, run_name)}/model"


def body(new: VertexTrainingRunInputs, run_name: str) -> dict[str, Any]:
    """The `CustomJob`."""
    base = folder(new, run_name)
    machine: dict[str, Any] = {"machineType": new.machine_type}
    if new.accelerator_type is not None:
        machine["acceleratorType"] = new.accelerator_type
        machine["acceleratorCount"] = new.accelerator_count
    pool: dict[str, Any] = {
        "machineSpec": machine,
        "diskSpec": {"bootDiskSizeGb": new.disk_gb},
        "containerSpec": {
            "imageUri": new.image_uri,
            "args": ["train"],
            "env": [
                {"name": "MLCLOUD_HYPERPARAMETERS", "value": json.dumps(new.hyperparameters, sort_keys=True)},
                {"name": "MLCLOUD_DATA_URI", "value": new.data_uri},
            ],
        },
    }
    # The first pool is the chief's, of one machine; the others are the workers'
    # (https://cloud.google.com/vertex-ai/docs/training/distributed-training).
    pools = [{**pool, "replicaCount": "1"}]
    if new.replica_count > 1:
        pools.append({**pool, "replicaCount": str(new.replica_count - 1)})
    scheduling: dict[str, Any] = {
        "timeout": f"{math.ceil(new.timeout_s)}s",
        "restartJobOnWorkerRestart": new.restart_on_worker_restart,
    }
    if new.spot:
        scheduling["strategy"] = "SPOT"
    spec: dict[str, Any] = {
        "workerPoolSpecs": pools,
        "scheduling": scheduling,
        "serviceAccount": new.service_account,
        "baseOutputDirectory": {"outputUriPrefix": base},
    }
    if new.persistent_resource is not None:
        spec["persistentResourceId"] = new.persistent_resource
    if new.network is not None:
        spec["network"] = new.network
    if new.network_attachment is not None:
        spec["pscInterfaceConfig"] = {"networkAttachment": new.network_attachment}
    found: dict[str, Any] = {
        "displayName": run_name,
        "jobSpec": spec,
        "labels": {**new.labels, RUN_LABEL: run_name},
    }
    if new.kms_key_name is not None:
        found["encryptionSpec"] = {"kmsKeyName": new.kms_key_name}
    return found


def submit(context: Context, clients: Clients, new: VertexTrainingRunInputs, run_name: str) -> dict[str, Any]:
    """Start a job, with nothing of an earlier try in its folder. A lost answer is found by its label.

    Its account and its key may have been granted what they need in the same update.
    """
    before = latest(clients, run_name)
    data_bucket, data = model_folder.split_uri(new.data_uri)
    if model_folder.find(clients, data_bucket, data) is None:
        raise ResourceError(f"dataUri: there is no object {new.data_uri}.")
    bucket, base = model_folder.split_uri(folder(new, run_name))
    model_folder.clear(clients, bucket, f"{base}/")

    def happened() -> dict[str, Any] | None:
        found = latest(clients, run_name)
        return None if found is None or (before is not None and found["name"] == before["name"]) else found

    path = f"v1/{clients.location}/customJobs"
    asked = body(new, run_name)
    return until_granted(
        context,
        lambda: clients.post("aiplatform", path, asked, happened=happened),
        limit_s=new.grant_wait_s,
        doing=f"starting the training job of {run_name}",
    )


def follow(context: Context, clients: Clients, job: dict[str, Any], limit_s: float | None) -> dict[str, Any]:
    """Show the job's progress until it ends.

    Args:
        context: shows the lines, and says when to stop: the job is then cancelled.
        clients: Google's APIs.
        job: the job, as it was last seen.
        limit_s: seconds to follow it; 0 looks once. None: to its end, which Vertex AI's own limits bring.

    Returns:
        The job as it was last seen.

    Raises:
        ResourceError: it is gone.
        Cancelled: the engine asked to stop, and the job was told to.
    """
    deadline = math.inf if limit_s is None else time.monotonic() + limit_s
    name, shown, poll_s = str(job["name"]), "", _FIRST_POLL_S
    lines = LogLines(context, clients, short_name(name))
    try:
        while True:
            found = describe(clients, name)
            if found is None:
                raise ResourceError(f"The training job {name} was deleted while it was followed.")
            if state(found) != shown:
                shown = state(found)
                context.log(f"{shown.removeprefix('JOB_STATE_').capitalize()}", ephemeral=True)
            if limit_s != 0:
                lines.show()
            if state(found) in ENDED or time.monotonic() >= deadline:
                return found
            context.pause(poll_s)
            poll_s = min(poll_s * _POLL_GROWTH, _LONGEST_POLL_S)
    except Cancelled:
        cancel(clients, name)
        raise Cancelled(f"Stopped, as asked: the training job {short_name(name)} was told to stop.") from None


def cancel(clients: Clients, name: str) -> None:
    """Tell the job to stop; one that has ended or is gone is no error."""
    try:
        clients.post("aiplatform", f"v1/{name}:cancel", {}, repeat=True)
    except GcpError as error:
        if not error.is_missing and error.code != "FAILED_PRECONDITION":
            raise


def end(context: Context, clients: Clients, name: str) -> dict[str, Any] | None:
    """Cancel the job where it runs, and wait until it has ended; returns it, or None when there is none."""
    deadline = time.monotonic() + _STOP_LIMIT_S
    found = describe(clients, name)
    if found is not None and state(found) not in (*ENDED, CANCELLING):
        cancel(clients, name)
    while found is not None and state(found) not in ENDED:
        if time.monotonic() > deadline:
            raise ResourceError(
                f"The training job {short_name(name)} was told to stop and has not after {_STOP_LIMIT_S:g} s"
                ". Look at it in Vertex AI, and run the update again."
            )
        context.log(f"Waiting until the training job {short_name(name)} has stopped.", ephemeral=True)
        context.pause(_STOP_POLL_S)
        found = describe(clients, name)
    return found


def failure(clients: Clients, job: dict[str, Any], new: VertexTrainingRunInputs, run_name: str) -> str:
    """Why an ended job has no model, in words: the trainer's own, or else Vertex AI's."""
    name = f"The training job {short_name(str(job['name']))} of {run_name}"
    if state(job) == "JOB_STATE_EXPIRED" or duration_s(job) >= math.ceil(new.timeout_s):
        return f"{name} took longer than {new.timeout_s:g} s (timeoutS) and was ended."
    if state(job) == CANCELLED:
        return f"{name} was stopped."
    bucket, base = model_folder.split_uri(folder(new, run_name))
    told = model_folder.read_text(clients, bucket, f"{base}/failure")
    reason = told or str(cast("dict[str, Any]", job.get("error", {})).get("message", ""))
    return f"{name} failed: {(reason.strip() or 'Vertex AI gives no reason')[:_FAILURE_CHARACTERS]}"


def duration_s(job: dict[str, Any]) -> float:
    """Seconds from the job's start to its end; 0 where it has not had both."""
    start, stop = job.get("startTime"), job.get("endTime")
    if not start or not stop:
        return 0.0
    return (datetime.fromisoformat(str(stop)) - datetime.fromisoformat(str(start))).total_seconds()

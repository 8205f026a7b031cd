"""A command job of Azure ML: submitted, found again by its name, followed with its log, cancelled.

https://learn.microsoft.com/azure/machine-learning/how-to-train-model. The trainer is told by variables what
it is to do (docs/guides/container.md), and leaves model and failure in the run's folder in Blob Storage.

A job's name is its id, and no two have the same: a run's first job is named as the run, a second try
`<run>-2`, and so on. So a job is looked up, not searched for, and to submit it twice makes one.
"""

import json
import math
import re
import time
from datetime import datetime
from typing import Any, Final, cast

from mlcloud.provider.azure import blobs, operations, training_log
from mlcloud.provider.azure.blobs import Place, place_of
from mlcloud.provider.azure.clients import AzureError, Clients
from mlcloud.provider.azure.training_inputs import AzureTrainingRunInputs
from mlcloud.provider.errors import Cancelled, ResourceError
from mlcloud.provider.resource import Context

SUCCEEDED: Final = "Completed"
CANCELLING: Final = "CancelRequested"
CANCELLED: Final = "Canceled"
# JobStatus: the states after which nothing comes.
ENDED: Final = (SUCCEEDED, "Failed", CANCELLED)
RUN_TAG: Final = "mlcloud_run"
_MODEL: Final = "model"
_CONFLICTS: Final = (400, 409)
_FIRST_POLL_S: Final = 0.25
_LONGEST_POLL_S: Final = 15.0
_POLL_GROWTH: Final = 1.5
_STOP_LIMIT_S: Final = 600.0
_STOP_POLL_S: Final = 1.0
_FAILURE_CHARACTERS: Final = 2000
_DURATION: Final = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?")
_UNITS_S: Final = (24 * 3600, 3600, 60, 1)
_KINDS: Final = {"pytorch": "PyTorch", "mpi": "Mpi", "tensorflow": "TensorFlow"}


def job_id(clients: Clients, resource_group: str, workspace: str, name: str) -> str:
    """The id of a job."""
    return f"{clients.workspace(resource_group, workspace)}/jobs/{name}"


def latest(clients: Clients, new: AzureTrainingRunInputs, run_name: str) -> dict[str, Any] | None:
    """The newest job of a run; None when it has none."""
    return newest(clients, job_id(clients, new.resource_group, new.workspace, run_name))


def newest(clients: Clients, first: str) -> dict[str, Any] | None:
    """The newest job of the run whose first job would have this id; None when it has none."""
    found, number = None, 1
    while True:
        following = describe(clients, _numbered(first, number))
        if following is None:
            return found
        found, number = following, number + 1


def describe(clients: Clients, identifier: str) -> dict[str, Any] | None:
    """The job as Azure ML has it; None when there is none."""
    return clients.find(identifier)


def state(job: dict[str, Any]) -> str:
    """The job's state."""
    return str(job["properties"].get("status") or "NotStarted")


def folder(new: AzureTrainingRunInputs, run_name: str) -> Place:
    """The run's folder: `model/` below it, and why it failed in `failure`."""
    return place_of(new.models_uri) / "runs" / run_name


def model_of(new: AzureTrainingRunInputs, run_name: str) -> Place:
    """Where the job leaves its model."""
    return folder(new, run_name) / _MODEL


def body(new: AzureTrainingRunInputs, run_name: str) -> dict[str, Any]:
    """The `CommandJob`."""
    place = model_of(new, run_name)
    output = str(place)
    # An output is below a datastore, never a plain address
    # (https://learn.microsoft.com/azure/machine-learning/how-to-manage-inputs-outputs-pipeline).
    recorded = f"azureml://datastores/{new.models_datastore}/paths/{place.name}"
    found: dict[str, Any] = {
        "jobType": "Command",
        "displayName": run_name,
        "experimentName": new.name,
        "command": "mlcloud-trainer train",
        "environmentId": new.environment_id,
        "environmentVariables": {
            # Which identity the trainer reads and writes as: a machine may have several.
            "AZURE_CLIENT_ID": new.client_id,
            "MLCLOUD_DATA_URI": new.data_uri,
            "MLCLOUD_HYPERPARAMETERS": json.dumps(new.hyperparameters, sort_keys=True),
            "MLCLOUD_OUTPUT_URI": output,
        },
        # Told as addresses, which the trainer opens itself: they are in the job's record, and nothing is
        # mounted (https://learn.microsoft.com/python/api/azure-ai-ml/azure.ai.ml.output: `direct`).
        "inputs": {"data": {"jobInputType": "uri_file", "mode": "Direct", "uri": new.data_uri}},
        "outputs": {_MODEL: {"jobOutputType": "uri_folder", "mode": "Direct", "uri": recorded}},
        "identity": {
            "identityType": "Managed",
            "clientId": new.client_id,
            "resourceId": new.identity_id,
        },
        "limits": {"jobLimitsType": "Command", "timeout": f"PT{math.ceil(new.timeout_s)}S"},
        "resources": {"instanceCount": new.instances},
        "tags": {**new.tags, RUN_TAG: run_name},
    }
    kind = new.distribution or ("pytorch" if new.instances > 1 else None)
    if kind == "tensorflow":
        found["distribution"] = {"distributionType": _KINDS[kind], "workerCount": new.instances}
    elif kind is not None:
        # One process a machine: what a machine's processes share is the trainer's business.
        found["distribution"] = {"distributionType": _KINDS[kind], "processCountPerInstance": 1}
    if new.compute is not None:
        return {**found, "computeId": new.compute}
    # Serverless compute: no compute at all, but a size
    # (https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute).
    found["resources"] = {**found["resources"], "instanceType": new.instance_type}
    found["queueSettings"] = {"jobTier": "Spot" if new.spot else "Standard"}
    return found


def submit(
    clients: Clients, new: AzureTrainingRunInputs, run_name: str, before: dict[str, Any] | None
) -> dict[str, Any]:
    """Start a job, with nothing of an earlier try in its folder.

    Args:
        clients: Azure's APIs.
        new: the run's inputs.
        run_name: the run's name.
        before: the run's newest job, None where it has none.

    Returns:
        The job; the one that is there already where somebody was faster.
    """
    if blobs.size(clients, place_of(new.data_uri)) is None:
        raise ResourceError(f"dataUri: there is no blob {new.data_uri}.")
    blobs.clear(clients, folder(new, run_name))
    first = job_id(clients, new.resource_group, new.workspace, run_name)
    identifier = _numbered(first, 1 if before is None else _number(first, before) + 1)
    try:
        return clients.put(identifier, {"properties": body(new, run_name)}).body
    except AzureError as error:
        # An earlier answer was lost, or another update has submitted it: there is one, and it is this one.
        found = describe(clients, identifier) if error.status in _CONFLICTS else None
        if found is None:
            raise
        return found


def follow(context: Context, clients: Clients, job: dict[str, Any], limit_s: float | None) -> dict[str, Any]:
    """Show the job's progress until it ends.

    Args:
        context: shows the lines, and says when to stop: the job is then cancelled.
        clients: Azure's APIs.
        job: the job, as it was last seen.
        limit_s: seconds to follow it; 0 looks once. None: to its end, which the job's own limit brings.

    Returns:
        The job as it was last seen.

    Raises:
        ResourceError: it is gone.
        Cancelled: the engine asked to stop, and the job was told to.
    """
    deadline = math.inf if limit_s is None else time.monotonic() + limit_s
    identifier, shown, poll_s = str(job["id"]), "", _FIRST_POLL_S
    lines = training_log.LogLines(context, clients)
    try:
        while True:
            found = describe(clients, identifier)
            if found is None:
                raise ResourceError(f"The training job {job['name']} was deleted while it was followed.")
            if state(found) != shown:
                shown = state(found)
                context.log(shown, ephemeral=True)
            if limit_s != 0:
                lines.show(found, ended=state(found) in ENDED)
            if state(found) in ENDED or time.monotonic() >= deadline:
                return found
            context.pause(poll_s)
            poll_s = min(poll_s * _POLL_GROWTH, _LONGEST_POLL_S)
    except Cancelled:
        cancel(clients, identifier)
        raise Cancelled(f"Stopped, as asked: the training job {job['name']} was told to stop.") from None


def cancel(clients: Clients, identifier: str) -> None:
    """Tell the job to stop; one that has ended or is gone is no error."""
    try:
        clients.post(f"{identifier}/cancel", repeat=True)
    except AzureError as error:
        if error.is_missing:
            return
        found = describe(clients, identifier) if error.status in _CONFLICTS else None
        if error.status not in _CONFLICTS or (found is not None and state(found) not in (*ENDED, CANCELLING)):
            raise


def end(context: Context, clients: Clients, identifier: str) -> dict[str, Any] | None:
    """Cancel the job where it runs, and wait until it has ended; returns it, or None when there is none."""
    deadline = time.monotonic() + _STOP_LIMIT_S
    found = describe(clients, identifier)
    if found is not None and state(found) not in (*ENDED, CANCELLING):
        cancel(clients, identifier)
    while found is not None and state(found) not in ENDED:
        if time.monotonic() > deadline:
            raise ResourceError(
                f"The training job {found['name']} was told to stop and has not after {_STOP_LIMIT_S:g} s. "
                "Look at it in Azure ML studio, and run the update again."
            )
        context.log(f"Waiting until the training job {found['name']} has stopped.", ephemeral=True)
        context.pause(_STOP_POLL_S)
        found = describe(clients, identifier)
    return found


def failure(clients: Clients, job: dict[str, Any], new: AzureTrainingRunInputs, run_name: str) -> str:
    """Why an ended job has no model, in words: the trainer's own, or else Azure ML's."""
    name = f"The training job {job['name']} of {run_name}"
    history = _history(clients, job)
    if state(job) == CANCELLED:
        if _took_too_long(job, history):
            return f"{name} took longer than {_limit_s(job):g} s (timeoutS) and was ended."
        return f"{name} was stopped."
    told = blobs.read(clients, folder(new, run_name) / "failure") or b""
    # Run history wraps the error in another object than Azure Resource Manager does.
    error = history.get("error")
    wrapped = cast("dict[str, Any]", error) if isinstance(error, dict) else {}
    reason = told.decode(errors="replace").strip() or operations.reason_of(wrapped)
    return f"{name} failed: {reason[:_FAILURE_CHARACTERS]}"


def was_stopped(clients: Clients, job: dict[str, Any]) -> bool:
    """Whether somebody has stopped an ended job; its own limit, which ends it in the same way, has not."""
    return state(job) == CANCELLED and not _took_too_long(job, _history(clients, job))


def duration_s(clients: Clients, job: dict[str, Any]) -> float:
    """Seconds from the job's start to its end; 0 where run history does not tell both."""
    return _duration_s(_history(clients, job))


def studio(job: dict[str, Any]) -> str:
    """The job's page in Azure ML studio, where its lines are (`services.Studio`)."""
    return training_log.address_of(job, "Studio") or str(job["id"])


def _took_too_long(job: dict[str, Any], history: dict[str, Any]) -> bool:
    return _duration_s(history) >= _limit_s(job)


def _history(clients: Clients, job: dict[str, Any]) -> dict[str, Any]:
    """What run history knows; nothing where it may not be read: no model hangs on it."""
    try:
        return training_log.details(clients, job)
    except ResourceError:
        return {}


def _duration_s(history: dict[str, Any]) -> float:
    start, stop = history.get("startTimeUtc"), history.get("endTimeUtc")
    if not start or not stop:
        return 0.0
    return (datetime.fromisoformat(str(stop)) - datetime.fromisoformat(str(start))).total_seconds()


def _limit_s(job: dict[str, Any]) -> float:
    """The job's own limit: `PT3600S`, as it was submitted, or as Azure ML writes the same (`PT1H`, `P1D`)."""
    limits = cast("dict[str, Any]", job["properties"].get("limits") or {})
    parts = _DURATION.fullmatch(str(limits.get("timeout") or ""))
    if parts is None:
        return math.inf
    return sum(float(part or 0) * unit for part, unit in zip(parts.groups(), _UNITS_S, strict=True))


def _numbered(first: str, number: int) -> str:
    return first if number == 1 else f"{first}-{number}"


def _number(first: str, job: dict[str, Any]) -> int:
    """Which try of its run a job is."""
    behind = str(job["name"]).removeprefix(first.rsplit("/", 1)[-1])
    return int(behind.removeprefix("-")) if behind else 1

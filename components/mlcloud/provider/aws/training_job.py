"""A training job of SageMaker: submitted, followed with its log, stopped.

States and their order:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html.
"""

import math
import time
from typing import Any, Final, cast

from mlcloud.aws.instances import has_local_storage
from mlcloud.provider.aws.clients import AwsError, Clients, tag_list
from mlcloud.provider.aws.training_inputs import TrainingRunInputs
from mlcloud.provider.aws.training_log import LogLines
from mlcloud.provider.errors import Cancelled, ResourceError
from mlcloud.provider.resource import Context

ENDED: Final = ("Completed", "Failed", "Stopped")
_CHANNEL: Final = "train"
# A short run is seen at once; a long one is asked about four times a minute, far below any rate limit.
_FIRST_POLL_S: Final = 0.25
_LONGEST_POLL_S: Final = 15.0
_POLL_GROWTH: Final = 1.5
# A container has two minutes between SIGTERM and SIGKILL (StopTrainingJob's reference page).
_STOP_LIMIT_S: Final = 600.0
_STOP_POLL_S: Final = 1.0


def describe(clients: Clients, name: str) -> dict[str, Any] | None:
    """The job as SageMaker has it; None when there is none."""
    try:
        return clients.call("sagemaker", "describe_training_job", TrainingJobName=name)
    except AwsError as error:
        if error.is_missing:
            return None
        raise


def request(new: TrainingRunInputs, name: str) -> dict[str, Any]:
    """The parameters of `CreateTrainingJob`."""
    output_uri = output_of(new)
    max_run_s = math.ceil(new.timeout_s)
    stopping: dict[str, int] = {"MaxRuntimeInSeconds": max_run_s}
    machines: dict[str, Any] = {
        "InstanceType": new.instance_type,
        "InstanceCount": new.instance_count,
        "VolumeSizeInGB": new.volume_gb,
    }
    output: dict[str, Any] = {"S3OutputPath": output_uri, "CompressionType": "GZIP"}
    if new.kms_key_arn is not None:
        output["KmsKeyId"] = new.kms_key_arn
        if not has_local_storage(new.instance_type):
            machines["VolumeKmsKeyId"] = new.kms_key_arn
    found: dict[str, Any] = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": new.image_uri, "TrainingInputMode": "File"},
        "RoleArn": new.role_arn,
        "HyperParameters": new.hyperparameters,
        "InputDataConfig": [
            {
                "ChannelName": _CHANNEL,
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": new.data_uri,
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
        ],
        "OutputDataConfig": output,
        "ResourceConfig": machines,
        "StoppingCondition": stopping,
        "EnableNetworkIsolation": new.network_isolation,
        "EnableInterContainerTrafficEncryption": new.encrypt_between_containers,
        "EnableManagedSpotTraining": new.spot,
        "Tags": tag_list(new.tags),
    }
    if new.spot:
        stopping["MaxWaitTimeInSeconds"] = (
            math.ceil(new.max_wait_s) if new.max_wait_s is not None else 2 * max_run_s
        )
        prefix = new.checkpoint_uri if new.checkpoint_uri is not None else f"{output_uri}/checkpoints"
        # Checkpoints of another run must never be taken over.
        found["CheckpointConfig"] = {"S3Uri": f"{prefix.rstrip('/')}/{name}"}
    if new.subnet_ids:
        found["VpcConfig"] = {"Subnets": new.subnet_ids, "SecurityGroupIds": new.security_group_ids}
    return found


def output_of(new: TrainingRunInputs) -> str:
    """The prefix under which SageMaker writes `<job>/output/model.tar.gz`."""
    return (new.output_uri if new.output_uri is not None else f"s3://{new.models_bucket}/runs").rstrip("/")


def submit(clients: Clients, new: TrainingRunInputs, name: str) -> None:
    """Start the job. One that is there already is the same job: an answer was lost, or another update won."""
    try:
        clients.call("sagemaker", "create_training_job", **request(new, name))
    except AwsError as error:
        if error.code != "ResourceInUse":
            raise


def remove(context: Context, clients: Clients, name: str) -> None:
    """Remove the record of an ended job, so that its name can be used again."""
    clients.call("sagemaker", "delete_training_job", TrainingJobName=name)
    deadline = time.monotonic() + _STOP_LIMIT_S
    while describe(clients, name) is not None:
        if time.monotonic() > deadline:
            raise ResourceError(
                f"The record of the training job {name} was deleted and is still there after "
                f"{_STOP_LIMIT_S:g} s. Run the update again."
            )
        context.pause(_STOP_POLL_S)


def follow(context: Context, clients: Clients, name: str, limit_s: float | None) -> dict[str, Any]:
    """Show the job's progress until it ends.

    Args:
        context: shows the lines, and says when to stop: the job is then told to stop too.
        clients: AWS.
        name: the job's name.
        limit_s: seconds to follow it; 0 looks once. None: to its end, which SageMaker's own limits bring.

    Returns:
        The job, which has ended, or goes on after `limit_s`.
    """
    deadline = math.inf if limit_s is None else time.monotonic() + limit_s
    transitions, lines, poll_s = _Transitions(context), LogLines(context, clients, name), _FIRST_POLL_S
    try:
        while True:
            found = describe(clients, name)
            if found is None:
                raise ResourceError(f"The training job {name} was deleted while it was followed.")
            transitions.show(found)
            if limit_s != 0:
                lines.show()
            if found["TrainingJobStatus"] in ENDED or time.monotonic() >= deadline:
                return found
            context.pause(poll_s)
            poll_s = min(poll_s * _POLL_GROWTH, _LONGEST_POLL_S)
    except Cancelled:
        stop(clients, name)
        raise Cancelled(f"Stopped, as asked: the training job {name} was told to stop.") from None


def stop(clients: Clients, name: str) -> None:
    """Tell the job to stop; one that has ended or is gone is no error."""
    try:
        clients.call("sagemaker", "stop_training_job", TrainingJobName=name)
    except AwsError as error:
        if not error.is_missing and error.code != "ValidationException":
            raise


def end(context: Context, clients: Clients, name: str) -> dict[str, Any] | None:
    """Stop the job where it runs, and wait until it has; returns it, or None when there is none."""
    deadline = time.monotonic() + _STOP_LIMIT_S
    found = describe(clients, name)
    if found is not None and found["TrainingJobStatus"] == "InProgress":
        stop(clients, name)
    while found is not None and found["TrainingJobStatus"] not in ENDED:
        if time.monotonic() > deadline:
            raise ResourceError(
                f"The training job {name} was told to stop and has not after {_STOP_LIMIT_S:g} s. "
                "Look at it in SageMaker, and run the update again."
            )
        context.log(f"Waiting until the training job {name} has stopped.", ephemeral=True)
        context.pause(_STOP_POLL_S)
        found = describe(clients, name)
    return found


def failure(found: dict[str, Any], new: TrainingRunInputs) -> str:
    """Why an ended job has no model, in words."""
    name, secondary = found["TrainingJobName"], found.get("SecondaryStatus", "")
    if secondary == "MaxRuntimeExceeded":
        return f"The training job {name} took longer than {new.timeout_s:g} s (timeoutS) and was ended."
    if secondary == "MaxWaitTimeExceeded":
        return (
            f"The training job {name} did not get spare capacity in its time (maxWaitS) and was ended. "
            "Raise `maxWaitS`, choose another `instanceType`, or set `spot` to false."
        )
    if found["TrainingJobStatus"] == "Stopped":
        return f"The training job {name} was stopped."
    reason = str(found.get("FailureReason", "SageMaker gives no reason")).strip()
    return f"The training job {name} failed: {reason}"


class _Transitions:
    """Shows each change of the job's state once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._shown = 0

    def show(self, found: dict[str, Any]) -> None:
        """Show what is new."""
        transitions = cast("list[dict[str, Any]]", found.get("SecondaryStatusTransitions", []))
        for transition in transitions[self._shown :]:
            message = str(transition.get("StatusMessage", "")).strip()
            status = transition["Status"]
            self._context.log(f"{status}: {message}" if message else status, ephemeral=True)
        self._shown = len(transitions)

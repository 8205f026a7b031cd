"""A training job of SageMaker: submitted, looked at, stopped.

States and their order:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html.
"""

import math
import time
from typing import Any, Final, cast

from mlcloud.aws.instances import has_local_storage
from mlcloud.provider.aws.clients import AwsError, Clients, tag_list
from mlcloud.provider.aws.training_flow import Job, State, name_of, output_of
from mlcloud.provider.aws.training_inputs import TrainingRunInputs
from mlcloud.provider.aws.training_log import JobLog
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.resource import Context

LOG_GROUP: Final = "/aws/sagemaker/TrainingJobs"
_CHANNEL: Final = "train"
_STATES: Final[dict[str, State]] = {
    "InProgress": "running",
    "Stopping": "stopping",
    "Completed": "completed",
    "Failed": "failed",
    "Stopped": "stopped",
}
# Removing a record takes seconds.
_REMOVAL_LIMIT_S: Final = 600.0
_REMOVAL_POLL_S: Final = 1.0
# What IAM has made is there for other services some time later
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency);
# until then, SageMaker says that it could not assume the role.
_NEW_ROLE: Final = "could not assume role"
_NEW_ROLE_LIMIT_S: Final = 120.0
_NEW_ROLE_POLL_S: Final = 5.0


def logs_of(name: str) -> str:
    """Where a job's log is in CloudWatch."""
    return f"{LOG_GROUP}:{name}/"


class SageMakerJobs:
    """The training job of a run, which bears the run's name."""

    def __init__(self, context: Context, clients: Clients, name: str, new: TrainingRunInputs | None) -> None:
        """Take `new` as what is submitted; a run that is only looked at or ended needs none."""
        self._context = context
        self._clients = clients
        self._name = name
        self._new = new
        self._log = JobLog(context, clients, LOG_GROUP, self._streams)

    @property
    def title(self) -> str:
        """What people call the job."""
        return f"training job {self._name}"

    @property
    def logs(self) -> str:
        """Where its log is in CloudWatch."""
        return logs_of(self._name)

    def find(self) -> Job | None:
        """The job as SageMaker has it; None when there is none."""
        found = describe(self._clients, self._name)
        if found is None:
            return None
        state = _STATES[found["TrainingJobStatus"]]
        return Job(
            title=self.title,
            arn=str(found["TrainingJobArn"]),
            state=state,
            by_hand=found.get("SecondaryStatus") == "Stopped",
            artifact=str(found.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")),
            reason=failure(found, self._new) if state in ("failed", "stopped") else "",
            duration_s=float(found.get("TrainingTimeInSeconds", 0)),
            transitions=_transitions(found),
        )

    def submit(self) -> None:
        """Start the job. One that is there is the same job: an answer was lost, or another update won."""
        if self._new is None:
            raise ResourceError(f"The {self.title} cannot be started: its inputs are not known.")
        asked, deadline = request(self._new), time.monotonic() + _NEW_ROLE_LIMIT_S
        while True:
            try:
                self._clients.call("sagemaker", "create_training_job", **asked)
                return
            except AwsError as error:
                if error.code == "ResourceInUse":
                    return
                if _NEW_ROLE not in error.reason.lower() or time.monotonic() > deadline:
                    raise
            self._context.log("SageMaker does not see the training role yet: trying again", ephemeral=True)
            self._context.pause(_NEW_ROLE_POLL_S)

    def stop(self, job: Job) -> None:
        """Tell the job to stop; one that has ended or is gone is no error."""
        del job
        try:
            self._clients.call("sagemaker", "stop_training_job", TrainingJobName=self._name)
        except AwsError as error:
            if not error.is_missing and error.code != "ValidationException":
                raise

    def forget(self, context: Context, job: Job) -> None:
        """Remove the record of an ended job, so that its name can be used again."""
        del job
        self._clients.call("sagemaker", "delete_training_job", TrainingJobName=self._name)
        deadline = time.monotonic() + _REMOVAL_LIMIT_S
        while describe(self._clients, self._name) is not None:
            if time.monotonic() > deadline:
                raise ResourceError(
                    f"The record of the {self.title} was deleted and is still there after "
                    f"{_REMOVAL_LIMIT_S:g} s. Run the update again."
                )
            context.pause(_REMOVAL_POLL_S)

    def show_log(self, job: Job) -> None:
        """Show the trainer's new lines."""
        del job
        self._log.show()

    def last_words(self, job: Job) -> str:
        """What the trainer said last."""
        del job
        return self._log.last_words()

    def _streams(self) -> list[str]:
        """Named `<job>/<host>-<time>` (https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html)."""
        answer = self._clients.call(
            "logs", "describe_log_streams", logGroupName=LOG_GROUP, logStreamNamePrefix=f"{self._name}/"
        )
        return [str(stream["logStreamName"]) for stream in answer["logStreams"]]


def describe(clients: Clients, name: str) -> dict[str, Any] | None:
    """The job as SageMaker has it; None when there is none."""
    try:
        return clients.call("sagemaker", "describe_training_job", TrainingJobName=name)
    except AwsError as error:
        if error.is_missing:
            return None
        raise


def request(new: TrainingRunInputs) -> dict[str, Any]:
    """The parameters of `CreateTrainingJob`."""
    name, output_uri = name_of(new), output_of(new)
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


def failure(found: dict[str, Any], new: TrainingRunInputs | None) -> str:
    """Why an ended job has no model, in words."""
    name, secondary = found["TrainingJobName"], found.get("SecondaryStatus", "")
    if secondary == "MaxRuntimeExceeded":
        limit = "its time" if new is None else f"{new.timeout_s:g} s"
        return f"The training job {name} took longer than {limit} (timeoutS) and was ended."
    if secondary == "MaxWaitTimeExceeded":
        return (
            f"The training job {name} did not get spare capacity in its time (maxWaitS) and was ended. "
            "Raise `maxWaitS`, choose another `instanceType`, or set `spot` to false."
        )
    if found["TrainingJobStatus"] == "Stopped":
        return f"The training job {name} was stopped."
    reason = str(found.get("FailureReason", "SageMaker gives no reason")).strip()
    return f"The training job {name} failed: {reason}"


def _transitions(found: dict[str, Any]) -> tuple[str, ...]:
    lines: list[str] = []
    for transition in cast("list[dict[str, Any]]", found.get("SecondaryStatusTransitions", [])):
        message = str(transition.get("StatusMessage", "")).strip()
        lines.append(f"{transition['Status']}: {message}" if message else str(transition["Status"]))
    return tuple(lines)

"""Controls of SageMaker's training jobs, ours and the native ones, and of its monitoring jobs."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from mlcloud.core.errors import Problem
from mlcloud.policy.control import Control, Judge
from mlcloud.policy.judging import at_least, each, expect, is_given, is_true
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

RUN: Final = "mlcloud:aws:TrainingRun"
_JOB: Final = "aws:sagemaker/trainingJob:TrainingJob"
_MONITORS: Final = ("aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition",)
# What a property is called: by our resource, and by pulumi-aws.
_PATHS: Final = {
    "isolation": ("networkIsolation", "enableNetworkIsolation"),
    "subnets": ("subnetIds", "vpcConfig.subnets"),
    "groups": ("securityGroupIds", "vpcConfig.securityGroupIds"),
    "between": ("encryptBetweenContainers", "enableInterContainerTrafficEncryption"),
    "instances": ("instanceCount", "resourceConfig.instanceCount"),
    "volume": ("kmsKeyArn", "resourceConfig.volumeKmsKeyId"),
    "output": ("kmsKeyArn", "outputDataConfig.kmsKeyId"),
    "limit": ("timeoutS", "stoppingCondition.maxRuntimeInSeconds"),
}


def _path(resource: Resource, what: str) -> str:
    ours, native = _PATHS[what]
    return ours if resource.type == RUN else native


def _expect(accept: Callable[[Any], bool], required: str, *properties: str) -> Judge:
    """Return a judge of properties, whichever of the two resources it is."""

    def judge(resource: Resource, declared: Declared) -> Iterator[Problem]:
        paths = dict.fromkeys(_path(resource, what) for what in properties)
        yield from each(*(expect(path, accept, required) for path in paths))(resource, declared)

    return judge


def _together(resource: Resource, _declared: Declared) -> bool:
    """Return whether several machines train, or may do."""
    count = resource.value(_path(resource, "instances"))
    return count == UNKNOWN or (isinstance(count, (int, float)) and count > 1)


CONTROLS: Final = (
    Control(
        id="training-isolation",
        sources=["prowler sagemaker_training_jobs_network_isolation_enabled"],
        title="Training reaches no network",
        severity="high",
        why="Code that trains, and every library in it, could send the data anywhere.",
        types=[RUN, _JOB],
        judge=_expect(is_true, "true", "isolation"),
    ),
    Control(
        id="training-network",
        sources=["prowler sagemaker_training_jobs_vpc_settings_configured"],
        title="Training runs in private subnets of one's own",
        severity="high",
        why="Data goes over AWS's public addresses, where no endpoint policy or flow log sees it.",
        types=[RUN, _JOB],
        judge=_expect(is_given, "private subnets and their security groups", "subnets", "groups"),
    ),
    Control(
        id="training-own-key",
        sources=["prowler sagemaker_training_jobs_volume_and_output_encryption_enabled"],
        title="Volumes and models are encrypted with a key of one's own",
        severity="high",
        why="Nobody can withdraw access to them at once, or see who decrypts.",
        types=[RUN, _JOB],
        judge=_expect(is_given, "the ARN of a key of one's own", "volume", "output"),
    ),
    Control(
        id="training-between-machines",
        sources=["prowler sagemaker_training_jobs_intercontainer_encryption_enabled"],
        title="Machines that train together encrypt what they say",
        severity="medium",
        why="Gradients and rows can be read on their way.",
        types=[RUN, _JOB],
        judge=_expect(is_true, "true", "between"),
        applies=_together,
    ),
    Control(
        id="training-time-limit",
        sources=["own"],
        title="A run that hangs is stopped",
        severity="high",
        why="It costs until somebody notices.",
        types=[RUN, _JOB],
        judge=_expect(at_least(1), "a number of seconds", "limit"),
    ),
    Control(
        id="training-monitors",
        sources=[
            *(f"SageMaker.{number}" for number in range(9, 16)),
            "CKV_AWS_367",
            "CKV_AWS_368",
            "CKV_AWS_369",
        ],
        title="Monitoring jobs are isolated and encrypted",
        severity="medium",
        why="They read everything that was asked and answered.",
        types=_MONITORS,
        judge=each(
            expect("networkConfig.enableNetworkIsolation", is_true, "true"),
            expect("networkConfig.enableInterContainerTrafficEncryption", is_true, "true"),
            expect("jobResources.clusterConfig.volumeKmsKeyId", is_given, "a key of one's own"),
            expect("dataQualityJobOutputConfig.kmsKeyId", is_given, "a key of one's own"),
        ),
    ),
)

"""What of the controls need not hold on AWS, each with its reason."""

from typing import Final

from mlcloud.policy.aws.documents import of_statements
from mlcloud.policy.aws.endpoint import MODEL, is_serverless
from mlcloud.policy.aws.identity import ROLE
from mlcloud.policy.aws.monitoring import LOG_GROUP
from mlcloud.policy.aws.storage import BUCKET, takes_access_logs
from mlcloud.policy.aws.training import RUN
from mlcloud.policy.control import Waiver
from mlcloud.policy.resource import UNKNOWN, Declared, Resource


def _of_ec2(role: Resource, declared: Declared) -> bool:
    """Return whether machines of EC2, and nothing else, take a role."""
    trusted: set[str] = set()
    unknown = list(
        of_statements(
            "assumeRolePolicy", lambda one: trusted.update(name for _, name in one.principals) or ()
        )(role, declared)
    )
    return not unknown and trusted in ({"ec2.amazonaws.com"}, {"ec2.amazonaws.com.cn"})


def _for_sagemaker(_image: Resource, declared: Declared) -> bool:
    """Return whether SageMaker runs a stack's images."""
    return bool(declared.all(MODEL, RUN))


WAIVERS: Final = (
    Waiver(
        control="storage-own-key",
        resources="buckets that take access logs",
        reason="S3 delivers access logs to buckets with SSE-S3 alone; SSE-KMS is not supported there.",
        types=[BUCKET],
        test=takes_access_logs,
        adr="0008-what-awss-own-services-contradict",
    ),
    Waiver(
        control="storage-access-log",
        resources="buckets that take access logs",
        reason="A bucket that took its own access logs would fill itself; S3's guide advises against it.",
        types=[BUCKET],
        test=takes_access_logs,
    ),
    Waiver(
        control="storage-events",
        resources="all buckets",
        reason="Nothing listens yet. `AwsStorageArgs.events` sends them to EventBridge.",
        test=lambda bucket, declared: (
            not declared.referring(bucket, "aws:s3/bucketNotification:BucketNotification", "bucket")
        ),
    ),
    Waiver(
        control="storage-replication",
        resources="all buckets",
        reason="A second region is a second bill and a second place for the data: whose it is decides that.",
    ),
    Waiver(
        control="storage-object-lock",
        resources="all buckets",
        reason="Nobody could delete a locked object, not even on a person's request; prod keeps versions.",
    ),
    Waiver(
        control="storage-mfa-delete",
        resources="all buckets",
        reason="Only the account's root user can switch it on, with a device in hand; no program can.",
    ),
    Waiver(
        control="image-non-root",
        resources="images that SageMaker runs",
        reason="SageMaker expects containers to run as root; the target `nonroot` is for all else.",
        test=_for_sagemaker,
        adr="0008-what-awss-own-services-contradict",
    ),
    Waiver(
        control="identity-trust",
        resources="roles of EC2's machines",
        reason="EC2 sends neither account nor ARN when a machine takes its role: conditions shut it out.",
        types=[ROLE],
        test=_of_ec2,
    ),
    Waiver(
        control="training-network",
        resources="outside of prod, stacks without a network",
        reason="A network costs by the hour while nothing runs. `mlcloud:network` gives one.",
        test=lambda run, declared: not declared.is_prod and not _placed(run, "subnetIds", "vpcConfig"),
        adr="0009-aws-dev-has-no-network",
    ),
    Waiver(
        control="endpoint-model-network",
        resources="outside of prod, stacks without a network; and serverless endpoints",
        reason="A network costs while nothing runs, and SageMaker takes none for serverless endpoints.",
        types=[MODEL],
        test=lambda model, declared: (
            not _placed(model, "vpcConfig") and (not declared.is_prod or is_serverless(model, declared))
        ),
        adr="0009-aws-dev-has-no-network",
    ),
    Waiver(
        control="endpoint-model-isolation",
        resources="models of serverless endpoints",
        reason="SageMaker refuses network isolation for serverless endpoints.",
        types=[MODEL],
        test=is_serverless,
    ),
    Waiver(
        control="monitoring-log-retention",
        resources="outside of prod, what `mlcloud:monitoring.log_retention_days` says",
        reason="What dev logs is about tries, and is paid for by the month.",
        types=[LOG_GROUP],
        test=lambda group, declared: not declared.is_prod and _kept_shorter(group),
    ),
)


def _placed(resource: Resource, *keys: str) -> bool:
    return any(resource.inputs.get(key) for key in keys)


def _kept_shorter(group: Resource) -> bool:
    days = group.value("retentionInDays")
    return days != UNKNOWN and isinstance(days, (int, float)) and 1 <= days < 365

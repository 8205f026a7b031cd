"""Amazon resource names that are known before the resource is there."""

from collections.abc import Sequence
from typing import Final

from mlcloud.core.scope import Scope

# SageMaker's own names (https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html).
TRAINING_LOG_GROUP: Final = "/aws/sagemaker/TrainingJobs"

# https://docs.aws.amazon.com/general/latest/gr/aws-arns.html, "partition"; botocore/data/partitions.json.
_PARTITIONS = (("cn-", "aws-cn", "amazonaws.com.cn"), ("us-gov-", "aws-us-gov", "amazonaws.com"))
_COMMERCIAL = ("", "aws", "amazonaws.com")


def _partition_row(region: str) -> tuple[str, str, str]:
    return next((row for row in _PARTITIONS if region.startswith(row[0])), _COMMERCIAL)


def partition_of(region: str) -> str:
    """Return the partition that a region belongs to: `aws`, `aws-cn` or `aws-us-gov`."""
    return _partition_row(region)[1]


def domain_of(region: str) -> str:
    """Return the domain of a region's services: `amazonaws.com`, or China's."""
    return _partition_row(region)[2]


def arn(scope: Scope, service: str, resource: str, *, regional: bool = True) -> str:
    """Return the name of a resource of the scope's account.

    Args:
        scope: Partition, region and account.
        service: The service's prefix, such as `sagemaker`.
        resource: Type and name, such as `endpoint/shop`.
        regional: False for global services: IAM, budgets.
    """
    region = scope.region if regional else ""
    return f"arn:{partition_of(scope.region)}:{service}:{region}:{scope.account}:{resource}"


def bucket_arn(scope: Scope, bucket: str) -> str:
    """Return the name of a bucket, which carries neither region nor account."""
    return f"arn:{partition_of(scope.region)}:s3:::{bucket}"


def alarms_arn(scope: Scope) -> str:
    """Return the pattern that names the stack's own alarms, and no others."""
    return arn(scope, "cloudwatch", f"alarm:{scope.name('aws-cloudwatch-alarm')}*")


def log_group_arns(scope: Scope, groups: Sequence[str]) -> list[str]:
    """Return the names of log groups and of the streams in them."""
    return [arn(scope, "logs", f"log-group:{group}{tail}") for group in groups for tail in ("", ":*")]


def cluster_log_group(queue_name: str) -> str:
    """Return the name of the log group of a cluster's jobs."""
    return f"/aws/batch/{queue_name}"


def endpoint_log_group(endpoint_name: str) -> str:
    """Return the name of the log group that SageMaker writes an endpoint's log to."""
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"

"""Log groups of CloudWatch: their names and how long they can be kept."""

from typing import Final

# PutRetentionPolicy takes these alone
# (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html).
_RETENTION_DAYS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

# SageMaker's own names (https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html).
TRAINING_LOG_GROUP: Final = "/aws/sagemaker/TrainingJobs"


def endpoint_log_group(endpoint_name: str) -> str:
    """Return the name of the log group that SageMaker writes an endpoint's log to."""
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"


def retention_days(days: int) -> int:
    """Return the shortest time that CloudWatch can keep logs and that is not below the wished one.

    Args:
        days: 1 to 3653.
    """
    return next((allowed for allowed in _RETENTION_DAYS if allowed >= days), _RETENTION_DAYS[-1])

"""Log groups of CloudWatch: with retention, a key, and kept in prod."""

from typing import Final

import pulumi
from pulumi_aws import cloudwatch

from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def retention_problem(path: str, days: int) -> Problem | None:
    """Return the problem of a retention that CloudWatch does not have; None is no problem."""
    if days in RETENTION_DAYS:
        return None
    longer = next((allowed for allowed in RETENTION_DAYS if allowed > days), RETENTION_DAYS[-1])
    return Problem(
        path=path,
        value=days,
        allowed=f"one of {', '.join(map(str, RETENTION_DAYS))} (CloudWatch has no others)",
        fix=f"write {longer}",
    )


def declare_log_group(
    resource_name: str,
    *,
    name: str,
    scope: Scope,
    retention_days: int,
    key_arn: pulumi.Input[str] | None,
    parent: pulumi.Resource,
) -> cloudwatch.LogGroup:
    """Declare a log group; in prod it outlives what wrote into it."""
    return cloudwatch.LogGroup(
        resource_name,
        name=name,
        retention_in_days=retention_days,
        kms_key_id=key_arn,
        tags=scope.tags,
        opts=child_options(parent, environment=scope.environment, holds_data=True),
    )

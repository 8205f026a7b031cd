"""The log bucket of Cloud Logging: what an endpoint and training runs write, with retention, kept in prod."""

from typing import Final

import pulumi
from pulumi_gcp import logging

from mlcloud.core.args import within
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope
from mlcloud.gcp.metric_types import ENDPOINT_RESOURCE

# https://cloud.google.com/logging/docs/buckets#custom-retention
_RETENTION_DAYS: Final = (1, 3650)
# A custom job's lines, and what Vertex AI itself says of the job
# (https://cloud.google.com/vertex-ai/docs/training/monitor-debug-interactive-shell, logs).
TRAINING_LOGS: Final = 'resource.type="ml_job"'


def retention_problem(path: str, days: int) -> Problem | None:
    """Return the problem of a retention that Cloud Logging does not have; None is no problem."""
    low, high = _RETENTION_DAYS
    return within(path, days, low=low, high=high)


def endpoint_logs(endpoint_name: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the query of what an endpoint writes."""
    return pulumi.Output.concat(
        f'resource.type="{ENDPOINT_RESOURCE}" AND resource.labels.endpoint_id="', endpoint_name, '"'
    )


def declare_log_bucket(
    resource_name: str,
    *,
    scope: Scope,
    queries: list[pulumi.Input[str]],
    retention_days: int,
    key_name: pulumi.Input[str] | None,
    parent: pulumi.Resource,
) -> logging.ProjectBucketConfig:
    """Declare a log bucket, and the sink that copies into it what any of the queries finds.

    Cloud Logging keeps the name of a deleted bucket for seven days, and pulumi-gcp takes over one that is
    there: so it stays when the stack goes, and the same stack finds it again.
    """
    bucket = logging.ProjectBucketConfig(
        resource_name,
        project=scope.account,
        location=scope.region,
        bucket_id=scope.name("gcp-logging-bucket"),
        description=f"Logs of {scope.project}/{scope.stack}",
        retention_days=retention_days,
        cmek_settings=None
        if key_name is None
        else logging.ProjectBucketConfigCmekSettingsArgs(kms_key_name=key_name),
        opts=child_options(
            parent,
            environment=scope.environment,
            holds_data=True,
            extra=pulumi.ResourceOptions(retain_on_delete=True),
        ),
    )
    logging.ProjectSink(
        f"{resource_name}-sink",
        name=scope.name("gcp-logging-bucket"),
        project=scope.account,
        description=f"Logs of {scope.project}/{scope.stack}",
        destination=pulumi.Output.concat("logging.googleapis.com/", bucket.id),
        filter=pulumi.Output.all(*queries).apply(lambda all_: " OR ".join(f"({query})" for query in all_)),
        unique_writer_identity=True,
        opts=child_options(parent, environment=scope.environment),
    )
    return bucket

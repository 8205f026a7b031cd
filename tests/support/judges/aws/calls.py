"""What each call of AWS's API that this project makes must be allowed.

Actions are named as the operations are, but for S3
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html) and keys
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html); what they depend on comes
from the service authorization reference.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from policy_sentry.querying.actions import get_action_data

from support.judges.aws.rights import Need

SAGEMAKER = "sagemaker.amazonaws.com"
_KINDS = {
    "TrainingJobName": "training-job",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
}
_SCALING = (("application-autoscaling:service-namespace", "sagemaker"),)


@dataclass(frozen=True)
class Account:
    """Where calls go.

    Attributes:
        number: The account.
        region: The region.
        key_arn: The key of buckets and volumes.
    """

    number: str
    region: str
    key_arn: str

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.number}:{resource}"


def needs_of(account: Account, service: str, operation: str, parameters: Mapping[str, Any]) -> Iterator[Need]:
    """What a call of a service with a JSON body needs."""
    why = f"{service} {operation}"
    if service == "logs":
        resource = account.arn("logs", f"log-group:{parameters['logGroupName']}:*")
        yield Need(f"logs:{operation}", resource, why)
    elif service == "batch":
        yield from _batch(account, operation, parameters, why)
    elif service == "application-autoscaling":
        yield from _scaling(account, operation, parameters, why)
    else:
        for key, kind in _KINDS.items():
            if key in parameters:
                resource = account.arn("sagemaker", f"{kind}/{parameters[key]}")
                yield Need(f"sagemaker:{operation}", resource, why)
                yield from _depends(operation, resource, parameters, why)
        if "ResourceArn" in parameters:
            yield Need(f"sagemaker:{operation}", parameters["ResourceArn"], why)
        if "VolumeKmsKeyId" in parameters.get("ResourceConfig", {}):
            # https://docs.aws.amazon.com/sagemaker/latest/dg/api-permissions-reference.html
            yield Need("kms:CreateGrant", account.key_arn, why, (("kms:GrantIsForAWSResource", "true"),))
        rollback = parameters.get("DeploymentConfig", {}).get("AutoRollbackConfiguration", {})
        for alarm in rollback.get("Alarms", []):
            # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
            yield Need(
                "cloudwatch:DescribeAlarms", account.arn("cloudwatch", f"alarm:{alarm['AlarmName']}"), why
            )


def _batch(account: Account, operation: str, parameters: Mapping[str, Any], why: str) -> Iterator[Need]:
    """https://docs.aws.amazon.com/batch/latest/userguide/batch-supported-iam-actions-resources.html."""
    match operation:
        case "SubmitJob":
            for key in ("jobQueue", "jobDefinition"):
                yield Need("batch:SubmitJob", parameters[key], why)
            if parameters.get("tags"):
                yield Need("batch:TagResource", account.arn("batch", "job/0ec5a1b2"), why)
        case "TerminateJob":
            yield Need(f"batch:{operation}", account.arn("batch", f"job/{parameters['jobId']}"), why)
        case "TagResource":
            yield Need(f"batch:{operation}", parameters["resourceArn"], why)
        case _:
            yield Need(f"batch:{operation}", "*", why)


def _depends(operation: str, resource: str, parameters: Mapping[str, Any], why: str) -> Iterator[Need]:
    """What the reference says that an action depends on, where the call has it."""
    rows = get_action_data("sagemaker", operation)["sagemaker"]
    for action in {action for row in rows for action in row["dependent_actions"]}:
        if action == "iam:PassRole" and "RoleArn" in parameters:
            yield Need(action, parameters["RoleArn"], why, (("iam:PassedToService", SAGEMAKER),))
        elif action == "sagemaker:AddTags" and parameters.get("Tags"):
            yield Need(action, resource, why)


def _scaling(account: Account, operation: str, parameters: Mapping[str, Any], why: str) -> Iterator[Need]:
    if operation.startswith("Describe"):
        yield Need(f"application-autoscaling:{operation}", "*", why)
        return
    target = account.arn("application-autoscaling", "scalable-target/0ec5a1b2")
    context = () if operation.endswith("Resource") else _SCALING
    yield Need(f"application-autoscaling:{operation}", target, why, context)
    if parameters.get("Tags"):
        yield Need("application-autoscaling:TagResource", target, why)
    if operation == "PutScalingPolicy":
        # Its alarms:
        # https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
        alarm = f"alarm:TargetTracking-{parameters['ResourceId']}-AlarmHigh-1"
        for action in ("PutMetricAlarm", "DescribeAlarms", "DeleteAlarms"):
            yield Need(f"cloudwatch:{action}", account.arn("cloudwatch", alarm), why)


def s3_needs(account: Account, method: str, path: str, copied: str) -> Iterator[Need]:
    """What a request to S3 needs.

    Args:
        account: Where it goes.
        method: Of HTTP.
        path: `/bucket/key`.
        copied: The header that names the source of a copy, `bucket/key`; empty where there is none.
    """
    resource, why = f"arn:aws:s3:::{unquote(path).lstrip('/')}", f"s3 {method}"
    if method in ("GET", "HEAD"):
        yield Need("s3:GetObject", resource, why)
        yield Need("kms:Decrypt", account.key_arn, why)
        # Without it, what is not there looks like what is forbidden.
        yield Need("s3:ListBucket", resource.partition("/")[0], why)
    elif method == "PUT":
        yield Need("s3:PutObject", resource, why)
        yield Need("kms:GenerateDataKey", account.key_arn, why)
    if copied:
        # A copy takes the tags along, and boto3 copies what is large in parts.
        source = f"arn:aws:s3:::{unquote(copied).lstrip('/')}"
        yield Need("s3:GetObject", source, "s3 copy")
        yield Need("s3:GetObjectTagging", source, "s3 copy")
        yield Need("s3:PutObjectTagging", resource, "s3 copy")
        yield Need("s3:AbortMultipartUpload", resource, "s3 copy")


def operations_in(files: Iterable[Path]) -> set[str]:
    """The operations that a program names in its calls, as boto3 spells them."""
    found: set[str] = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in (
                "call",
                "pages",
                "run",
                "told",
                "_call",
                "_on",
            ):
                words = [item.value for item in node.args if isinstance(item, ast.Constant)]
                found |= {word for word in words if isinstance(word, str) and "_" in word and word.islower()}
    return found


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")

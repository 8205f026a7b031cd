"""What somebody needs who brings new data, images and models into a stack that is up, and nothing else.

Buckets, keys, networks and roles are made by an administrator's first update; this is for all later ones that
change what is trained and served. A managed policy holds at most 6144 characters
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html), so there are two.
"""

from collections.abc import Sequence

import pulumi

from mlcloud.aws.arns import TRAINING_LOG_GROUP, arn, endpoint_log_group, log_group_arns
from mlcloud.aws.policies import Statement, document
from mlcloud.core.scope import Scope

_SAGEMAKER = "sagemaker.amazonaws.com"


def deployer_documents(
    scope: Scope,
    *,
    buckets: Sequence[pulumi.Input[str]],
    key_arn: pulumi.Input[str],
    repository_arn: pulumi.Input[str],
    role_arns: Sequence[pulumi.Input[str]],
    endpoint_name: str,
) -> dict[str, pulumi.Output[str]]:
    """Return the policy documents of a stack's deployer by what they are about.

    Args:
        scope: Whose stack it is and where.
        buckets: The data and models buckets.
        key_arn: The stack's key.
        repository_arn: The trainer's repository.
        role_arns: The roles that SageMaker is given.
        endpoint_name: The endpoint.
    """
    return {
        "artefacts": document(*_artefacts(buckets, key_arn, repository_arn)),
        "serving": document(*_jobs(scope, role_arns), *_serving(scope, endpoint_name)),
    }


def _artefacts(
    buckets: Sequence[pulumi.Input[str]], key_arn: pulumi.Input[str], repository_arn: pulumi.Input[str]
) -> list[Statement]:
    return [
        Statement(sid="Buckets", actions=["s3:ListBucket", "s3:GetBucketLocation"], resources=list(buckets)),
        Statement(
            sid="Objects",
            actions=[
                *("s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"),
                *("s3:DeleteObject", "s3:AbortMultipartUpload"),
            ],
            resources=[pulumi.Output.concat(bucket, "/*") for bucket in buckets],
        ),
        Statement(
            sid="Key",
            actions=["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"],
            resources=[key_arn],
        ),
        Statement(
            sid="Volumes",
            actions=["kms:CreateGrant"],
            resources=[key_arn],
            condition={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
        Statement(
            sid="Images",
            actions=[
                *("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImages"),
                *("ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart"),
                *("ecr:CompleteLayerUpload", "ecr:PutImage"),
            ],
            resources=[repository_arn],
        ),
        # They name no resource: https://docs.aws.amazon.com/service-authorization/latest/reference/ .
        Statement(
            sid="WhoAmI",
            actions=["ecr:GetAuthorizationToken", "sts:GetCallerIdentity", "ec2:DescribeAvailabilityZones"],
            resources=["*"],
        ),
    ]


def _jobs(scope: Scope, role_arns: Sequence[pulumi.Input[str]]) -> list[Statement]:
    own = scope.name("aws-sagemaker")
    return [
        Statement(
            sid="Train",
            actions=[
                *("sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob"),
                *("sagemaker:StopTrainingJob", "sagemaker:DeleteTrainingJob"),
                *("sagemaker:AddTags", "sagemaker:ListTags"),
            ],
            resources=[arn(scope, "sagemaker", f"training-job/{own}*")],
        ),
        Statement(
            sid="PassRoles",
            actions=["iam:PassRole"],
            resources=list(role_arns),
            condition={"StringEquals": {"iam:PassedToService": _SAGEMAKER}},
        ),
        Statement(
            sid="Versions",
            actions=[
                *("sagemaker:CreateModelPackage", "sagemaker:DescribeModelPackage"),
                *("sagemaker:UpdateModelPackage", "sagemaker:DeleteModelPackage"),
                *("sagemaker:DescribeModelPackageGroup", "sagemaker:AddTags", "sagemaker:ListTags"),
            ],
            resources=[arn(scope, "sagemaker", f"{kind}/{own}*") for kind in _PACKAGES],
        ),
        # Cloud Control, by which pulumi-aws makes model packages, names no resource of its own: the
        # statement above limits what it can do.
        Statement(
            sid="CloudControl",
            actions=[
                *("cloudformation:CreateResource", "cloudformation:GetResource"),
                *("cloudformation:UpdateResource", "cloudformation:DeleteResource"),
                "cloudformation:GetResourceRequestStatus",
            ],
            resources=["*"],
        ),
    ]


_PACKAGES = ("model-package-group", "model-package")
_SERVING = ("model", "endpoint-config", "endpoint")


def _serving(scope: Scope, endpoint_name: str) -> list[Statement]:
    own = scope.name("aws-sagemaker")
    return [
        Statement(
            sid="Serve",
            actions=[
                *("sagemaker:CreateModel", "sagemaker:DescribeModel", "sagemaker:DeleteModel"),
                *("sagemaker:CreateEndpointConfig", "sagemaker:DescribeEndpointConfig"),
                *("sagemaker:DeleteEndpointConfig", "sagemaker:CreateEndpoint"),
                *("sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpoint", "sagemaker:DeleteEndpoint"),
                *("sagemaker:UpdateEndpointWeightsAndCapacities", "sagemaker:InvokeEndpoint"),
                *("sagemaker:AddTags", "sagemaker:DeleteTags", "sagemaker:ListTags"),
            ],
            resources=[arn(scope, "sagemaker", f"{kind}/{own}*") for kind in _SERVING],
        ),
        # List actions and scaling's Describe actions name no resource.
        Statement(
            sid="Look",
            actions=[
                *("sagemaker:ListEndpointConfigs", "sagemaker:ListModels", "sagemaker:ListModelPackages"),
                *("application-autoscaling:DescribeScalableTargets", "cloudwatch:DescribeAlarms"),
                *("application-autoscaling:DescribeScalingPolicies", "cloudwatch:GetMetricData"),
                *("application-autoscaling:DescribeScheduledActions",),
            ],
            resources=["*"],
        ),
        # A changed machine type is possible only after the target was deregistered (docs/guides/aws.md).
        Statement(
            sid="Scale",
            actions=[
                *("application-autoscaling:RegisterScalableTarget",),
                *("application-autoscaling:DeregisterScalableTarget",),
                *("application-autoscaling:PutScalingPolicy", "application-autoscaling:DeleteScalingPolicy"),
                *("application-autoscaling:PutScheduledAction",),
                *("application-autoscaling:DeleteScheduledAction",),
                *("application-autoscaling:ListTagsForResource", "application-autoscaling:TagResource"),
            ],
            resources=[arn(scope, "application-autoscaling", "scalable-target/*")],
            condition={"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}},
        ),
        Statement(
            sid="Alarms",
            actions=[
                *("cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"),
                *("cloudwatch:ListTagsForResource", "cloudwatch:TagResource"),
            ],
            resources=[
                arn(scope, "cloudwatch", f"alarm:{scope.name('aws-cloudwatch-alarm')}*"),
                # Target tracking makes alarms of its own, of this name.
                arn(scope, "cloudwatch", f"alarm:TargetTracking-endpoint/{endpoint_name}/*"),
            ],
        ),
        Statement(
            sid="ReadLogs",
            actions=["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"],
            resources=log_group_arns(scope, [TRAINING_LOG_GROUP, endpoint_log_group(endpoint_name)]),
        ),
    ]

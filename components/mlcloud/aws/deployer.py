"""What somebody needs who brings new data, images and models into a stack that is up, and nothing else.

Buckets, keys, networks and roles are made by an administrator's first update; this is for all later ones that
change what is trained and served. What each statement is needed for is a test
(tests/contract/test_contract_aws_deployer.py). A managed policy holds at most 6144 characters
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html), so there are two.
"""

from collections.abc import Sequence

import pulumi

from mlcloud.aws.arns import (
    TRAINING_LOG_GROUP,
    alarms_arn,
    arn,
    cluster_log_group,
    endpoint_log_group,
    log_group_arns,
)
from mlcloud.aws.policies import Statement, document
from mlcloud.aws.prefixes import sagemaker_prefix
from mlcloud.core.scope import Scope

_SAGEMAKER = "sagemaker.amazonaws.com"


def deployer_documents(
    scope: Scope,
    *,
    data_bucket_arn: pulumi.Input[str],
    models_bucket_arn: pulumi.Input[str],
    key_arn: pulumi.Input[str],
    repository_arn: pulumi.Input[str],
    role_arns: Sequence[pulumi.Input[str]],
    endpoint_name: str,
    cluster_name: str | None = None,
) -> dict[str, pulumi.Output[str]]:
    """Return the policy documents of a stack's deployer by what they are about.

    Args:
        scope: Whose stack it is and where.
        data_bucket_arn: The bucket of what is trained on.
        models_bucket_arn: The bucket of what training makes and serving reads.
        key_arn: The stack's key.
        repository_arn: The trainer's repository.
        role_arns: The roles that SageMaker is given.
        endpoint_name: The endpoint.
        cluster_name: Name of the queue of Batch on which the stack trains. Default: it trains on SageMaker.
    """
    return {
        "artefacts": document(
            *_artefacts([data_bucket_arn, models_bucket_arn], key_arn, repository_arn),
            *([] if scope.is_prod else _replaced_data(data_bucket_arn)),
        ),
        "serving": document(
            *(_train(scope) if cluster_name is None else _train_on_cluster(scope, cluster_name)),
            *_versions(scope, role_arns),
            *_serving(scope, endpoint_name),
        ),
    }


def _artefacts(
    buckets: Sequence[pulumi.Input[str]], key_arn: pulumi.Input[str], repository_arn: pulumi.Input[str]
) -> list[Statement]:
    return [
        Statement(sid="Buckets", actions=["s3:ListBucket"], resources=list(buckets)),
        Statement(
            sid="Objects",
            actions=[
                *("s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"),
                "s3:AbortMultipartUpload",
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


def _replaced_data(bucket: pulumi.Input[str]) -> list[Statement]:
    """Let a data file go where another one takes its place; prod keeps all that was trained on.

    The buckets are versioned, and the provider deletes every version of an object
    (https://github.com/hashicorp/terraform-provider-aws/issues/35946).
    """
    return [
        Statement(sid="DataVersions", actions=["s3:ListBucketVersions"], resources=[bucket]),
        Statement(
            sid="ReplacedData",
            actions=["s3:DeleteObjectVersion"],
            resources=[pulumi.Output.concat(bucket, "/objects/*")],
        ),
    ]


def _train(scope: Scope) -> list[Statement]:
    return [
        Statement(
            sid="Train",
            actions=[
                *("sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob"),
                *("sagemaker:StopTrainingJob", "sagemaker:DeleteTrainingJob", "sagemaker:AddTags"),
            ],
            resources=[arn(scope, "sagemaker", f"training-job/{sagemaker_prefix(scope)}*")],
        ),
        Statement(
            sid="ReadTrainingLogs",
            actions=["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"],
            resources=log_group_arns(scope, [TRAINING_LOG_GROUP]),
        ),
    ]


def _train_on_cluster(scope: Scope, name: str) -> list[Statement]:
    """Let runs wait in the cluster's queue. Their inputs are its definition's: image, role, network.

    https://docs.aws.amazon.com/batch/latest/userguide/batch-supported-iam-actions-resources.html
    """
    return [
        Statement(
            sid="Submit",
            actions=["batch:SubmitJob"],
            resources=[
                arn(scope, "batch", f"job-queue/{name}"),
                arn(scope, "batch", f"job-definition/{name}:*"),
            ],
        ),
        # Batch makes up the ids of jobs.
        Statement(
            sid="Jobs",
            actions=["batch:TerminateJob", "batch:TagResource"],
            resources=[arn(scope, "batch", "job/*")],
        ),
        # They name no resource.
        Statement(sid="SeeJobs", actions=["batch:ListJobs", "batch:DescribeJobs"], resources=["*"]),
        Statement(
            sid="ReadTrainingLogs",
            actions=["logs:FilterLogEvents", "logs:GetLogEvents"],
            resources=log_group_arns(scope, [cluster_log_group(name)]),
        ),
    ]


def _versions(scope: Scope, role_arns: Sequence[pulumi.Input[str]]) -> list[Statement]:
    own = scope.name("aws-sagemaker")
    # prod keeps the versions before.
    forget = [] if scope.is_prod else ["sagemaker:DeleteModelPackage"]
    unmake = [] if scope.is_prod else ["cloudformation:DeleteResource"]
    return [
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
                *("sagemaker:ListModelPackages", "sagemaker:UpdateModelPackage"),
                *("sagemaker:AddTags", "sagemaker:ListTags"),
                *forget,
            ],
            resources=[arn(scope, "sagemaker", f"{kind}/{own}*") for kind in _PACKAGES],
        ),
        # Cloud Control, by which pulumi-aws makes model packages, names no resource of its own: the
        # statement above limits what it can do.
        Statement(
            sid="CloudControl",
            actions=[
                *("cloudformation:CreateResource", "cloudformation:GetResource"),
                *("cloudformation:GetResourceRequestStatus", *unmake),
            ],
            resources=["*"],
        ),
    ]


_PACKAGES = ("model-package-group", "model-package")
_SERVING = ("model", "endpoint-config", "endpoint")


def _serving(scope: Scope, endpoint_name: str) -> list[Statement]:
    own = sagemaker_prefix(scope)
    # AWS makes up their names.
    targets = [arn(scope, "application-autoscaling", "scalable-target/*")]
    alarms = alarms_arn(scope)
    tracking = arn(scope, "cloudwatch", f"alarm:TargetTracking-endpoint/{endpoint_name}/*")
    return [
        Statement(
            sid="Serve",
            actions=[
                *("sagemaker:CreateModel", "sagemaker:DescribeModel", "sagemaker:DeleteModel"),
                *("sagemaker:CreateEndpointConfig", "sagemaker:DescribeEndpointConfig"),
                *("sagemaker:DeleteEndpointConfig", "sagemaker:CreateEndpoint"),
                *("sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpoint", "sagemaker:DeleteEndpoint"),
                *("sagemaker:InvokeEndpoint", "sagemaker:AddTags", "sagemaker:DeleteTags"),
                "sagemaker:ListTags",
            ],
            resources=[arn(scope, "sagemaker", f"{kind}/{own}*") for kind in _SERVING],
        ),
        # Metrics and scaling's Describe actions name no resource.
        Statement(
            sid="Look",
            actions=[
                *("application-autoscaling:DescribeScalableTargets", "cloudwatch:GetMetricData"),
                *("application-autoscaling:DescribeScalingPolicies",),
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
                *("application-autoscaling:PutScalingPolicy", "application-autoscaling:PutScheduledAction"),
            ],
            resources=targets,
            condition={"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}},
        ),
        # These two do not know the namespace: under the condition above they would be denied.
        Statement(
            sid="ScaleTags",
            actions=["application-autoscaling:ListTagsForResource", "application-autoscaling:TagResource"],
            resources=targets,
        ),
        # An update's alarms, and those that target tracking makes in the name of who puts a policy:
        # https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
        Statement(sid="SeeAlarms", actions=["cloudwatch:DescribeAlarms"], resources=[alarms, tracking]),
        Statement(
            sid="TrackingAlarms",
            actions=["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"],
            resources=[tracking],
        ),
        Statement(
            sid="ReadLogs",
            actions=["logs:FilterLogEvents"],
            resources=log_group_arns(scope, [endpoint_log_group(endpoint_name)]),
        ),
    ]

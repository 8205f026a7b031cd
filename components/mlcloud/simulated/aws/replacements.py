"""Which changed inputs make an AWS resource anew: outside sources, never our own judgement.

`replacements.json` is made from CloudFormation's schemas (``createOnlyProperties``), as cfn-lint has them.
What CloudFormation has in another shape comes from the Terraform provider that pulumi-aws is built on.
"""

import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import cast

_TERRAFORM = "https://github.com/hashicorp/terraform-provider-aws internal/service/"

TERRAFORM: Mapping[str, tuple[tuple[str, ...], str]] = {
    "aws:appautoscaling/scheduledAction:ScheduledAction": (
        ("name", "resourceId", "scalableDimension", "serviceNamespace"),
        _TERRAFORM + "appautoscaling/scheduled_action.go",
    ),
    "aws:cloudcontrol/resource:Resource": (("typeName",), _TERRAFORM + "cloudcontrol/resource.go"),
    "aws:cloudwatch/eventTarget:EventTarget": (
        ("eventBusName", "rule", "targetId"),
        _TERRAFORM + "events/target.go",
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": (
        ("vpcId",),
        _TERRAFORM + "ec2/vpc_default_security_group.go",
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": (
        ("policy", "repository"),
        _TERRAFORM + "ecr/lifecycle_policy.go",
    ),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": (("repository",), _TERRAFORM + "ecr/repository_policy.go"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": (
        ("policyArn", "role"),
        _TERRAFORM + "iam/role_policy_attachment.go",
    ),
    "aws:kms/key:Key": (
        ("customKeyStoreId", "customerMasterKeySpec", "keyUsage", "multiRegion", "xksKeyId"),
        _TERRAFORM + "kms/key.go",
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (
        ("bucket", "expectedBucketOwner"),
        _TERRAFORM + "s3/bucket_lifecycle_configuration.go",
    ),
    "aws:s3/bucketLogging:BucketLogging": (
        ("bucket", "expectedBucketOwner"),
        _TERRAFORM + "s3/bucket_logging.go",
    ),
    "aws:s3/bucketNotification:BucketNotification": (("bucket",), _TERRAFORM + "s3/bucket_notification.go"),
    "aws:s3/bucketObjectv2:BucketObjectv2": (("bucket", "key"), _TERRAFORM + "s3/object.go"),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": (
        ("bucket",),
        _TERRAFORM + "s3/bucket_ownership_controls.go",
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
        ("bucket",),
        _TERRAFORM + "s3/bucket_public_access_block.go",
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        ("bucket", "expectedBucketOwner"),
        _TERRAFORM + "s3/bucket_server_side_encryption_configuration.go",
    ),
    "aws:s3/bucketVersioning:BucketVersioning": (
        ("bucket", "expectedBucketOwner"),
        _TERRAFORM + "s3/bucket_versioning.go",
    ),
    "aws:sns/topicPolicy:TopicPolicy": (("arn",), _TERRAFORM + "sns/topic_policy.go"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
        ("securityGroupId",),
        _TERRAFORM + "ec2/vpc_security_group_egress_rule.go",
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
        ("securityGroupId",),
        _TERRAFORM + "ec2/vpc_security_group_ingress_rule.go",
    ),
}
"""Type token -> the paths that force a replacement, and where that is written."""

_EVERYWHERE = ("region",)
"""Moving anything to another region makes it anew
(https://registry.terraform.io/providers/hashicorp/aws/latest/docs/guides/enhanced-region-support)."""


@functools.cache
def replaces(token: str) -> tuple[str, ...]:
    """The property paths whose change makes a resource of this type anew, with everything below them."""
    told, _source = TERRAFORM.get(token, ((), ""))
    return tuple(sorted({*_EVERYWHERE, *_cloudformation().get(token, ()), *told}))


def is_known(token: str) -> bool:
    """Whether a source was asked about the type: of others, only the region is known to force one."""
    return token in TERRAFORM or token in _cloudformation()


def create_only(cfn_type: str) -> tuple[str, ...]:
    """What CloudFormation calls create-only of a type that is declared by Cloud Control, in its own names."""
    return tuple(_cloudformation().get(cfn_type, ()))


@functools.cache
def _cloudformation() -> Mapping[str, list[str]]:
    text = resources.files("mlcloud.simulated.aws").joinpath("replacements.json").read_text(encoding="utf-8")
    return cast("Mapping[str, list[str]]", json.loads(text))

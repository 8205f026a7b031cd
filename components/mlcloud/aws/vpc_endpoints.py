"""What may pass the endpoints of a VPC: the policies of the one for S3, and of those for AWS's services."""

from collections.abc import Sequence

import pulumi

from mlcloud.aws.arns import partition_of
from mlcloud.aws.policies import Statement, document
from mlcloud.core.scope import Scope


def s3_policy(scope: Scope, buckets: Sequence[pulumi.Input[str]]) -> pulumi.Output[str]:
    """Let the stack's buckets through, and the layers of images, which lie in a bucket of ECR's.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
    """
    layers = f"arn:{partition_of(scope.region)}:s3:::prod-{scope.region}-starport-layer-bucket/*"
    contents = [pulumi.Output.concat(bucket, "/*") for bucket in buckets]
    return document(
        Statement(
            sid="Buckets",
            principal="*",
            actions=["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListBucket"],
            resources=[*buckets, *contents],
            condition={"StringEquals": {"aws:PrincipalAccount": scope.account}},
        ),
        Statement(sid="ImageLayers", principal="*", actions=["s3:GetObject"], resources=[layers]),
    )


def service_policy(scope: Scope, service: str, key_arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """Let this account through, and of KMS only the stack's key.

    The policy is a ceiling: it grants nothing that the caller's own role does not.
    """
    prefix = service.split(".", maxsplit=1)[0].split("-", maxsplit=1)[0]
    return document(
        Statement(
            sid="ThisAccount",
            principal="*",
            actions=[f"{prefix}:*"],
            resources=[key_arn] if service == "kms" else ["*"],
            condition={"StringEquals": {"aws:PrincipalAccount": scope.account}},
        )
    )

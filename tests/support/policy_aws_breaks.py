"""What each control of AWS must catch: one property of the good plan, broken."""

from __future__ import annotations

import json
from typing import Any

from support.policy import REMOVED, Break, allow, breaks, document
from support.policy_aws_records import (
    ACCOUNT,
    DENY,
    FROM_HERE,
    NO_TLS,
    OLD_TLS,
    SERVICES,
    TOPIC,
)

EVERYBODY = {"AWS": "*"}
SAGEMAKER = {"Service": "sagemaker.amazonaws.com"}
CLOUDWATCH = {"Service": "cloudwatch.amazonaws.com"}
PASSED = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
WORLD = "0.0.0.0/0"


def policies(control: str, at: str, *statements: list[dict[str, Any]]) -> list[Break]:
    """Breaks of a control by other policy documents."""
    return breaks(control, *((at, document(*listed)) for listed in statements))


STORAGE = [
    *breaks("storage-public-access", ("public-access", REMOVED)),
    *breaks("storage-public-access", ("public-access blockPublicAcls", False)),
    *breaks("storage-public-access", ("public-access blockPublicPolicy", False)),
    *breaks("storage-public-access", ("public-access ignorePublicAcls", REMOVED)),
    *breaks("storage-public-access", ("public-access restrictPublicBuckets", "false")),
    *policies(
        "storage-not-public",
        "bucket-policy policy",
        [NO_TLS, OLD_TLS, allow("s3:GetObject", resource="arn:aws:s3:::data/*", principal="*")],
        [NO_TLS, OLD_TLS, allow("s3:GetObject", resource="arn:aws:s3:::data/*", principal=EVERYBODY)],
        [
            NO_TLS,
            OLD_TLS,
            {"Effect": "Allow", "Action": "s3:*", "NotPrincipal": {"AWS": "1"}, "Resource": "*"},
        ],
    ),
    Break(
        control="storage-not-public",
        added={
            "acl": {"type": "aws:s3/bucketAcl:BucketAcl", "inputs": {"bucket": "data", "acl": "public-read"}}
        },
    ),
    *breaks("storage-acls-off", ("ownership", REMOVED), ("ownership rule objectOwnership", "ObjectWriter")),
    *policies(
        "storage-tls",
        "bucket-policy policy",
        [OLD_TLS],
        [NO_TLS],
        [NO_TLS, {**DENY, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.1"}}}],
        [OLD_TLS, {**NO_TLS, "Resource": ["arn:aws:s3:::data/*"]}],
        [OLD_TLS, {**NO_TLS, "Action": "s3:GetObject"}],
    ),
    *breaks(
        "storage-own-key",
        ("encryption", REMOVED),
        ("encryption rules 0 applyServerSideEncryptionByDefault sseAlgorithm", "AES256"),
        ("encryption rules 0 applyServerSideEncryptionByDefault kmsMasterKeyId", REMOVED),
        ("encryption rules 0 applyServerSideEncryptionByDefault kmsMasterKeyId", "alias/aws/s3"),
        ("encryption rules 0 bucketKeyEnabled", False),
        ("encryption rules", []),
    ),
    *breaks("storage-versions", ("versioning versioningConfiguration status", "Suspended")),
    *breaks("storage-mfa-delete", ("versioning versioningConfiguration mfaDelete", REMOVED)),
    *breaks(
        "storage-lifecycle",
        ("lifecycle", REMOVED),
        ("lifecycle rules 0 status", "Disabled"),
        ("lifecycle rules 0 noncurrentVersionExpiration", REMOVED),
        ("lifecycle rules 0 abortIncompleteMultipartUpload", REMOVED),
    ),
    *breaks("storage-access-log", ("logging", REMOVED), ("logging bucket", "another")),
    *breaks(
        "storage-kept",
        ("bucket forceDestroy", True),
        ("bucket protect", False),
        ("bucket retainOnDelete", False),
    ),
    *breaks("storage-events", ("events", REMOVED), ("events eventbridge", False)),
    *breaks("storage-replication", ("replication", REMOVED)),
    *breaks("storage-object-lock", ("bucket objectLockEnabled", REMOVED)),
]

REGISTRY_AND_KEYS = [
    *policies(
        "registry-not-public", "repository-policy policy", [allow("ecr:BatchGetImage", principal=EVERYBODY)]
    ),
    *breaks("registry-scan", ("repository imageScanningConfiguration scanOnPush", False)),
    *breaks("registry-immutable", ("repository imageTagMutability", "MUTABLE")),
    *breaks("registry-lifecycle", ("images-lifecycle", REMOVED), ("images-lifecycle policy", "")),
    *breaks(
        "registry-own-key",
        ("repository encryptionConfigurations 0 encryptionType", "AES256"),
        ("repository encryptionConfigurations 0 kmsKey", REMOVED),
        ("repository encryptionConfigurations", []),
    ),
    *breaks("image-non-root", ("image target", "root"), ("image target", REMOVED)),
    *policies(
        "keys-not-public",
        "key policy",
        [allow("kms:*", resource="*", principal="*")],
        [allow("kms:Decrypt", resource="*", principal=CLOUDWATCH)],
        [
            allow(
                "kms:Decrypt",
                resource="*",
                principal=CLOUDWATCH,
                condition={"StringEquals": {"aws:SourceArn": "*"}},
            )
        ],
    ),
    *breaks("keys-not-public", ("key policy", REMOVED), ("key policy", "no document")),
    *breaks("keys-deletion-window", ("key deletionWindowInDays", 7), ("key deletionWindowInDays", REMOVED)),
    Break(control="keys-deletion-window", at="key isEnabled", value=False),
    *breaks("keys-rotation", ("key enableKeyRotation", False), ("key enableKeyRotation", REMOVED)),
]

IDENTITY = [
    *policies(
        "identity-named-actions",
        "role-policy policy",
        [allow("s3:*", resource="arn:aws:s3:::data")],
        [allow("dynamodb:GetItem", "sns:*", resource=[f"arn:aws:sns:eu-central-1:{ACCOUNT}:shop"])],
    ),
    *policies(
        "identity-named-resources",
        "role-policy policy",
        [allow("s3:GetObject", resource="*")],
        [allow("s3:GetObject", resource="arn:aws:s3:::*")],
        [allow("ecr:GetAuthorizationToken", "sagemaker:CreateModel", resource=["*"])],
        [{"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::data/*"}],
    ),
    *policies(
        "identity-pass-role",
        "role-policy policy",
        [allow("iam:PassRole", resource=f"arn:aws:iam::{ACCOUNT}:role/*", condition=PASSED)],
        [allow("iam:PassRole", resource=f"arn:aws:iam::{ACCOUNT}:role/shop")],
        [allow("iam:Pass*", resource=f"arn:aws:iam::{ACCOUNT}:role/shop")],
    ),
    *policies(
        "identity-named-keys",
        "role-policy policy",
        [allow("kms:Decrypt", resource=f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/*")],
        [allow("kms:ReEncrypt*", resource=f"arn:aws:kms:*:{ACCOUNT}:key/*")],
    ),
    *breaks(
        "identity-no-broad-policies",
        ("attachment policyArn", "arn:aws:iam::aws:policy/AdministratorAccess"),
        ("attachment policyArn", "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"),
        ("role managedPolicyArns 0", "arn:aws:iam::aws:policy/PowerUserAccess"),
    ),
    *policies(
        "identity-trust",
        "role assumeRolePolicy",
        [allow("sts:AssumeRole", principal=SAGEMAKER)],
        [allow("sts:AssumeRole", principal=EVERYBODY)],
        [
            allow(
                "sts:AssumeRole",
                principal=SAGEMAKER,
                condition={"StringEqualsIfExists": FROM_HERE["StringEquals"]},
            )
        ],
        [allow("sts:AssumeRole", principal={**SAGEMAKER, "AWS": ACCOUNT}, condition=FROM_HERE)],
        [
            allow(
                "sts:AssumeRole",
                principal={"Service": ["sagemaker.amazonaws.com", "lambda.amazonaws.com"]},
                condition=FROM_HERE,
            )
        ],
        [
            allow(
                "sts:AssumeRoleWithWebIdentity",
                principal={"Federated": "token.actions.githubusercontent.com"},
            )
        ],
    ),
]

NETWORK = [
    *breaks(
        "network-ingress",
        ("in cidrIpv4", WORLD),
        ("group ingress 0 cidrBlocks", [WORLD]),
        ("group ingress 0 ipv6CidrBlocks", ["::/0"]),
    ),
    Break(
        control="network-ingress",
        added={
            "open": {
                "type": "aws:ec2/securityGroupRule:SecurityGroupRule",
                "inputs": {"type": "ingress", "protocol": "tcp", "cidrBlocks": [WORLD], "description": "all"},
            }
        },
    ),
    *breaks(
        "network-egress",
        ("out ipProtocol", "-1"),
        ("out cidrIpv4", WORLD),
        ("out cidrIpv6", "::/0"),
        ("group egress 0 cidrBlocks", [WORLD]),
        ("rule protocol", "-1"),
    ),
    *breaks(
        "network-descriptions",
        ("group description", REMOVED),
        ("group description", "Managed by Pulumi"),
        ("group ingress 0 description", ""),
        ("in description", REMOVED),
        ("out description", REMOVED),
    ),
    *breaks(
        "network-default-group",
        ("default-group", REMOVED),
        ("default-group ingress", [{"cidrBlocks": ["10.0.0.0/8"]}]),
        ("default-group egress", REMOVED),
        ("default-group vpcId", "vpc-2"),
    ),
    *breaks("network-flow-logs", ("flow-log", REMOVED), ("flow-log trafficType", "ACCEPT")),
    *breaks("network-no-public-addresses", ("subnet mapPublicIpOnLaunch", True)),
    *breaks("network-service-endpoints", *((f"endpoint-{service}", REMOVED) for service in SERVICES.split())),
    *breaks(
        "network-endpoint-policies",
        ("endpoint-kms privateDnsEnabled", False),
        ("endpoint-s3 policy", REMOVED),
        ("endpoint-logs policy", document(allow("*", resource="*", principal="*"))),
    ),
]

MACHINES = [
    *breaks(
        "cluster-metadata",
        ("template metadataOptions httpTokens", "optional"),
        ("template metadataOptions httpPutResponseHopLimit", 2),
        ("template metadataOptions", REMOVED),
    ),
    *breaks(
        "cluster-no-public-address",
        ("template networkInterfaces 0 associatePublicIpAddress", "true"),
        ("template networkInterfaces", REMOVED),
    ),
    *breaks(
        "cluster-encrypted-disks",
        ("template blockDeviceMappings 0 ebs encrypted", "false"),
        ("template blockDeviceMappings", []),
    ),
    *breaks(
        "cluster-eks-private",
        ("eks vpcConfig publicAccessCidrs", [WORLD]),
        ("eks vpcConfig publicAccessCidrs", REMOVED),
        ("eks vpcConfig", REMOVED),
    ),
    *breaks("cluster-eks-supported", ("eks upgradePolicy supportType", "EXTENDED")),
    *breaks(
        "cluster-eks-secrets",
        ("eks encryptionConfig provider keyArn", ""),
        ("eks encryptionConfig resources", []),
        ("eks encryptionConfig", REMOVED),
    ),
    *breaks("cluster-eks-logs", ("eks enabledClusterLogTypes", ["api", "audit"])),
    *breaks("workbench-notebook-internet", ("notebook directInternetAccess", "Enabled")),
    *breaks("workbench-notebook-network", ("notebook subnetId", REMOVED)),
    *breaks("workbench-notebook-root", ("notebook rootAccess", REMOVED)),
    *breaks("workbench-notebook-key", ("notebook kmsKeyId", REMOVED)),
    *breaks(
        "workbench-notebook-metadata",
        ("notebook instanceMetadataServiceConfiguration minimumInstanceMetadataServiceVersion", "1"),
    ),
    *breaks(
        "workbench-domain",
        ("domain kmsKeyId", REMOVED),
        ("domain appNetworkAccessType", "PublicInternetOnly"),
    ),
]

TRAINING = [
    *breaks("training-isolation", ("run networkIsolation", False), ("job enableNetworkIsolation", REMOVED)),
    *breaks(
        "training-network",
        ("run subnetIds", REMOVED),
        ("run securityGroupIds", []),
        ("job vpcConfig", REMOVED),
    ),
    *breaks(
        "training-own-key",
        ("run kmsKeyArn", REMOVED),
        ("job resourceConfig volumeKmsKeyId", REMOVED),
        ("job outputDataConfig kmsKeyId", REMOVED),
    ),
    *breaks(
        "training-between-machines",
        ("run encryptBetweenContainers", False),
        ("job enableInterContainerTrafficEncryption", REMOVED),
    ),
    *breaks(
        "training-time-limit", ("run timeoutS", REMOVED), ("job stoppingCondition maxRuntimeInSeconds", 0)
    ),
    *breaks(
        "training-monitors",
        ("monitor networkConfig enableNetworkIsolation", False),
        ("monitor networkConfig enableInterContainerTrafficEncryption", False),
        ("monitor jobResources clusterConfig volumeKmsKeyId", REMOVED),
        ("monitor dataQualityJobOutputConfig kmsKeyId", REMOVED),
    ),
]

SERVING = [
    *breaks("endpoint-model-isolation", ("model enableNetworkIsolation", False)),
    *breaks(
        "endpoint-model-network",
        ("model vpcConfig", REMOVED),
        ("model vpcConfig subnets", ["subnet-1"]),
        ("model vpcConfig subnets", [f"subnet-{number}" for number in range(17)]),
        ("model vpcConfig securityGroupIds", []),
        ("model vpcConfig securityGroupIds", [f"sg-{number}" for number in range(6)]),
    ),
    *breaks(
        "endpoint-machines",
        ("configuration productionVariants 0 initialInstanceCount", 1),
        ("configuration productionVariants 0 initialInstanceCount", 0),
        ("configuration productionVariants 0 initialInstanceCount", REMOVED),
    ),
    *breaks("endpoint-volume-key", ("configuration kmsKeyArn", REMOVED)),
    *breaks(
        "endpoint-written-data-key",
        ("configuration dataCaptureConfig kmsKeyId", REMOVED),
        ("configuration asyncInferenceConfig outputConfig kmsKeyId", REMOVED),
    ),
    Break(control="endpoint-no-shell", at="configuration productionVariants 0 enableSsmAccess", value=True),
    *breaks(
        "monitoring-log-retention", ("log-group retentionInDays", 30), ("log-group retentionInDays", REMOVED)
    ),
    *breaks("monitoring-log-key", ("log-group kmsKeyId", REMOVED)),
    *breaks(
        "monitoring-alarms",
        ("alarm alarmActions", []),
        ("alarm alarmActions", REMOVED),
        ("alarm actionsEnabled", False),
        ("alarm treatMissingData", REMOVED),
    ),
    *breaks(
        "monitoring-topic-key", ("topic kmsMasterKeyId", "alias/aws/sns"), ("topic kmsMasterKeyId", REMOVED)
    ),
    *policies(
        "monitoring-topic-policy",
        "topic-policy policy",
        [allow("sns:Publish", resource=TOPIC, principal=EVERYBODY, condition=FROM_HERE)],
        [allow("sns:Publish", resource=TOPIC, principal=CLOUDWATCH)],
        [allow("sns:Publish", resource=TOPIC, principal=SAGEMAKER, condition=FROM_HERE)],
    ),
    Break(
        control="environment-no-secrets",
        at="function environment variables MODEL",
        value="AKIAIOSFODNN7EXAMPLE",
        literal=True,
    ),
    *breaks(
        "environment-no-secrets",
        ("function environment variables DB_PASSWORD", "hunter2"),
        ("function environment variables DB_SECRET", "[secret]"),
        (
            "batch-job containerProperties",
            json.dumps({"environment": [{"name": "API_TOKEN", "value": "abc"}]}),
        ),
    ),
]

BREAKS = [*STORAGE, *REGISTRY_AND_KEYS, *IDENTITY, *NETWORK, *MACHINES, *TRAINING, *SERVING]

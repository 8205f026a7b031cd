"""Plans that AWS's waivers are for, and plans just beside them."""

from __future__ import annotations

from support.policy import REMOVED, Records, Waived, allow, document, urn
from support.policy_aws_breaks import SAGEMAKER
from support.policy_aws_records import GOOD

LOGGED: Records = {
    "sender": {
        "type": "aws:s3/bucketLogging:BucketLogging",
        "inputs": {"bucket": "other", "targetBucket": "data"},
    }
}
SERVERLESS: Records = {
    "serverless": {
        "type": "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
        "inputs": {"productionVariants": [{"serverlessConfig": {"memorySizeInMb": 2048}}]},
        "dependencies": [urn("model", GOOD["model"])],
    }
}
EC2 = document(allow("sts:AssumeRole", principal={"Service": "ec2.amazonaws.com"}))
OTHERS = document(allow("sts:AssumeRole", principal=SAGEMAKER))
DEFAULT = "encryption rules 0 applyServerSideEncryptionByDefault sseAlgorithm"

# Control, environment, what is wrong, and whether it is waived.
WAIVED: list[Waived] = [
    ("storage-own-key", "prod", DEFAULT, "AES256", LOGGED, True),
    ("storage-own-key", "prod", DEFAULT, "AES256", {}, False),
    ("storage-access-log", "prod", "logging", REMOVED, LOGGED, True),
    ("storage-access-log", "prod", "logging", REMOVED, {}, False),
    ("storage-events", "prod", "events", REMOVED, {}, True),
    ("storage-events", "prod", "events eventbridge", False, {}, False),
    ("storage-replication", "prod", "replication", REMOVED, {}, True),
    ("storage-object-lock", "prod", "bucket objectLockEnabled", REMOVED, {}, True),
    ("storage-mfa-delete", "prod", "versioning versioningConfiguration mfaDelete", REMOVED, {}, True),
    ("image-non-root", "prod", "image target", "root", {}, True),
    ("identity-trust", "prod", "role assumeRolePolicy", EC2, {}, True),
    ("identity-trust", "prod", "role assumeRolePolicy", OTHERS, {}, False),
    ("training-network", "dev", "job vpcConfig", REMOVED, {}, True),
    ("training-network", "prod", "job vpcConfig", REMOVED, {}, False),
    ("training-network", "dev", "run securityGroupIds", [], {}, False),
    ("endpoint-model-network", "dev", "model vpcConfig", REMOVED, {}, True),
    ("endpoint-model-network", "prod", "model vpcConfig", REMOVED, {}, False),
    ("endpoint-model-network", "prod", "model vpcConfig", REMOVED, SERVERLESS, True),
    ("endpoint-model-network", "dev", "model vpcConfig subnets", [], {}, False),
    ("endpoint-model-isolation", "prod", "model enableNetworkIsolation", False, SERVERLESS, True),
    ("endpoint-model-isolation", "prod", "model enableNetworkIsolation", False, {}, False),
    ("monitoring-log-retention", "dev", "log-group retentionInDays", 30, {}, True),
    ("monitoring-log-retention", "prod", "log-group retentionInDays", 30, {}, False),
    ("monitoring-log-retention", "dev", "log-group retentionInDays", REMOVED, {}, False),
]

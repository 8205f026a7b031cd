"""SageMaker's roles hold what AWS documents as the least that they need, and what is told here beside it.

https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html, "CreateTrainingJob API" and "CreateModel
API", each with "in a VPC" and the keys of what is read, written and mounted.
"""

from __future__ import annotations

from typing import Any

import pytest
from support.judges.aws.policies import documents
from support.judges.aws.rights import Need, Rights
from support.stack_plan import planned

STACKS = ["aws-dev", "aws-prod"]
PLACE = "arn:aws:{}:eu-central-1:123456789012:{}"
LOOKED_AT = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
BESIDE = {
    "training": {
        "s3:AbortMultipartUpload": "a large archive goes in parts: those of a failed one are taken away",
        "kms:GenerateDataKey*": "what is put under the key: S3's guide, UsingKMSEncryption",
        "kms:DescribeKey": "SageMaker looks the key up: its guide, encryption-at-rest",
    },
    "endpoint": {
        "kms:GenerateDataKey*": "answers of an asynchronous endpoint are put under the key",
        "kms:DescribeKey": "SageMaker looks the key up: its guide, encryption-at-rest",
    },
}
"""What a role may beside the documented least, and why."""


def inputs(stack: str, kind: str, name: str) -> dict[str, Any]:
    (entry,) = (
        item
        for item in planned(stack)["resources"]
        if item["type"].rsplit(":", 1)[-1] == kind and item["name"] == name
    )
    return entry["inputs"]


def rights(stack: str, part: str) -> Rights:
    return Rights(
        documents([e for e in planned(stack)["resources"] if e["name"] == f"identity-{part}-policy"])
    )


def shared(stack: str, group: str, namespace: str) -> list[Need]:
    """What both roles need: to log, to be measured, an image, a key, and a network to join."""
    network = inputs(stack, "Model", "endpoint-model").get("vpcConfig")
    repository = PLACE.format(
        "ecr", f"repository/{inputs(stack, 'Repository', 'registry-repository')['name']}"
    )
    encryption = inputs(stack, "BucketServerSideEncryptionConfiguration", "storage-data-encryption")
    key = encryption["rules"][0]["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"]
    stream = PLACE.format("logs", f"log-group:{group}:log-stream:a")
    pulls = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
    found = [
        Need("cloudwatch:PutMetricData", "*", "metrics", (("cloudwatch:namespace", namespace),)),
        Need("logs:CreateLogStream", stream, "logs"),
        Need("logs:PutLogEvents", stream, "logs"),
        Need("logs:DescribeLogStreams", PLACE.format("logs", f"log-group:{group}"), "logs"),
        Need("logs:CreateLogGroup", PLACE.format("logs", f"log-group:{group}"), "logs"),
        Need("ecr:GetAuthorizationToken", "*", "image"),
        *(Need(f"ecr:{action}", repository, "image") for action in pulls),
        Need("kms:Decrypt", key, "key of what is read"),
        Need("kms:CreateGrant", key, "key of volumes", (("kms:GrantIsForAWSResource", "true"),)),
    ]
    assert (network is not None) is (stack == "aws-prod")
    return found + (joined(network) if network else [])


def joined(network: dict[str, list[str]]) -> list[Need]:
    """What "in a VPC" adds."""
    interface = PLACE.format("ec2", "network-interface/eni-0a")
    places = [PLACE.format("ec2", f"subnet/{subnet}") for subnet in network["subnets"]]
    groups = [PLACE.format("ec2", f"security-group/{group}") for group in network["securityGroupIds"]]
    return [
        *(Need("ec2:CreateNetworkInterface", resource, "join") for resource in [*places, *groups, interface]),
        *(
            Need("ec2:CreateNetworkInterfacePermission", interface, "join", (("ec2:Subnet", place),))
            for place in places
        ),
        Need("ec2:DeleteNetworkInterface", interface, "leave"),
        Need("ec2:DeleteNetworkInterfacePermission", interface, "leave"),
        *(Need(f"ec2:Describe{things}", "*", "look") for things in LOOKED_AT),
    ]


def buckets(stack: str) -> tuple[str, str]:
    names = (inputs(stack, "Bucket", f"storage-{part}-bucket")["bucket"] for part in ("data", "models"))
    data, models = (f"arn:aws:s3:::{name}" for name in names)
    return data, models


def training(stack: str) -> list[Need]:
    data, models = buckets(stack)
    (key,) = {need.resource for need in shared(stack, "/g", "n") if need.action == "kms:Decrypt"}
    return [
        *shared(stack, "/aws/sagemaker/TrainingJobs", "/aws/sagemaker/TrainingJobs"),
        Need("s3:ListBucket", data, "data"),
        Need("s3:ListBucket", models, "models"),
        Need("s3:GetObject", f"{data}/objects/a/rows.csv", "data"),
        Need("s3:GetObject", f"{models}/runs/checkpoints/a/1", "checkpoints of spot machines"),
        Need("s3:PutObject", f"{models}/runs/a/output/model.tar.gz", "models"),
        Need("kms:Encrypt", key, "key of what is written"),
    ]


def endpoint(stack: str) -> list[Need]:
    _, models = buckets(stack)
    name = inputs(stack, "Endpoint", "endpoint-endpoint")["name"]
    return [
        *shared(stack, f"/aws/sagemaker/Endpoints/{name}", "/aws/sagemaker/Endpoints"),
        Need("s3:ListBucket", models, "models"),
        Need("s3:GetObject", f"{models}/models/a/model.tar.gz", "models"),
        # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
        *(
            Need("cloudwatch:DescribeAlarms", PLACE.format("cloudwatch", f"alarm:{alarm}"), "rollback")
            for alarm in inputs(stack, "Endpoint", "endpoint-endpoint")["alarmNames"]
        ),
    ]


NEEDS = {"training": training, "endpoint": endpoint}
LEFT_OUT = {
    "training": {},
    "endpoint": {
        "logs:CreateLogGroup": "the stack declares the endpoint's group, with its key and retention"
    },
}


@pytest.mark.parametrize("part", NEEDS)
@pytest.mark.parametrize("stack", STACKS)
def test_a_role_holds_the_documented_least_and_what_is_told_beside_it(stack: str, part: str) -> None:
    held = rights(stack, part)
    report = held.judge(NEEDS[part](stack), left_out=LEFT_OUT[part])
    report.check(share=0.9)
    assert len(report.unjudged) == len(LEFT_OUT[part])
    beside = {line.split(": ")[-1] for line in held.unused()}
    assert beside == set(BESIDE[part]), "take it out, or tell why it is there"


def test_a_role_that_lacks_something_is_found() -> None:
    report = rights("aws-dev", "endpoint").judge([Need("s3:PutObject", "arn:aws:s3:::a/b", "a role")])
    assert report.findings

"""A deployer's policies allow what later updates need, and nothing else.

Needed is what our provider was seen to call, what the native resources that change need by CloudFormation's
schemas, and what the `mlcloud` commands call. Roles, keys, buckets, networks, groups of models, alarms,
scaling, budgets and tags are an administrator's to make and to change: that is left out on purpose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pulumi
import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from mlcloud.core.context import StackContext
from mlcloud.core.settings import load
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.simulated import providers_for
from support import provider_aws_cloud as aws
from support.judges.aws.calls import SAGEMAKER, Account, needs_of, operations_in, s3_needs
from support.judges.aws.policies import documents
from support.judges.aws.rights import Need, Rights
from support.markdown import ROOT
from support.plan import plan
from support.provider_aws_endpoints import ENDPOINT
from support.provider_aws_scenario import LOG_GROUP, RUN, serve, train
from support.provider_plugin import Plugin
from support.stack_plan import planned

STACK = "aws-dev"
COMPONENTS = ROOT / "components" / "mlcloud"
# Calls of Batch are made by runs on the cluster alone.
PROVIDER = [
    path
    for path in sorted((COMPONENTS / "provider" / "aws").glob("*.py"))
    if not path.name.startswith("batch_")
]
COMMANDS = [COMPONENTS / "aws" / "operations.py"]


def declared(kind: str, name: str = "") -> dict[str, Any]:
    entries = planned(STACK)["resources"]
    (entry,) = (item for item in entries if item["type"].endswith(kind) and name in item["name"])
    return entry["inputs"]


def rights() -> Rights:
    found = documents(entry for entry in planned(STACK)["resources"] if "deployer" in entry["name"])
    assert len(found) == 2
    return Rights(found)


def account() -> Account:
    return Account(aws.ACCOUNT, aws.REGION, declared(RUN)["kmsKeyArn"])


@pytest.fixture(scope="module")
def cloud() -> Iterator[aws.Cloud]:
    """An AWS to which our provider did everything that it can, by the names of the stack's plan."""
    made = aws.Cloud()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in made.variables.items():
            environment.setenv(name, value)
        plugin = Plugin()
        try:
            train(made, plugin, declared(RUN))
            serve(made, plugin, declared(ENDPOINT))
        finally:
            assert plugin.close() == ("", "")
            made.close()
    assert made.problems == []
    yield made


def called(cloud: aws.Cloud) -> list[Need]:
    """What our provider's calls need."""
    return [
        need
        for call in cloud.calls
        for need in needs_of(account(), call.service, call.operation, call.parameters)
    ] + [
        need
        for request in cloud.requests
        for need in s3_needs(account(), request.method, request.path, request.copied)
    ]


def commanded() -> list[Need]:
    """What `mlcloud predict`, `status`, `logs` and `models` need."""
    endpoint, why = declared(ENDPOINT)["name"], "mlcloud's commands"
    served = account().arn("sagemaker", f"endpoint/{endpoint}")
    groups = (LOG_GROUP, f"/aws/sagemaker/Endpoints/{endpoint}")
    group_name = declared("modelPackageGroup:ModelPackageGroup")["modelPackageGroupName"]
    model = f"/{declared(RUN)['modelsBucket']}/models/a/model.tar.gz"
    return [
        Need("sagemaker:InvokeEndpoint", served, why),
        Need("sagemaker:DescribeEndpoint", served, why),
        Need("cloudwatch:GetMetricData", "*", why),
        *(
            Need("logs:FilterLogEvents", account().arn("logs", f"log-group:{group}:*"), why)
            for group in groups
        ),
        *(
            Need(f"sagemaker:{action}", account().arn("sagemaker", f"model-package/{group_name}/1"), why)
            for action in ("ListModelPackages", "DescribeModelPackage")
        ),
        *s3_needs(account(), "GET", model, ""),
    ]


# Later updates bring new data, images and models.

ROWS = "age,bought\n" + "".join(f"{age},{'yes' if age > 40 else 'no'}\n" for age in range(20, 60))
IMAGE = f"{aws.ACCOUNT}.dkr.ecr.{aws.REGION}.amazonaws.com/trainer@sha256:"
PIN = {"name": "mlcloud", "uri": "s3://elsewhere/models/a/model.tar.gz", "sha256": "0" * 64, "version": "v1"}
TRAINED = {
    "data": {"path": "data.csv"},
    "training": {"estimator": "svm", "target": "bought"},
    "image": IMAGE + "0" * 64,
}
UPDATES = {
    "data": (TRAINED, TRAINED, "61,yes\n"),
    "image": (TRAINED, {**TRAINED, "image": IMAGE + "1" * 64}, ""),
    "model": ({**TRAINED, "model": PIN}, {**TRAINED, "model": {**PIN, "sha256": "1" * 64}}, ""),
}
NATIVE = {
    "aws:s3/bucketObjectv2:BucketObjectv2",
    "aws:sagemaker/model:Model",
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
    "aws:cloudcontrol/resource:Resource",
}


def plan_with(folder: Path, rows: str, settings: dict[str, Any]) -> list[dict[str, Any]]:
    from mlcloud.aws.stack import build

    (folder / "data.csv").write_text(rows)
    given = {"cloud": "aws", "region": aws.REGION, **settings}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}
    loaded = load({f"mlcloud:{key}": text for key, text in texts.items()})
    context = StackContext.of(loaded, project="mlcloud", stack=STACK, root=folder)

    def program() -> None:
        for name, value in build(loaded, context).items():
            pulumi.export(name, value)

    providers = {**providers_for("aws"), "mlcloud": make_servicer(Engine(None))}
    found = plan(program, providers=providers, folder=folder)
    assert found.ok, found.diagnostics
    return found.to_dict()["resources"]


@cache
def changed(update: str) -> tuple[str, ...]:
    """The native types that an update changes: other inputs, or unknown ones after something that changes."""
    before, after, rows = UPDATES[update]
    with TemporaryDirectory() as folder:
        old = {entry["urn"]: entry["inputs"] for entry in plan_with(Path(folder), ROWS, before)}
        new = plan_with(Path(folder), ROWS + rows, after)
    assert old.keys() == {entry["urn"] for entry in new}
    custom = [entry for entry in new if entry["custom"]]
    unknown = {entry["urn"] for entry in custom if "[unknown]" in json.dumps(entry["inputs"])}
    urns = {entry["urn"] for entry in custom if entry["inputs"] != old[entry["urn"]]}
    while (
        more := {
            entry["urn"] for entry in custom if entry["urn"] in unknown and urns & set(entry["dependencies"])
        }
        - urns
    ):
        urns |= more
    return tuple(sorted({entry["type"] for entry in new if entry["urn"] in urns}))


# What is changed in place is tags, and those of the whole stack at once: an administrator's.
HANDLERS = ("create", "read", "delete")
NOT_DECLARED = {
    "ecr:StartImageScan": "the repository scans what is pushed",
    "ecr:DescribeImageScanFindings": "the repository scans what is pushed",
    "sagemaker:CreateTransformJob": "SageMaker is asked for no validation of a version",
    "sagemaker:DescribeTransformJob": "SageMaker is asked for no validation of a version",
}
"""What CloudFormation's handlers ask for what is not declared here."""


def handled(cfn_type: str, arns: dict[str, str], *, without: tuple[str, ...] = ()) -> Iterator[Need]:
    """What CloudFormation's handlers of a type need, each on the thing that its action names.

    Args:
        cfn_type: The type.
        arns: Things by the service, or the whole action, that names them.
        without: Actions and handlers that this type here does without.
    """
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", cfn_type).schema
    for handler in HANDLERS:
        for action in schema["handlers"][handler]["permissions"] if handler not in without else ():
            if action in without:
                continue
            resource = arns.get(action) or arns[action.split(":")[0]]
            context = {
                "iam:PassRole": (("iam:PassedToService", SAGEMAKER),),
                "kms:CreateGrant": (("kms:GrantIsForAWSResource", "true"),),
            }
            yield Need(action, resource, f"{cfn_type} {handler}", context.get(action, ()))


def native() -> list[Need]:
    """What the native resources of later updates need."""
    where, name = account(), f"{declared(ENDPOINT)['name']}-0123456789ab"
    group = declared(":ModelPackageGroup")["modelPackageGroupName"]
    models = f"arn:aws:s3:::{declared(RUN)['modelsBucket']}"
    repository = where.arn("ecr", f"repository/{declared(':Repository')['name']}")
    role = f"arn:aws:iam::{where.number}:role/{declared(':Role', 'identity-endpoint')['name']}"
    shared = {"iam": role, "kms": where.key_arn, "ecr": repository, "s3:ListBucket": models}
    return [
        *handled("AWS::SageMaker::Model", {**shared, "sagemaker": where.arn("sagemaker", f"model/{name}")}),
        *handled(
            "AWS::SageMaker::EndpointConfig",
            {**shared, "sagemaker": where.arn("sagemaker", f"endpoint-config/{name}")},
            # It names a role only where it has inference components.
            without=("iam:PassRole",),
        ),
        *handled(
            "AWS::SageMaker::ModelPackage",
            {
                **shared,
                "s3": f"{models}/models/a/model.tar.gz",
                "sagemaker": where.arn("sagemaker", f"model-package/{group}/1"),
            },
            # Each is for a validation by transform jobs, which is not declared.
            without=("iam:PassRole", "sagemaker:CreateModel", "sagemaker:CreateTrainingJob"),
        ),
        Need("sagemaker:CreateModelPackage", where.arn("sagemaker", f"model-package-group/{group}"), "model"),
        # https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/security.html
        *(
            Need(f"cloudformation:{action}", "*", "Cloud Control")
            for action in (*("CreateResource", "GetResource", "DeleteResource", "GetResourceRequestStatus"),)
        ),
        *uploaded(),
        *pushed(repository),
        # The program's own questions, in components/mlcloud/aws/stack.py.
        Need("sts:GetCallerIdentity", "*", "get_caller_identity"),
        Need("ec2:DescribeAvailabilityZones", "*", "get_availability_zones"),
    ]


def uploaded() -> Iterator[Need]:
    """A data file: put with its tags, read, and deleted where another one takes its place."""
    inputs = declared(":BucketObjectv2")
    path = f"/{inputs['bucket']}/{inputs['key']}"
    for method in ("HEAD", "PUT"):
        yield from s3_needs(account(), method, path, "")
    # The provider deletes every version: https://github.com/hashicorp/terraform-provider-aws/issues/35946
    yield Need("s3:ListBucketVersions", f"arn:aws:s3:::{inputs['bucket']}", "s3 delete")
    yield Need("s3:DeleteObjectVersion", f"arn:aws:s3::{path.replace('/', ':', 1)}", "s3 delete")
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html and its sibling
    for action in ("s3:GetObjectTagging", "s3:PutObjectTagging"):
        yield Need(action, f"arn:aws:s3::{path.replace('/', ':', 1)}", "s3 tags")


def pushed(repository: str) -> Iterator[Need]:
    """An image: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html."""
    yield Need("ecr:GetAuthorizationToken", "*", "docker login")
    for action in (
        *("BatchCheckLayerAvailability", "BatchGetImage", "CompleteLayerUpload"),
        *("GetDownloadUrlForLayer", "InitiateLayerUpload", "PutImage", "UploadLayerPart"),
    ):
        yield Need(f"ecr:{action}", repository, "docker push")


def test_every_call_that_our_provider_can_make_was_seen(cloud: aws.Cloud) -> None:
    seen = {re.sub(r"(?<!^)(?=[A-Z])", "_", call.operation).lower() for call in cloud.calls}
    s3 = {"GET": "get_object", "HEAD": "head_object", "PUT": "put_object"}
    seen |= {s3[request.method] for request in cloud.requests}
    seen |= {"copy_object" for request in cloud.requests if request.copied}
    assert operations_in(PROVIDER) == seen


def test_our_providers_calls_are_allowed(cloud: aws.Cloud) -> None:
    report = rights().judge(called(cloud))
    report.check(share=1.0)
    assert len(report.judged) > 40


def test_the_commands_calls_are_known_and_allowed() -> None:
    asked = {re.sub(r"(?<!^)(?=[A-Z])", "_", need.action.split(":")[1]).lower() for need in commanded()}
    assert operations_in(COMMANDS) <= asked
    rights().judge(commanded()).check(share=1.0)


@pytest.mark.parametrize("update", UPDATES)
def test_later_updates_change_what_a_deployer_may_change(update: str) -> None:
    found = {token for token in changed(update) if token.startswith("aws:")}
    assert found
    assert found <= NATIVE, "either a deployer is allowed to change it, or an update must not"


def test_together_later_updates_change_all_that_is_judged_here() -> None:
    assert {token for update in UPDATES for token in changed(update) if token.startswith("aws:")} == NATIVE


def test_what_later_updates_change_natively_is_allowed() -> None:
    report = rights().judge(native(), left_out=NOT_DECLARED)
    report.check(share=0.9)
    assert set(report.unjudged.values()) == set(NOT_DECLARED.values())


def test_nothing_is_allowed_that_nothing_needs(cloud: aws.Cloud) -> None:
    held = rights()
    held.judge([*called(cloud), *commanded(), *native()])
    assert held.unused() == []


def test_prod_keeps_what_dev_replaces() -> None:
    def allowed(stack: str) -> set[str]:
        entries = [entry for entry in planned(stack)["resources"] if "deployer" in entry["name"]]
        told = [statement for document in documents(entries) for statement in document.statements]
        return {action for statement in told for action in statement["Action"]}

    assert allowed("aws-prod") < allowed("aws-dev")
    assert allowed("aws-dev") - allowed("aws-prod") == {
        *("s3:ListBucketVersions", "s3:DeleteObjectVersion"),
        *("sagemaker:DeleteModelPackage", "cloudformation:DeleteResource"),
    }


def test_a_missing_right_and_an_idle_one_are_named() -> None:
    held = rights()
    report = held.judge([Need("sagemaker:DeleteModelPackageGroup", "*", "an update")])
    assert "DeleteModelPackageGroup" in str(report.findings[0])
    with pytest.raises(AssertionError, match="DeleteModelPackageGroup"):
        report.check(share=0.0)
    assert any(line.endswith("s3:GetObject") for line in held.unused())

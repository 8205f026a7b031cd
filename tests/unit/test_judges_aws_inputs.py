"""The judge of what is declared on AWS rejects what AWS would, and says what it did not judge."""

import json
from typing import Any

import pytest
from support.judges.aws.inputs import judge
from support.judges.aws.translation import Shaped, Translated, Translator, Twin
from support.judges.report import Report

REGION = "eu-central-1"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
BUCKET = "aws:s3/bucket:Bucket"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
KEY = "aws:kms/key:Key"
ROLE = "aws:iam/role:Role"
MODEL = "aws:sagemaker/model:Model"
CONFIGURATION = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
CLOUD_CONTROL = "aws:cloudcontrol/resource:Resource"
ENDPOINT = "mlcloud:aws:Endpoint"

ALARMS = {"comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 1, "threshold": 1.0}
ALARMS |= {"metricName": "a", "namespace": "b", "period": 60, "statistic": "Sum"}
VARIANT = {"variantName": "main", "modelName": "m", "initialInstanceCount": 1, "initialVariantWeight": 1}


def declared(token: str, inputs: dict[str, Any], name: str = "thing") -> dict[str, Any]:
    return {"type": token, "name": name, "custom": True, "inputs": inputs}


def judged(*entries: dict[str, Any]) -> Report:
    return judge(entries, region=REGION)


def test_what_is_right_has_no_findings_and_is_counted() -> None:
    report = judged(declared(LOG_GROUP, {"name": "/a", "retentionInDays": 7, "tags": {"k": "v"}}))
    report.check(share=1.0)
    assert report.judged == ["thing: name", "thing: retentionInDays", "thing: tags.k"]


@pytest.mark.parametrize(
    ("token", "inputs", "path", "words"),
    [
        pytest.param(BUCKET, {"bucket": "My_Bucket"}, "thing: bucket", "does not match", id="pattern"),
        pytest.param(LOG_GROUP, {"retentionInDays": 8}, "thing: retentionInDays", "is not one of", id="enum"),
        pytest.param(KEY, {"deletionWindowInDays": 31}, "thing: deletionWindowInDays", "maximum", id="range"),
        pytest.param(
            MODEL,
            {"executionRoleArn": f"arn:aws:iam::{1:012}:role/r", "enableNetworkIsolation": "perhaps"},
            "thing: enableNetworkIsolation",
            "is not of type 'boolean'",
            id="type",
        ),
        pytest.param(ROLE, {"name": "serve"}, "thing", "is a required property", id="required"),
        pytest.param(ALARM, {**ALARMS, "colour": "red"}, "thing: colour", "was unexpected", id="unknown"),
        pytest.param(
            ALARM, {**ALARMS, "dimensions": {"a": "x" * 1025}}, "thing: dimensions", "longer", id="pairs"
        ),
        pytest.param(
            VERSIONING,
            {"bucket": "models", "versioningConfiguration": {"status": "On"}},
            "thing: versioningConfiguration.status",
            "is not one of",
            id="part of a bucket",
        ),
        pytest.param(
            CONFIGURATION,
            {"productionVariants": [{**VARIANT, "instanceType": "ml.p5.48xlarge.x"}]},
            "thing: productionVariants[0].instanceType",
            "is not one of",
            id="machine type",
        ),
        pytest.param(
            ENDPOINT,
            {"name": "churn", "endpointConfigName": "churn-1", "canaryPercent": 10, "waitS": 4000},
            "thing: waitS",
            "maximum",
            id="our endpoint",
        ),
        pytest.param(
            ROLE,
            {"name": "serve", "assumeRolePolicy": json.dumps({"Statement": [{"Effect": "Perhaps"}]})},
            "thing: assumeRolePolicy",
            "is not one of",
            id="document",
        ),
        pytest.param(
            CLOUD_CONTROL,
            {
                "typeName": "AWS::SageMaker::ModelPackage",
                "desiredState": json.dumps({"ModelApprovalStatus": "Fine"}),
            },
            "thing: desiredState",
            "is not one of",
            id="cloud control",
        ),
    ],
)
def test_what_aws_would_refuse_is_named(token: str, inputs: dict[str, Any], path: str, words: str) -> None:
    report = judged(declared(token, inputs))
    found = [str(finding) for finding in report.findings]
    assert any(line.startswith(path) and words in line for line in found), found
    with pytest.raises(AssertionError, match="thing"):
        report.check(share=0.0)


def test_a_part_is_judged_with_its_owner() -> None:
    parts = [
        declared(VERSIONING, {"bucket": "models", "versioningConfiguration": {"status": "Enabled"}}, "part"),
        declared(BUCKET, {"bucket": "models"}, "owner"),
    ]
    report = judged(*parts)
    report.check(share=1.0)
    assert {path.split(":")[0] for path in report.judged} == {"part", "owner"}


def test_a_value_that_only_the_cloud_knows_is_judged_by_its_name_alone() -> None:
    report = judged(declared(ROLE, {"name": "[unknown]", "assumeRolePolicy": "[unknown]"}))
    report.check(share=1.0)
    assert report.unknown == ["thing: name", "thing: assumeRolePolicy"]


def test_a_shape_that_would_lose_a_value_fails() -> None:
    twin = Twin(type="AWS::IAM::Role", names={"name": Shaped("RoleName", lambda _: "other")})
    made = Translated(twin.type)
    translator = Translator(twin=twin, into=made, name="thing", region=REGION, new=Translated)
    with pytest.raises(AssertionError, match="thing: name loses"):
        translator.run({"name": "serve"})


def test_a_type_that_the_table_lacks_is_a_finding() -> None:
    report = judged(declared("aws:lambda/function:Function", {"name": "a"}))
    assert "not in the table" in str(report.findings[0])


def test_nothing_judged_and_too_little_judged_fail_and_say_what_was_not() -> None:
    with pytest.raises(AssertionError, match="nothing was judged"):
        judged().check(share=0.0)
    report = judged(
        declared(BUCKET, {"bucket": "models", "forceDestroy": True}),
        declared("docker-build:index:Image", {"push": True, "tags": ["a", "b"]}, "image"),
    )
    assert report.share == 1 / 5
    with pytest.raises(AssertionError, match=r"image: tags\[1\]"):
        report.check(share=0.9)

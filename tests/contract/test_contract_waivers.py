"""Every waiver waives what it says, and no more."""

from typing import Any

import pytest
from mlcloud.core.errors import ABSENT
from mlcloud.policy import aws
from mlcloud.policy.catalogue import CATALOGUES
from mlcloud.policy.report import Report, judge
from mlcloud.policy.resource import Declared
from support.policy import REMOVED, Break, Records, allow, document, entries, urn
from support.policy_aws_breaks import BREAKS, SAGEMAKER
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
CASES: list[tuple[str, str, str, Any, Records, bool]] = [
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


def report_of(records: Records, environment: str) -> Report:
    (catalogue,) = (one for one in CATALOGUES if one.cloud == "aws")
    return judge(Declared.of(entries(records), environment), catalogue.controls, aws.WAIVERS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{case[-1]}")
def test_a_waiver_covers_what_it_is_for_and_nothing_else(
    case: tuple[str, str, str, Any, Records, bool],
) -> None:
    control, environment, at, value, added, waived = case
    report = report_of(Break(control=control, at=at, value=value, added=added).applied(GOOD), environment)
    assert (control in {one.control for one, _ in report.waived}) is waived
    told = {one.control for one in report.findings if one.problem.path != "waiver"}
    assert (control in told) is not waived


def test_every_waiver_has_a_plan_that_needs_it() -> None:
    assert {one.control for one in aws.WAIVERS} == {case[0] for case in CASES if case[-1]}


def test_nothing_critical_is_waived() -> None:
    severities = {control.id: control.severity for one in CATALOGUES for control in one.controls}
    assert "critical" not in {severities[waiver.control] for waiver in aws.WAIVERS}


def test_no_waiver_hides_what_only_prod_must_have() -> None:
    waived = {one.control for one in aws.WAIVERS}
    strict = [one for one in BREAKS if one.control not in waived]
    assert len(strict) > 80
    for broken in strict:
        report = report_of(broken.applied(GOOD), "prod")
        assert any(one.control == broken.control for one in report.findings), broken.label


def test_absent_is_told_as_missing() -> None:
    report = report_of(Break(control="x", at="public-access").applied(GOOD), "prod")
    (found,) = (one for one in report.findings if one.control == "storage-public-access")
    assert found.problem.value is ABSENT
    assert "is missing" in str(found.problem)

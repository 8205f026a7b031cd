"""The judge of policies on AWS rejects what IAM would, and what never holds or is wider than it has to be."""

import json
from typing import Any

import pytest
from support.judges.aws.authorization import actions, overlap
from support.judges.aws.policies import judge

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1bfe3432"
READ = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::models/*"]}
IDENTITY = "aws:iam/rolePolicy:RolePolicy"
OWN = "aws:s3/bucketPolicy:BucketPolicy"
ANYBODY = {"Principal": "*"}


def found(statement: dict[str, Any], token: str = IDENTITY, key: str = "policy") -> list[str]:
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "Told", **statement}]})
    report = judge([{"type": token, "name": "thing", "inputs": {key: document}}])
    assert report.judged
    return [str(finding) for finding in report.findings]


def test_what_is_right_has_no_findings() -> None:
    assert found(READ) == []
    assert found({**READ, "Action": ["s3:*"], **ANYBODY}, OWN) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param({"Action": ["s3:GetObjekt"]}, "s3:GetObjekt is no action", id="action"),
        pytest.param({"Action": ["shop:Buy"]}, "shop:Buy is no action", id="service"),
        pytest.param(
            {"Resource": ["arn:aws:s3:::models"]}, "s3:GetObject names", id="a bucket for its objects"
        ),
        pytest.param({"Resource": ["arn:aws:s3:::models/*", KEY]}, f"can name {KEY}", id="idle resource"),
        pytest.param({"Action": ["s3:ListAllMyBuckets"]}, "nothing but *", id="names nothing"),
        pytest.param({"Resource": ["*"]}, "s3:GetObject can name arn:", id="wildcard"),
        pytest.param(
            {"Condition": {"StringEquals": {"kms:ViaService": "s3"}}}, "it never holds", id="condition"
        ),
        pytest.param(
            {"Condition": {"StringEquals": {"aws:SourceAcount": "1"}}}, "it never holds", id="global key"
        ),
        pytest.param({"Condition": {"Bool": {"aws:SourceArn": "true"}}}, "of type arn", id="operator"),
        pytest.param({"Effect": "Permit"}, "is not one of ['Allow', 'Deny']", id="effect"),
        pytest.param({"Actions": ["s3:GetObject"]}, "was unexpected", id="unknown member"),
        pytest.param(ANYBODY, "was unexpected", id="an identity with a principal"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, Any], words: str) -> None:
    lines = found({**READ, **changed})
    assert any(words in line for line in lines), lines


def test_a_trust_without_anybody_is_named() -> None:
    trust = {"Effect": "Allow", "Action": ["sts:AssumeRole"]}
    lines = found(trust, "aws:iam/role:Role", "assumeRolePolicy")
    assert any("Principal" in line for line in lines), lines


def test_a_condition_that_one_of_the_actions_does_not_know_is_named() -> None:
    condition = {"Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}}}
    told = {"Effect": "Allow", "Resource": [KEY], **condition}
    assert found({**told, "Action": ["kms:CreateGrant"]}) == []
    lines = found({**told, "Action": ["kms:CreateGrant", "kms:DescribeKey"]})
    assert any("kms:DescribeKey does not know" in line for line in lines), lines


@pytest.mark.parametrize(
    ("pattern", "form", "expected"),
    [
        ("arn:aws:s3:::models", "arn:${Partition}:s3:::${BucketName}", True),
        ("arn:aws:s3:::models/*", "arn:${Partition}:s3:::${BucketName}", False),
        ("arn:aws:s3:::models/*", "arn:${Partition}:s3:::${BucketName}/${ObjectName}", True),
        ("arn:aws:logs:r:1:log-group:/a:*", "arn:${P}:logs:${R}:${A}:log-group:${L}:log-stream:${S}", True),
        ("arn:aws:kms:r:1:alias/a", "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}", False),
    ],
)
def test_a_pattern_names_things_of_a_form(pattern: str, form: str, expected: bool) -> None:
    assert overlap(pattern, form) is expected


def test_a_pattern_of_actions_is_all_that_it_names() -> None:
    assert {action.name for action in actions("kms:ReEncrypt*")} == {"kms:ReEncryptFrom", "kms:ReEncryptTo"}

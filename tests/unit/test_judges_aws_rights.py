"""Who judges rights must find what is denied, what is idle, and every call that a program can make."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.judges.aws.calls import Account, needs_of, operations_in, s3_needs
from support.judges.aws.policies import documents
from support.judges.aws.rights import Need, Rights

ACCOUNT = Account("123456789012", "eu-central-1", "arn:aws:kms:eu-central-1:123456789012:key/1bfe3432")
ROLE = "arn:aws:iam::123456789012:role/train"
PASSED = (("iam:PassedToService", "sagemaker.amazonaws.com"),)
PASS: dict[str, Any] = {
    "Sid": "Pass",
    "Effect": "Allow",
    "Action": ["iam:PassRole", "iam:GetRole"],
    "Resource": [f"{ROLE}*"],
    "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
}


def rights(statement: dict[str, Any]) -> Rights:
    content = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return Rights(
        documents([{"type": "aws:iam/policy:Policy", "name": "thing", "inputs": {"policy": content}}])
    )


def test_what_is_allowed_is_used_and_the_rest_is_idle() -> None:
    held = rights(PASS)
    held.judge([Need("iam:PassRole", ROLE, "a job", PASSED)]).check(share=1.0)
    assert held.unused() == ["thing: policy: Pass: iam:GetRole"]


@pytest.mark.parametrize(
    "need",
    [
        pytest.param(Need("iam:DeleteRole", ROLE, "a job", PASSED), id="action"),
        pytest.param(Need("iam:PassRole", ROLE.replace("train", "admin"), "a job", PASSED), id="resource"),
        pytest.param(Need("iam:PassRole", "*", "a job", PASSED), id="everything"),
        pytest.param(Need("iam:PassRole", ROLE, "a job"), id="a condition's key that is not there"),
        pytest.param(
            Need("iam:PassRole", ROLE, "a job", (("iam:PassedToService", "ec2.amazonaws.com"),)),
            id="a condition's value",
        ),
    ],
)
def test_what_is_denied_is_named(need: Need) -> None:
    held = rights(PASS)
    report = held.judge([need])
    assert [str(finding) for finding in report.findings] == [
        f"a job: {need.action} on {need.resource} (denied)"
    ]
    assert len(held.unused()) == 2


def test_a_deny_is_not_taken_for_an_allow() -> None:
    with pytest.raises(AssertionError):
        rights({**PASS, "Effect": "Deny"})


def test_a_job_passes_its_role_tags_itself_and_uses_the_key_of_its_volumes() -> None:
    job = {
        "TrainingJobName": "churn",
        "RoleArn": ROLE,
        "Tags": [{"Key": "a", "Value": "b"}],
        "ResourceConfig": {"VolumeKmsKeyId": ACCOUNT.key_arn},
    }
    found = {need.action for need in needs_of(ACCOUNT, "sagemaker", "CreateTrainingJob", job)}
    assert found == {"sagemaker:CreateTrainingJob", "iam:PassRole", "sagemaker:AddTags", "kms:CreateGrant"}


def test_a_copy_reads_its_source_and_takes_the_tags_along() -> None:
    found = {(need.action, need.resource) for need in s3_needs(ACCOUNT, "PUT", "/to/b%20c", "from/a")}
    assert ("s3:PutObject", "arn:aws:s3:::to/b c") in found
    assert ("s3:GetObject", "arn:aws:s3:::from/a") in found
    assert ("s3:PutObjectTagging", "arn:aws:s3:::to/b c") in found


def test_every_operation_that_a_program_names_is_found(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        'clients.call("sagemaker", "stop_training_job", TrainingJobName="a_b")\n'
        'clients.pages(_SERVICE, "describe_scalable_targets", "ScalableTargets")\n'
    )
    assert operations_in([program]) == {"stop_training_job", "describe_scalable_targets"}

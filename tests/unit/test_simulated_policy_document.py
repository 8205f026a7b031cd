"""The rendered policy of `get_policy_document`: JSON that IAM reads."""

import json
from typing import Any

import pytest
from mlcloud.simulated.aws.policy_document import policy_document
from mlcloud.simulated.cloud import Facts, InvokeError

FACTS = Facts(account="123456789012", region="eu-central-1")


def rendered(**arguments: Any) -> Any:
    return json.loads(policy_document(FACTS, arguments)["json"])


def test_a_statement_has_the_names_of_iam() -> None:
    found = rendered(
        statements=[
            {
                "sid": "Read",
                "actions": ["s3:GetObject", "s3:ListBucket"],
                "resources": ["arn:aws:s3:::models/*"],
                "principals": [{"type": "AWS", "identifiers": ["123456789012"]}],
                "conditions": [
                    {"test": "StringEquals", "variable": "aws:SourceAccount", "values": ["123456789012"]},
                    {"test": "StringEquals", "variable": "aws:PrincipalTag/a", "values": ["&{b}", "c"]},
                ],
            }
        ]
    )
    assert found == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:GetObject"],
                "Resource": "arn:aws:s3:::models/*",
                "Principal": {"AWS": "123456789012"},
                "Condition": {
                    "StringEquals": {
                        "aws:SourceAccount": "123456789012",
                        "aws:PrincipalTag/a": ["${b}", "c"],
                    }
                },
            }
        ],
    }


def test_everybody_is_a_star() -> None:
    found = rendered(statements=[{"effect": "Deny", "principals": [{"type": "*", "identifiers": ["*"]}]}])
    assert found["Statement"] == [{"Effect": "Deny", "Principal": "*"}]


def test_a_statement_of_the_same_sid_replaces_the_one_before() -> None:
    source = json.dumps({"Statement": [{"Sid": "A", "Effect": "Allow"}, {"Sid": "B", "Effect": "Allow"}]})
    override = json.dumps({"Statement": {"Sid": "B", "Effect": "Deny", "Action": "x:Y"}})
    found = rendered(
        sourcePolicyDocuments=[source],
        statements=[{"sid": "A", "actions": ["s3:GetObject"]}],
        overridePolicyDocuments=[override],
    )
    assert found["Statement"] == [
        {"Sid": "A", "Effect": "Allow", "Action": "s3:GetObject"},
        {"Sid": "B", "Effect": "Deny", "Action": "x:Y"},
    ]


def test_the_minified_text_says_the_same() -> None:
    found = policy_document(FACTS, {"statements": [{"actions": ["s3:GetObject"]}], "policyId": "p"})
    assert json.loads(found["minifiedJson"]) == json.loads(found["json"])
    assert json.loads(found["json"])["Id"] == "p"
    assert " " not in found["minifiedJson"]


@pytest.mark.parametrize(
    "arguments",
    [{"statements": [{"effect": "Maybe"}]}, {"sourcePolicyDocuments": ["{}"]}, {"sourceJson": "not JSON"}],
)
def test_what_is_no_policy_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvokeError):
        policy_document(FACTS, arguments)

"""What forces a replacement on AWS is what CloudFormation says, and the looks of ARNs what IAM says."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from mlcloud.simulated.aws.looks import LOOKS
from mlcloud.simulated.aws.replacements import TERRAFORM, is_known, replaces
from mlcloud.simulated.cloud import Facts, Templates
from mlcloud.simulated.declarations import declaration_of
from policy_sentry.querying.arns import get_raw_arns_for_service
from support.simulated_replacements import NAMES, REGENERATE, TABLE, TYPES, create_only, table


def test_the_table_is_what_cloudformation_calls_create_only() -> None:
    found, unmapped = table()
    assert unmapped == [], f"name these in NAMES: {unmapped}"
    assert json.loads(TABLE.read_text()) == found, f"the table is not the schemas': {REGENERATE}"
    judged = sum(len(paths) for paths in found.values())
    assert judged > 100, "the judge must have had something to judge"


def test_names_are_only_given_where_cloudformation_has_them() -> None:
    known = {(cfn, path) for cfn in TYPES.values() for path in create_only(cfn)}
    assert set(NAMES) <= known


@pytest.mark.parametrize("token", sorted({*TERRAFORM, *TYPES}))
def test_every_path_is_an_input_of_its_type(token: str) -> None:
    inputs = declaration_of(token).inputs
    assert {re.split(r"[.\[]", path)[0] for path in replaces(token)} - {"region"} <= set(inputs)
    assert is_known(token)


def test_a_type_that_no_source_knows_is_told_apart() -> None:
    assert not is_known("aws:nothing/thing:Thing")
    assert replaces("aws:nothing/thing:Thing") == ("region",)


def _arns() -> Iterator[Any]:
    for token, looks in LOOKS.items():
        for name in ("arn", "dashboardArn"):
            if looks.outputs.get(name, "").startswith("arn:"):
                yield pytest.param(token, looks.outputs[name], id=token)


UNLISTED = {"application-autoscaling", "autoscaling"}
"""Application Auto Scaling's policies carry ARNs of another service; IAM lists neither form."""


@pytest.mark.parametrize(("token", "template"), list(_arns()))
def test_an_arn_has_the_form_that_iam_documents(token: str, template: str) -> None:
    facts = Facts(account="123456789012", region="eu-central-1", words={"partition": "aws"})
    known = dict.fromkeys(re.findall(r"{(\w+)}", template), "sample") | {"name": "alias/sample"}
    made = {"seven", "seventeen", "uuid", "account", "region", "partition"}
    arn = Templates(facts, {key: known[key] for key in known if key not in made}, "seed").render(template)
    service = arn.split(":")[2]
    if service in UNLISTED:
        kind = re.split("[/:]", arn.split(":", 5)[5])[0]
        assert kind in {"scalable-target", "scalingPolicy", "scheduledAction"}
        return
    documented = get_raw_arns_for_service(service)
    assert any(re.fullmatch(_pattern(item), arn) for item in documented), (arn, documented)


def _pattern(documented: str) -> str:
    return re.sub(r"\\\$\\{\w+\\}", ".+", re.escape(documented))


def test_the_judge_of_arns_rejects_a_wrong_one() -> None:
    wrong = "arn:aws:kms:eu-central-1:123456789012:keys/sample"
    assert not any(re.fullmatch(_pattern(item), wrong) for item in get_raw_arns_for_service("kms"))

"""What a preview tells of the controls: a line, and each finding with its path and fix."""

import io
import json

import pytest
from mlcloud.cli.controls import plan_json, print_report, report_of
from mlcloud.embedded.engine.plan import Plan, PlannedResource
from rich.console import Console

KEY = "aws:kms/key:Key"
URN = f"urn:pulumi:dev::shop::{KEY}::storage-key"


def plan(*, ok: bool = True, type_: str = KEY, rotation: object = True, days: int = 30) -> Plan:
    """A plan with one key."""
    policy = {"Statement": [{"Effect": "Allow", "Action": "kms:*", "Principal": {"AWS": "123456789012"}}]}
    inputs = {
        "enableKeyRotation": rotation,
        "deletionWindowInDays": days,
        "policy": json.dumps(policy),
    }
    key = PlannedResource(
        urn=URN, type=type_, name="storage-key", custom=True, op="create", inputs=inputs, outputs={}
    )
    parts = {"summary": {"create": 1}, "outputs": {}, "diagnostics": []}
    return Plan(project="shop", stack="dev", ok=ok, resources=[key], **parts)


def printed(given: Plan) -> str:
    console = Console(file=io.StringIO(), width=60)
    print_report(console, report_of(given, "dev"))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_good_plan_is_told_in_one_line() -> None:
    assert printed(plan()) == "Controls: 3 checked, 0 findings, 0 waived\n"


def test_a_finding_is_told_with_severity_resource_path_value_and_fix() -> None:
    text = printed(plan(rotation=False, days=7))
    assert "high: keys-rotation: storage-key: enableKeyRotation = false" in text
    assert "allowed: true" in text
    assert "fix:     set `deletionWindowInDays` to 30" in text
    assert text.index("critical: keys-deletion-window") < text.index("high: keys-rotation")
    assert text.endswith("Controls: 3 checked, 2 findings, 0 waived\n")


def test_what_is_not_known_yet_is_named() -> None:
    text = printed(plan(rotation="[unknown]"))
    assert "unknown until the update: keys-rotation: storage-key: enableKeyRotation\n" in text
    assert text.endswith("1 unknown until the update\n")


def test_a_local_stack_and_a_failed_preview_say_nothing() -> None:
    assert printed(plan(type_="mlcloud:local:Bucket")) == ""
    assert printed(plan(ok=False, rotation=False)) == ""


@pytest.mark.parametrize("given", [plan(ok=False), plan(type_="mlcloud:local:Bucket")])
def test_the_json_of_a_plan_without_controls_is_as_it_was(given: Plan) -> None:
    assert plan_json(given, report_of(given, "dev")) == given.to_json()


def test_the_json_of_a_clouds_plan_has_one_key_more() -> None:
    given = plan(rotation=False)
    content = json.loads(plan_json(given, report_of(given, "dev")))
    policy = content.pop("policy")
    assert content == given.to_dict()
    assert [one["control"] for one in policy["findings"]] == ["keys-rotation"]
    assert policy["judged"]["keys-rotation"] == 1

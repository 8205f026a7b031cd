"""The judge of who may do what on Azure knows its roles and actions, and refuses others."""

from typing import Any

import pytest
from mlcloud.azure.roles import ROLES
from support.judges.azure.policies import ASSIGNMENT, BUILT_IN, DEFINITION, NOT_SHOWN, actions, judge
from support.judges.report import Report

GROUP = "/subscriptions/1/resourceGroups/shop"
ROLE = "/subscriptions/1/providers/Microsoft.Authorization/roleDefinitions"
READER = f"{ROLE}/2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
OTHER = f"{ROLE}/00000000-0000-4000-8000-000000000000"
ASKS = "(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'})"
GOOD = {
    "scope": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/shop",
    "roleAssignmentName": "0febb441-f4a7-574f-b329-400a225fc88c",
    "principalId": "725f94da-c35c-bfcb-8b55-15280995eef1",
    "roleDefinitionId": READER,
    "condition": ASKS,
    "conditionVersion": "2.0",
}


def judged(*entries: tuple[str, dict[str, Any]]) -> Report:
    return judge({"type": type_, "name": "thing", "inputs": inputs} for type_, inputs in entries)


def allowing(*named: str, role: str = "") -> tuple[str, dict[str, Any]]:
    return DEFINITION, {"roleDefinitionId": role, "permissions": [{"actions": list(named)}]}


def test_what_is_right_has_no_findings_and_is_counted() -> None:
    report = judged((ASSIGNMENT, GOOD))
    report.check(share=1.0)
    assert len(report.judged) == 5


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("roleDefinitionId", "Reader", "id"),
        ("roleDefinitionId", OTHER, "role"),
        ("principalId", "shop", "id"),
        ("roleAssignmentName", "shop-reader", "id"),
        ("scope", f"{GROUP}/providers/Microsoft.Storage/accounts/shop", "id"),
        ("condition", f"({ASKS}", "parentheses"),
        ("condition", "true", "actions"),
        ("condition", "(ActionMatches{'Microsoft.KeyVault/vaults/read'})", "actions"),
        ("conditionVersion", "1.0", "version"),
    ],
)
def test_a_wrong_assignment_is_found(key: str, value: str, rule: str) -> None:
    found = judged((ASSIGNMENT, {**GOOD, key: value})).findings
    assert [finding.rule for finding in found] == [rule]


def test_a_role_of_the_plans_own_is_known() -> None:
    own = OTHER.rsplit("/", 1)[-1]
    assert not judged((ASSIGNMENT, {**GOOD, "roleDefinitionId": OTHER}), allowing(role=own)).findings


def test_an_action_is_one_that_a_request_needs() -> None:
    right = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write"
    wrong = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/pause/action"
    other = "Microsoft.Insights/metrics/read"
    report = judged(allowing(right, wrong, other))
    assert [str(finding) for finding in report.findings] == [
        f"thing: {wrong}: Azure has no such action (action)"
    ]
    assert report.unjudged == {f"thing: {other}": NOT_SHOWN}
    assert len(actions()) > 1000


def test_a_pattern_stands_for_some_action() -> None:
    assert not judged(allowing("Microsoft.Storage/storageAccounts/*")).findings
    assert judged(allowing("Microsoft.Storage/storageAccount/*")).findings


def test_the_components_roles_have_microsofts_ids() -> None:
    # Microsoft's own name says that it is a preview.
    names = {role_id: name.removesuffix(" (preview)") for role_id, name in BUILT_IN.items()}
    assert {role_id: name for name, role_id in ROLES.items() if names.get(role_id) != name} == {}

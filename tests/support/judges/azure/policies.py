"""Judges who may do what on Azure: roles by the ids that Microsoft gives them, actions by what clients ask.

An action is a resource's type and what is done to it, as the request's path and verb have it
(https://learn.microsoft.com/azure/role-based-access-control/role-definitions#actions-format).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from support.judges.azure.documents import is_a_path, requests
from support.judges.azure.models import UNKNOWN
from support.judges.report import Finding, Report

ASSIGNMENT = "azure-native:authorization:RoleAssignment"
DEFINITION = "azure-native:authorization:RoleDefinition"
NOT_SHOWN = "no client of Azure's sends such a request"
_VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ROLE = re.compile(rf".*/providers/Microsoft\.Authorization/roleDefinitions/({_UUID})", re.IGNORECASE)
_ASKED = re.compile(r"ActionMatches\{'([^']+)'\}")

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
BUILT_IN: Mapping[str, str] = {
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "8311e382-0749-4cb8-b61a-304f252e45ec": "AcrPush",
    "ae349356-3a1b-4a5e-921d-050484c6347e": "Application Insights Component Contributor",
    "b556d68e-0be0-4f35-a333-ad7ee1ce17ea": "Azure AI Enterprise Network Connection Approver",
    "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815": "AzureML Compute Operator",
    "f6c7c914-8db3-469d-8ca1-694a8f32e121": "AzureML Data Scientist",
    "635dd51f-9968-44d3-b7fb-6d9a6bd613ae": "AzureML Metrics Writer (preview)",
    "f25e0fa2-a7c8-4377-a976-54943a77a395": "Key Vault Contributor",
    "14b46e9e-c2b7-41b4-b07b-48a6ebf60603": "Key Vault Crypto Officer",
    "e147488a-f6f5-4113-8e2d-b22465e65bf6": "Key Vault Crypto Service Encryption User",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "f1a07417-d97a-45cb-824c-7a7467783830": "Managed Identity Operator",
    "43d0d8ad-25c7-4714-9337-8ba259a9fe05": "Monitoring Reader",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "17d1049b-9a84-46fb-8f53-869881c3d3ab": "Storage Account Contributor",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "69566ab7-960f-475b-8e7c-b3118f30c6bd": "Storage File Data Privileged Contributor",
}

# What is asked of an endpoint or a registry itself, not of Azure Resource Manager.
_OF_DATA = (
    # https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-online-endpoint
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action",
    # https://learn.microsoft.com/azure/container-registry/container-registry-roles
    "Microsoft.ContainerRegistry/registries/pull/read",
    "Microsoft.ContainerRegistry/registries/push/write",
)


def judge(resources: Iterable[Mapping[str, Any]]) -> Report:
    """Judge the role assignments and role definitions of a plan.

    Args:
        resources: Entries of a plan's `resources`.
    """
    entries = list(resources)
    own = {entry["inputs"].get("roleDefinitionId") for entry in entries if entry["type"] == DEFINITION}
    report = Report()
    for entry in entries:
        if entry["type"] == ASSIGNMENT:
            _assignment(entry["name"], entry["inputs"], own, report)
        elif entry["type"] == DEFINITION:
            _definition(entry["name"], entry["inputs"], report)
    return report


def _assignment(name: str, inputs: Mapping[str, Any], own: set[Any], report: Report) -> None:
    judges = {
        "roleDefinitionId": lambda value: _role(value, own),
        "principalId": _identity,
        "roleAssignmentName": _identity,
        "scope": _scope,
        "condition": lambda value: _condition(value, inputs.get("conditionVersion")),
    }
    for key, judged in judges.items():
        if key not in inputs and key == "condition":
            continue
        report.judged.append(f"{name}: {key}")
        if inputs.get(key) == UNKNOWN:
            report.unknown.append(f"{name}: {key}")
            continue
        report.findings += [Finding(f"{name}: {key}", rule, text) for rule, text in judged(inputs.get(key))]


def _role(value: Any, own: set[Any]) -> Iterator[tuple[str, str]]:
    found = _ROLE.fullmatch(str(value))
    if found is None:
        yield "id", f"{value!r} is not the id of a role"
    elif found[1].lower() not in BUILT_IN and found[1] not in own:
        yield "role", f"{found[1]} is neither a role of Azure's that we know nor one of the plan's"


def _identity(value: Any) -> Iterator[tuple[str, str]]:
    if not re.fullmatch(_UUID, str(value), re.IGNORECASE):
        yield "id", f"{value!r} is not a UUID"


def _scope(value: Any) -> Iterator[tuple[str, str]]:
    if not is_a_path(str(value)):
        yield "id", f"no resource has an id like {value}"


def _condition(value: Any, version: Any) -> Iterator[tuple[str, str]]:
    if version != "2.0":
        yield "version", f"a condition is of version 2.0, not {version!r}"
    if str(value).count("(") != str(value).count(")"):
        yield "parentheses", "they do not match"
    asked = _ASKED.findall(str(value))
    if not asked:
        yield "actions", "no action is asked about"
    for action in asked:
        if not action.lower().startswith("microsoft.storage/storageaccounts/blobservices/"):
            yield "actions", f"{action} is none that conditions can ask about"


def _definition(name: str, inputs: Mapping[str, Any], report: Report) -> None:
    for permission in inputs.get("permissions", []):
        for action in permission.get("actions", []):
            path, state = f"{name}: {action}", _known(action)
            if state is None:
                report.unjudged[path] = NOT_SHOWN
                continue
            report.judged.append(path)
            if not state:
                report.findings.append(Finding(path, "action", "Azure has no such action"))


def _known(action: str) -> bool | None:
    """Whether an action is one of Azure's; None where no client of Azure's is of its kind of resource."""
    asked = action.lower()
    if "*" in asked:
        form = re.compile(re.escape(asked).replace(r"\*", ".*"))
        return any(form.fullmatch(one) for one in actions())
    if asked in actions():
        return True
    kind = asked.rsplit("/", 2 if asked.endswith("/action") else 1)[0]
    return None if kind not in {_kind(one) for one in actions()} else False


def _kind(action: str) -> str:
    return action.rsplit("/", 2 if action.endswith("/action") else 1)[0]


@cache
def actions() -> frozenset[str]:
    """Every action that a request of Azure's clients needs, in lower case."""
    found = set()
    for verb, path in requests():
        before, _, place = path.rpartition("/providers/")
        # What has no provider is a subscription's or a group's own.
        parts = (place if before else f"Microsoft.Resources{path}").split("/")
        kinds = [part for part in parts if not part.startswith("{")]
        if verb == "POST" and not parts[-1].startswith("{"):
            found.add("/".join([*kinds, "action"]).lower())
        elif verb in _VERBS:
            found.add("/".join([*kinds, _VERBS[verb]]).lower())
    return frozenset(found | {action.lower() for action in _OF_DATA})

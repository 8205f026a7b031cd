"""Controls of roles: who has which, on what, and what roles of one's own allow."""

from collections.abc import Iterator
from typing import Any, Final

from mlcloud.core.errors import Problem
from mlcloud.policy.azure.cluster import COMPUTE
from mlcloud.policy.azure.endpoint import ENDPOINT
from mlcloud.policy.azure.training import RUN
from mlcloud.policy.control import Control
from mlcloud.policy.judging import each, expect, is_given, is_one_of, problem, says
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

ASSIGNMENT: Final = "azure-native:authorization:RoleAssignment"
DEFINITION: Final = "azure-native:authorization:RoleDefinition"
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/privileged
_BROAD: Final = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
}
_PRINCIPALS: Final = ("User", "Group", "ServicePrincipal", "ForeignGroup", "Device")


def _not_broad(assignment: Resource, _declared: Declared) -> Iterator[Problem]:
    role: Any = assignment.value("roleDefinitionId")
    named = _BROAD.get(str(role).rsplit("/", 1)[-1].lower())
    if role == UNKNOWN or not is_given(role) or named:
        fix = "assign a role of the service, or one of the stack's own"
        value = f"{role} ({named})" if named else role
        yield problem("roleDefinitionId", value, "a role that names what is needed", fix)


def _narrow(scope: Any) -> bool:
    """Return whether a scope is a resource group, or something in one."""
    return isinstance(scope, str) and "/resourcegroups/" in scope.lower()


def _named_actions(definition: Resource, _declared: Declared) -> Iterator[Problem]:
    for key in ("actions", "dataActions"):
        for path, value in definition.values(f"permissions[*].{key}[*]"):
            parts = str(value).split("/")
            # `Microsoft.Storage/*` is all of a service, `*/read` a right to everything.
            if value == UNKNOWN or "*" in parts[0] or parts[1:] == ["*"]:
                fix = "list the actions that are needed"
                yield problem(path, value, "actions by name", fix)


def _as_itself(resource: Resource, declared: Declared) -> Iterator[Problem]:
    if resource.type == RUN:
        yield from expect("identityId", is_given, "an identity of its own", _FIX)(resource, declared)
        return
    yield from each(
        expect("identity.type", says("UserAssigned"), "`UserAssigned`", _FIX),
        expect("identity.userAssignedIdentities", is_given, "an identity of its own", _FIX),
    )(resource, declared)


_FIX: Final = "make a user-assigned identity, with what it needs"

CONTROLS: Final = (
    Control(
        id="identity-no-broad-roles",
        sources=["PA-7"],
        title="Nobody is Owner, Contributor or an administrator of access",
        severity="high",
        why="An identity that can do anything is an administrator whose credentials lie in a container.",
        types=[ASSIGNMENT],
        judge=_not_broad,
    ),
    Control(
        id="identity-narrow-scopes",
        sources=["PA-7"],
        title="Roles are given on a resource, or on the stack's resource group at most",
        severity="high",
        why="The stack's identities reach what belongs to others in the subscription.",
        types=[ASSIGNMENT, DEFINITION],
        judge=lambda resource, declared: expect(
            "assignableScopes[*]" if resource.type == DEFINITION else "scope",
            _narrow,
            "a resource group, or something in one",
        )(resource, declared),
    ),
    Control(
        id="identity-principal-types",
        sources=["PA-7", "own"],
        title="An assignment says what it is for: a user, a group or a service",
        severity="high",
        why="A new identity is not found for a while: the first `up` fails.",
        types=[ASSIGNMENT],
        # https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
        judge=expect("principalType", is_one_of(*_PRINCIPALS), f"one of {', '.join(_PRINCIPALS)}"),
    ),
    Control(
        id="identity-named-actions",
        sources=["PA-7", "own"],
        title="Roles of one's own name their actions: never `*` or all of a service",
        severity="high",
        why="Such a role grows with each service that Azure adds, without being asked.",
        types=[DEFINITION],
        judge=_named_actions,
    ),
    Control(
        id="identity-own-account",
        sources=["IM-3", "own"],
        title="Training, machines and serving work as identities of their own",
        severity="high",
        why="Without one, a job acts as whoever submitted it.",
        types=[RUN, COMPUTE, ENDPOINT],
        judge=_as_itself,
    ),
)

"""Roles of Azure, and how they are assigned: on one thing, to one principal, under a name that stays.

Ids are those of https://learn.microsoft.com/azure/role-based-access-control/built-in-roles; they are the same
in every tenant.
"""

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import pulumi
from pulumi_azure_native import authorization

from mlcloud.core.scope import Scope

PrincipalType = Literal["User", "Group", "ServicePrincipal"]
Role = Literal[
    "AcrPull",
    "Application Insights Component Contributor",
    "Azure AI Enterprise Network Connection Approver",
    "AzureML Compute Operator",
    "AzureML Data Scientist",
    "AzureML Metrics Writer",
    "Key Vault Contributor",
    "Key Vault Crypto Service Encryption User",
    "Key Vault Secrets Officer",
    "Managed Identity Operator",
    "Storage Account Contributor",
    "Storage Blob Data Contributor",
    "Storage Blob Data Reader",
    "Storage File Data Privileged Contributor",
]
ROLES: Final[Mapping[Role, str]] = MappingProxyType(
    {
        "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
        "Application Insights Component Contributor": "ae349356-3a1b-4a5e-921d-050484c6347e",
        "Azure AI Enterprise Network Connection Approver": "b556d68e-0be0-4f35-a333-ad7ee1ce17ea",
        "AzureML Compute Operator": "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815",
        "AzureML Data Scientist": "f6c7c914-8db3-469d-8ca1-694a8f32e121",
        "AzureML Metrics Writer": "635dd51f-9968-44d3-b7fb-6d9a6bd613ae",
        "Key Vault Contributor": "f25e0fa2-a7c8-4377-a976-54943a77a395",
        "Key Vault Crypto Service Encryption User": "e147488a-f6f5-4113-8e2d-b22465e65bf6",
        "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "Managed Identity Operator": "f1a07417-d97a-45cb-824c-7a7467783830",
        "Storage Account Contributor": "17d1049b-9a84-46fb-8f53-869881c3d3ab",
        "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Storage File Data Privileged Contributor": "69566ab7-960f-475b-8e7c-b3118f30c6bd",
    }
)
# Any fixed one: it keeps ours apart from other GUIDs that follow from names (RFC 9562, section 5.5).
_NAMESPACE: Final = uuid.UUID("5f0c3a86-7d55-4a0e-9b6a-2f1d6c1c7a10")


def stable_guid(scope: Scope, *parts: str) -> str:
    """Return a GUID that follows from whose a thing is and what it is within the stack.

    Azure wants GUIDs as the names of role assignments and definitions; a random one would be another on each
    new start.
    """
    return str(uuid.uuid5(_NAMESPACE, "\0".join([scope.account, scope.project, scope.stack, *parts])))


def assign(
    resource_name: str,
    *,
    scope: Scope,
    role: Role | pulumi.Output[str],
    on: pulumi.Input[str],
    principal_id: pulumi.Input[str],
    principal_type: PrincipalType = "ServicePrincipal",
    condition: str | None = None,
    opts: pulumi.ResourceOptions,
) -> authorization.RoleAssignment:
    """Declare that a principal has a role on a thing.

    The principal's type is always said: Azure then takes one that its directory has not spread yet
    (https://learn.microsoft.com/azure/role-based-access-control/troubleshooting, "New principal").

    Args:
        resource_name: The assignment's name in the stack; its own name follows from it.
        scope: Whose it is.
        role: A built-in role, or the resource id of another.
        on: Resource id of what the role is for.
        principal_id: Object id of who gets it.
        principal_type: What the principal is; managed identities are service principals.
        condition: What more must hold, in Azure's language for it. Default: nothing.
        opts: Options of the resource.
    """
    definition = builtin(scope, role) if isinstance(role, str) else role
    return authorization.RoleAssignment(
        resource_name,
        role_assignment_name=stable_guid(scope, "role assignment", resource_name),
        scope=on,
        role_definition_id=definition,
        principal_id=principal_id,
        principal_type=principal_type,
        condition=condition,
        condition_version=None if condition is None else "2.0",
        opts=opts,
    )


def builtin(scope: Scope, role: Role) -> str:
    """Return the resource id of a built-in role, as Azure answers it."""
    place = f"/subscriptions/{scope.account}/providers/Microsoft.Authorization/roleDefinitions"
    return f"{place}/{ROLES[role]}"

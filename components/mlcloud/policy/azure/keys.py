"""Controls of key vaults, their keys, and of who may use them when."""

from collections.abc import Iterator
from typing import Any, Final

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.azure.logs import logged
from mlcloud.policy.azure.registry import REGISTRY
from mlcloud.policy.azure.storage import ACCOUNT
from mlcloud.policy.azure.workspace import WORKSPACE
from mlcloud.policy.control import Control
from mlcloud.policy.judging import PROD, at_least, each, expect, is_given, is_true, problem, says
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

VAULT: Final = "azure-native:keyvault:Vault"
_KEY: Final = "azure-native:keyvault:Key"
_GRANT: Final = "azure-native:authorization:RoleAssignment"
# Key Vault Crypto Service Encryption User
# (https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security).
_USE: Final = "e147488a-f6f5-4113-8e2d-b22465e65bf6"
# Key Vault takes 7 to 90 (https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview).
_SOFT_DELETE_DAYS: Final = 7
# Where a resource names its key.
_ENCRYPTED: Final = {
    ACCOUNT: "encryption.keyVaultProperties.keyName",
    REGISTRY: "encryption.keyVaultProperties.keyIdentifier",
    WORKSPACE: "encryption.keyVaultProperties.keyIdentifier",
}


def _closed(vault: Resource, _declared: Declared) -> Iterator[Problem]:
    access = vault.value("properties.publicNetworkAccess")
    action = vault.value("properties.networkAcls.defaultAction")
    if not says("Disabled")(access) and not says("Deny")(action):
        value = UNKNOWN if UNKNOWN in (access, action) else access
        fix = "set it so, or deny by default (`properties.networkAcls`) and name who may"
        yield problem("properties.publicNetworkAccess", value, "`Disabled`", fix)


def _rotates(key: Resource, _declared: Declared) -> Iterator[Problem]:
    actions = key.values("properties.rotationPolicy.lifetimeActions[*].action.type")
    if not any(says("rotate")(value) for _, value in actions):
        path, value = actions[0]
        yield problem(path, UNKNOWN if UNKNOWN in [one for _, one in actions] else value, "`rotate`")


def _kept(resource: Resource, _declared: Declared) -> Iterator[Problem]:
    for option, value in (("protect", resource.protect), ("retainOnDelete", resource.retain_on_delete)):
        if not value:
            yield problem(option, value, "true", f"give the option `{option}`")


def _has_the_stacks_key(resource: Resource, declared: Declared) -> bool:
    """Return whether a resource is encrypted with a key that the plan declares; others' keys are theirs."""
    return is_given(resource.value(_ENCRYPTED[resource.type])) and any(
        key.urn in resource.dependencies for key in declared.all(_KEY)
    )


def _granted_before(resource: Resource, declared: Declared) -> Iterator[Problem]:
    before = [one for one in declared.all(_GRANT) if one.urn in resource.dependencies]
    states = [_may_use(grant) for grant in before]
    if True not in states:
        value = UNKNOWN if UNKNOWN in states else ABSENT
        allowed = "a grant of Key Vault Crypto Service Encryption User, made first"
        yield problem("dependencies", value, allowed, "give `depends_on` with the role assignment")


def _may_use(grant: Resource) -> Any:
    role = grant.value("roleDefinitionId")
    return UNKNOWN if role == UNKNOWN else str(role).lower().endswith(_USE)


CONTROLS: Final = (
    Control(
        id="keys-purge-protection",
        sources=["CKV_AZURE_42", "CKV_AZURE_110", "CKV_AZURE_111", "prowler keyvault_recoverable"],
        title="A vault that was deleted, and what was in it, can be brought back",
        severity="high",
        why="A key that is gone takes everything with it that it encrypts.",
        types=[VAULT],
        judge=each(
            expect("properties.enablePurgeProtection", is_true, "true"),
            expect("properties.enableSoftDelete", is_true, "true"),
            expect(
                "properties.softDeleteRetentionInDays",
                at_least(_SOFT_DELETE_DAYS),
                f"{_SOFT_DELETE_DAYS} or more",
            ),
        ),
    ),
    Control(
        id="keys-rbac",
        sources=["prowler keyvault_rbac_enabled", "PA-7"],
        title="Roles, not access policies, say who uses a vault",
        severity="high",
        why="Whoever may change a vault's policies gives themselves every key in it.",
        types=[VAULT],
        judge=expect("properties.enableRbacAuthorization", is_true, "true"),
    ),
    Control(
        id="keys-network",
        sources=["CKV_AZURE_109", "CKV_AZURE_189", "prowler keyvault_private_endpoints"],
        title="Vaults are reached from named networks alone",
        severity="high",
        why="Whoever finds a credential uses it from anywhere.",
        types=[VAULT],
        judge=_closed,
    ),
    Control(
        id="keys-access-log",
        sources=["prowler keyvault_logging_enabled", "LT-3"],
        title="Each use of a vault is logged",
        severity="medium",
        why="After a leak nobody can say which key or secret was read, and by whom.",
        types=[VAULT],
        # https://learn.microsoft.com/azure/key-vault/general/logging
        judge=logged("AuditEvent"),
    ),
    Control(
        id="keys-rotation",
        sources=["CKV_AZURE_40", "CKV_AZURE_112", "prowler keyvault_key_rotation_enabled"],
        title="Keys end, and rotate before",
        severity="high",
        why="The more one version has encrypted, the more its loss tells.",
        types=[_KEY],
        judge=each(
            _rotates,
            expect("properties.rotationPolicy.attributes.expiryTime", is_given, "a time, such as `P1Y`"),
        ),
    ),
    Control(
        id="keys-kept",
        sources=["own"],
        title="In prod, vaults and keys are protected and stay when the stack goes",
        severity="high",
        why="What they encrypt stays, too, and nobody could read it.",
        types=[VAULT, _KEY],
        judge=_kept,
        environments=PROD,
    ),
    Control(
        id="keys-granted-first",
        sources=["own"],
        title="The identity that encrypts may use the key before anything is made with it",
        severity="medium",
        why="The first `up` is refused.",
        types=list(_ENCRYPTED),
        judge=_granted_before,
        applies=_has_the_stacks_key,
    ),
)

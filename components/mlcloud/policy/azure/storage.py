"""Controls of storage accounts: who reads them, from where, and what is kept."""

from collections.abc import Iterator
from typing import Any, Final, cast

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.azure.logs import logged
from mlcloud.policy.control import Control
from mlcloud.policy.judging import (
    PROD,
    at_least,
    each,
    expect,
    has,
    is_given,
    is_one_of,
    is_true,
    problem,
    says,
)
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

ACCOUNT: Final = "azure-native:storage:StorageAccount"
_CONTAINER: Final = "azure-native:storage:BlobContainer"
_BLOBS: Final = "azure-native:storage:BlobServiceProperties"
_POLICY: Final = "azure-native:storage:ManagementPolicy"
_RULES: Final = "networkRuleSet"
# The shortest that prowler asks for; Blob Storage takes 1 to 365
# (https://learn.microsoft.com/azure/storage/blobs/soft-delete-blob-overview).
_SOFT_DELETE_DAYS: Final = 7


def _not_public(resource: Resource, declared: Declared) -> Iterator[Problem]:
    if resource.type == _CONTAINER:
        # None is the service's default.
        accept = is_one_of(ABSENT, "None")
        yield from expect("publicAccess", accept, "`None`")(resource, declared)
    else:
        yield from expect("allowBlobPublicAccess", is_one_of(False), "false")(resource, declared)


def _closed(account: Resource, _declared: Declared) -> Iterator[Problem]:
    access, action = account.value("publicNetworkAccess"), account.value(f"{_RULES}.defaultAction")
    if says("Disabled")(access):
        return
    if not says("Deny")(action):
        value = UNKNOWN if UNKNOWN in (access, action) else access
        fix = "set it so, or deny by default (`networkRuleSet`) and name who may"
        yield problem("publicNetworkAccess", value, "`Disabled`", fix)
        return
    # The workspace is one of Azure's own services: without this it is shut out, too.
    bypass = account.value(f"{_RULES}.bypass")
    if "AzureServices" not in str(bypass):
        yield problem(f"{_RULES}.bypass", bypass, "`AzureServices`")


def _keeps_deleted(blobs: Resource, declared: Declared) -> Iterator[Problem]:
    for key in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
        yield from each(
            expect(f"{key}.enabled", is_true, "true"),
            expect(f"{key}.days", at_least(_SOFT_DELETE_DAYS), f"{_SOFT_DELETE_DAYS} or more"),
        )(blobs, declared)


def _deletes_versions(policy: Resource, _declared: Declared) -> Iterator[Problem]:
    days = [value for _, value in policy.values(_EXPIRY)]
    if not any(value != UNKNOWN and is_given(value) for value in days):
        value = UNKNOWN if UNKNOWN in days else ABSENT
        yield problem(_EXPIRY, value, "a rule that deletes old versions", "add a rule that deletes them")


def _kept(account: Resource, _declared: Declared) -> Iterator[Problem]:
    for option, value in (("protect", account.protect), ("retainOnDelete", account.retain_on_delete)):
        if not value:
            yield problem(option, value, "true", f"give the option `{option}`")


def _is_for_blobs(account: Resource, _declared: Declared) -> bool:
    kind: Any = account.value("kind")
    return cast("str", kind) not in ("FileStorage",)


_EXPIRY: Final = "policy.rules[*].definition.actions.version.delete.daysAfterCreationGreaterThan"

CONTROLS: Final = (
    Control(
        id="storage-tls-only",
        sources=["CKV_AZURE_3", "prowler storage_secure_transfer_required_is_enabled"],
        title="Accounts refuse connections without TLS",
        severity="high",
        why="Data and models could be read or changed on their way.",
        types=[ACCOUNT],
        # On is the API's default; it is wanted written, so that people see it.
        judge=expect("enableHttpsTrafficOnly", is_true, "true"),
    ),
    Control(
        id="storage-tls-version",
        sources=["CKV_AZURE_44", "prowler storage_ensure_minimum_tls_version_12"],
        title="Accounts refuse what is older than TLS 1.2",
        severity="medium",
        why="Older versions are broken: data could be read on its way.",
        types=[ACCOUNT],
        judge=expect("minimumTlsVersion", is_one_of("TLS1_2", "TLS1_3"), "`TLS1_2` or `TLS1_3`"),
    ),
    Control(
        id="storage-public-access",
        sources=["CKV_AZURE_34", "CKV_AZURE_59", "CKV_AZURE_190", "CKV2_AZURE_47"],
        title="No blob can be read without credentials",
        severity="high",
        why="One mistaken container shows the data to everybody.",
        types=[ACCOUNT, _CONTAINER],
        judge=_not_public,
    ),
    Control(
        id="storage-no-shared-keys",
        sources=["CKV2_AZURE_40", "prowler storage_account_key_access_disabled", "own"],
        title="Accounts have no keys: Microsoft Entra alone says who reads them",
        severity="high",
        why="An account's key opens everything in it, from anywhere, for whoever has it.",
        types=[ACCOUNT],
        judge=each(
            expect("allowSharedKeyAccess", is_one_of(False), "false"),
            expect("defaultToOAuthAuthentication", is_true, "true"),
        ),
    ),
    Control(
        id="storage-network",
        sources=["CKV_AZURE_35", "CKV_AZURE_36", "NS-2"],
        title="Accounts are reached from named networks alone",
        severity="high",
        why="Whoever finds a credential uses it from anywhere.",
        types=[ACCOUNT],
        judge=_closed,
    ),
    Control(
        id="storage-own-key",
        sources=["CKV2_AZURE_1", "DP-5"],
        title="Blobs are encrypted with a key of one's own",
        severity="high",
        why="With Microsoft's key nobody can withdraw access to all blobs at once, or see who decrypts.",
        types=[ACCOUNT],
        judge=each(
            expect("encryption.keySource", says("Microsoft.Keyvault"), "`Microsoft.Keyvault`"),
            expect("encryption.keyVaultProperties.keyName", is_given, "the name of a key of one's own"),
        ),
    ),
    Control(
        id="storage-double-encryption",
        sources=["prowler storage_infrastructure_encryption_is_enabled"],
        title="Blobs are encrypted twice, with two keys",
        severity="low",
        why="One algorithm or key that is broken shows everything.",
        types=[ACCOUNT],
        judge=expect("encryption.requireInfrastructureEncryption", is_true, "true"),
    ),
    Control(
        id="storage-versions",
        sources=["prowler storage_blob_versioning_is_enabled"],
        title="Overwritten and deleted blobs are kept as versions",
        severity="medium",
        why="A model or data file that was overwritten is gone.",
        types=[ACCOUNT],
        judge=has(_BLOBS, "accountName", expect("isVersioningEnabled", is_true, "true")),
        applies=_is_for_blobs,
    ),
    Control(
        id="storage-soft-delete",
        sources=["CKV2_AZURE_38", "prowler storage_ensure_soft_delete_is_enabled"],
        title="What was deleted can be restored for a week",
        severity="medium",
        why="Whoever may delete blobs deletes every version, or the container.",
        types=[_BLOBS],
        judge=_keeps_deleted,
    ),
    Control(
        id="storage-lifecycle",
        sources=["own"],
        title="Old versions expire",
        severity="medium",
        why="What nobody sees costs every month.",
        types=[ACCOUNT],
        judge=has(_POLICY, "accountName", _deletes_versions),
        applies=_is_for_blobs,
    ),
    Control(
        id="storage-access-log",
        sources=["CKV2_AZURE_21", "LT-3"],
        title="Each access is logged",
        severity="medium",
        why="After a leak nobody can say what was read, and by whom.",
        types=[ACCOUNT],
        judge=logged("StorageRead", "StorageWrite", "StorageDelete"),
        applies=_is_for_blobs,
    ),
    Control(
        id="storage-sas-expiry",
        sources=["CKV2_AZURE_41"],
        title="Signed links end by themselves",
        severity="medium",
        why="A link that was forgotten opens what it names for years.",
        types=[ACCOUNT],
        judge=expect("sasPolicy.sasExpirationPeriod", is_given, "a time, such as `1.00:00:00`"),
    ),
    Control(
        id="storage-no-local-users",
        sources=["CKV_AZURE_244"],
        title="Accounts have no users of their own",
        severity="medium",
        why="A password that Microsoft Entra does not know cannot be taken back there.",
        types=[ACCOUNT],
        judge=expect("isLocalUserEnabled", is_one_of(False), "false"),
    ),
    Control(
        id="storage-one-tenant",
        sources=["prowler storage_cross_tenant_replication_disabled"],
        title="Blobs are not copied to other tenants",
        severity="medium",
        why="Who may write a rule of replication sends all data to an account of their own.",
        types=[ACCOUNT],
        judge=expect("allowCrossTenantReplication", is_one_of(False), "false"),
    ),
    Control(
        id="storage-kept",
        sources=["own"],
        title="In prod, accounts are protected and stay when the stack goes",
        severity="high",
        why="One command deletes data and models that cannot be made again.",
        types=[ACCOUNT],
        judge=_kept,
        environments=PROD,
    ),
)

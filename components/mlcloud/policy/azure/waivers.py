"""What of the controls need not hold on Azure, each with its reason."""

from typing import Final

from mlcloud.policy.azure.endpoint import DEPLOYMENT, ENDPOINT
from mlcloud.policy.azure.keys import VAULT
from mlcloud.policy.azure.monitoring import LOGS
from mlcloud.policy.azure.registry import REGISTRY, is_premium
from mlcloud.policy.azure.storage import ACCOUNT
from mlcloud.policy.azure.workspace import WORKSPACE
from mlcloud.policy.control import Test, Waiver
from mlcloud.policy.judging import is_given, is_true, says
from mlcloud.policy.resource import UNKNOWN, Declared, Resource


def _outside_of_prod(path: str, *open_: str) -> Test:
    """Return a test for what, outside of prod, is open, written or by Azure's default."""

    def test(resource: Resource, declared: Declared) -> bool:
        value = resource.value(path)
        return not declared.is_prod and (not is_given(value) or says(*open_)(value))

    return test


def _keyless(path: str) -> Test:
    """Return a test for what, outside of prod, has no key of one's own."""
    return lambda resource, declared: not declared.is_prod and not is_given(resource.value(path))


_NO_NETWORK: Final = "dev has no network. Microsoft Entra asks for credentials before anything is read."
_NO_KEY: Final = "A vault with a key stays for weeks after its stack; what dev keeps is about tries."
_DEAR: Final = "Only the Premium tier has it, ten times the price of Basic; what dev builds is about tries."

WAIVERS: Final = (
    Waiver(
        control="storage-network",
        resources="outside of prod, accounts that are open to all networks",
        reason=_NO_NETWORK,
        types=[ACCOUNT],
        test=_outside_of_prod("networkRuleSet.defaultAction", "Allow"),
    ),
    Waiver(
        control="storage-own-key",
        resources="outside of prod, accounts without a key of one's own",
        reason=_NO_KEY,
        types=[ACCOUNT],
        test=_keyless("encryption.keyVaultProperties"),
    ),
    Waiver(
        control="registry-network",
        resources="outside of prod, registries that are open to all networks",
        reason=_NO_NETWORK,
        types=[REGISTRY],
        test=_outside_of_prod("publicNetworkAccess", "Enabled"),
    ),
    *(
        Waiver(
            control=control,
            resources="outside of prod, registries of a smaller tier",
            reason=_DEAR,
            types=[REGISTRY],
            test=lambda registry, declared: not declared.is_prod and not is_premium(registry),
        )
        for control in (
            "registry-own-key",
            "registry-lifecycle",
            "registry-zones",
            "registry-data-endpoint",
            "registry-no-export",
        )
    ),
    Waiver(
        control="registry-quarantine",
        resources="all registries",
        reason="Nothing lets images out again: that needs a scanner of one's own that answers the registry.",
        test=lambda registry, _: not is_given(registry.value("policies.quarantinePolicy")),
    ),
    Waiver(
        control="registry-trust",
        resources="all registries",
        reason="Microsoft retires content trust; images are named by digest, which says the same.",
        test=lambda registry, _: not is_given(registry.value("policies.trustPolicy")),
    ),
    Waiver(
        control="keys-purge-protection",
        resources="outside of prod, vaults that can be purged",
        reason="dev is made again: a protected vault keeps its name for weeks, and no key of dev's is in it.",
        types=[VAULT],
        test=lambda vault, declared: not declared.is_prod and _can_be_purged(vault),
    ),
    Waiver(
        control="workspace-private",
        resources="outside of prod, workspaces that are open to all networks",
        reason=_NO_NETWORK,
        types=[WORKSPACE],
        test=_outside_of_prod("publicNetworkAccess", "Enabled"),
    ),
    Waiver(
        control="workspace-managed-network",
        resources="outside of prod, workspaces without a managed network",
        reason="A managed network costs by the hour while nothing runs. `mlcloud:network` gives one.",
        types=[WORKSPACE],
        test=_outside_of_prod("managedNetwork.isolationMode", "Disabled"),
    ),
    Waiver(
        control="workspace-own-key",
        resources="outside of prod, workspaces without a key of one's own",
        reason=_NO_KEY,
        types=[WORKSPACE],
        test=_keyless("encryption"),
    ),
    Waiver(
        control="workspace-high-business-impact",
        resources="all workspaces",
        reason="Whose data it is decides that, once and for good; and Microsoft can help less with it.",
        types=[WORKSPACE],
        test=lambda workspace, _: not is_given(workspace.value("hbiWorkspace")),
    ),
    Waiver(
        control="endpoint-private",
        resources="outside of prod, endpoints that are open to all networks",
        reason=_NO_NETWORK,
        types=[ENDPOINT],
        test=_outside_of_prod("properties.publicNetworkAccess", "Enabled"),
    ),
    Waiver(
        control="endpoint-egress",
        resources="outside of prod, deployments of workspaces without a managed network",
        reason="Closed alone, machines could not fetch the image: they need a network, and dev has none.",
        types=[DEPLOYMENT],
        test=_outside_of_prod("properties.egressPublicNetworkAccess", "Enabled"),
    ),
    Waiver(
        control="monitoring-log-retention",
        resources="outside of prod, what `mlcloud:monitoring.log_retention_days` says",
        reason="What dev logs is about tries, and is paid for by the month.",
        types=[LOGS],
        test=lambda logs, declared: not declared.is_prod and _kept_shorter(logs),
    ),
)


def _can_be_purged(vault: Resource) -> bool:
    """Return whether a vault can be brought back, and be deleted for good."""
    # The API refuses a written false.
    return is_true(vault.value("properties.enableSoftDelete")) and not is_given(
        vault.value("properties.enablePurgeProtection")
    )


def _kept_shorter(logs: Resource) -> bool:
    days = logs.value("retentionInDays")
    return days != UNKNOWN and isinstance(days, (int, float)) and 1 <= days < 365

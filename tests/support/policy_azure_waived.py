"""Plans that Azure's waivers are for, and plans just beside them."""

from __future__ import annotations

from typing import Any

from support.policy import REMOVED, Waived

ACCESS = "account publicNetworkAccess"
KEY = "account encryption keyVaultProperties"
PURGE = "vault properties enablePurgeProtection"
WORKSPACE_ACCESS = "workspace publicNetworkAccess"
ISOLATION = "workspace managedNetwork isolationMode"
ENDPOINT_ACCESS = "endpoint properties publicNetworkAccess"
EGRESS = "deployment properties egressPublicNetworkAccess"
# A registry of a smaller tier has none of what the Premium tier alone has.
STANDARD: dict[str, Any] = {
    "sku": {"name": "Standard"},
    "adminUserEnabled": False,
    "anonymousPullEnabled": False,
    "publicNetworkAccess": "Enabled",
}


def in_dev_alone(control: str, at: str, *values: Any) -> list[Waived]:
    """Waived outside of prod, and only there."""
    return [
        (control, environment, at, value, {}, environment == "dev")
        for value in values
        for environment in ("dev", "prod")
    ]


def registry(control: str) -> list[Waived]:
    """Waived for a smaller tier outside of prod; the Premium tier can have it everywhere."""
    standard = {"small": {"type": "azure-native:containerregistry:Registry", "inputs": STANDARD}}
    path = {
        "registry-own-key": "registry encryption",
        "registry-lifecycle": "registry policies retentionPolicy",
        "registry-zones": "registry zoneRedundancy",
        "registry-data-endpoint": "registry dataEndpointEnabled",
        "registry-no-export": "registry policies exportPolicy",
    }[control]
    return [
        (control, "dev", "", REMOVED, standard, True),
        (control, "prod", "", REMOVED, standard, False),
        (control, "dev", path, REMOVED, {}, False),
    ]


# Control, environment, what is wrong, and whether it is waived.
WAIVED: list[Waived] = [
    *in_dev_alone("storage-network", ACCESS, "Allow", REMOVED),
    *in_dev_alone("storage-own-key", KEY, REMOVED),
    ("storage-own-key", "dev", f"{KEY} keyName", "", {}, False),
    *in_dev_alone("registry-network", "registry publicNetworkAccess", "Enabled", REMOVED),
    *registry("registry-own-key"),
    *registry("registry-lifecycle"),
    *registry("registry-zones"),
    *registry("registry-data-endpoint"),
    *registry("registry-no-export"),
    ("registry-quarantine", "prod", "registry policies quarantinePolicy", REMOVED, {}, True),
    ("registry-quarantine", "prod", "registry policies quarantinePolicy status", "disabled", {}, False),
    ("registry-trust", "prod", "registry policies trustPolicy", REMOVED, {}, True),
    ("registry-trust", "prod", "registry policies trustPolicy status", "disabled", {}, False),
    *in_dev_alone("keys-purge-protection", PURGE, REMOVED),
    ("keys-purge-protection", "dev", PURGE, False, {}, False),
    *in_dev_alone("workspace-private", WORKSPACE_ACCESS, "Enabled", REMOVED),
    *in_dev_alone("workspace-managed-network", ISOLATION, "Disabled", REMOVED),
    ("workspace-managed-network", "dev", ISOLATION, "AllowInternetOutbound", {}, False),
    *in_dev_alone("workspace-own-key", "workspace encryption", REMOVED),
    ("workspace-own-key", "dev", "workspace encryption status", "Disabled", {}, False),
    ("workspace-high-business-impact", "prod", "workspace hbiWorkspace", REMOVED, {}, True),
    ("workspace-high-business-impact", "prod", "workspace hbiWorkspace", False, {}, False),
    *in_dev_alone("endpoint-private", ENDPOINT_ACCESS, "Enabled", REMOVED),
    *in_dev_alone("endpoint-egress", EGRESS, "Enabled", REMOVED),
    *in_dev_alone("monitoring-log-retention", "logs retentionInDays", 30),
    ("monitoring-log-retention", "dev", "logs retentionInDays", REMOVED, {}, False),
]

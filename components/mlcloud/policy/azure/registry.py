"""Controls of container registries."""

from typing import Any, Final

from mlcloud.policy.control import Control
from mlcloud.policy.judging import each, expect, is_given, is_not_true, is_one_of, is_true, says
from mlcloud.policy.resource import Resource

REGISTRY: Final = "azure-native:containerregistry:Registry"


def is_premium(registry: Resource) -> bool:
    """Return whether a registry is of the one tier that has networks, keys, zones and retention.

    https://learn.microsoft.com/azure/container-registry/container-registry-skus.
    """
    return says("Premium")(registry.value("sku.name"))


def _off(value: Any) -> bool:
    """Return whether a flag is written, and off."""
    return is_given(value) and is_not_true(value)


CONTROLS: Final = (
    Control(
        id="registry-no-admin",
        sources=["CKV_AZURE_137", "prowler containerregistry_admin_user_disabled"],
        title="Registries have no administrator with a password",
        severity="high",
        why="Whoever reads the password pushes an image, and runs code in the stack.",
        types=[REGISTRY],
        judge=expect("adminUserEnabled", _off, "false"),
    ),
    Control(
        id="registry-not-public",
        sources=["CKV_AZURE_138"],
        title="Nobody pulls an image without credentials",
        severity="high",
        why="Images hold code, and tell what can be attacked.",
        types=[REGISTRY],
        judge=expect("anonymousPullEnabled", _off, "false"),
    ),
    Control(
        id="registry-network",
        sources=["CKV_AZURE_139", "prowler containerregistry_not_publicly_accessible", "NS-2"],
        title="Registries are reached by private endpoints alone",
        severity="high",
        why="Whoever finds a credential uses it from anywhere.",
        types=[REGISTRY],
        judge=expect("publicNetworkAccess", says("Disabled"), "`Disabled`"),
    ),
    Control(
        id="registry-own-key",
        sources=["DP-5"],
        title="Images are encrypted with a key of one's own",
        severity="medium",
        why="Without a key of one's own nobody can withdraw access to all images at once.",
        types=[REGISTRY],
        judge=each(
            expect("encryption.status", says("enabled"), "`enabled`"),
            expect("encryption.keyVaultProperties.keyIdentifier", is_given, "the URI of a key of one's own"),
        ),
    ),
    Control(
        id="registry-lifecycle",
        sources=["CKV_AZURE_167"],
        title="Images that no tag names expire",
        severity="medium",
        why="Every build is paid for every month.",
        types=[REGISTRY],
        judge=expect("policies.retentionPolicy.status", says("enabled"), "`enabled`"),
    ),
    Control(
        id="registry-zones",
        sources=["CKV_AZURE_233"],
        title="Images lie in several zones",
        severity="medium",
        why="A zone that fails stops every machine from starting.",
        types=[REGISTRY],
        judge=expect("zoneRedundancy", says("Enabled"), "`Enabled`"),
    ),
    Control(
        id="registry-data-endpoint",
        sources=["CKV_AZURE_237"],
        title="Images come from an address of the registry's own",
        severity="medium",
        why="Else firewalls must let through the storage of every customer in the region.",
        types=[REGISTRY],
        judge=expect("dataEndpointEnabled", is_true, "true"),
    ),
    Control(
        id="registry-no-export",
        sources=["MCSB DP-2"],
        title="Images cannot be sent to another registry",
        severity="medium",
        why="Whoever gets the right to import copies every image out.",
        types=[REGISTRY],
        judge=expect("policies.exportPolicy.status", is_one_of("disabled"), "`disabled`"),
    ),
    Control(
        id="registry-quarantine",
        sources=["CKV_AZURE_166"],
        title="Images are scanned before anybody can pull them",
        severity="medium",
        why="Known holes in an image run before anybody has looked.",
        types=[REGISTRY],
        judge=expect("policies.quarantinePolicy.status", says("enabled"), "`enabled`"),
    ),
    Control(
        id="registry-trust",
        sources=["CKV_AZURE_164"],
        title="Images are signed",
        severity="medium",
        why="What was pushed by somebody else runs as if it were ours.",
        types=[REGISTRY],
        judge=expect("policies.trustPolicy.status", says("enabled"), "`enabled`"),
    ),
)

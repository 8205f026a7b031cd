"""Controls of Azure ML's workspaces and datastores."""

from typing import Final

from mlcloud.policy.control import Control
from mlcloud.policy.judging import each, expect, is_given, is_one_of, is_true, says
from mlcloud.policy.resource import Resource

WORKSPACE: Final = "azure-native:machinelearningservices:Workspace"
_DATASTORE: Final = "azure-native:machinelearningservices:Datastore"
_MODE: Final = "managedNetwork.isolationMode"


def is_isolated(workspace: Resource) -> bool:
    """Return whether a workspace's machines reach what is named alone."""
    return says("AllowOnlyApprovedOutbound")(workspace.value(_MODE))


CONTROLS: Final = (
    Control(
        id="workspace-private",
        sources=["CKV_AZURE_144", "CKV_AZURE_243", "CKV2_AZURE_49", "NS-2"],
        title="Workspaces are reached by private endpoints alone",
        severity="high",
        why="Whoever finds a credential runs jobs from anywhere.",
        types=[WORKSPACE],
        judge=expect("publicNetworkAccess", says("Disabled"), "`Disabled`"),
    ),
    Control(
        id="workspace-managed-network",
        sources=["CKV2_AZURE_50", "NS-1"],
        title="What trains and serves reaches named places alone",
        severity="high",
        why="Code that trains, and every library in it, could send the data anywhere.",
        types=[WORKSPACE],
        judge=expect(_MODE, says("AllowOnlyApprovedOutbound"), "`AllowOnlyApprovedOutbound`"),
    ),
    Control(
        id="workspace-legacy-off",
        sources=["NS-1"],
        title="A workspace's requests go through Azure Resource Manager's private link",
        severity="high",
        why="Legacy mode shuts the second version of the API out: nothing here would work with it.",
        types=[WORKSPACE],
        judge=expect("v1LegacyMode", is_one_of(False), "false"),
    ),
    Control(
        id="workspace-identity",
        sources=["IM-3", "own"],
        title="A workspace works as an identity of its own, which only has what it is given",
        severity="high",
        why="The identity that Azure makes by itself gets Contributor on the whole resource group.",
        types=[WORKSPACE],
        # https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
        judge=each(
            expect("identity.type", says("UserAssigned"), "`UserAssigned`"),
            expect("primaryUserAssignedIdentity", is_given, "the id of a user-assigned identity"),
        ),
    ),
    Control(
        id="workspace-identity-datastores",
        sources=["CKV2_AZURE_40", "IM-1", "own"],
        title="A workspace reads its storage by identity, not by key",
        severity="high",
        why="An account's key opens everything in it, for whoever reads it out of the workspace.",
        types=[WORKSPACE],
        judge=expect("systemDatastoresAuthMode", says("Identity"), "`Identity`"),
    ),
    Control(
        id="workspace-datastore-keys",
        sources=["IM-3", "own"],
        title="A datastore holds no key",
        severity="high",
        why="Whoever may list its secrets reads the storage without being asked who they are.",
        types=[_DATASTORE],
        judge=expect("properties.credentials.credentialsType", says("None"), "`None`"),
    ),
    Control(
        id="workspace-own-key",
        sources=["DP-5"],
        title="What a workspace keeps is encrypted with a key of one's own",
        severity="high",
        why="Nobody can withdraw access to its runs and models at once, or see who decrypts.",
        types=[WORKSPACE],
        judge=each(
            expect("encryption.status", says("Enabled"), "`Enabled`"),
            expect("encryption.keyVaultProperties.keyIdentifier", is_given, "the URI of a key of one's own"),
        ),
    ),
    Control(
        id="workspace-high-business-impact",
        sources=["own"],
        title="A workspace sends Microsoft less about what runs in it",
        severity="medium",
        why="Diagnostic data leaves the stack, and machines' scratch disks are not encrypted.",
        types=[WORKSPACE],
        judge=expect("hbiWorkspace", is_true, "true"),
    ),
)

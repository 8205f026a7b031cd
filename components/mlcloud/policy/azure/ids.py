"""Azure's ids as controls read them: whether a property of one resource names another."""

from typing import Any, Final

from mlcloud.policy.resource import UNKNOWN, Resource

# A resource's type in ids, and which property is its name there.
_NAMES: Final = {
    "azure-native:storage:StorageAccount": ("Microsoft.Storage/storageAccounts", "accountName"),
    "azure-native:containerregistry:Registry": ("Microsoft.ContainerRegistry/registries", "registryName"),
    "azure-native:keyvault:Vault": ("Microsoft.KeyVault/vaults", "vaultName"),
    "azure-native:machinelearningservices:Workspace": (
        "Microsoft.MachineLearningServices/workspaces",
        "workspaceName",
    ),
    "azure-native:machinelearningservices:OnlineEndpoint": ("onlineEndpoints", "endpointName"),
}


def is_of(given: Any, holder: Resource, resource: Resource) -> bool:
    """Return whether an id is that of a resource, or of a part of it.

    Args:
        given: The id; one that is not known yet may be of all that its holder depends on.
        holder: Whose property it is.
        resource: Whose id it may be.
    """
    if given == UNKNOWN:
        return resource.urn in holder.dependencies
    kind, name = _NAMES[resource.type]
    return f"/{kind}/{resource.value(name)}/".lower() in f"{given}/".lower()

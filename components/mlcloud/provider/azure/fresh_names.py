"""Names that a deleted vault or workspace still holds: told before anything is made.

Azure keeps both for a while after they are deleted, and refuses their names: a vault for 7 to 90 days
(https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview), a workspace for 14
(https://learn.microsoft.com/azure/machine-learning/concept-soft-delete).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from typing_extensions import override

from mlcloud.provider.azure import checks
from mlcloud.provider.azure.clients import ML_VERSION, AzureError, Clients, clients_in
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.fields import options
from mlcloud.provider.resource import Context, Resource

_VAULT_VERSION: Final = "2023-07-01"
_SOFT_DELETED: Final = "softdeleted"
# Nothing of this provider was ever made in the subscription, and so nothing deleted
# (https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider).
_UNREGISTERED: Final = "MissingSubscriptionRegistration"


@dataclass(frozen=True, kw_only=True)
class AzureFreshNamesInputs:
    """Names that are to be free.

    Attributes:
        subscription: id of the subscription.
        region: short name of the region.
        resource_group: name of the resource group.
        vault: name of the Key Vault that will be made.
        workspace: name of the Azure ML workspace that will be made.
    """

    subscription: str = field(metadata=options(replace=True, check=checks.subscription))
    region: str = field(metadata=options(replace=True, check=checks.region))
    resource_group: str = field(metadata=options(replace=True, check=checks.resource_group))
    vault: str = field(metadata=options(replace=True, check=checks.vault))
    workspace: str = field(metadata=options(replace=True, check=checks.workspace))


@dataclass(frozen=True, kw_only=True)
class AzureFreshNamesOutputs:
    """That they were free.

    Attributes:
        ready: true: both names could be used when they were looked at.
    """

    ready: bool = field(metadata=options(stable=True))


class AzureFreshNames(
    Resource[AzureFreshNamesInputs, AzureFreshNamesOutputs],
    token="mlcloud:azure:FreshNames",
    delete_before_replace=False,
):
    """Refuses names that a deleted vault or workspace still holds, before anything is made."""

    @override
    def preview(self, new: AzureFreshNamesInputs, old: AzureFreshNamesOutputs | None) -> Mapping[str, object]:
        """Only an update looks."""
        return {"ready": True}

    @override
    def create(self, context: Context, new: AzureFreshNamesInputs) -> tuple[str, AzureFreshNamesOutputs]:
        """Look at both names.

        Raises:
            ResourceError: one of them, or both, are held; what frees them is told.
        """
        clients = clients_in(new.subscription)
        held = [reason for reason in (_held_vault(clients, new), _held_workspace(clients, new)) if reason]
        if held:
            raise ResourceError("\n".join([*held, "Then run the update again. Nothing was made."]))
        identifier = f"{new.subscription}/{new.resource_group}/{new.vault}/{new.workspace}"
        return identifier, AzureFreshNamesOutputs(ready=True)

    @override
    def read(
        self,
        context: Context,
        identifier: str,
        inputs: AzureFreshNamesInputs,
        outputs: AzureFreshNamesOutputs,
    ) -> AzureFreshNamesOutputs:
        """They were free: what they name since then is for its own resource to say."""
        return outputs

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: AzureFreshNamesInputs,
        outputs: AzureFreshNamesOutputs,
        new: AzureFreshNamesInputs,
    ) -> AzureFreshNamesOutputs:
        """Nothing of it changes in place."""
        return outputs

    @override
    def delete(self, context: Context, identifier: str, outputs: AzureFreshNamesOutputs) -> None:
        """There is nothing to remove."""


def _held_vault(clients: Clients, new: AzureFreshNamesInputs) -> str | None:
    """How to free the vault's name; None where it is free.

    A vault's name is Azure's only one, so that one in another region or group holds it, too
    (https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/list-deleted).
    """
    path = f"/subscriptions/{clients.subscription}/providers/Microsoft.KeyVault/deletedVaults"
    for item in _listed(clients, path, _VAULT_VERSION):
        if str(item.get("name", "")).lower() != new.vault.lower():
            continue
        told = cast("dict[str, Any]", item.get("properties") or {})
        region = str(told.get("location") or new.region)
        group = _group_of(str(told.get("vaultId", ""))) or new.resource_group
        place = f"--location {region} --subscription {clients.subscription}"
        recover = f"`az keyvault recover --name {new.vault} --resource-group {group} {place}`"
        known = f"`pulumi import azure-native:keyvault:Vault <name in the program> {told.get('vaultId')}`"
        words = f"vault: {new.vault} was deleted and Azure keeps its name"
        if told.get("purgeProtectionEnabled"):
            until = told.get("scheduledPurgeDate", "the end of its retention")
            return (
                f"{words} until {until}: purge protection lets nobody purge it before. Bring it back with "
                f"{recover} and {known}, or rename the project or the stack."
            )
        purge = f"`az keyvault purge --name {new.vault} {place}`"
        return f"{words}: free it for good with {purge}, or bring it back with {recover} and {known}."
    return None


def _held_workspace(clients: Clients, new: AzureFreshNamesInputs) -> str | None:
    """How to free the workspace's name; None where it is free.

    No call lists deleted workspaces alone. The subscription's list has them still
    (https://github.com/Azure/azure-powershell/issues/28286), while their own address answers that there is
    none (https://github.com/Azure/azure-cli/issues/33756): that, or a state that says so, is a deleted one.
    One that the list does not have is refused by Azure itself, with words of its own.
    """
    listed = f"/subscriptions/{clients.subscription}/providers/Microsoft.MachineLearningServices/workspaces"
    path = clients.workspace(new.resource_group, new.workspace)
    for item in _listed(clients, listed, ML_VERSION):
        if str(item.get("id", "")).lower() != path.lower():
            continue
        state = cast("dict[str, Any]", item.get("properties") or {}).get("provisioningState", "")
        if str(state).lower() != _SOFT_DELETED and clients.find(path) is not None:
            return None
        address = f"https://management.azure.com{path}?api-version={ML_VERSION}&forceToPurge=true"
        return (
            f"workspace: {new.workspace} in {new.resource_group} was deleted and Azure keeps its name for 14 "
            f'days: free it for good with `az rest --method delete --url "{address}"` (`az ml workspace '
            "delete --permanently-delete` does not find a deleted one). The portal's list `Recently deleted` "
            "of Azure Machine Learning can do so, too, and bring it back; then `pulumi import "
            f"azure-native:machinelearningservices:Workspace <name in the program> {path}`."
        )
    return None


def _listed(clients: Clients, path: str, version: str) -> Iterator[dict[str, Any]]:
    """What a list has: nothing on a subscription that was never registered for it."""
    try:
        yield from clients.pages(path, version=version)
    except AzureError as error:
        if error.code != _UNREGISTERED:
            raise


def _group_of(identifier: str) -> str | None:
    """The resource group that an id names."""
    parts = identifier.split("/")
    names = [part.lower() for part in parts]
    return parts[names.index("resourcegroups") + 1] if "resourcegroups" in names[:-1] else None

"""The resources of Azure that its own provider lacks: training runs, traffic, logins, blobs, names."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlcloud.provider.resource import Resource


def resources() -> "list[Resource[Any, Any]]":
    """One of each kind. None of them imports azure-core before an operation needs it."""
    from mlcloud.provider.azure.blob import AzureBlob
    from mlcloud.provider.azure.fresh_names import AzureFreshNames
    from mlcloud.provider.azure.provider_registration import AzureProviderRegistration
    from mlcloud.provider.azure.registry_login import AzureRegistryLogin
    from mlcloud.provider.azure.role_propagation import AzureRolePropagation
    from mlcloud.provider.azure.traffic import AzureTraffic
    from mlcloud.provider.azure.training_run import AzureTrainingRun
    from mlcloud.provider.azure.unique_name import AzureUniqueName

    return [
        AzureTrainingRun(),
        AzureTraffic(),
        AzureProviderRegistration(),
        AzureRolePropagation(),
        AzureFreshNames(),
        AzureUniqueName(),
        AzureRegistryLogin(),
        AzureBlob(),
    ]

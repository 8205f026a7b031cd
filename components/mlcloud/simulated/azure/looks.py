"""How Azure resources look: identifiers as Azure Resource Manager has them, addresses as services give them.

Sources: the paths of the services' operations, as Microsoft's management clients have them (a test holds
each identifier against its client); https://learn.microsoft.com/azure/storage/common/storage-account-overview
(endpoints), https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates (addresses of
vaults and keys), https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-online-endpoint
(the scoring address).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from mlcloud.embedded.properties.marks import Properties
from mlcloud.simulated.azure.functions import guid_of, tenant_of
from mlcloud.simulated.cloud import Facts, Looks

_MADE_AT = "2025-01-01T00:00:00Z"
_API_VERSION = "2025-01-01"
_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
_ML = _GROUP + "/providers/Microsoft.MachineLearningServices/workspaces/{workspaceName}"
_NETWORK = _GROUP + "/providers/Microsoft.Network"
_INSIGHTS = _GROUP + "/providers/Microsoft.Insights"
_STORAGE = _GROUP + "/providers/Microsoft.Storage/storageAccounts/{accountName}"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def _at(path: str, **outputs: str) -> Looks:
    """A resource whose name is its path's last part, and whose type is what its path goes through."""
    parts = path.rpartition("/providers/")[2].split("/") if "/providers/" in path else []
    kind = "/".join(parts[:1] + parts[1::2]) or "Microsoft.Resources/resourceGroups"
    return Looks(id=path, outputs={"name": path.rpartition("/")[2], "type": kind, **outputs})


LOOKS: Mapping[str, Looks] = {
    "azure-native:resources:ResourceGroup": _at(_GROUP),
    "azure-native:operationalinsights:Workspace": _at(
        _GROUP + "/providers/Microsoft.OperationalInsights/workspaces/{workspaceName}"
    ),
    "azure-native:applicationinsights:Component": _at(_INSIGHTS + "/components/{resourceName}"),
    "azure-native:applicationinsights:Workbook": _at(_INSIGHTS + "/workbooks/{resourceName}"),
    "azure-native:keyvault:Vault": _at(
        _GROUP + "/providers/Microsoft.KeyVault/vaults/{vaultName}",
        **{"properties.vaultUri": "https://{vaultName}.vault.azure.net/"},
    ),
    "azure-native:keyvault:Key": _at(
        _GROUP + "/providers/Microsoft.KeyVault/vaults/{vaultName}/keys/{keyName}",
        keyUri="https://{vaultName}.vault.azure.net/keys/{keyName}",
        keyUriWithVersion="https://{vaultName}.vault.azure.net/keys/{keyName}/{long:32}",
    ),
    "azure-native:managedidentity:UserAssignedIdentity": _at(
        _GROUP + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}"
    ),
    "azure-native:managedidentity:FederatedIdentityCredential": _at(
        _GROUP + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}"
        "/federatedIdentityCredentials/{federatedIdentityCredentialResourceName}"
    ),
    "azure-native:authorization:RoleAssignment": _at(
        "{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}"
    ),
    "azure-native:authorization:RoleDefinition": _at(
        "{scope}/providers/Microsoft.Authorization/roleDefinitions/{roleDefinitionId}"
    ),
    "azure-native:storage:StorageAccount": _at(
        _STORAGE,
        primaryLocation="{location}",
        **{
            "primaryEndpoints.blob": "https://{accountName}.blob.core.windows.net/",
            "primaryEndpoints.dfs": "https://{accountName}.dfs.core.windows.net/",
            "primaryEndpoints.file": "https://{accountName}.file.core.windows.net/",
        },
    ),
    "azure-native:storage:BlobContainer": _at(_STORAGE + "/blobServices/default/containers/{containerName}"),
    "azure-native:storage:BlobServiceProperties": _at(_STORAGE + "/blobServices/{blobServicesName}"),
    "azure-native:storage:ManagementPolicy": _at(_STORAGE + "/managementPolicies/{managementPolicyName}"),
    "azure-native:containerregistry:Registry": _at(
        _GROUP + "/providers/Microsoft.ContainerRegistry/registries/{registryName}",
        loginServer="{registryName}.azurecr.io",
    ),
    "azure-native:machinelearningservices:Workspace": _at(_ML),
    "azure-native:machinelearningservices:Datastore": _at(_ML + "/datastores/{name}"),
    "azure-native:machinelearningservices:EnvironmentContainer": _at(_ML + "/environments/{name}"),
    "azure-native:machinelearningservices:EnvironmentVersion": _at(
        _ML + "/environments/{name}/versions/{version}", name="{version}"
    ),
    "azure-native:machinelearningservices:Compute": _at(_ML + "/computes/{computeName}"),
    "azure-native:machinelearningservices:ModelContainer": _at(_ML + "/models/{name}"),
    "azure-native:machinelearningservices:ModelVersion": _at(
        _ML + "/models/{name}/versions/{version}", name="{version}"
    ),
    "azure-native:machinelearningservices:OnlineEndpoint": _at(
        _ML + "/onlineEndpoints/{endpointName}",
        **{
            "properties.scoringUri": "https://{endpointName}.{location}.inference.ml.azure.com/score",
            "properties.swaggerUri": "https://{endpointName}.{location}.inference.ml.azure.com/swagger.json",
        },
    ),
    "azure-native:machinelearningservices:OnlineDeployment": _at(
        _ML + "/onlineEndpoints/{endpointName}/deployments/{deploymentName}"
    ),
    "azure-native:machinelearningservices:ManagedNetworkSettingsRule": _at(_ML + "/outboundRules/{ruleName}"),
    "azure-native:network:VirtualNetwork": _at(_NETWORK + "/virtualNetworks/{virtualNetworkName}"),
    "azure-native:network:Subnet": _at(
        _NETWORK + "/virtualNetworks/{virtualNetworkName}/subnets/{subnetName}"
    ),
    "azure-native:network:NetworkSecurityGroup": _at(
        _NETWORK + "/networkSecurityGroups/{networkSecurityGroupName}"
    ),
    "azure-native:network:PrivateEndpoint": _at(_NETWORK + "/privateEndpoints/{privateEndpointName}"),
    "azure-native:network:PrivateDnsZoneGroup": _at(
        _NETWORK + "/privateEndpoints/{privateEndpointName}/privateDnsZoneGroups/{privateDnsZoneGroupName}"
    ),
    "azure-native:privatedns:PrivateZone": _at(_NETWORK + "/privateDnsZones/{privateZoneName}"),
    "azure-native:privatedns:VirtualNetworkLink": _at(
        _NETWORK + "/privateDnsZones/{privateZoneName}/virtualNetworkLinks/{virtualNetworkLinkName}"
    ),
    "azure-native:monitor:MetricAlert": _at(_INSIGHTS + "/metricAlerts/{ruleName}"),
    "azure-native:monitor:ActionGroup": _at(_INSIGHTS + "/actionGroups/{actionGroupName}"),
    "azure-native:monitor:DiagnosticSetting": _at(
        "{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}"
    ),
    "azure-native:monitor:AutoscaleSetting": _at(_INSIGHTS + "/autoscalesettings/{autoscaleSettingName}"),
    "azure-native:monitor:ScheduledQueryRule": _at(_INSIGHTS + "/scheduledQueryRules/{ruleName}"),
    "azure-native:consumption:Budget": _at("{scope}/providers/Microsoft.Consumption/budgets/{budgetName}"),
}


def named_by(token: str) -> str:
    """The input that names a resource of this type."""
    return _PLACEHOLDER.findall(LOOKS[token].id)[-1]


AUTO_NAMES: Mapping[str, str] = {token: named_by(token) for token in LOOKS}
"""Every name may be left out; pulumi-azure-native makes one then."""


def fallback(token: str, inputs: Mapping[str, Any]) -> Looks:
    """The looks of a type without a row: named after itself, or numbered."""
    _, module, kind = token.split(":")
    own = next((name for name in inputs if name.lower() == f"{kind}name".lower()), "")
    return _at(f"{_GROUP}/providers/Microsoft.{module}/{kind[0].lower()}{kind[1:]}s/{{{own or 'seventeen'}}}")


def computed(name: str, facts: Facts, inputs: Properties, render: Callable[[str], str]) -> Any:
    """An output without a template; ``None`` where nothing is known of its name."""
    found: dict[str, Any] = {
        "azureApiVersion": _API_VERSION,
        "location": facts.region,
        "provisioningState": "Succeeded",
        "systemData": {},
        "tags": inputs.get("tags") or {},
        "tenantId": tenant_of(facts.account),
    }
    if name in found:
        return found[name]
    if name in _GUIDS:
        return _guid(name, render("{long}"))
    if name.endswith(("Time", "On", "Date")):
        return _MADE_AT
    return render(f"{name}-{{seven}}") if name.endswith(("Id", "etag", "Uri", "Guid", "Key")) else None


_GUIDS = frozenset({"appId", "clientId", "customerId", "principalId", "resourceGuid", "workspaceId"})


def _guid(name: str, digest: str) -> str:
    """Two GUIDs of one resource are two; unknown as long as the resource is."""
    return guid_of(f"{name} {digest}") if re.fullmatch("[0-9a-f]{64}", digest) else digest

"""Which operation of Azure's clients is the twin of which declared type, and where names differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_NEWER = "azure-native sends a newer API version than any client of Azure's has"
_OURS = "its requests are judged where the provider sends them"


@dataclass(frozen=True, kw_only=True)
class Twin:
    """Where a type's inputs are judged.

    Attributes:
        package: The client.
        operation: What makes or updates the resource: its path and its body are the inputs' judges.
        names: Path of inputs to the name that the model has, where they are not alike.
        without: Path of inputs, without numbers, to the reason why it is not judged.
    """

    package: str
    operation: str
    names: Mapping[str, str] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)


def _twin(package: str, operation: str, **names: str) -> Twin:
    return Twin(package=package, operation=operation, names=names)


_ML = {
    "Compute": "compute.create_or_update",
    "EnvironmentContainer": "environment_containers.create_or_update",
    "EnvironmentVersion": "environment_versions.create_or_update",
    "ManagedNetworkSettingsRule": "managed_network_settings_rule.create_or_update",
    "ModelContainer": "model_containers.create_or_update",
    "ModelVersion": "model_versions.create_or_update",
    "OnlineDeployment": "online_deployments.create_or_update",
    "OnlineEndpoint": "online_endpoints.create_or_update",
    "Workspace": "workspaces.create_or_update",
}

TWINS: Mapping[str, Twin] = {
    "azure-native:applicationinsights:Component": _twin(
        "insights",
        "components.create_or_update",
        applicationType="Application_Type",
        flowType="Flow_Type",
        requestSource="Request_Source",
    ),
    "azure-native:applicationinsights:Workbook": _twin("workbooks", "workbooks.create_or_update"),
    "azure-native:authorization:RoleAssignment": _twin("authorization", "role_assignments.create"),
    "azure-native:authorization:RoleDefinition": _twin(
        "authorization", "role_definitions.create_or_update", roleType="type"
    ),
    "azure-native:consumption:Budget": _twin("consumption", "budgets.create_or_update"),
    "azure-native:containerregistry:Registry": _twin("registry", "registries.create"),
    "azure-native:keyvault:Key": _twin("vault", "keys.create_if_not_exist"),
    "azure-native:keyvault:Vault": _twin("vault", "vaults.create_or_update"),
    **{f"azure-native:machinelearningservices:{kind}": _twin("machinelearning", _ML[kind]) for kind in _ML},
    "azure-native:machinelearningservices:Datastore": Twin(
        package="machinelearning",
        operation="datastores.create_or_update",
        without={"skipValidation": "a parameter of the call, not of the datastore"},
    ),
    "azure-native:managedidentity:FederatedIdentityCredential": _twin(
        "identity", "federated_identity_credentials.create_or_update"
    ),
    "azure-native:managedidentity:UserAssignedIdentity": _twin(
        "identity", "user_assigned_identities.create_or_update"
    ),
    "azure-native:monitor:ActionGroup": Twin(
        package="actions",
        operation="action_groups.create_or_update",
        without={"identity": _NEWER, "incidentReceivers": _NEWER},
    ),
    "azure-native:monitor:AutoscaleSetting": _twin("autoscale", "autoscale_settings.create_or_update"),
    "azure-native:monitor:DiagnosticSetting": _twin("diagnostics", "diagnostic_settings.create_or_update"),
    "azure-native:monitor:MetricAlert": _twin("alerts", "metric_alerts.create_or_update"),
    "azure-native:monitor:ScheduledQueryRule": Twin(
        package="queries",
        operation="scheduled_query_rules.create_or_update",
        without={"criteria.allOf.criterionType": _NEWER},
    ),
    "azure-native:network:NetworkSecurityGroup": _twin("network", "network_security_groups.create_or_update"),
    "azure-native:network:PrivateDnsZoneGroup": _twin("network", "private_dns_zone_groups.create_or_update"),
    "azure-native:network:PrivateEndpoint": _twin("network", "private_endpoints.create_or_update"),
    "azure-native:network:SecurityRule": _twin("network", "security_rules.create_or_update"),
    "azure-native:network:Subnet": _twin("network", "subnets.create_or_update"),
    "azure-native:network:VirtualNetwork": _twin("network", "virtual_networks.create_or_update"),
    "azure-native:operationalinsights:Workspace": _twin("logs", "workspaces.create_or_update"),
    "azure-native:privatedns:PrivateRecordSet": _twin("dns", "record_sets.create_or_update"),
    "azure-native:privatedns:PrivateZone": _twin("dns", "private_zones.create_or_update"),
    "azure-native:privatedns:VirtualNetworkLink": _twin("dns", "virtual_network_links.create_or_update"),
    "azure-native:resources:ResourceGroup": _twin("resources", "resource_groups.create_or_update"),
    "azure-native:storage:BlobContainer": _twin("storage", "blob_containers.create"),
    "azure-native:storage:BlobServiceProperties": Twin(
        package="storage",
        operation="blob_services.set_service_properties",
        without={"blobServicesName": "it is `default`, as the path says"},
    ),
    "azure-native:storage:ManagementPolicy": _twin("storage", "management_policies.create_or_update"),
    "azure-native:storage:StorageAccount": Twin(
        package="storage",
        operation="storage_accounts.create",
        names={
            "enableHttpsTrafficOnly": "supportsHttpsTrafficOnly",
            "enableNfsV3": "isNfsV3Enabled",
            "networkRuleSet": "networkAcls",
            "networkRuleSet.virtualNetworkRules.virtualNetworkResourceId": "id",
            "networkRuleSet.ipRules.iPAddressOrRange": "value",
            "encryption.encryptionIdentity": "identity",
            "encryption.encryptionIdentity.encryptionUserAssignedIdentity": "userAssignedIdentity",
            "encryption.encryptionIdentity.encryptionFederatedIdentityClientId": "federatedIdentityClientId",
        },
    ),
}

WITHOUT: Mapping[str, str] = {
    "docker-build:index:Image": "Azure has no API of a build on this machine",
    "mlcloud:azure:Blob": _OURS,
    "mlcloud:azure:FreshNames": _OURS,
    "mlcloud:azure:ProviderRegistration": _OURS,
    "mlcloud:azure:RegistryLogin": _OURS,
    "mlcloud:azure:RolePropagation": "no request is sent for it",
    "mlcloud:azure:Traffic": _OURS,
    "mlcloud:azure:TrainingRun": _OURS,
    "mlcloud:azure:UniqueName": "no request is sent for it",
}
"""Types that have no twin, and why."""

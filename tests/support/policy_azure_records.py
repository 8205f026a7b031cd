"""A plan for prod on Azure to which no control has anything to say, with a resource of each kind judged."""

from __future__ import annotations

from typing import Any

from support.policy import Records, urn

GROUP = "/subscriptions/1/resourceGroups/shop"
PROVIDERS = f"{GROUP}/providers"
STORAGE_ID = f"{PROVIDERS}/Microsoft.Storage/storageAccounts/shopdata"
VAULT_ID = f"{PROVIDERS}/Microsoft.KeyVault/vaults/shop"
REGISTRY_ID = f"{PROVIDERS}/Microsoft.ContainerRegistry/registries/shop"
WORKSPACE_ID = f"{PROVIDERS}/Microsoft.MachineLearningServices/workspaces/shop"
ENDPOINT_ID = f"{WORKSPACE_ID}/onlineEndpoints/shop"
LOGS_ID = f"{PROVIDERS}/Microsoft.OperationalInsights/workspaces/shop"
GROUP_ID = f"{PROVIDERS}/Microsoft.Insights/actionGroups/shop"
SECURITY_GROUP_ID = f"{PROVIDERS}/Microsoft.Network/networkSecurityGroups/shop"
SUBNET_ID = f"{PROVIDERS}/Microsoft.Network/virtualNetworks/shop/subnets/own"
KEY = "https://shop.vault.azure.net/keys/shop/1"
ROLES = "/subscriptions/1/providers/Microsoft.Authorization/roleDefinitions"
KEY_USER = f"{ROLES}/e147488a-f6f5-4113-8e2d-b22465e65bf6"
BLOB_READER = f"{ROLES}/2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
ACCOUNT = f"{PROVIDERS}/Microsoft.ManagedIdentity/userAssignedIdentities/shop-training"
IDENTITY = {"type": "UserAssigned", "userAssignedIdentities": [ACCOUNT]}
ENCRYPTION = {"status": "enabled", "keyVaultProperties": {"keyIdentifier": KEY}}
ACCESSES = ("StorageRead", "StorageWrite", "StorageDelete")
LOGGED = ("AmlOnlineEndpointTrafficLog", "AmlOnlineEndpointConsoleLog", "AmlOnlineEndpointEventLog")

KEYS: Records = {
    "vault": {
        "type": "azure-native:keyvault:Vault",
        "inputs": {
            "vaultName": "shop",
            "properties": {
                "enablePurgeProtection": True,
                "enableSoftDelete": True,
                "softDeleteRetentionInDays": 90,
                "enableRbacAuthorization": True,
                "publicNetworkAccess": "Disabled",
                "networkAcls": {"defaultAction": "Allow"},
            },
        },
        "protect": True,
        "retainOnDelete": True,
    },
    "key": {
        "type": "azure-native:keyvault:Key",
        "inputs": {
            "properties": {
                "kty": "RSA",
                "rotationPolicy": {
                    "attributes": {"expiryTime": "P1Y"},
                    "lifetimeActions": [{"action": {"type": "rotate"}}],
                },
            }
        },
        "protect": True,
        "retainOnDelete": True,
    },
    "key-user": {
        "type": "azure-native:authorization:RoleAssignment",
        "inputs": {
            "scope": VAULT_ID,
            "roleDefinitionId": KEY_USER,
            "principalId": "1",
            "principalType": "ServicePrincipal",
        },
    },
}
ENCRYPTED = [urn(name, KEYS[name]) for name in ("key", "key-user")]


def encrypted(type_: str, inputs: dict[str, Any], **options: Any) -> dict[str, Any]:
    """A resource that waits for the key and for who may use it."""
    return {"type": type_, "inputs": inputs, "dependencies": ENCRYPTED, **options}


STORAGE: Records = {
    "account": encrypted(
        "azure-native:storage:StorageAccount",
        {
            "accountName": "shopdata",
            "kind": "StorageV2",
            "enableHttpsTrafficOnly": True,
            "minimumTlsVersion": "TLS1_2",
            "allowBlobPublicAccess": False,
            "allowSharedKeyAccess": False,
            "defaultToOAuthAuthentication": True,
            "publicNetworkAccess": "Disabled",
            "encryption": {
                "keySource": "Microsoft.Keyvault",
                "keyVaultProperties": {"keyName": "shop", "keyVaultUri": "https://shop.vault.azure.net"},
                "requireInfrastructureEncryption": True,
            },
            "sasPolicy": {"expirationAction": "Log", "sasExpirationPeriod": "1.00:00:00"},
            "isLocalUserEnabled": False,
            "allowCrossTenantReplication": False,
        },
        protect=True,
        retainOnDelete=True,
    ),
    "container": {
        "type": "azure-native:storage:BlobContainer",
        "inputs": {"accountName": "shopdata", "publicAccess": "None"},
    },
    "blobs": {
        "type": "azure-native:storage:BlobServiceProperties",
        "inputs": {
            "accountName": "shopdata",
            "isVersioningEnabled": True,
            "deleteRetentionPolicy": {"enabled": True, "days": 7},
            "containerDeleteRetentionPolicy": {"enabled": True, "days": 7},
        },
    },
    "expiry": {
        "type": "azure-native:storage:ManagementPolicy",
        "inputs": {
            "accountName": "shopdata",
            "policy": {
                "rules": [
                    {"definition": {"actions": {"version": {"delete": {"daysAfterCreationGreaterThan": 90}}}}}
                ]
            },
        },
    },
    "registry": encrypted(
        "azure-native:containerregistry:Registry",
        {
            "registryName": "shop",
            "sku": {"name": "Premium"},
            "adminUserEnabled": False,
            "anonymousPullEnabled": False,
            "publicNetworkAccess": "Disabled",
            "encryption": ENCRYPTION,
            "zoneRedundancy": "Enabled",
            "dataEndpointEnabled": True,
            "policies": {
                "retentionPolicy": {"status": "enabled", "days": 30},
                "exportPolicy": {"status": "disabled"},
                "quarantinePolicy": {"status": "enabled"},
                "trustPolicy": {"status": "enabled"},
            },
        },
    ),
    "image": {"type": "docker-build:index:Image", "inputs": {"target": "nonroot"}},
}

IDENTITIES: Records = {
    "reader": {
        "type": "azure-native:authorization:RoleAssignment",
        "inputs": {
            "scope": f"{STORAGE_ID}/blobServices/default/containers/data",
            "roleDefinitionId": BLOB_READER,
            "principalId": "2",
            "principalType": "ServicePrincipal",
        },
    },
    "deployer": {
        "type": "azure-native:authorization:RoleDefinition",
        "inputs": {
            "assignableScopes": [GROUP],
            "permissions": [
                {
                    "actions": [
                        "Microsoft.MachineLearningServices/workspaces/read",
                        "Microsoft.Storage/storageAccounts/*",
                    ],
                    "dataActions": ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"],
                }
            ],
        },
    },
}

NETWORK: Records = {
    "network": {
        "type": "azure-native:network:VirtualNetwork",
        "inputs": {
            "addressSpace": {"addressPrefixes": ["10.20.0.0/16"]},
            "subnets": [
                {
                    "name": "inline",
                    "networkSecurityGroup": {"id": SECURITY_GROUP_ID},
                    "defaultOutboundAccess": False,
                    "privateEndpointNetworkPolicies": "Enabled",
                }
            ],
        },
    },
    "subnet": {
        "type": "azure-native:network:Subnet",
        "inputs": {
            "networkSecurityGroup": {"id": SECURITY_GROUP_ID},
            "defaultOutboundAccess": False,
            "privateEndpointNetworkPolicies": "Enabled",
        },
    },
    "security-group": {
        "type": "azure-native:network:NetworkSecurityGroup",
        "inputs": {
            "securityRules": [
                {
                    "access": "Allow",
                    "direction": "Inbound",
                    "sourceAddressPrefix": "VirtualNetwork",
                    "destinationAddressPrefix": "*",
                },
                {"access": "Deny", "direction": "Outbound", "destinationAddressPrefix": "Internet"},
                {
                    "access": "Allow",
                    "direction": "Outbound",
                    "destinationAddressPrefixes": ["10.20.0.0/16"],
                },
            ]
        },
    },
    "rule": {
        "type": "azure-native:network:SecurityRule",
        "inputs": {
            "access": "Allow",
            "direction": "Inbound",
            "sourceAddressPrefixes": ["10.0.0.0/8"],
            "destinationAddressPrefix": "10.20.0.0/16",
        },
    },
    **{
        f"private-{name}": {
            "type": "azure-native:network:PrivateEndpoint",
            "inputs": {
                "subnet": {"id": SUBNET_ID},
                "privateLinkServiceConnections": [{"privateLinkServiceId": target}],
            },
        }
        for name, target in {
            "storage": STORAGE_ID,
            "vault": VAULT_ID,
            "registry": REGISTRY_ID,
            "workspace": WORKSPACE_ID,
        }.items()
    },
}

WORKSPACE: Records = {
    "workspace": encrypted(
        "azure-native:machinelearningservices:Workspace",
        {
            "workspaceName": "shop",
            "publicNetworkAccess": "Disabled",
            "managedNetwork": {"isolationMode": "AllowOnlyApprovedOutbound"},
            "v1LegacyMode": False,
            "identity": IDENTITY,
            "primaryUserAssignedIdentity": ACCOUNT,
            "systemDatastoresAuthMode": "Identity",
            "encryption": {**ENCRYPTION, "status": "Enabled"},
            "hbiWorkspace": True,
        },
    ),
    "datastore": {
        "type": "azure-native:machinelearningservices:Datastore",
        "inputs": {"properties": {"datastoreType": "AzureBlob", "credentials": {"credentialsType": "None"}}},
    },
    "cluster": {
        "type": "azure-native:machinelearningservices:Compute",
        "inputs": {
            "identity": IDENTITY,
            "properties": {
                "computeType": "AmlCompute",
                "disableLocalAuth": True,
                "properties": {
                    "remoteLoginPortPublicAccess": "Disabled",
                    "enableNodePublicIp": False,
                    "scaleSettings": {"minNodeCount": 0},
                },
            },
        },
    },
    "notebook": {
        "type": "azure-native:machinelearningservices:Compute",
        "inputs": {
            "identity": IDENTITY,
            "properties": {
                "computeType": "ComputeInstance",
                "disableLocalAuth": True,
                "properties": {
                    "sshSettings": {"sshPublicAccess": "Disabled"},
                    "enableNodePublicIp": False,
                    "idleTimeBeforeShutdown": "PT1H",
                },
            },
        },
    },
    "run": {"type": "mlcloud:azure:TrainingRun", "inputs": {"identityId": ACCOUNT, "timeoutS": 3600}},
}

SERVING: Records = {
    "endpoint": {
        "type": "azure-native:machinelearningservices:OnlineEndpoint",
        "inputs": {
            "endpointName": "shop",
            "identity": IDENTITY,
            "properties": {"authMode": "AADToken", "publicNetworkAccess": "Disabled"},
        },
    },
    "deployment": {
        "type": "azure-native:machinelearningservices:OnlineDeployment",
        "inputs": {
            "sku": {"name": "Default", "capacity": 2},
            "properties": {
                "egressPublicNetworkAccess": "Disabled",
                "environmentVariables": {"MODEL": "shop"},
            },
        },
    },
    "scaling": {
        "type": "azure-native:monitor:AutoscaleSetting",
        "inputs": {"profiles": [{"name": "usual", "capacity": {"minimum": "2", "maximum": "4"}}]},
    },
    "logs": {
        "type": "azure-native:operationalinsights:Workspace",
        "inputs": {"retentionInDays": 365},
    },
    "insights": {
        "type": "azure-native:applicationinsights:Component",
        "inputs": {"disableLocalAuth": True, "workspaceResourceId": LOGS_ID},
    },
    "diagnostics": {
        "type": "azure-native:monitor:DiagnosticSetting",
        "inputs": {
            "resourceUri": ENDPOINT_ID,
            "workspaceId": LOGS_ID,
            "logs": [{"category": category, "enabled": True} for category in LOGGED],
        },
    },
    **{
        f"{name}-log": {
            "type": "azure-native:monitor:DiagnosticSetting",
            "inputs": {
                "resourceUri": target,
                "workspaceId": LOGS_ID,
                "logs": [{"category": category, "enabled": True} for category in categories],
            },
        }
        for name, target, categories in (
            ("storage", f"{STORAGE_ID}/blobServices/default", ACCESSES),
            ("vault", VAULT_ID, ("AuditEvent",)),
        )
    },
    "alert": {
        "type": "azure-native:monitor:MetricAlert",
        "inputs": {"actions": [{"actionGroupId": GROUP_ID}], "enabled": True},
    },
    "query": {
        "type": "azure-native:monitor:ScheduledQueryRule",
        "inputs": {"actions": {"actionGroups": [GROUP_ID]}, "enabled": True},
    },
    "told": {"type": "azure-native:monitor:ActionGroup", "inputs": {"enabled": True}},
}

GOOD: Records = {**KEYS, **STORAGE, **IDENTITIES, **NETWORK, **WORKSPACE, **SERVING}

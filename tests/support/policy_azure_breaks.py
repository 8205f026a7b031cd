"""What each control of Azure must catch: one property of the good plan, broken."""

from __future__ import annotations

from typing import Any

from support.policy import REMOVED, Break, breaks
from support.policy_azure_records import GOOD, GROUP, PROVIDERS, ROLES, encrypted

OWNER = f"{ROLES}/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = f"{ROLES}/b24988ac-6180-42a0-ab88-20f7382dd24c"
ACCESS = f"{ROLES}/18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
READER = f"{ROLES}/acdd72a7-3385-48ef-bd42-f606fba81ae7"
SUBSCRIPTION = "/subscriptions/1"
WORLD = "0.0.0.0/0"
RULES = "security-group securityRules"
SUBNET = "network subnets 0"
MACHINES = "cluster properties properties"
NOTEBOOK = "notebook properties properties"


def switched(control: str, at: str, wrong: Any) -> list[Break]:
    """A property that is wrong, and one that is not there."""
    return breaks(control, (at, wrong), (at, REMOVED))


def by_rules(**rules: str) -> dict[str, Any]:
    """The account as one that rules close, not its whole network."""
    account = GOOD["account"]
    return {
        **account,
        "inputs": {**account["inputs"], "publicNetworkAccess": "Enabled", "networkRuleSet": rules},
    }


STORAGE = [
    *switched("storage-tls-only", "account enableHttpsTrafficOnly", False),
    *switched("storage-tls-version", "account minimumTlsVersion", "TLS1_0"),
    *switched("storage-public-access", "account allowBlobPublicAccess", True),
    *breaks("storage-public-access", ("container publicAccess", "Blob")),
    *switched("storage-no-shared-keys", "account allowSharedKeyAccess", True),
    *switched("storage-no-shared-keys", "account defaultToOAuthAuthentication", False),
    *switched("storage-own-key", "account encryption keySource", "Microsoft.Storage"),
    *breaks("storage-own-key", ("account encryption keyVaultProperties keyName", "")),
    *breaks("storage-own-key", ("account encryption keyVaultProperties", REMOVED)),
    *switched("storage-double-encryption", "account encryption requireInfrastructureEncryption", False),
    *switched("storage-versions", "blobs isVersioningEnabled", False),
    *breaks("storage-versions", ("blobs", REMOVED), ("blobs accountName", "another")),
    *switched("storage-soft-delete", "blobs deleteRetentionPolicy", {"enabled": False, "days": 7}),
    *switched("storage-soft-delete", "blobs containerDeleteRetentionPolicy days", 1),
    *breaks(
        "storage-lifecycle",
        ("expiry", REMOVED),
        ("expiry policy rules", []),
        ("expiry policy rules 0 definition actions version", REMOVED),
        ("expiry accountName", "another"),
    ),
    *breaks(
        "storage-access-log",
        ("storage-log", REMOVED),
        ("storage-log logs 1 enabled", False),
        ("storage-log resourceUri", GROUP),
    ),
    *switched("storage-sas-expiry", "account sasPolicy sasExpirationPeriod", ""),
    *switched("storage-no-local-users", "account isLocalUserEnabled", True),
    *switched("storage-one-tenant", "account allowCrossTenantReplication", True),
    *breaks("storage-kept", ("account protect", False), ("account retainOnDelete", False)),
    *switched("storage-network", "account publicNetworkAccess", "Enabled"),
    *(
        Break(control="storage-network", added={"account": by_rules(**rules)})
        for rules in ({"defaultAction": "Deny"}, {"defaultAction": "Deny", "bypass": "Logging"})
    ),
]

REGISTRY_AND_KEYS = [
    *switched("registry-no-admin", "registry adminUserEnabled", True),
    *switched("registry-not-public", "registry anonymousPullEnabled", True),
    *switched("registry-network", "registry publicNetworkAccess", "Enabled"),
    *switched("registry-own-key", "registry encryption status", "disabled"),
    *breaks("registry-own-key", ("registry encryption keyVaultProperties keyIdentifier", "")),
    *breaks("registry-own-key", ("registry encryption", REMOVED)),
    *switched("registry-lifecycle", "registry policies retentionPolicy status", "disabled"),
    *switched("registry-zones", "registry zoneRedundancy", "Disabled"),
    *switched("registry-data-endpoint", "registry dataEndpointEnabled", False),
    *switched("registry-no-export", "registry policies exportPolicy status", "enabled"),
    *switched("registry-quarantine", "registry policies quarantinePolicy status", "disabled"),
    *switched("registry-trust", "registry policies trustPolicy status", "disabled"),
    *breaks("image-non-root", ("image target", "root"), ("image target", REMOVED)),
    *switched("keys-purge-protection", "vault properties enablePurgeProtection", False),
    *switched("keys-purge-protection", "vault properties enableSoftDelete", False),
    *breaks("keys-purge-protection", ("vault properties softDeleteRetentionInDays", REMOVED)),
    *switched("keys-rbac", "vault properties enableRbacAuthorization", False),
    *switched("keys-network", "vault properties publicNetworkAccess", "Enabled"),
    *breaks(
        "keys-access-log",
        ("vault-log", REMOVED),
        ("vault-log logs 0 category", "AzurePolicyEvaluationDetails"),
        ("vault-log workspaceId", ""),
    ),
    *breaks(
        "keys-rotation",
        ("key properties rotationPolicy", REMOVED),
        ("key properties rotationPolicy lifetimeActions", []),
        ("key properties rotationPolicy lifetimeActions 0 action type", "notify"),
        ("key properties rotationPolicy attributes expiryTime", ""),
    ),
    *breaks(
        "keys-kept",
        ("key protect", False),
        ("key retainOnDelete", False),
        ("vault protect", False),
        ("vault retainOnDelete", False),
    ),
    *breaks("keys-granted-first", ("key-user", REMOVED), ("key-user roleDefinitionId", READER)),
    Break(
        control="keys-granted-first",
        added={
            "hasty": {
                **encrypted(
                    "azure-native:storage:StorageAccount",
                    {
                        "accountName": "hasty",
                        "kind": "FileStorage",
                        "enableHttpsTrafficOnly": True,
                        "minimumTlsVersion": "TLS1_3",
                        "allowBlobPublicAccess": False,
                        "allowSharedKeyAccess": False,
                        "defaultToOAuthAuthentication": True,
                        "publicNetworkAccess": "Disabled",
                        "encryption": {
                            "keySource": "Microsoft.Keyvault",
                            "keyVaultProperties": {"keyName": "shop"},
                            "requireInfrastructureEncryption": True,
                        },
                        "sasPolicy": {"sasExpirationPeriod": "1.00:00:00"},
                        "isLocalUserEnabled": False,
                        "allowCrossTenantReplication": False,
                    },
                    protect=True,
                    retainOnDelete=True,
                ),
                "dependencies": ["urn:pulumi:prod::shop::azure-native:keyvault:Key::key"],
            },
            "private-hasty": {
                "type": "azure-native:network:PrivateEndpoint",
                "inputs": {
                    "privateLinkServiceConnections": [
                        {"privateLinkServiceId": f"{PROVIDERS}/Microsoft.Storage/storageAccounts/hasty"}
                    ]
                },
            },
        },
    ),
]

IDENTITY = [
    *breaks(
        "identity-no-broad-roles",
        ("reader roleDefinitionId", OWNER),
        ("reader roleDefinitionId", CONTRIBUTOR),
        ("reader roleDefinitionId", ACCESS.upper()),
        ("reader roleDefinitionId", REMOVED),
    ),
    *breaks(
        "identity-narrow-scopes",
        ("reader scope", SUBSCRIPTION),
        ("reader scope", "/"),
        ("reader scope", REMOVED),
        ("deployer assignableScopes 0", SUBSCRIPTION),
        ("deployer assignableScopes", []),
    ),
    *switched("identity-principal-types", "reader principalType", "Robot"),
    *breaks(
        "identity-named-actions",
        ("deployer permissions 0 actions 0", "*"),
        ("deployer permissions 0 actions 0", "*/read"),
        ("deployer permissions 0 actions 0", "Microsoft.Storage/*"),
        ("deployer permissions 0 dataActions 0", "*"),
    ),
    *breaks(
        "identity-own-account",
        ("run identityId", ""),
        ("run identityId", REMOVED),
        ("endpoint identity type", "SystemAssigned"),
        ("endpoint identity userAssignedIdentities", []),
        ("cluster identity", REMOVED),
        ("notebook identity", REMOVED),
    ),
]

NETWORK = [
    *breaks(
        "network-groups",
        ("subnet networkSecurityGroup", REMOVED),
        ("subnet networkSecurityGroup id", ""),
        (f"{SUBNET} networkSecurityGroup", REMOVED),
    ),
    *breaks(
        "network-ingress",
        (f"{RULES} 0 sourceAddressPrefix", "*"),
        (f"{RULES} 0 sourceAddressPrefix", "Internet"),
        (f"{RULES} 0 sourceAddressPrefix", WORLD),
        ("rule sourceAddressPrefixes 0", WORLD),
    ),
    *breaks(
        "network-egress",
        (f"{RULES} 1 access", "Allow"),
        (f"{RULES} 2 destinationAddressPrefixes 0", WORLD),
    ),
    *switched("network-no-default-outbound", "subnet defaultOutboundAccess", True),
    *switched("network-no-default-outbound", f"{SUBNET} defaultOutboundAccess", True),
    *switched("network-endpoint-policies", "subnet privateEndpointNetworkPolicies", "Disabled"),
    *switched("network-endpoint-policies", f"{SUBNET} privateEndpointNetworkPolicies", "Disabled"),
    *breaks(
        "network-private-endpoints",
        ("private-storage", REMOVED),
        ("private-vault", REMOVED),
        ("private-registry", REMOVED),
        ("private-workspace", REMOVED),
        ("private-vault privateLinkServiceConnections 0 privateLinkServiceId", GROUP),
    ),
]

WORKSPACE = [
    *switched("workspace-private", "workspace publicNetworkAccess", "Enabled"),
    *switched("workspace-managed-network", "workspace managedNetwork isolationMode", "Disabled"),
    *breaks(
        "workspace-managed-network",
        ("workspace managedNetwork isolationMode", "AllowInternetOutbound"),
        ("workspace managedNetwork", REMOVED),
    ),
    *switched("workspace-legacy-off", "workspace v1LegacyMode", True),
    *switched("workspace-identity", "workspace identity type", "SystemAssigned"),
    *switched("workspace-identity", "workspace primaryUserAssignedIdentity", ""),
    *switched("workspace-identity-datastores", "workspace systemDatastoresAuthMode", "AccessKey"),
    *switched("workspace-datastore-keys", "datastore properties credentials credentialsType", "AccountKey"),
    *breaks("workspace-own-key", ("workspace encryption", REMOVED)),
    *switched("workspace-own-key", "workspace encryption status", "Disabled"),
    *breaks("workspace-own-key", ("workspace encryption keyVaultProperties keyIdentifier", "")),
    *switched("workspace-high-business-impact", "workspace hbiWorkspace", False),
]

MACHINE = [
    *switched("cluster-no-local-users", "cluster properties disableLocalAuth", False),
    *switched("cluster-no-ssh", f"{MACHINES} remoteLoginPortPublicAccess", "Enabled"),
    *breaks("cluster-no-ssh", (f"{MACHINES} remoteLoginPortPublicAccess", "NotSpecified")),
    *switched("cluster-no-public-address", f"{MACHINES} enableNodePublicIp", True),
    *switched("cluster-from-nothing", f"{MACHINES} scaleSettings minNodeCount", 1),
    *switched("workbench-no-local-users", "notebook properties disableLocalAuth", False),
    *switched("workbench-no-ssh", f"{NOTEBOOK} sshSettings sshPublicAccess", "Enabled"),
    *switched("workbench-no-public-address", f"{NOTEBOOK} enableNodePublicIp", True),
    *switched("workbench-shutdown", f"{NOTEBOOK} idleTimeBeforeShutdown", ""),
    *switched("training-time-limit", "run timeoutS", 0),
]

SERVING = [
    *switched("endpoint-auth", "endpoint properties authMode", "Key"),
    *switched("endpoint-private", "endpoint properties publicNetworkAccess", "Enabled"),
    *switched("endpoint-egress", "deployment properties egressPublicNetworkAccess", "Enabled"),
    *breaks(
        "endpoint-machines",
        ("deployment sku capacity", 1),
        ("deployment sku", REMOVED),
        ("scaling profiles 0 capacity minimum", "1"),
        ("scaling profiles", []),
    ),
    Break(
        control="environment-no-secrets",
        at="deployment properties environmentVariables DB_PASSWORD",
        value="hunter2",
    ),
    *switched("monitoring-log-retention", "logs retentionInDays", 30),
    *switched("monitoring-insights", "insights disableLocalAuth", False),
    *switched("monitoring-insights", "insights workspaceResourceId", ""),
    *breaks(
        "monitoring-diagnostics",
        ("diagnostics", REMOVED),
        ("diagnostics logs 0 enabled", False),
        ("diagnostics logs 1 category", "Other"),
        ("diagnostics logs", []),
        ("diagnostics workspaceId", ""),
        ("diagnostics resourceUri", GROUP),
    ),
    *breaks(
        "monitoring-alerts",
        ("alert actions", []),
        ("alert actions 0 actionGroupId", ""),
        ("alert actions", REMOVED),
        ("alert enabled", False),
        ("query actions actionGroups", []),
        ("query enabled", False),
    ),
    *switched("monitoring-channels", "told enabled", False),
]

BREAKS = [*STORAGE, *REGISTRY_AND_KEYS, *IDENTITY, *NETWORK, *WORKSPACE, *MACHINE, *SERVING]

"""What Azure's base components promise: controls, narrow roles, order, and what is kept."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlcloud.azure.encryption import Encryption
from mlcloud.azure.foundation import AzureFoundation, AzureFoundationArgs
from mlcloud.azure.identity import AzureIdentity, AzureIdentityArgs
from mlcloud.azure.network import AzureNetwork, AzureNetworkArgs, ExistingNetwork, NoNetwork
from mlcloud.azure.registry import AzureRegistry, AzureRegistryArgs, ImageFromDigest
from mlcloud.azure.roles import ROLES
from mlcloud.azure.storage import AzureStorage, AzureStorageArgs
from mlcloud.core.scope import Scope
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.simulated import providers_for
from support.guide_examples import planned_example
from support.plan import plan

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
CONFIG = {"azure-native:subscriptionId": SUBSCRIPTION, "azure-native:location": "westeurope"}
DIGEST = "1f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
PLACE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/houses/providers"
LOGS = f"{PLACE}/Microsoft.OperationalInsights/workspaces/houses"
SUBNET = f"{PLACE}/Microsoft.Network/virtualNetworks/own/subnets/private"
WORKSPACES_OWN = (
    "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringStartsWith 'azureml'"
)

Plan = dict[str, Any]


@cache
def planned(heading: str) -> Plan:
    with TemporaryDirectory() as home:
        return planned_example("azure", heading, Path(home), config=CONFIG)


def scope(environment: Any) -> Scope:
    return Scope(
        project="houses",
        stack=environment,
        environment=environment,
        account=SUBSCRIPTION,
        region="westeurope",
        tags={"mlcloud-stack": environment},
    )


def declared(program: Callable[[], object]) -> Plan:
    providers = {**providers_for("azure"), "mlcloud": make_servicer(Engine(None))}
    found = plan(program, providers=providers, config=CONFIG)
    assert found.ok, found.diagnostics
    return found.to_dict()


@cache
def prod() -> Plan:
    """A foundation, storage and a registry that encrypt with its key, and private identities."""

    def program() -> None:
        found = AzureFoundation(
            "foundation", AzureFoundationArgs(scope=scope("prod"), tenant_id="t", private=True)
        )
        assert isinstance(found.encryption, Encryption)
        storage = AzureStorage(
            "storage",
            AzureStorageArgs(
                scope=scope("prod"),
                resource_group=found.resource_group,
                log_workspace_id=found.log_workspace_id,
                encryption=found.encryption,
                private=True,
            ),
        )
        registry = AzureRegistry(
            "registry",
            AzureRegistryArgs(
                scope=scope("prod"),
                resource_group=found.resource_group,
                image=ImageFromDigest(image_uri=f"houses.azurecr.io/trainer@sha256:{DIGEST}"),
                encryption=found.encryption,
                private=True,
            ),
        )
        AzureIdentity(
            "identity",
            AzureIdentityArgs(
                scope=scope("prod"),
                resource_group=found.resource_group,
                resource_group_id=found.resource_group_id,
                storage_account_id=storage.account_id,
                data_container=storage.data,
                models_container=storage.models,
                registry_id=registry.registry_id,
                vault_id=found.vault_id,
                insights_id=found.insights_id,
                private=True,
            ),
        )

    return declared(program)


@cache
def dev_foundation() -> Plan:
    return declared(
        lambda: AzureFoundation(
            "foundation", AzureFoundationArgs(scope=scope("dev"), tenant_id="t", log_retention_days=30)
        )
    )


def of_kind(found: Plan, kind: str) -> list[dict[str, Any]]:
    """Every resource whose type ends with `kind`; an empty answer would prove nothing."""
    entries = [entry for entry in found["resources"] if entry["type"].rsplit(":", 1)[-1] == kind]
    assert entries, f"there is no {kind}"
    return entries


def only(found: Plan, kind: str) -> dict[str, Any]:
    (entry,) = of_kind(found, kind)
    return entry["inputs"]


def needed(found: Plan, entry: dict[str, Any]) -> set[str]:
    """Names of all that comes before a resource."""
    entries = {item["urn"]: item for item in found["resources"]}
    seen: set[str] = set()
    waiting = [*entry["dependencies"]]
    while waiting:
        urn = waiting.pop()
        if urn not in seen:
            seen.add(urn)
            waiting += entries[urn]["dependencies"] if urn in entries else []
    return {urn.split("::")[-1] for urn in seen}


def test_the_account_has_no_keys_and_nothing_is_public() -> None:
    for found in (planned("Storage"), prod()):
        account = only(found, "StorageAccount")
        assert account["allowSharedKeyAccess"] is False
        assert account["defaultToOAuthAuthentication"] is True
        assert account["allowBlobPublicAccess"] is False
        assert account["minimumTlsVersion"] == "TLS1_2"
        assert account["enableHttpsTrafficOnly"] is True
        assert account["allowCrossTenantReplication"] is False
        assert account["isLocalUserEnabled"] is False
        assert account["networkRuleSet"]["bypass"] == "AzureServices"
        assert account["encryption"]["requireInfrastructureEncryption"] is True
        containers = {entry["inputs"]["containerName"]: entry for entry in of_kind(found, "BlobContainer")}
        assert set(containers) == {"data", "models"}
        assert {entry["inputs"]["publicAccess"] for entry in containers.values()} == {"None"}
        blobs = only(found, "BlobServiceProperties")
        assert blobs["isVersioningEnabled"] is True
        assert blobs["deleteRetentionPolicy"] == blobs["containerDeleteRetentionPolicy"]
        assert blobs["deleteRetentionPolicy"] == {"enabled": True, "days": 7}
        assert all(
            "storage-blobs" in needed(found, entry) or found != prod() for entry in containers.values()
        )


def test_prods_account_is_private_and_follows_its_key() -> None:
    account = only(prod(), "StorageAccount")
    assert account["publicNetworkAccess"] == "Disabled"
    assert account["networkRuleSet"]["defaultAction"] == "Deny"
    assert account["sku"] == {"name": "Standard_ZRS"}
    encryption = account["encryption"]
    assert encryption["keySource"] == "Microsoft.Keyvault"
    assert set(encryption["keyVaultProperties"]) == {"keyName", "keyVaultUri"}
    (identity,) = account["identity"]["userAssignedIdentities"]
    assert encryption["encryptionIdentity"] == {"encryptionUserAssignedIdentity": identity}
    assert identity.endswith("-encryption")


def test_a_file_is_uploaded_under_its_hash_by_whoever_may() -> None:
    found = planned("Storage")
    (blob,) = of_kind(found, "Blob")
    assert blob["inputs"]["key"] == f"objects/{blob['inputs']['sha256']}/houses.csv"
    assert "houses-uploader-data" in needed(found, blob)


def test_who_brings_a_stack_up_may_write_both_containers_for_no_owner_may() -> None:
    grants = {entry["name"]: entry["inputs"] for entry in of_kind(planned("Storage"), "RoleAssignment")}
    assert set(grants) == {"houses-uploader-data", "houses-uploader-models"}
    for name, grant in grants.items():
        assert grant["roleDefinitionId"].endswith(ROLES["Storage Blob Data Contributor"])
        assert grant["scope"].endswith(f"/containers/{name.rpartition('-')[2]}")
        assert grant["principalType"] == "User"


def test_a_built_image_is_pushed_with_the_registrys_own_token() -> None:
    found = planned("Registry")
    registry = only(found, "Registry")
    assert registry["adminUserEnabled"] is False
    assert registry["anonymousPullEnabled"] is False
    assert registry["sku"] == {"name": "Basic"}
    (image,) = of_kind(found, "Image")
    assert image["inputs"]["push"] is True
    assert image["inputs"]["target"] == "nonroot"
    assert {"houses-login", "houses-registry"} <= needed(found, image)


def test_prods_registry_is_private_encrypted_and_lets_nothing_out() -> None:
    registry = only(prod(), "Registry")
    assert registry["sku"] == {"name": "Premium"}
    assert registry["adminUserEnabled"] is False
    assert registry["publicNetworkAccess"] == "Disabled"
    assert registry["zoneRedundancy"] == "Enabled"
    assert registry["dataEndpointEnabled"] is True
    assert registry["policies"]["exportPolicy"] == {"status": "disabled"}
    assert registry["policies"]["retentionPolicy"] == {"days": 14, "status": "enabled"}
    key = registry["encryption"]["keyVaultProperties"]
    assert key["identity"]
    assert list(registry["identity"]["userAssignedIdentities"].values()) == [{}]
    kinds = {entry["type"].rsplit(":", 1)[-1] for entry in prod()["resources"]}
    assert not kinds & {"Image", "RegistryLogin", "Blob"}


def test_what_is_encrypted_comes_after_its_identity_may_use_the_key() -> None:
    for kind in ("StorageAccount", "Registry"):
        for entry in of_kind(prod(), kind):
            assert "foundation-encryption-key" in needed(prod(), entry)
    (grant,) = (entry for entry in prod()["resources"] if entry["name"] == "foundation-encryption-key")
    assert grant["inputs"]["scope"].endswith(only(prod(), "Vault")["vaultName"])
    assert grant["retainOnDelete"], "what is kept stays readable"


def test_the_vault_is_closed_and_prods_cannot_be_purged() -> None:
    for found, purge, days, access in (
        (prod(), True, 90, "Disabled"),
        (dev_foundation(), None, 7, "Enabled"),
    ):
        vault = only(found, "Vault")["properties"]
        assert vault["enableRbacAuthorization"] is True
        assert vault["enableSoftDelete"] is True
        assert vault.get("enablePurgeProtection") == purge
        assert vault["softDeleteRetentionInDays"] == days
        assert vault["publicNetworkAccess"] == access
        assert vault["networkAcls"] == {"bypass": "AzureServices", "defaultAction": "Deny"}
    kinds = {entry["type"].rsplit(":", 1)[-1] for entry in dev_foundation()["resources"]}
    assert not kinds & {"Key", "UserAssignedIdentity", "RoleAssignment"}


def test_the_key_rotates_and_old_versions_expire() -> None:
    key = only(prod(), "Key")["properties"]
    assert (key["kty"], key["keySize"], key["keyOps"]) == ("RSA", 3072, ["wrapKey", "unwrapKey"])
    (action,) = key["rotationPolicy"]["lifetimeActions"]
    assert action == {"action": {"type": "rotate"}, "trigger": {"timeAfterCreate": "P90D"}}
    assert key["rotationPolicy"]["attributes"] == {"expiryTime": "P2Y"}


def test_held_names_are_refused_before_anything_is_made() -> None:
    (names,) = of_kind(prod(), "FreshNames")
    assert names["inputs"]["vault"] == only(prod(), "Vault")["vaultName"]
    for kind in ("ResourceGroup", "Vault", "StorageAccount"):
        for entry in of_kind(prod(), kind):
            assert "foundation-names" in needed(prod(), entry)


def test_logs_are_kept_as_long_as_is_said_and_come_after_their_provider_is_registered() -> None:
    logs = next(e for e in dev_foundation()["resources"] if e["name"] == "foundation-logs")
    assert logs["inputs"]["retentionInDays"] == 30
    insights = only(dev_foundation(), "Component")
    assert insights["disableLocalAuth"] is True
    assert insights["workspaceResourceId"].endswith(logs["inputs"]["workspaceName"])
    for entry in of_kind(dev_foundation(), "DiagnosticSetting"):
        assert "foundation-insights" in needed(dev_foundation(), entry)


def test_prod_keeps_what_holds_data() -> None:
    kept = {"ResourceGroup", "Vault", "Key", "StorageAccount", "BlobContainer", "Registry"}
    for kind in kept:
        assert all(entry["protect"] and entry["retainOnDelete"] for entry in of_kind(prod(), kind))
    assert not any(entry["protect"] for entry in dev_foundation()["resources"])


def test_roles_are_narrow_and_say_of_what_kind_their_holder_is() -> None:
    group = only(prod(), "ResourceGroup")["resourceGroupName"]
    grants = [entry["inputs"] for entry in of_kind(prod(), "RoleAssignment")]
    assert len(grants) == 19
    assert len({grant["roleAssignmentName"] for grant in grants}) == len(grants)
    for grant in grants:
        assert grant["roleDefinitionId"].rsplit("/", 1)[-1] in ROLES.values()
        assert f"/resourceGroups/{group}" in grant["scope"]
        assert grant["principalType"] == "ServicePrincipal"
    only_when_private = ROLES["Azure AI Enterprise Network Connection Approver"]
    assert any(grant["roleDefinitionId"].endswith(only_when_private) for grant in grants)
    others = [entry["inputs"] for entry in of_kind(planned("Identity"), "RoleAssignment")]
    assert not any(grant["roleDefinitionId"].endswith(only_when_private) for grant in others)


def test_what_trains_and_serves_sees_its_containers_and_the_workspaces_own() -> None:
    held: dict[str, list[tuple[str, str]]] = {"training": [], "endpoint": []}
    roles = {guid: name for name, guid in ROLES.items()}
    for entry in of_kind(planned("Identity"), "RoleAssignment"):
        who = entry["name"].split("-")[1]
        found = entry["inputs"]
        if who in held and "Storage" in found["scope"]:
            held[who].append((roles[found["roleDefinitionId"].rsplit("/", 1)[-1]], found["scope"]))
            if not found["scope"].rpartition("/containers/")[1]:
                assert WORKSPACES_OWN in found["condition"]
                assert found["conditionVersion"] == "2.0"
    read, write = "Storage Blob Data Reader", "Storage Blob Data Contributor"
    account = f"{PLACE}/Microsoft.Storage/storageAccounts/houses"
    containers = f"{account}/blobServices/default/containers"
    trains = [(read, f"{containers}/data"), (write, f"{containers}/models"), (write, account)]
    assert sorted(held["training"]) == sorted(trains)
    assert sorted(held["endpoint"]) == sorted([(read, f"{containers}/models"), (read, account)])


def test_a_deployer_has_one_role_and_rights_on_containers_and_identities() -> None:
    found = planned("Identity")
    role = only(found, "RoleDefinition")
    assert (
        role["assignableScopes"]
        == [role["scope"]]
        == [f"/subscriptions/{SUBSCRIPTION}/resourceGroups/houses"]
    )
    (permissions,) = role["permissions"]
    assert not any("*" in action for action in permissions["actions"])
    given = [e["inputs"] for e in of_kind(found, "RoleAssignment") if "-deployer-" in e["name"]]
    assert len(given) == 5
    assert {grant["principalType"] for grant in given} == {"Group"}


def test_the_network_lets_nothing_out_and_has_a_zone_for_each_service() -> None:
    found = planned("Network")
    group = only(found, "NetworkSecurityGroup")
    subnet = only(found, "Subnet")
    assert subnet["networkSecurityGroup"]["id"].endswith(group["networkSecurityGroupName"])
    assert subnet["defaultOutboundAccess"] is False
    assert subnet["privateEndpointNetworkPolicies"] == "Enabled"
    assert subnet["addressPrefix"] == "10.20.0.0/24"
    allowed = [rule for rule in group["securityRules"] if rule["access"] == "Allow"]
    assert [(rule["sourceAddressPrefix"], rule["destinationPortRange"]) for rule in allowed] == [
        ("VirtualNetwork", "443")
    ]
    denied = {rule["direction"] for rule in group["securityRules"] if rule["access"] == "Deny"}
    assert denied == {"Inbound", "Outbound"}
    zones = {entry["inputs"]["privateZoneName"] for entry in of_kind(found, "PrivateZone")}
    assert len(zones) == len(of_kind(found, "VirtualNetworkLink")) == 7
    assert all(zone.startswith("privatelink.") for zone in zones)


def test_a_network_that_is_there_or_none_declares_nothing() -> None:
    for wished in (NoNetwork(), ExistingNetwork(subnet_id=SUBNET)):
        found = declared(
            lambda wished=wished: AzureNetwork(
                "network", AzureNetworkArgs(scope=scope("dev"), resource_group="houses", network=wished)
            )
        )
        assert not [e for e in found["resources"] if e["custom"] and "azure-native" in e["type"]]


def test_private_endpoints_have_the_names_that_there_are_zones_for() -> None:
    found = planned("Private endpoints")
    parts = [
        connection["groupIds"]
        for entry in of_kind(found, "PrivateEndpoint")
        for connection in entry["inputs"]["privateLinkServiceConnections"]
    ]
    assert sorted(parts) == [["amlworkspace"], ["blob"]]
    names = {
        entry["name"]: [config["name"] for config in entry["inputs"]["privateDnsZoneConfigs"]]
        for entry in of_kind(found, "PrivateDnsZoneGroup")
    }
    assert names == {"houses-blob-names": ["blob"], "houses-workspace-names": ["workspace", "notebooks"]}


def test_prods_workspace_is_private_and_its_network_is_there_before_it_is() -> None:
    found = planned("Workspace")
    (entry,) = (e for e in of_kind(found, "Workspace") if "machinelearning" in e["type"])
    workspace = entry["inputs"]
    assert workspace["publicNetworkAccess"] == "Disabled"
    assert workspace["managedNetwork"]["isolationMode"] == "AllowOnlyApprovedOutbound"
    (way,) = workspace["managedNetwork"]["outboundRules"].values()
    assert way["destination"]["subresourceTarget"] == "dfs"
    assert workspace["provisionNetworkNow"] is True
    assert workspace["v1LegacyMode"] is False
    assert workspace["systemDatastoresAuthMode"] == "Identity"
    assert workspace["primaryUserAssignedIdentity"] in workspace["identity"]["userAssignedIdentities"]
    assert workspace["encryption"]["status"] == "Enabled"
    assert entry["protect"] and entry["retainOnDelete"]
    stores = [store["inputs"]["properties"]["credentials"] for store in of_kind(found, "Datastore")]
    assert stores and all(given == {"credentialsType": "None"} for given in stores)


def test_an_image_is_a_version_with_a_name_that_none_had_before() -> None:
    found = planned("Environment")
    (version,), (named,) = (of_kind(found, kind) for kind in ("EnvironmentVersion", "UniqueName"))
    assert named["inputs"]["content"] == {"image": version["inputs"]["properties"]["image"]}
    assert "houses-version-name" in needed(found, version)
    assert version["inputs"]["properties"]["image"].endswith(f"@sha256:{DIGEST}")
    routes = version["inputs"]["properties"]["inferenceConfig"].values()
    assert {route["path"] for route in routes} == {"/score", "/v2/health/live", "/v2/health/ready"}
    assert {route["port"] for route in routes} == {8080}

"""What Azure's base components refuse before anything is declared, and what their arguments decide."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlcloud.azure.deployer import DEPLOYER_ACTIONS
from mlcloud.azure.encryption import Encryption
from mlcloud.azure.environment import AzureEnvironmentArgs
from mlcloud.azure.foundation import AzureFoundationArgs
from mlcloud.azure.network import AzureNetworkArgs, ExistingNetwork, ManagedNetwork
from mlcloud.azure.placement import Placement
from mlcloud.azure.private_endpoints import AzurePrivateEndpointsArgs
from mlcloud.azure.registry import AzureRegistryArgs, ImageFromDigest
from mlcloud.azure.roles import ROLES, builtin, stable_guid
from mlcloud.azure.storage import AzureStorageArgs
from mlcloud.azure.workspace import AzureWorkspaceArgs
from mlcloud.core.errors import ArgsError
from mlcloud.core.image import ImageSources
from mlcloud.core.scope import Scope

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
IMAGE = f"shopregistry.azurecr.io/trainer@sha256:{'0' * 64}"
VAULT = "https://shop.vault.azure.net/"
SUBNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/private"
KEY = Encryption(
    identity_id="/subscriptions/s/identities/encryption",
    client_id="c",
    key_name="shop",
    key_uri=f"{VAULT}keys/shop",
    key_version_uri=f"{VAULT}keys/shop/1",
    vault_uri=VAULT,
    vault_id="/subscriptions/s/vaults/shop",
)
STORAGE: dict[str, Any] = {"resource_group": "shop", "log_workspace_id": "/subscriptions/s/logs"}
WORKSPACE: dict[str, Any] = {
    **STORAGE,
    "identity_id": "/subscriptions/s/identities/workspace",
    "storage_account_id": "/subscriptions/s/account",
    "storage_account": "shop",
    "data_container": "data",
    "models_container": "models",
    "vault_id": KEY.vault_id,
    "insights_id": "/subscriptions/s/insights",
    "registry_id": "/subscriptions/s/registry",
}


def scope(environment: Any = "dev", **keys: Any) -> Scope:
    given = {"project": "shop", "stack": environment, "account": SUBSCRIPTION, "region": "westeurope"}
    return Scope(**{**given, "environment": environment, "tags": {"mlcloud-stack": "dev"}, **keys})


def refused(make: Callable[[], Any]) -> list[str]:
    with pytest.raises(ArgsError) as caught:
        make()
    return [problem.path for problem in caught.value.problems]


def test_numbers_out_of_range_are_told_all_at_once():
    assert refused(lambda: AzureFoundationArgs(scope=scope(), tenant_id="t", log_retention_days=29)) == [
        "log_retention_days"
    ]
    assert AzureFoundationArgs(scope=scope(), tenant_id="t", log_retention_days=730)
    wrong: dict[str, Any] = {"noncurrent_after_days": 0, "soft_delete_days": 366}
    assert refused(lambda: AzureStorageArgs(scope=scope(), **STORAGE, **wrong)) == list(wrong)


@pytest.mark.parametrize(
    "make",
    [
        lambda **keys: AzureStorageArgs(**STORAGE, **keys),
        lambda **keys: AzureRegistryArgs(
            resource_group="shop", image=ImageFromDigest(image_uri=IMAGE), **keys
        ),
        lambda **keys: AzureWorkspaceArgs(**WORKSPACE, **keys),
    ],
    ids=["storage", "registry", "workspace"],
)
def test_prod_demands_a_key_and_a_network(make: Callable[..., Any]):
    assert refused(lambda: make(scope=scope("prod"))) == ["encryption", "private"]
    assert make(scope=scope("prod"), encryption=KEY, private=True)
    assert make(scope=scope())


def test_prods_vault_is_private():
    assert refused(lambda: AzureFoundationArgs(scope=scope("prod"), tenant_id="t")) == ["private"]
    assert AzureFoundationArgs(scope=scope("prod"), tenant_id="t", private=True)


@pytest.mark.parametrize(
    "uri",
    [
        "shopregistry.azurecr.io/trainer:latest",
        f"docker.io/shop/trainer@sha256:{'0' * 64}",
        f"shop.azurecr.io/trainer@sha256:{'0' * 64}",
        f"shopregistry.azurecr.io/trainer@sha256:{'0' * 63}",
    ],
)
def test_an_image_is_in_a_registry_of_azure_and_named_by_digest(uri: str):
    given: dict[str, Any] = {"scope": scope(), "resource_group": "shop"}
    assert refused(lambda: AzureRegistryArgs(**given, image=ImageFromDigest(image_uri=uri))) == ["image"]
    assert AzureRegistryArgs(**given, image=ImageFromDigest(image_uri=IMAGE))


def test_an_environments_image_has_a_digest():
    given: dict[str, Any] = {"scope": scope(), "resource_group": "shop", "workspace": "shop"}
    wrong = "shopregistry.azurecr.io/trainer:1"
    assert refused(lambda: AzureEnvironmentArgs(**given, image_uri=wrong)) == ["image_uri"]
    assert AzureEnvironmentArgs(**given, image_uri=IMAGE)


def test_an_image_that_is_built_here_needs_no_login_beforehand(tmp_path: Path):
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM scratch\n")
    image = ImageSources(context=tmp_path, dockerfile=dockerfile, sources=(), target="nonroot")
    assert AzureRegistryArgs(scope=scope(), resource_group="shop", image=image)
    assert image.tag() == ImageSources(**{**vars(image), "context": tmp_path}).tag()


def test_a_network_has_a_private_block_and_full_names():
    def network(wished: ManagedNetwork | ExistingNetwork) -> AzureNetworkArgs:
        return AzureNetworkArgs(scope=scope(), resource_group="shop", network=wished)

    for block in ("10.0.0.0/8", "10.0.0.0/25", "8.8.0.0/16", "ten"):
        assert refused(lambda block=block: network(ManagedNetwork(cidr=block))) == ["network.cidr"]
    zones: Any = {"blobs": "/subscriptions/s/zone"}
    wrong = ExistingNetwork(subnet_id="/subscriptions/s/subnets/private", zone_ids=zones)
    assert refused(lambda: network(wrong)) == ["network.subnet_id", "network.zone_ids"]
    assert network(ExistingNetwork(subnet_id=SUBNET, zone_ids={"blob": "/subscriptions/s/zone"}))


def test_private_endpoints_lead_to_what_there_is():
    def endpoints(**resources: Any) -> AzurePrivateEndpointsArgs:
        found: Any = resources
        return AzurePrivateEndpointsArgs(
            scope=scope(), resource_group="shop", placement=Placement(subnet_id=SUBNET), resources=found
        )

    assert refused(endpoints) == ["resources"]
    assert refused(lambda: endpoints(blobs="/subscriptions/s/account")) == ["resources"]
    assert endpoints(blob="/subscriptions/s/account")


def test_a_guid_stays_and_belongs_to_one_stack():
    own = stable_guid(scope(), "role", "deployer")
    assert str(uuid.UUID(own)) == own == stable_guid(scope(), "role", "deployer")
    others = [
        stable_guid(scope("prod"), "role", "deployer"),
        stable_guid(scope(account="other"), "role", "deployer"),
        stable_guid(scope(project="other"), "role", "deployer"),
        stable_guid(scope(), "role", "other"),
    ]
    assert len({own, *others}) == 5


def test_no_built_in_role_is_owner_or_contributor_of_everything():
    basic = {
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",  # Owner
        "b24988ac-6180-42a0-ab88-20f7382dd24c",  # Contributor
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",  # User Access Administrator
        "00482a5a-887f-4fb3-b363-3b7fe8e74483",  # Key Vault Administrator
    }
    assert not basic & set(ROLES.values())
    assert len(set(ROLES.values())) == len(ROLES)
    assert all(str(uuid.UUID(role)) == role for role in ROLES.values())
    assert builtin(scope(), "AcrPull").startswith(f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Auth")


def test_a_deployer_may_what_is_named_and_nothing_about_rights():
    assert len(set(DEPLOYER_ACTIONS)) == len(DEPLOYER_ACTIONS)
    for action in DEPLOYER_ACTIONS:
        assert "*" not in action
        assert not action.startswith("Microsoft.Authorization/")
        assert not action.lower().endswith(("listkeys/action", "workspaces/write", "workspaces/delete"))

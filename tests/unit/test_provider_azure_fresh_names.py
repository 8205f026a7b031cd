"""Names that a deleted vault or workspace still holds: told over the plugin before anything is made."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from support import provider_azure_cloud as azure
from support.provider_azure_resources import FRESH_NAMES
from support.provider_plugin import Plugin, RefusedError
from support.provider_plugin import running as running_plugin

VAULT = "churn-dev-kv-1a2b"
OTHER_GROUP = f"/subscriptions/{azure.SUBSCRIPTION}/resourceGroups/old-group"
WORKSPACES = "/providers/Microsoft.MachineLearningServices/workspaces"
VAULT_ID = (
    f"/subscriptions/{azure.SUBSCRIPTION}/resourceGroups/{azure.GROUP}"
    f"/providers/Microsoft.KeyVault/vaults/{VAULT}"
)
GIVEN = {
    "subscription": azure.SUBSCRIPTION,
    "region": azure.REGION,
    "resourceGroup": azure.GROUP,
    "vault": VAULT,
    "workspace": azure.WORKSPACE,
}
TOKEN = {"authorization": "Bearer token for https://management.azure.com"}
VAULT_PROPERTIES = {"tenantId": "1", "sku": {"family": "A", "name": "standard"}}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azure.Cloud]:
    with azure.running(tmp_path_factory.mktemp("azure")) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def plugin(started: azure.Cloud) -> Iterator[Plugin]:
    yield from running_plugin()


@pytest.fixture
def cloud(started: azure.Cloud) -> azure.Cloud:
    """A subscription where nothing is, and nothing was deleted."""
    started.names.live.clear()
    started.names.deleted.clear()
    started.names.deleted_state, started.names.is_answered = "Succeeded", False
    return started


def make(cloud: azure.Cloud, path: str, body: dict[str, Any] | None = None) -> int:
    """Make something as azure-native does; returns the status."""
    version = "2023-07-01" if "/vaults/" in path else "2025-12-01"
    given = {"location": azure.REGION, **(body or {})}
    properties = {**(VAULT_PROPERTIES if "/vaults/" in path else {}), **given.get("properties", {})}
    content = json.dumps({**given, "properties": properties}).encode()
    headers = {**TOKEN, "content-type": "application/json"}
    answer = cloud.answer("PUT", f"{path}?api-version={version}", content, headers)
    assert answer is not None
    return answer.status


def destroy(cloud: azure.Cloud, path: str) -> None:
    version = "2023-07-01" if "/vaults/" in path else "2025-12-01"
    answer = cloud.answer("DELETE", f"{path}?api-version={version}", b"", TOKEN)
    assert answer is not None
    assert answer.status == 200


def delete_both(cloud: azure.Cloud, properties: dict[str, Any] | None = None) -> None:
    make(cloud, VAULT_ID, {"properties": properties or {}})
    make(cloud, azure.WORKSPACE_ID)
    destroy(cloud, VAULT_ID)
    destroy(cloud, azure.WORKSPACE_ID)


def run(cloud: azure.Cloud, command: str) -> None:
    """What the two commands that are told ask of Azure."""
    vault = re.fullmatch(r"az keyvault purge --name (\S+) --location (\S+) --subscription (\S+)", command)
    rest = re.fullmatch(r'az rest --method delete --url "https://management\.azure\.com(\S+)"', command)
    if vault is not None:
        place = f"/subscriptions/{vault[3]}/providers/Microsoft.KeyVault/locations/{vault[2]}"
        target = f"{place}/deletedVaults/{vault[1]}/purge?api-version=2023-07-01"
        answer = cloud.answer("POST", target, b"", TOKEN)
    else:
        assert rest is not None, command
        answer = cloud.answer("DELETE", rest[1], b"", TOKEN)
    assert answer is not None
    assert answer.status == 200, answer.content


def refused(plugin: Plugin) -> str:
    with pytest.raises(RefusedError) as error:
        plugin.resource(FRESH_NAMES).create(GIVEN)
    assert error.value.init_failure is None
    return error.value.message


def test_free_names_are_looked_at_once_and_never_again(cloud: azure.Cloud, plugin: Plugin) -> None:
    names, start = plugin.resource(FRESH_NAMES), len(cloud.requests)
    assert names.create(GIVEN) == {"ready": True}
    asked = [item.method for item in cloud.requests[start:] if item.method != "token_get"]
    assert asked == ["deleted_vaults_list", "workspaces_list_by_subscription"]
    delete_both(cloud)
    start = len(cloud.requests)
    assert names.read() == {"ready": True}
    assert names.kinds(GIVEN) == {}
    names.delete()
    assert len(cloud.requests) == start


def test_a_preview_and_a_diff_ask_nothing(cloud: azure.Cloud, plugin: Plugin) -> None:
    names = plugin.resource(FRESH_NAMES)
    names.create(GIVEN)
    delete_both(cloud)
    start = len(cloud.requests)
    assert plugin.resource(FRESH_NAMES).preview(GIVEN) == {"ready": True}
    assert names.preview({**GIVEN, "vault": "other-vault"}) == {"ready": True}
    for name, value in (("vault", "other-vault"), ("workspace", "other"), ("resourceGroup", "other")):
        assert list(names.diff({**GIVEN, name: value}).replaces) == [name]
    assert len(cloud.requests) == start


def test_a_destroyed_stack_is_made_again_after_the_commands_that_are_told(
    cloud: azure.Cloud, plugin: Plugin
) -> None:
    delete_both(cloud)
    assert make(cloud, VAULT_ID) == 409
    assert make(cloud, azure.WORKSPACE_ID) == 400
    told = refused(plugin)
    assert "Then run the update again. Nothing was made." in told
    commands = [item for item in re.findall(r"`(az [^`]+)`", told) if "purge" in item or " rest " in item]
    for command in commands:
        run(cloud, command)
    assert len(commands) == 2
    assert plugin.resource(FRESH_NAMES).create(GIVEN) == {"ready": True}
    assert make(cloud, VAULT_ID) == 201
    assert make(cloud, azure.WORKSPACE_ID) == 201


def test_a_deleted_vault_is_told_with_the_commands_that_free_it(cloud: azure.Cloud, plugin: Plugin) -> None:
    make(cloud, VAULT_ID)
    destroy(cloud, VAULT_ID)
    place = f"--location {azure.REGION} --subscription {azure.SUBSCRIPTION}"
    told = refused(plugin)
    assert f"vault: {VAULT} was deleted and Azure keeps its name" in told
    assert f"`az keyvault purge --name {VAULT} {place}`" in told
    assert f"`az keyvault recover --name {VAULT} --resource-group {azure.GROUP} {place}`" in told
    assert f"`pulumi import azure-native:keyvault:Vault <name in the program> {VAULT_ID}`" in told
    assert "workspace" not in told


def test_a_vault_of_another_region_and_group_holds_the_name_too(cloud: azure.Cloud, plugin: Plugin) -> None:
    elsewhere = f"{OTHER_GROUP}/providers/Microsoft.KeyVault/vaults/{VAULT}"
    make(cloud, elsewhere, {"location": "northeurope"})
    destroy(cloud, elsewhere)
    told = refused(plugin)
    assert "--location northeurope" in told
    assert "--resource-group old-group" in told


def test_a_vault_that_nobody_can_purge_is_told_until_when(cloud: azure.Cloud, plugin: Plugin) -> None:
    make(cloud, VAULT_ID, {"properties": {"enablePurgeProtection": True}})
    destroy(cloud, VAULT_ID)
    told = refused(plugin)
    assert "until 2026-04-01T00:00:00Z: purge protection lets nobody purge it before" in told
    assert "az keyvault recover" in told
    assert "az keyvault purge" not in told


@pytest.mark.parametrize(
    ("state", "is_answered"),
    [("Succeeded", False), ("SoftDeleted", False), ("Deleting", False), ("SoftDeleted", True)],
)
def test_a_deleted_workspace_is_found_by_the_lists_state_or_by_its_own_address(
    cloud: azure.Cloud, plugin: Plugin, *, state: str, is_answered: bool
) -> None:
    cloud.names.deleted_state, cloud.names.is_answered = state, is_answered
    make(cloud, azure.WORKSPACE_ID)
    destroy(cloud, azure.WORKSPACE_ID)
    address = f"https://management.azure.com{azure.WORKSPACE_ID}?api-version=2025-12-01&forceToPurge=true"
    told = refused(plugin)
    assert f"workspace: {azure.WORKSPACE} in {azure.GROUP} was deleted" in told
    assert f'`az rest --method delete --url "{address}"`' in told
    assert "Recently deleted" in told
    assert "vault" not in told


def test_what_lives_or_has_another_name_holds_nothing(cloud: azure.Cloud, plugin: Plugin) -> None:
    for path in (
        f"{VAULT_ID}-other",
        f"{azure.WORKSPACE_ID}-other",
        f"{OTHER_GROUP}{WORKSPACES}/{azure.WORKSPACE}",
    ):
        make(cloud, path)
        destroy(cloud, path)
    make(cloud, azure.WORKSPACE_ID)
    assert plugin.resource(FRESH_NAMES).create(GIVEN) == {"ready": True}


@pytest.mark.parametrize("method", ["deleted_vaults_list", "workspaces_list_by_subscription"])
def test_lists_that_fail_or_are_lost_are_asked_again(cloud: azure.Cloud, plugin: Plugin, method: str) -> None:
    delete_both(cloud)
    cloud.refuse(method, 503)
    cloud.lose(method)
    assert "vault: " in refused(plugin)
    cloud.refuse(method, 403, "The role is missing")
    assert "give them the role that the stack's guide names" in refused(plugin)


@pytest.mark.parametrize(
    ("changed", "path", "words"),
    [
        ({"subscription": "7"}, "subscription", "not a subscription"),
        ({"region": "West Europe"}, "region", "short name"),
        ({"resourceGroup": "a."}, "resourceGroup", "not a resource group"),
        ({"vault": "a--b"}, "vault", "not a vault: 3 to 24"),
        ({"workspace": "a"}, "workspace", "not a workspace"),
    ],
)
def test_what_azure_would_refuse_is_refused_before_anything_is_asked(
    cloud: azure.Cloud, plugin: Plugin, *, changed: dict[str, Any], path: str, words: str
) -> None:
    calls = len(cloud.requests)
    problems = plugin.resource(FRESH_NAMES).check({**GIVEN, **changed})
    assert list(problems) == [path], json.dumps(problems)
    assert words in problems[path]
    assert len(cloud.requests) == calls

"""A subscription on which nothing was ever made: Azure refuses to list what it was not registered for."""

from pathlib import Path

import pytest
from support import provider_azure_cloud as azure
from support.provider_azure_resources import FRESH_NAMES
from support.provider_plugin import Plugin, RefusedError
from support.provider_plugin import running as running_plugin

GIVEN = {
    "subscription": azure.SUBSCRIPTION,
    "region": azure.REGION,
    "resourceGroup": azure.GROUP,
    "vault": "churn-dev-kv-1a2b",
    "workspace": azure.WORKSPACE,
}
LISTS = ("deleted_vaults_list", "workspaces_list_by_subscription")


def test_names_are_free_where_a_provider_is_not_registered_and_other_refusals_are_told(
    tmp_path: Path,
) -> None:
    with azure.running(tmp_path) as cloud:
        for plugin in running_plugin():
            names_are_free(cloud, plugin)
            others_are_told(cloud, plugin)


def names_are_free(cloud: azure.Cloud, plugin: Plugin) -> None:
    for method in LISTS:
        cloud.refuse(method, 409, "register it first", code="MissingSubscriptionRegistration")
    assert plugin.resource(FRESH_NAMES).create(GIVEN) == {"ready": True}
    assert [cloud.count(method) for method in LISTS] == [1, 1]


def others_are_told(cloud: azure.Cloud, plugin: Plugin) -> None:
    cloud.refuse(LISTS[0], 409, "something else", code="Conflict")
    with pytest.raises(RefusedError, match="something else"):
        plugin.resource(FRESH_NAMES).create(GIVEN)

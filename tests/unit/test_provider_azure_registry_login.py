"""Logins to a registry by the default credentials, over the plugin's gRPC."""

from collections.abc import Iterator

import pytest
from mlcloud.provider.azure import registry_login as module
from support import provider_azure_cloud as az
from support.provider_azure_resources import LOGIN
from support.provider_plugin import Plugin, RefusedError

GIVEN = {"loginServer": "churndev.azurecr.io"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[az.Cloud]:
    with az.running(tmp_path_factory.mktemp("azure")) as started:
        yield started


@pytest.fixture(scope="module")
def plugin(cloud: az.Cloud) -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


def test_a_login_is_a_secret_token_that_stays_while_it_is_good(cloud: az.Cloud, plugin: Plugin) -> None:
    login = plugin.resource(LOGIN)
    assert login.preview(GIVEN)["username"] == "00000000-0000-0000-0000-000000000000"
    outputs = login.create(GIVEN)
    assert outputs["password"] == cloud.registry.tokens[-1]
    assert outputs["username"] == "00000000-0000-0000-0000-000000000000"
    assert login.secrets == {"password"}
    assert login.kinds(GIVEN) == {}
    assert login.read() == outputs


def test_a_token_that_would_not_last_for_a_push_is_exchanged_anew(cloud: az.Cloud, plugin: Plugin) -> None:
    login = plugin.resource(LOGIN)
    before = login.create(GIVEN)
    login.outputs = {**before, "expiresS": before["expiresS"] - module._VALID_S + module._LEAST_S - 60}
    assert login.kinds(GIVEN) == {"password": "UPDATE", "expiresS": "UPDATE"}
    after = login.update(GIVEN)
    assert after["password"] != before["password"]
    assert after["expiresS"] >= before["expiresS"]
    assert login.secrets == {"password"}
    login.delete()


def test_an_exchange_is_tried_again_and_a_refusal_is_told_without_the_token(
    cloud: az.Cloud, plugin: Plugin
) -> None:
    cloud.lose("registry_exchange")
    assert plugin.resource(LOGIN).create(GIVEN)["password"]
    cloud.refuse("registry_exchange", 401, "authentication required")
    with pytest.raises(RefusedError, match="authentication required") as refused:
        plugin.resource(LOGIN).create(GIVEN)
    assert "log in again" in refused.value.message
    assert "token for" not in refused.value.message


def test_another_registry_is_another_login(plugin: Plugin) -> None:
    login = plugin.resource(LOGIN)
    login.create(GIVEN)
    assert list(login.diff({"loginServer": "other12.azurecr.io"}).replaces) == ["loginServer"]


@pytest.mark.parametrize("server", ["https://churndev.azurecr.io", "docker.io", "churn.azurecr.io/x"])
def test_what_is_no_registry_is_refused_before_a_token_is_sent_there(plugin: Plugin, server: str) -> None:
    assert list(plugin.resource(LOGIN).check({"loginServer": server})) == ["loginServer"]

"""Resource providers of a subscription, over the plugin's gRPC: registered once, and never taken away."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import empty_pb2
from support import provider_azure_cloud as az
from support.provider_azure_resources import REGISTRATION, in_background
from support.provider_plugin import LIMIT_S, Plugin, RefusedError

CDN, POLICY = "Microsoft.Cdn", "Microsoft.PolicyInsights"


def given(*namespaces: str) -> dict[str, Any]:
    return {"subscription": az.SUBSCRIPTION, "namespaces": list(namespaces)}


@pytest.fixture(scope="module")
def running_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[az.Cloud]:
    with az.running(tmp_path_factory.mktemp("azure")) as started:
        yield started


@pytest.fixture
def cloud(running_cloud: az.Cloud) -> az.Cloud:
    running_cloud.registrations.states.clear()
    running_cloud.registrations.looks = 1
    running_cloud.requests.clear()
    return running_cloud


@pytest.fixture(scope="module")
def plugin(running_cloud: az.Cloud) -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


def test_what_is_not_registered_is_and_is_waited_for(cloud: az.Cloud, plugin: Plugin) -> None:
    cloud.registrations.states[POLICY] = "Registered"
    cloud.registrations.looks = 3
    subscription = plugin.resource(REGISTRATION)
    assert subscription.preview(given(CDN, POLICY)) == {"registered": [CDN, POLICY]}
    assert cloud.requests == []
    assert subscription.create(given(CDN, POLICY)) == {"registered": [CDN, POLICY]}
    assert cloud.registrations.states == {CDN: "Registered", POLICY: "Registered"}
    assert cloud.count("providers_register") == 1
    assert subscription.kinds(given(CDN, POLICY)) == {}


def test_a_further_one_is_registered_in_place_and_nothing_is_ever_taken_away(
    cloud: az.Cloud, plugin: Plugin
) -> None:
    subscription = plugin.resource(REGISTRATION)
    subscription.create(given(CDN))
    assert set(subscription.kinds(given(CDN, POLICY)).values()) <= {"UPDATE", "ADD"}
    assert subscription.update(given(CDN, POLICY)) == {"registered": [CDN, POLICY]}
    done = len(cloud.requests)
    subscription.delete()
    assert len(cloud.requests) == done
    assert set(cloud.registrations.states.values()) == {"Registered"}


def test_a_lost_answer_is_asked_for_again(cloud: az.Cloud, plugin: Plugin) -> None:
    cloud.lose("providers_register")
    assert plugin.resource(REGISTRATION).create(given(CDN)) == {"registered": [CDN]}
    assert cloud.count("providers_register") == 2


def test_who_may_not_register_is_told_what_an_owner_has_to_do(cloud: az.Cloud, plugin: Plugin) -> None:
    cloud.refuse("providers_register", 403, "no right", code="AuthorizationFailed")
    with pytest.raises(RefusedError) as refused:
        plugin.resource(REGISTRATION).create(given(CDN))
    assert f"az provider register --namespace {CDN} --subscription {az.SUBSCRIPTION}" in refused.value.message


def test_other_refusals_are_told_as_they_are(cloud: az.Cloud, plugin: Plugin) -> None:
    cloud.refuse("providers_register", 409, "something else", code="Conflict")
    with pytest.raises(RefusedError, match="something else"):
        plugin.resource(REGISTRATION).create(given(CDN))


def test_waiting_is_cancelled(cloud: az.Cloud) -> None:
    cloud.registrations.looks = 1_000_000
    first = Plugin()
    thread, errors = in_background(lambda: first.resource(REGISTRATION).create(given(CDN)))
    first.engine.wait_for(f"Waiting until {CDN} is registered")
    first.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=LIMIT_S)
    assert not thread.is_alive()
    assert "Stopped, as asked" in errors[0].message
    first.close()


@pytest.mark.parametrize("wrong", [[], ["Cdn"], [CDN, "microsoft cdn"]])
def test_what_is_no_resource_provider_is_refused(plugin: Plugin, wrong: list[str]) -> None:
    assert list(plugin.resource(REGISTRATION).check(given(*wrong))) == ["namespaces"]

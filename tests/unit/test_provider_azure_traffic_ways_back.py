"""Ways back of an online endpoint's traffic: whatever was interrupted, what served before is what serves."""

import hashlib
from collections.abc import Iterator

import pytest
from support import provider_azure_cloud as azure
from support.provider_azure_resources import TRAFFIC
from support.provider_azure_traffic import THEIRS, Place, make_place
from support.provider_plugin import Plugin, RefusedError
from support.provider_plugin import running as running_plugin

PUT = "online_endpoints_create_or_update"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azure.Cloud]:
    with azure.running(tmp_path_factory.mktemp("azure")) as started:
        yield started


@pytest.fixture(scope="module")
def plugin(cloud: azure.Cloud) -> Iterator[Plugin]:
    yield from running_plugin()


@pytest.fixture
def place(cloud: azure.Cloud, request: pytest.FixtureRequest) -> Place:
    """An endpoint with two colours, of this test's own."""
    return make_place(cloud, hashlib.sha256(request.node.name.encode()).hexdigest()[:8])


def test_an_update_killed_after_its_last_move_still_goes_back_to_what_served_before(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic = place.served(plugin)
    # The state knows blue; green was given all before the update was killed.
    cloud.endpoints.set_traffic(place.path, {"green": 100})
    place.answer(2, "class 1")
    with pytest.raises(RefusedError, match="blue keeps serving"):
        traffic.update(place.inputs(2))
    assert place.traffic() == {"blue": 100}


def test_a_way_back_that_failed_is_still_known_to_the_next_update(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic, given = place.served(plugin), place.inputs(2, alertRules=[place.rule])
    url = traffic.outputs["url"]
    # Green has all of it when the alert opens, and the way back is refused.
    cloud.watching.fire_later(place.rule, calls=2)
    cloud.slow(PUT, 0)
    cloud.refuse(PUT, 403, "denied")
    with pytest.raises(RefusedError, match="Going back failed, too") as refused:
        traffic.update(given)
    traffic.adopt(given, refused.value)
    cloud.watching.alerts.clear()
    assert place.traffic() == {"green": 100}
    assert (traffic.outputs["deployment"], traffic.outputs["url"]) == ("blue", url)
    place.answer(2, "class 1")
    with pytest.raises(RefusedError, match="blue keeps serving"):
        traffic.update(given)
    assert place.traffic() == {"blue": 100}


@pytest.mark.parametrize("step", ["alerts_list", "blobs_head"])
def test_an_endpoint_that_lost_its_traffic_serves_again_before_anything_else_can_fail(
    cloud: azure.Cloud, plugin: Plugin, place: Place, step: str
) -> None:
    traffic = place.served(plugin)
    cloud.endpoints.set_traffic(place.path, {})
    cloud.refuse(step, 403, "may not be read")
    with pytest.raises(RefusedError):
        traffic.update(place.inputs(2, alertRules=[place.rule]))
    assert place.traffic() == {"blue": 100}


def test_deleting_does_not_end_traffic_that_is_shared_with_somebody_else(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic = place.served(plugin)
    cloud.endpoints.deploy(place.path, "theirs", tags=THEIRS)
    shared = {"blue": 60, "theirs": 40}
    cloud.endpoints.set_traffic(place.path, shared)
    with pytest.raises(RefusedError, match=r"shares its traffic with theirs.*Give them all of it") as told:
        traffic.delete()
    assert "60 % to blue, 40 % to theirs" in told.value.message
    assert place.traffic() == shared


def test_a_deployment_that_vanished_while_it_was_waited_for_gets_no_traffic(
    cloud: azure.Cloud, plugin: Plugin, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.refuse("online_deployments_get", 404, "gone", code="ResourceNotFound")
    with pytest.raises(RefusedError, match="its deployment is gone"):
        plugin.resource(TRAFFIC).create(place.inputs(1))
    assert place.traffic() == {}

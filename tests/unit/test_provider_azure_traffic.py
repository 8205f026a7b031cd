"""Traffic of online endpoints over the plugin's gRPC: given, seen, taken, refused."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support import provider_azure_cloud as azure
from support.provider_azure_answers import RefusedCall
from support.provider_azure_resources import TRAFFIC
from support.provider_azure_traffic import OURS, THEIRS, Place, make_place
from support.provider_plugin import Plugin, RefusedError
from support.provider_plugin import running as running_plugin


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


def test_the_first_deployment_is_asked_before_it_gets_all_the_traffic(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic, given, start = plugin.resource(TRAFFIC), place.inputs(1), len(cloud.requests)
    previewed = traffic.preview(given)
    assert len(cloud.requests) == start
    outputs = traffic.create(given)
    assert (outputs["traffic"], outputs["status"]) == ({"blue": 100}, "serving")
    assert outputs["url"] == f"{cloud.url}/score/{place.name}"
    assert {name: outputs[name] for name in ("deployment", "traffic", "status")} == {
        name: previewed[name] for name in ("deployment", "traffic", "status")
    }
    changing = [item.method for item in cloud.requests[start:] if item.http_method in ("PUT", "POST")]
    assert changing == ["score_predict", "online_endpoints_create_or_update", "score_predict"]
    asked = cloud.last("score_predict")
    assert asked.body == {"instances": [{"a": 1}]}
    assert asked.headers["azureml-model-deployment"] == "blue"
    assert traffic.read() == outputs
    assert traffic.kinds(given) == {}


def test_a_move_leaves_everything_else_of_the_endpoint_as_it_is(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    cloud.endpoints.all[place.path]["properties"] |= {
        "description": "Serves churn",
        "publicNetworkAccess": "Enabled",
        "properties": {"azureml.onlineendpointid": "1"},
    }
    place.served(plugin)
    sent = cloud.last("online_endpoints_create_or_update").body
    identities = sent["identity"].pop("userAssignedIdentities")
    assert list(identities.values()) == [{}]
    assert sent == {
        "location": "westeurope",
        "tags": OURS,
        "kind": "Managed",
        "identity": {"type": "UserAssigned"},
        "properties": {
            "authMode": "AADToken",
            "description": "Serves churn",
            "publicNetworkAccess": "Enabled",
            "properties": {"azureml.onlineendpointid": "1"},
            "traffic": {"blue": 100},
            "mirrorTraffic": {},
        },
    }


def test_a_place_replaces_and_the_rest_does_not(plugin: Plugin, place: Place) -> None:
    traffic, given = place.served(plugin), place.inputs(1)
    other = "99999999-2222-3333-4444-555555555555"
    for name, value in (
        ("subscription", other),
        ("resourceGroup", "other"),
        ("workspace", "other"),
        ("endpoint", "other"),
    ):
        assert list(traffic.diff({**given, name: value}).replaces) == [name]
    more = {"deployment": "green", "name": "other", "endpointInputs": "1", "waitS": 5}
    found = traffic.diff({**given, **more})
    assert set(found.detailedDiff) == set(more)
    assert not found.replaces


def test_traffic_moved_by_hand_is_shown_at_refresh_and_mended(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic, given = place.served(plugin), place.inputs(1)
    cloud.endpoints.set_traffic(place.path, {"blue": 60, "green": 40})
    with pytest.raises(RefusedError, match="sends 60 % to blue, 40 % to green, not all to blue") as refused:
        traffic.read()
    traffic.adopt(given, refused.value)
    assert traffic.outputs["traffic"] == {"blue": 60, "green": 40}
    assert traffic.kinds(given) == {"status": "UPDATE"}
    assert traffic.update(given)["traffic"] == {"blue": 100}
    assert place.traffic() == {"blue": 100}


def test_traffic_mirrored_by_hand_is_shown_at_refresh_and_mended(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic, given = place.served(plugin), place.inputs(1)
    cloud.endpoints.set_traffic(place.path, {"blue": 100}, {"green": 10})
    with pytest.raises(RefusedError, match="mirrors 10 % to green") as refused:
        traffic.read()
    traffic.adopt(given, refused.value)
    traffic.update(given)
    assert cloud.endpoints.all[place.path]["properties"]["mirrorTraffic"] == {}


def test_traffic_that_a_change_of_the_endpoint_took_is_given_back_at_once(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic = place.served(plugin, endpointInputs="1")
    asked = cloud.count("score_predict")
    cloud.endpoints.set_traffic(place.path, {})
    assert traffic.kinds(place.inputs(1, endpointInputs="1")) == {}
    given = place.inputs(1, endpointInputs="2")
    assert traffic.kinds(given) == {"endpointInputs": "UPDATE"}
    assert traffic.update(given)["traffic"] == {"blue": 100}
    # It has proven itself: no prediction stands between its callers and it.
    assert cloud.count("score_predict") == asked


def test_traffic_that_stays_is_not_written_again(cloud: azure.Cloud, plugin: Plugin, place: Place) -> None:
    traffic, start = place.served(plugin), len(cloud.requests)
    traffic.update(place.inputs(1, waitS=5, endpointInputs="2"))
    assert cloud.changes(start) == []


def test_a_deployment_that_was_deleted_by_hand_is_shown_at_refresh(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic = place.served(plugin)
    del cloud.endpoints.deployments[f"{place.path}/deployments/blue"]
    cloud.endpoints.set_traffic(place.path, {})
    with pytest.raises(RefusedError, match="does not have the deployment blue") as refused:
        traffic.read()
    traffic.adopt(place.inputs(1), refused.value)
    with pytest.raises(RefusedError, match="has no deployment blue: declare it first"):
        traffic.update(place.inputs(1))
    cloud.endpoints.deploy(place.path, "blue", tags=OURS)
    assert traffic.update(place.inputs(1))["traffic"] == {"blue": 100}


def test_an_endpoint_that_is_gone_or_empty_takes_its_traffic_along(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic = place.served(plugin)
    cloud.endpoints.set_traffic(place.path, {})
    for colour in ("blue", "green"):
        del cloud.endpoints.deployments[f"{place.path}/deployments/{colour}"]
    assert traffic.read() is None
    del cloud.endpoints.all[place.path]
    assert traffic.read() is None
    traffic.delete()


def test_deleting_takes_the_traffic_so_that_colours_can_be_deleted(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic = place.served(plugin)
    cloud.endpoints.set_traffic(place.path, {"blue": 90, "green": 10})
    traffic.delete()
    assert place.traffic() == {}
    assert cloud.endpoints.all[place.path]["properties"]["mirrorTraffic"] == {}
    traffic.delete()


@pytest.mark.parametrize("fault", ["lose", "drop"])
def test_a_lost_answer_to_taking_traffic_is_looked_after(
    cloud: azure.Cloud, plugin: Plugin, place: Place, fault: str
) -> None:
    traffic = place.served(plugin)
    getattr(cloud, fault)("online_endpoints_create_or_update")
    traffic.delete()
    assert place.traffic() == {}


def test_deleting_leaves_traffic_that_somebody_else_has_given_to_their_own(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    traffic = place.served(plugin)
    cloud.endpoints.deploy(place.path, "theirs", tags=THEIRS)
    cloud.endpoints.set_traffic(place.path, {"theirs": 100})
    traffic.delete()
    assert place.traffic() == {"theirs": 100}
    plugin.engine.wait_for(f"{place.name} sends traffic to theirs, which this stack has not made")


def test_an_endpoint_that_serves_somebody_elses_is_left_alone(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    cloud.endpoints.deploy(place.path, "theirs", tags=THEIRS)
    cloud.endpoints.set_traffic(place.path, {"theirs": 100})
    start = len(cloud.requests)
    with pytest.raises(RefusedError, match="sends traffic to theirs, which this stack has not made"):
        plugin.resource(TRAFFIC).create(place.inputs(1))
    assert cloud.changes(start) == []


def test_an_endpoint_of_another_stack_is_refused_and_left_as_it_is(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    cloud.endpoints.make(place.path, tags=THEIRS)
    start = len(cloud.requests)
    with pytest.raises(RefusedError, match=r"is not this stack's: it has the tags .*mlcloud-stack: prod"):
        plugin.resource(TRAFFIC).create(place.inputs(1))
    assert cloud.changes(start) == []


def test_an_endpoint_that_is_not_there_is_named(plugin: Plugin, place: Place) -> None:
    with pytest.raises(RefusedError, match="endpoint: there is no endpoint nowhere: declare it first"):
        plugin.resource(TRAFFIC).create(place.inputs(1, endpoint="nowhere"))


def test_a_deployment_that_failed_gets_no_traffic(cloud: azure.Cloud, plugin: Plugin, place: Place) -> None:
    cloud.endpoints.deploy(place.path, "blue", tags=OURS, state="Failed")
    with pytest.raises(RefusedError, match=r"its deployment is Failed\. Nothing served before"):
        plugin.resource(TRAFFIC).create(place.inputs(1))
    assert place.traffic() == {}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"modelSha256": "f" * 64}, "modelSha256: the manifest in https://"),
        ({"modelUri": "https://churnmodels.blob.core.windows.net/models/none"}, "modelUri: There is no"),
    ],
)
def test_a_model_that_is_not_the_one_named_moves_nothing(
    cloud: azure.Cloud, plugin: Plugin, place: Place, *, changed: dict[str, Any], words: str
) -> None:
    start = len(cloud.requests)
    with pytest.raises(RefusedError, match=words):
        plugin.resource(TRAFFIC).create({**place.inputs(1), **changed})
    assert cloud.changes(start) == []


def test_an_endpoint_inside_a_network_that_is_out_of_reach_is_not_asked_and_that_is_told(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    cloud.endpoints.make(place.path, tags=OURS, publicNetworkAccess="Disabled")
    plugin.resource(TRAFFIC).create(place.inputs(1))
    plugin.engine.wait_for("blue is not asked for a smoke prediction: its endpoint answers inside its")
    assert place.traffic() == {"blue": 100}
    assert cloud.endpoints.all[place.path]["properties"]["publicNetworkAccess"] == "Disabled"


def test_a_model_inside_a_network_that_is_out_of_reach_gives_no_row_and_that_is_told(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    cloud.endpoints.make(place.path, tags=OURS, publicNetworkAccess="Disabled")
    cloud.refuse("blobs_head", 403, code="AuthorizationFailure")
    start = len(cloud.requests)
    plugin.resource(TRAFFIC).create(place.inputs(1))
    plugin.engine.wait_for("blue is not asked for a smoke prediction: its model is inside its network")
    assert place.traffic() == {"blue": 100}
    assert "score_predict" not in [request.method for request in cloud.requests[start:]]


@pytest.mark.parametrize(
    ("access", "code"), [("Enabled", "AuthorizationFailure"), ("Disabled", "AuthorizationPermissionMismatch")]
)
def test_a_model_that_may_not_be_read_moves_nothing(
    cloud: azure.Cloud, plugin: Plugin, place: Place, access: str, code: str
) -> None:
    cloud.endpoints.make(place.path, tags=OURS, publicNetworkAccess=access)
    cloud.refuse("blobs_head", 403, code=code)
    with pytest.raises(RefusedError, match=code):
        plugin.resource(TRAFFIC).create(place.inputs(1))
    assert place.traffic() == {}


def test_an_endpoint_inside_a_network_that_answers_here_is_held_to_its_answer(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    inner = make_place(cloud, f"inner-{place.name[-8:]}")
    inner.answer(1, "nonsense")
    cloud.endpoints.make(place.path, tags=OURS, publicNetworkAccess="Disabled")
    through = f"{cloud.url}/score/{inner.name}"
    with pytest.raises(RefusedError, match='predicts "nonsense"'):
        plugin.resource(TRAFFIC).create(place.inputs(1, scoringUrl=through))
    assert place.traffic() == {}


def test_a_role_that_is_not_known_everywhere_yet_is_waited_for(
    cloud: azure.Cloud, plugin: Plugin, place: Place
) -> None:
    cloud.refuse("score_predict", 403, "The role is not there yet", times=2)
    assert plugin.resource(TRAFFIC).create(place.inputs(1))["traffic"] == {"blue": 100}


def test_who_answers_too_late_is_told_with_the_last_error(plugin: Plugin, place: Place) -> None:
    place.answer(1, RefusedCall(424, "ModelError", "The container crashed."))
    with pytest.raises(RefusedError, match=r"did not answer one of \d+ predictions in 1 s.*crashed"):
        plugin.resource(TRAFFIC).create(place.inputs(1, smokeTimeoutS=1))


@pytest.mark.parametrize(
    ("changed", "path", "words"),
    [
        ({"name": "Churn"}, "name", "a letter first"),
        ({"subscription": "7"}, "subscription", "not a subscription"),
        ({"resourceGroup": "a."}, "resourceGroup", "not a resource group"),
        ({"workspace": "a"}, "workspace", "not a workspace"),
        ({"endpoint": "7"}, "endpoint", "not an endpoint: 3 to 32"),
        ({"deployment": "a" * 33}, "deployment", "not a deployment: 3 to 32"),
        ({"scoringUrl": "http://example.com/score"}, "scoringUrl", "TLS"),
        ({"scoringUrl": "https://example.com/score"}, "scoringUrl", "no token is sent there"),
        ({"modelUri": "gs://models/a"}, "modelUri", "not an address in Blob Storage"),
        ({"modelSha256": "1"}, "modelSha256", "1"),
        ({"alertRules": ["slow"]}, "alertRules", "metricAlerts/<name>"),
        (
            {"alertRules": ["/subscriptions/7/providers/Microsoft.Insights/scheduledQueryRules/slow"]},
            "alertRules",
            "scheduledQueryRules/<name>",
        ),
        ({"canaryPercent": 51}, "canaryPercent", "from 1 to 50"),
        ({"linearStepPercent": 5}, "linearStepPercent", "from 10 to 50"),
        ({"canaryPercent": 5, "linearStepPercent": 10}, "linearStepPercent", "give one"),
        ({"mirrorPercent": 51}, "mirrorPercent", "from 1 to 50"),
        ({"waitS": 3601}, "waitS", "from 0 to 3600"),
        ({"smokeTimeoutS": 0}, "smokeTimeoutS", "from 1 to 3600"),
        ({"timeoutS": 0}, "timeoutS", "from 1 to 28800"),
    ],
)
def test_what_azure_would_refuse_is_refused_before_anything_is_asked(
    cloud: azure.Cloud, plugin: Plugin, place: Place, *, changed: dict[str, Any], path: str, words: str
) -> None:
    calls = len(cloud.requests)
    problems = plugin.resource(TRAFFIC).check({**place.inputs(1), **changed})
    assert list(problems) == [path], json.dumps(problems)
    assert words in problems[path]
    assert len(cloud.requests) == calls

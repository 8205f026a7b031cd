"""Deployments on endpoints of Vertex AI over the plugin's gRPC: made, changed, seen, ended."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support import provider_gcp_cloud as gcp
from support.provider_gcp_deployments import Place, make_place
from support.provider_gcp_resources import DEPLOYMENT, adopt
from support.provider_plugin import Plugin, RefusedError


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gcp.Cloud]:
    with gcp.running(tmp_path_factory.mktemp("gcp")) as started:
        yield started


@pytest.fixture(scope="module")
def plugin(cloud: gcp.Cloud) -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@pytest.fixture
def place(cloud: gcp.Cloud, request: pytest.FixtureRequest) -> Place:
    """An endpoint and a model with two versions, of this test's own."""
    return make_place(cloud, hashlib.sha256(request.node.name.encode()).hexdigest()[:8])


def test_the_first_version_gets_all_the_traffic_and_is_asked(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment, given = plugin.resource(DEPLOYMENT, "first"), place.inputs(1)
    previewed = deployment.preview(given)
    outputs = deployment.create(given)
    assert outputs["traffic"] == {outputs["deployedModelId"]: 100}
    assert (outputs["model"], outputs["status"]) == (place.version(1), "serving")
    assert outputs["url"] == f"{cloud.url}/v1/{place.endpoint}:predict"
    assert previewed["deployedModelId"] == outputs["deployedModelId"]
    assert cloud.last("endpoints.predict").body == {"instances": [{"a": 1}]}
    assert place.traffic() == {place.version(1): 100}
    assert deployment.read() == outputs
    assert deployment.kinds(given) == {}


def test_a_deployment_is_closed_and_small_by_default(cloud: gcp.Cloud, plugin: Plugin, place: Place) -> None:
    outputs = plugin.resource(DEPLOYMENT).create(place.inputs(1))
    asked = cloud.last("endpoints.deployModel").body
    assert asked["trafficSplit"] == {"0": 100}
    assert asked["deployedModel"] == {
        "id": outputs["deployedModelId"],
        "displayName": f"{place.name}-{outputs['deployedModelId']}",
        "model": place.version(1),
        "dedicatedResources": {
            "machineSpec": {"machineType": "n1-standard-2"},
            "minReplicaCount": 1,
            "maxReplicaCount": 1,
        },
    }


def test_everything_that_was_asked_for_reaches_the_deployed_model(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    more = {
        "machineType": "g2-standard-8",
        "acceleratorType": "NVIDIA_L4",
        "acceleratorCount": 1,
        "minReplicas": 2,
        "maxReplicas": 6,
        "scaling": {"cpu": 70, "gpu": 80, "requests": 600},
        "spot": True,
        "serviceAccount": f"serve@{gcp.PROJECT}.iam.gserviceaccount.com",
        "containerLogs": False,
        "accessLogs": True,
    }
    plugin.resource(DEPLOYMENT).create({**place.inputs(1), **more})
    asked = cloud.last("endpoints.deployModel").body["deployedModel"]
    metric = "aiplatform.googleapis.com/prediction/online"
    assert asked["dedicatedResources"] == {
        "machineSpec": {
            "machineType": "g2-standard-8",
            "acceleratorType": "NVIDIA_L4",
            "acceleratorCount": 1,
        },
        "minReplicaCount": 2,
        "maxReplicaCount": 6,
        "autoscalingMetricSpecs": [
            {"metricName": f"{metric}/cpu/utilization", "target": 70},
            {"metricName": f"{metric}/accelerator/duty_cycle", "target": 80},
            {"metricName": f"{metric}/request_count", "target": 600},
        ],
        "spot": True,
    }
    assert asked["serviceAccount"] == more["serviceAccount"]
    assert (asked["disableContainerLogging"], asked["enableAccessLogging"]) == (True, True)


def test_replicas_scaling_and_logs_change_in_the_deployed_model_that_runs(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment = plugin.resource(DEPLOYMENT)
    before = deployment.create({**place.inputs(1), "scaling": {"cpu": 50}})
    changed = {**place.inputs(1), "minReplicas": 2, "maxReplicas": 5, "containerLogs": False}
    start = len(cloud.requests)
    assert deployment.update(changed) == before
    assert cloud.changes(start) == ["endpoints.mutateDeployedModel"]
    (live,) = cloud.endpoints.all[place.endpoint]["deployedModels"]
    assert live["dedicatedResources"]["maxReplicaCount"] == 5
    assert "autoscalingMetricSpecs" not in live["dedicatedResources"]
    assert live["disableContainerLogging"] is True
    start = len(cloud.requests)
    deployment.update(changed)
    assert cloud.changes(start) == []


def test_names_and_places_replace_and_the_rest_does_not(plugin: Plugin, place: Place) -> None:
    deployment, given = plugin.resource(DEPLOYMENT), place.inputs(1)
    deployment.create(given)
    for name, value in (
        ("name", "other"),
        ("region", "us-east1"),
        ("project", "other-project"),
        ("endpoint", f"{gcp.LOCATION}/endpoints/8"),
    ):
        assert list(deployment.diff({**given, name: value}).replaces) == [name]
    more = {"model": place.version(2), "machineType": "n1-standard-4", "minReplicas": 2, "spot": True}
    found = deployment.diff({**given, **more})
    assert set(found.detailedDiff) == set(more)
    assert not found.replaces


def test_traffic_moved_by_hand_is_shown_at_refresh_and_mended(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment, given = plugin.resource(DEPLOYMENT), place.inputs(1)
    wanted = deployment.create(given)["deployedModelId"]
    endpoint = cloud.endpoints.all[place.endpoint]
    other = {**endpoint["deployedModels"][0], "id": "77", "displayName": f"{place.name}-77"}
    endpoint["deployedModels"].append(other)
    endpoint["trafficSplit"] = {wanted: 60, "77": 40}
    with pytest.raises(RefusedError, match=rf"sends 60 % to {wanted}, 40 % to 77, not all") as refused:
        deployment.read()
    adopt(deployment, given, refused.value)
    assert deployment.outputs["traffic"] == {wanted: 60, "77": 40}
    assert deployment.kinds(given) == {"status": "UPDATE"}
    assert deployment.update(given)["traffic"] == {wanted: 100}
    assert list(cloud.endpoints.deployed(place.endpoint)) == [wanted]


def test_replicas_changed_by_hand_are_shown_at_refresh_and_mended(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment, given = plugin.resource(DEPLOYMENT), place.inputs(1)
    deployment.create(given)
    (live,) = cloud.endpoints.all[place.endpoint]["deployedModels"]
    live["dedicatedResources"]["maxReplicaCount"] = 9
    with pytest.raises(RefusedError, match=r"dedicated_resources\.max_replica_count") as refused:
        deployment.read()
    adopt(deployment, given, refused.value)
    deployment.update(given)
    assert live["dedicatedResources"]["maxReplicaCount"] == 1


def test_what_was_undeployed_by_hand_is_gone_at_refresh(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment = plugin.resource(DEPLOYMENT)
    deployment.create(place.inputs(1))
    cloud.endpoints.make(place.endpoint)
    assert deployment.read() is None
    del cloud.endpoints.all[place.endpoint]
    assert deployment.read() is None
    deployment.delete()


def test_an_endpoint_that_serves_something_of_somebody_elses_is_left_alone(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    endpoint = cloud.endpoints.all[place.endpoint]
    stranger = {"id": "5", "displayName": "theirs", "model": place.model, "modelVersionId": "1"}
    endpoint["deployedModels"].append(stranger)
    endpoint["trafficSplit"] = {"5": 100}
    start = len(cloud.requests)
    with pytest.raises(RefusedError, match="sends traffic to 5, which"):
        plugin.resource(DEPLOYMENT).create(place.inputs(1))
    assert cloud.changes(start) == []


def test_an_endpoint_that_is_not_there_is_named(plugin: Plugin, place: Place) -> None:
    given = {**place.inputs(1), "endpoint": f"{gcp.LOCATION}/endpoints/404"}
    with pytest.raises(RefusedError, match="endpoint: there is no endpoint projects/"):
        plugin.resource(DEPLOYMENT).create(given)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"modelSha256": "f" * 64}, "modelSha256: the manifest in gs://"),
        ({"modelUri": "gs://models/models/none/"}, "modelUri: There is no manifest.json in"),
    ],
)
def test_a_model_that_is_not_the_one_named_moves_nothing(
    cloud: gcp.Cloud, plugin: Plugin, place: Place, *, changed: dict[str, Any], words: str
) -> None:
    start = len(cloud.requests)
    with pytest.raises(RefusedError, match=words):
        plugin.resource(DEPLOYMENT).create({**place.inputs(1), **changed})
    assert cloud.changes(start) == []


def test_an_endpoint_inside_a_network_is_not_asked_and_that_is_told(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    private = {"privateServiceConnectConfig": {"enablePrivateServiceConnect": True}}
    cloud.endpoints.make(place.endpoint, **private)
    predictions = cloud.count("endpoints.predict")
    plugin.resource(DEPLOYMENT).create(place.inputs(1))
    plugin.engine.wait_for(f"{place.name} is not asked for a smoke prediction")
    assert cloud.count("endpoints.predict") == predictions


def test_deleting_undeploys_its_own_and_leaves_endpoint_and_others(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment = plugin.resource(DEPLOYMENT)
    deployment.create(place.inputs(1))
    theirs = {"id": "5", "displayName": "theirs", "model": place.model, "modelVersionId": "2"}
    deployment.delete()
    assert cloud.endpoints.deployed(place.endpoint) == {}
    cloud.endpoints.all[place.endpoint]["deployedModels"].append(theirs)
    deployment.delete()
    assert list(cloud.endpoints.deployed(place.endpoint)) == ["5"]


def test_deleting_in_the_middle_of_a_move_that_was_killed_undeploys_both(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment = plugin.resource(DEPLOYMENT)
    live = deployment.create(place.inputs(1))["deployedModelId"]
    endpoint = cloud.endpoints.all[place.endpoint]
    new = {"id": "5", "displayName": f"{place.name}-5", "model": place.model, "modelVersionId": "2"}
    endpoint["deployedModels"].append(new)
    endpoint["trafficSplit"] = {live: 90, "5": 10}
    deployment.delete()
    assert cloud.endpoints.deployed(place.endpoint) == {}


@pytest.mark.parametrize("fault", ["lose", "drop"])
def test_a_lost_answer_to_undeploying_is_looked_after(
    cloud: gcp.Cloud, plugin: Plugin, place: Place, fault: str
) -> None:
    deployment = plugin.resource(DEPLOYMENT)
    deployment.create(place.inputs(1))
    getattr(cloud, fault)("endpoints.undeployModel")
    deployment.delete()
    assert cloud.endpoints.deployed(place.endpoint) == {}


@pytest.mark.parametrize(
    ("changed", "path", "words"),
    [
        ({"name": "Churn"}, "name", "a letter first"),
        ({"endpoint": "7"}, "endpoint", "endpoints/<endpoint>"),
        ({"model": f"{gcp.LOCATION}/models/churn"}, "model", "not a version of a model"),
        ({"model": f"{gcp.LOCATION}/models/churn@prod"}, "model", "another version tomorrow"),
        ({"machineType": "large"}, "machineType", "not a machine type"),
        ({"acceleratorType": "NVIDIA_L4"}, "acceleratorCount", "belong together"),
        ({"acceleratorCount": 1}, "acceleratorType", "belong together"),
        ({"minReplicas": 0}, "minReplicas", "from 1 to 1000"),
        ({"minReplicas": 3, "maxReplicas": 2}, "maxReplicas", "less than `minReplicas`"),
        ({"scaling": {"memory": 5}}, "scaling", "follows cpu, gpu, requests"),
        ({"scaling": {"cpu": 101}}, "scaling", "1 to 100 percent"),
        ({"scaling": {"gpu": 60}}, "scaling.gpu", "no accelerator"),
        ({"serviceAccount": "me"}, "serviceAccount", "not a service account"),
        ({"alertPolicies": ["p"]}, "alertPolicies", "alertPolicies/<policy>"),
        ({"canaryPercent": 51}, "canaryPercent", "from 1 to 50"),
        ({"linearStepPercent": 5}, "linearStepPercent", "from 10 to 50"),
        ({"canaryPercent": 5, "linearStepPercent": 10}, "linearStepPercent", "give one"),
        ({"waitS": 3601}, "waitS", "from 0 to 3600"),
    ],
)
def test_what_vertex_ai_would_refuse_is_refused_before_anything_is_asked(
    cloud: gcp.Cloud, plugin: Plugin, place: Place, *, changed: dict[str, Any], path: str, words: str
) -> None:
    calls = len(cloud.calls)
    problems = plugin.resource(DEPLOYMENT).check({**place.inputs(1), **changed})
    assert list(problems) == [path], json.dumps(problems)
    assert words in problems[path]
    assert len(cloud.calls) == calls

"""What somebody else does in the same registry and on the same endpoint is never taken for one's own."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import empty_pb2
from mlcloud.provider.gcp import model_version
from mlcloud.provider.gcp.clients import Clients
from support import provider_gcp_cloud as gcp
from support.provider_gcp_deployments import Place, make_place
from support.provider_gcp_resources import DEPLOYMENT, MODEL, in_background, model_inputs
from support.provider_plugin import LIMIT_S, Plugin, RefusedError


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


@pytest.fixture
def model(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A model of this test's own."""
    return model_inputs(f"churn-{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}")


def full_name(given: dict[str, Any]) -> str:
    return f"{gcp.LOCATION}/models/{given['modelId']}"


def theirs(place: Place, **more: Any) -> dict[str, Any]:
    """A deployed model of somebody else's on the endpoint."""
    live = {"id": "5", "displayName": "theirs", "model": place.model, "modelVersionId": "2", **more}
    place.cloud.endpoints.all[place.endpoint]["deployedModels"].append(live)
    return live


@pytest.mark.parametrize("kind", ["DeployModel", "UndeployModel", "MutateDeployedModel"])
def test_a_strangers_operation_is_not_taken_for_a_deployment_whose_answer_was_lost(
    cloud: gcp.Cloud, plugin: Plugin, place: Place, kind: str
) -> None:
    # It starts between our last look and our call, which never arrives.
    cloud.on("endpoints.deployModel", lambda: cloud.operations.start(place.endpoint, dict, kind))
    cloud.drop("endpoints.deployModel")
    deploys = cloud.count("endpoints.deployModel")
    plugin.resource(DEPLOYMENT).create(place.inputs(1))
    assert cloud.count("endpoints.deployModel") == deploys + 2
    assert place.traffic() == {place.version(1): 100}


def test_a_strangers_operation_is_not_taken_for_an_undeployment_whose_answer_was_lost(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment = place.served(plugin)
    cloud.on("endpoints.undeployModel", lambda: cloud.operations.start(place.endpoint, dict, "UndeployModel"))
    cloud.drop("endpoints.undeployModel")
    deployment.delete()
    assert cloud.endpoints.deployed(place.endpoint) == {}


def test_a_strangers_operation_is_not_taken_for_an_upload_whose_answer_was_lost(
    cloud: gcp.Cloud, plugin: Plugin, model: dict[str, Any]
) -> None:
    cloud.on("models.upload", lambda: cloud.operations.start(full_name(model), dict, "UploadModel"))
    cloud.drop("models.upload")
    assert plugin.resource(MODEL).create(model)["versionId"] == "1"
    assert cloud.models.versions(full_name(model)) == ["1"]


def test_a_strangers_operation_is_waited_for_and_never_cancelled(cloud: gcp.Cloud, place: Place) -> None:
    first = Plugin()
    cloud.operations.looks = 10_000
    started = cloud.operations.start(place.endpoint, dict, "DeployModel")
    cloud.operations.looks = 0
    thread, errors = in_background(lambda: first.resource(DEPLOYMENT, "waits").create(place.inputs(1)))
    first.engine.wait_for("Waiting for an operation on")
    first.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=LIMIT_S)
    assert not thread.is_alive()
    assert "Stopped, as asked" in errors[0].message
    assert [operation.name for operation in cloud.operations.open()] == [started["name"]]
    cloud.operations.all.clear()
    first.close()


def test_deleting_beside_a_strangers_idle_deployed_model_undeploys_its_own_and_says_whose_the_other_is(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment = place.served(plugin)
    theirs(place)
    deployment.delete()
    assert list(cloud.endpoints.deployed(place.endpoint)) == ["5"]
    assert place.traffic() == {}
    plugin.engine.wait_for(f"5 (theirs) on the endpoint {place.name} was not deployed by {place.name}")
    plugin.engine.wait_for(f"undeploy-model {place.name} --region={gcp.REGION} --deployed-model-id=5")


def test_a_first_deployment_that_fails_beside_a_strangers_idle_one_leaves_nothing(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    theirs(place)
    place.answer(1, "wrong")
    with pytest.raises(RefusedError, match="did not take over") as refused:
        plugin.resource(DEPLOYMENT).create(place.inputs(1))
    assert refused.value.init_failure is None
    assert list(cloud.endpoints.deployed(place.endpoint)) == ["5"]


def test_deleting_what_shares_its_traffic_with_a_stranger_is_refused_with_its_name(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    deployment = place.served(plugin)
    live = theirs(place)
    own = deployment.outputs["deployedModelId"]
    endpoint = cloud.endpoints.all[place.endpoint]
    endpoint["trafficSplit"] = {own: 50, "5": 50}
    start = len(cloud.requests)
    with pytest.raises(RefusedError, match=r"shares its traffic with 5 \(theirs\).*Give them all of it"):
        deployment.delete()
    assert cloud.changes(start) == []
    endpoint["trafficSplit"] = {live["id"]: 100}
    deployment.delete()
    assert list(cloud.endpoints.deployed(place.endpoint)) == ["5"]
    assert place.traffic() == {place.version(2): 100}


def test_deleting_a_version_is_cancelled_while_vertex_ai_goes_on(
    cloud: gcp.Cloud, model: dict[str, Any]
) -> None:
    first = Plugin()
    resource = first.resource(MODEL, "deleted")
    resource.create(model)
    cloud.operations.looks = 10_000
    thread, errors = in_background(resource.delete)
    first.engine.wait_for(f"Still deleting the version 1 of the model {model['modelId']}")
    first.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=LIMIT_S)
    cloud.operations.looks = 0
    assert not thread.is_alive()
    assert "Stopped, as asked" in errors[0].message
    (going_on,) = cloud.operations.open()
    going_on.looks = 2
    first.close()
    # The next one waits for it, and does not delete a second time.
    again, deletes = Plugin(), cloud.count("models.delete")
    follower = again.resource(MODEL, "deleted")
    follower.id, follower.inputs, follower.outputs = resource.id, resource.inputs, resource.outputs
    follower.delete()
    assert full_name(model) not in cloud.models.all
    assert cloud.count("models.delete") == deletes
    again.close()


def test_a_version_that_is_still_being_deleted_is_not_taken_for_gone(
    cloud: gcp.Cloud, plugin: Plugin, model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.resource(MODEL).create(model)
    monkeypatch.setattr(model_version, "_DELETE_LIMIT_S", 0.5)
    cloud.operations.looks = 10_000
    try:
        with pytest.raises(Exception, match=r"is still being deleted after 0\.5 s.*Run it again"):
            model_version.remove(_quiet(), Clients(gcp.PROJECT, gcp.REGION), full_name(model), "1")
    finally:
        cloud.operations.looks = 0
        cloud.operations.all.clear()


def _quiet() -> Any:
    from mlcloud.provider.resource import Context

    context = Context(urn="", log=lambda *_, **__: None, cancellation=None)  # type: ignore[arg-type]
    return context.steady()

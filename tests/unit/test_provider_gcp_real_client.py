"""Google's own client against the fake Vertex AI: what our provider makes is what that client sees."""

from collections.abc import Iterator
from typing import Any

import pytest
from support import provider_gcp_cloud as gcp
from support.provider_gcp_deployments import make_place
from support.provider_gcp_resources import DEPLOYMENT, IMAGE, MODEL, model_inputs
from support.provider_plugin import Plugin

# The client's modules take ten seconds to load on a busy machine.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gcp.Cloud]:
    with gcp.running(tmp_path_factory.mktemp("gcp")) as started:
        yield started


@pytest.fixture(scope="module")
def aiplatform(cloud: gcp.Cloud) -> Any:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    aiplatform.init(
        project=gcp.PROJECT,
        location=gcp.REGION,
        credentials=AnonymousCredentials(),
        api_endpoint=cloud.url,
        api_transport="rest",
    )
    return aiplatform


def test_it_uploads_deploys_predicts_and_deletes(cloud: gcp.Cloud, aiplatform: Any) -> None:
    model = aiplatform.Model.upload(
        model_id="theirs",
        display_name="theirs",
        artifact_uri="gs://models/theirs/",
        serving_container_image_uri=IMAGE,
        serving_container_predict_route="/predict",
        serving_container_health_route="/ready",
        serving_container_ports=[8080],
    )
    assert (model.resource_name, model.version_id) == (f"{gcp.LOCATION}/models/theirs", "1")
    endpoint = aiplatform.Endpoint.create(display_name="theirs")
    endpoint.deploy(model, machine_type="n1-standard-2", min_replica_count=1, traffic_percentage=100)
    assert endpoint.predict(instances=[{"a": 1}]).predictions == [{"prediction": "yes"}]
    endpoint.undeploy_all()
    endpoint.delete()
    model.delete()
    assert f"{gcp.LOCATION}/models/theirs" not in cloud.models.all


def test_it_sees_what_the_provider_has_made(cloud: gcp.Cloud, aiplatform: Any) -> None:
    plugin, place = Plugin(), make_place(cloud, "ours")
    outputs = plugin.resource(DEPLOYMENT).create(place.inputs(1))
    plugin.resource(MODEL).create({**model_inputs("ours"), "aliases": ["prod"]})

    endpoint = aiplatform.Endpoint(place.endpoint)
    assert endpoint.traffic_split == {outputs["deployedModelId"]: 100}
    (live,) = endpoint.list_models()
    assert (live.id, live.dedicated_resources.machine_spec.machine_type) == (
        outputs["deployedModelId"],
        "n1-standard-2",
    )
    answer = endpoint.predict(instances=[{"a": 1}])
    assert answer.predictions == [{"prediction": "class 1"}]
    assert answer.deployed_model_id == outputs["deployedModelId"]

    model = aiplatform.Model(f"{gcp.LOCATION}/models/ours@prod")
    assert model.version_id == "1"
    assert model.container_spec.image_uri == IMAGE
    assert plugin.close() == ("", "")

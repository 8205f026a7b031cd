"""Azure's own client against the fake Azure ML: the traffic that our provider moves is what it sees."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import provider_azure_cloud as azure
from support.provider_azure_traffic import OURS, make_place
from support.provider_plugin import Plugin, RefusedError
from support.provider_plugin import running as running_plugin

# The client's modules take ten seconds to load on a busy machine, and warn of what they themselves use.
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::marshmallow.warnings.RemovedInMarshmallow4Warning"),
    pytest.mark.filterwarnings("ignore::marshmallow.warnings.ChangedInMarshmallow4Warning"),
]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azure.Cloud]:
    with azure.running(tmp_path_factory.mktemp("azure")) as started:
        # It speaks older versions of the API.
        started.strict = False
        yield started


@pytest.fixture(scope="module")
def plugin(cloud: azure.Cloud) -> Iterator[Plugin]:
    yield from running_plugin()


@pytest.fixture(scope="module")
def client(cloud: azure.Cloud) -> Iterator[Any]:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AZUREML_DEV_URL_MFE", cloud.url)
        yield MLClient(
            DefaultAzureCredential(), azure.SUBSCRIPTION, azure.GROUP, azure.WORKSPACE, enable_telemetry=False
        )


def test_it_makes_an_endpoint_moves_its_traffic_and_deletes_it(cloud: azure.Cloud, client: Any) -> None:
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    made = client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name="theirs", auth_mode="aad_token")
    ).result()
    assert made.scoring_uri == f"{cloud.url}/score/theirs"
    path = f"{azure.WORKSPACE_ID}/onlineEndpoints/theirs"
    for colour in ("blue", "green", "red"):
        cloud.endpoints.deploy(path, colour)
    made.traffic = {"blue": 90, "green": 10}
    made.mirror_traffic = {"red": 20}
    moved = client.online_endpoints.begin_create_or_update(made).result()
    assert (moved.traffic, moved.mirror_traffic) == ({"blue": 90, "green": 10}, {"red": 20})
    assert {item.name for item in client.online_deployments.list("theirs")} == {"blue", "green", "red"}
    client.online_endpoints.begin_delete("theirs").result()
    assert path not in cloud.endpoints.all


def test_it_sees_and_asks_what_the_provider_has_moved(
    cloud: azure.Cloud, plugin: Plugin, client: Any, tmp_path: Path
) -> None:
    place = make_place(cloud, "ours")
    traffic = place.served(plugin)
    traffic.update(place.inputs(2, canaryPercent=10, mirrorPercent=20))
    seen = client.online_endpoints.get(place.name)
    assert seen.traffic == {"green": 100, "blue": 0}
    assert seen.tags == OURS
    row = tmp_path / "row.json"
    row.write_text(json.dumps({"instances": [{"a": 1}]}))
    asked = {"endpoint_name": place.name, "request_file": str(row)}
    assert json.loads(client.online_endpoints.invoke(**asked)) == {"predictions": [{"prediction": "class 2"}]}
    straight = client.online_endpoints.invoke(**asked, deployment_name="blue")
    assert json.loads(straight) == {"predictions": [{"prediction": "class 1"}]}


def test_what_it_moves_is_seen_at_refresh_and_mended(cloud: azure.Cloud, plugin: Plugin, client: Any) -> None:
    place = make_place(cloud, "moved")
    traffic = place.served(plugin)
    endpoint = client.online_endpoints.get(place.name)
    endpoint.traffic = {"blue": 70, "green": 30}
    client.online_endpoints.begin_create_or_update(endpoint).result()
    with pytest.raises(RefusedError, match="sends 70 % to blue, 30 % to green") as refused:
        traffic.read()
    traffic.adopt(place.inputs(1), refused.value)
    assert traffic.update(place.inputs(1))["traffic"] == {"blue": 100}


def test_what_has_traffic_is_deleted_by_nobody_before_the_traffic_is_taken(
    cloud: azure.Cloud, plugin: Plugin, client: Any
) -> None:
    from azure.core.exceptions import HttpResponseError

    place = make_place(cloud, "deleted")
    traffic = place.served(plugin)
    with pytest.raises(HttpResponseError, match="has traffic and cannot be deleted"):
        client.online_deployments.begin_delete("blue", place.name).result()
    traffic.delete()
    client.online_deployments.begin_delete("blue", place.name).result()
    assert client.online_endpoints.get(place.name).traffic == {"green": 0}

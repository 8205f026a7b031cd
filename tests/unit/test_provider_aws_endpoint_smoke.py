"""An endpoint must answer the row of its model's manifest, or what served before serves again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support import provider_aws_cloud as aws
from support import provider_plugin
from support.provider_aws_endpoints import ENDPOINT, WRONG, answer, given, own_name, register
from support.provider_plugin import Plugin, RefusedError, ResourceClient


@pytest.fixture(scope="module")
def cloud() -> Iterator[aws.Cloud]:
    yield from aws.running()


@pytest.fixture(scope="module")
def plugin(cloud: aws.Cloud) -> Iterator[Plugin]:
    yield from provider_plugin.running()


@pytest.fixture
def name(cloud: aws.Cloud, request: pytest.FixtureRequest) -> str:
    return own_name(cloud, request)


def served(cloud: aws.Cloud, plugin: Plugin, name: str, **config: Any) -> ResourceClient:
    """An endpoint whose first configuration has answered rightly."""
    endpoint = plugin.resource(ENDPOINT, name)
    endpoint.create(given(cloud, name, "a", config=config))
    return endpoint


def predictions(cloud: aws.Cloud, name: str) -> list[dict[str, Any]]:
    return [
        call.parameters
        for call in cloud.calls
        if call.operation == "InvokeEndpoint" and call.parameters["EndpointName"] == name
    ]


def test_a_new_endpoint_is_asked_for_the_row_of_its_models_manifest(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    (asked,) = predictions(cloud, name)
    assert json.loads(asked["Body"]) == {"instances": [{"age": 40}]}
    assert (asked["ContentType"], asked["Accept"]) == ("application/json", "application/json")
    assert endpoint.outputs["status"] == "InService"


def test_an_update_is_asked_after_its_traffic_has_moved_and_before_anything_old_goes(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    start = len(cloud.operations())
    endpoint.update(given(cloud, name, "b", retainedConfigs=1))
    assert cloud.operations()[start:] == [
        "UpdateEndpoint",
        "InvokeEndpoint",
        "DeleteEndpointConfig",
        "DeleteModel",
    ]


def test_changed_tags_alone_ask_for_no_prediction(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    endpoint = served(cloud, plugin, name)
    endpoint.update({**endpoint.inputs, "tags": {"stack": "dev"}})
    assert len(predictions(cloud, name)) == 1


def test_a_wrong_prediction_moves_the_traffic_back_and_fails_the_update(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    wanted = given(cloud, name, "b", WRONG, retainedConfigs=1, canaryPercent=10, alarmNames=["churn-5xx"])
    with pytest.raises(RefusedError) as refused:
        endpoint.update(wanted)
    told = refused.value.message
    assert f"ran the configuration {name}-b, which failed its smoke prediction" in told
    assert 'predicts "right" for a known row, where training gave "left"' in told
    assert f"It runs {name}-a again, as before; nothing was deleted" in told
    assert cloud.endpoint(name).endpoint_config_name == f"{name}-a"
    assert {f"{name}-a", f"{name}-b"} <= set(cloud.configs()) & set(cloud.models())
    back = cloud.last("UpdateEndpoint")
    assert back["EndpointConfigName"] == f"{name}-a"
    assert back["RetainAllVariantProperties"] is True
    # The new version's wrong answers have raised the alarms: they must not stop the way back.
    assert "AutoRollbackConfiguration" not in back["DeploymentConfig"]
    routing = back["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}


def test_the_next_update_tries_the_failed_version_again(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    endpoint = served(cloud, plugin, name)
    wanted = given(cloud, name, "b", WRONG)
    with pytest.raises(RefusedError) as refused:
        endpoint.update(wanted)
    endpoint.adopt(wanted, refused.value)
    assert endpoint.outputs["endpointConfigName"] == f"{name}-a"
    with pytest.raises(RefusedError, match="The next update mends it"):
        endpoint.read()
    cloud.predictions[f"{name}-b"] = [answer("left")]
    outputs = endpoint.update(wanted)
    assert (outputs["endpointConfigName"], outputs["status"]) == (f"{name}-b", "InService")


def test_after_a_failed_version_the_one_that_served_is_gone_back_to(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    for letter in "bc":
        wanted = given(cloud, name, letter, WRONG)
        with pytest.raises(RefusedError, match=f"It runs {name}-a again") as refused:
            endpoint.update(wanted)
        endpoint.adopt(wanted, refused.value)
    assert cloud.endpoint(name).endpoint_config_name == f"{name}-a"


def test_capacity_and_scaling_target_survive_the_way_there_and_back(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    register(cloud, name, low=2, high=9)
    cloud.endpoint(name).production_variants[0]["DesiredInstanceCount"] = 7
    wanted = given(cloud, name, "b", WRONG, config={"instance_type": "ml.c5.large"})
    start = len(cloud.operations())
    with pytest.raises(RefusedError, match=f"It runs {name}-a again"):
        endpoint.update(wanted)
    changes = [item for item in cloud.operations()[start:] if not item.startswith("Put")]
    move = ["DeregisterScalableTarget", "UpdateEndpoint", "RegisterScalableTarget"]
    assert changes == [*move, "InvokeEndpoint", *move]
    again = cloud.last("RegisterScalableTarget")
    assert (again["MinCapacity"], again["MaxCapacity"]) == (2, 9)
    assert cloud.endpoint(name).production_variants[0]["DesiredInstanceCount"] == 7


def test_a_way_back_that_fails_is_told_with_what_serves_now(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    wanted = given(cloud, name, "b", WRONG)
    cloud.refuse("UpdateEndpoint")
    moved = cloud._on_UpdateEndpoint

    def then_refuse(parameters: dict[str, Any]) -> aws.Answer | None:
        cloud.refuse("UpdateEndpoint", (400, {"__type": "ResourceLimitExceeded", "message": "no machines"}))
        return moved(parameters)

    cloud._on_UpdateEndpoint = then_refuse  # type: ignore[method-assign]
    try:
        with pytest.raises(RefusedError, match=rf"the way back to {name}-a failed: .*no machines") as refused:
            endpoint.update(wanted)
    finally:
        cloud._on_UpdateEndpoint = moved  # type: ignore[method-assign]
    endpoint.adopt(wanted, refused.value)
    assert endpoint.outputs["status"] == "Unproven"
    assert f"{name}-a" in cloud.configs()
    cloud.predictions[f"{name}-b"] = [answer("left")]
    assert endpoint.update(wanted)["status"] == "InService"


def test_a_first_version_that_predicts_wrongly_stays_ill_until_an_update_repairs_it(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint, wanted = plugin.resource(ENDPOINT, name), given(cloud, name, "a", WRONG)
    with pytest.raises(RefusedError, match="There is none to go back to") as refused:
        endpoint.create(wanted)
    endpoint.adopt(wanted, refused.value)
    assert endpoint.outputs["status"] == "Unproven"
    assert cloud.endpoint(name) is not None
    with pytest.raises(RefusedError, match="has not given the expected smoke prediction"):
        endpoint.read()
    assert endpoint.kinds(wanted) == {"status": "UPDATE"}

    with pytest.raises(RefusedError, match="failed its smoke prediction") as again:
        endpoint.update(wanted)
    endpoint.adopt(wanted, again.value)
    outputs = endpoint.update(given(cloud, name, "b"))
    assert (outputs["endpointConfigName"], outputs["status"]) == (f"{name}-b", "InService")
    assert endpoint.read() == outputs


def test_a_version_that_failed_itself_is_nothing_to_go_back_to(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint, wanted = plugin.resource(ENDPOINT, name), given(cloud, name, "a", WRONG)
    with pytest.raises(RefusedError) as refused:
        endpoint.create(wanted)
    endpoint.adopt(wanted, refused.value)
    with pytest.raises(RefusedError, match="There is none to go back to"):
        endpoint.update(given(cloud, name, "b", WRONG))
    assert cloud.endpoint(name).endpoint_config_name == f"{name}-b"


NOT_READY = (429, {"__type": "ModelNotReadyException", "message": "being provisioned"})
FAILING = 'Received server error (500) from primary with message "no column age"'


def test_a_cold_start_is_waited_for(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    serverless = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
    endpoint = served(cloud, plugin, name, **serverless)
    outputs = endpoint.update(given(cloud, name, "b", NOT_READY, answer("left"), config=serverless))
    assert outputs["status"] == "InService"


def test_what_the_container_says_is_told(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    endpoint = served(cloud, plugin, name)
    wanted = given(cloud, name, "b", (424, {"__type": "ModelError", "message": FAILING}))
    with pytest.raises(RefusedError, match="no column age") as refused:
        endpoint.update(wanted)
    assert f"It runs {name}-a again" in refused.value.message


def test_an_endpoint_that_may_not_be_asked_is_left_alone_and_asked_again(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    wanted = given(cloud, name, "b", (403, {"__type": "AccessDeniedException", "message": "User x may not"}))
    with pytest.raises(RefusedError, match=r"could not be asked .*User x") as refused:
        endpoint.update(wanted)
    endpoint.adopt(wanted, refused.value)
    assert cloud.endpoint(name).endpoint_config_name == f"{name}-b"
    assert {f"{name}-a"} <= set(cloud.configs())
    cloud.predictions[f"{name}-b"] = [answer("left")]
    updates = cloud.operations().count("UpdateEndpoint")
    assert endpoint.update(wanted)["status"] == "InService"
    assert cloud.operations().count("UpdateEndpoint") == updates


def test_a_queue_is_not_asked(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    endpoint, wanted = plugin.resource(ENDPOINT, name), given(cloud, name, "a", WRONG)
    found = cloud.backend("sagemaker").endpoint_configs[f"{name}-a"]
    found.async_inference_config = {"OutputConfig": {"S3OutputPath": "s3://shop/answers"}}
    assert endpoint.create(wanted)["status"] == "InService"
    assert predictions(cloud, name) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"modelSha256": "0" * 64}, "modelSha256: the manifest in .* has SHA-256"),
        ({"modelUri": "s3://shop-models/models/none/model.tar.gz"}, "modelUri: There is no model at"),
    ],
    ids=["another model", "no model"],
)
def test_a_model_that_is_not_the_one_meant_moves_nothing(
    cloud: aws.Cloud, plugin: Plugin, name: str, *, changed: dict[str, Any], words: str
) -> None:
    endpoint = served(cloud, plugin, name)
    wanted = {**given(cloud, name, "b"), **changed}
    start = len(cloud.operations())
    with pytest.raises(RefusedError, match=words):
        endpoint.update(wanted)
    assert cloud.operations()[start:] == []

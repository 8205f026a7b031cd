"""An endpoint of SageMaker from its making to its end, against moto and what it lacks."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import empty_pb2
from support import provider_aws_cloud as aws
from support import provider_plugin
from support.provider_aws_endpoints import ENDPOINT, inputs, own_name, register, served
from support.provider_plugin import Plugin, RefusedError


@pytest.fixture(scope="module")
def cloud() -> Iterator[aws.Cloud]:
    yield from aws.running()


@pytest.fixture(scope="module")
def plugin(cloud: aws.Cloud) -> Iterator[Plugin]:
    yield from provider_plugin.running()


@pytest.fixture
def name(cloud: aws.Cloud, request: pytest.FixtureRequest) -> str:
    return own_name(cloud, request)


def test_an_endpoint_is_made_and_waited_for(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    endpoint, config = plugin.resource(ENDPOINT, name), cloud.config(f"{name}-a")
    given = inputs(name, config, tags={"stack": "dev"})
    cloud.endpoint_states = ["Creating", "Creating", "InService"]
    outputs = endpoint.create(given)
    assert outputs["endpointConfigName"] == config
    assert outputs["status"] == "InService"
    assert outputs["arn"].endswith(f":endpoint/{name}")
    assert outputs["url"].endswith(f"/endpoints/{name}/invocations")
    assert outputs["variantNames"] == ["main"]
    assert outputs["configNames"] == [config]
    asked = cloud.last("CreateEndpoint")
    assert asked["Tags"] == [{"Key": "stack", "Value": "dev"}]
    assert "DeploymentConfig" not in asked
    plugin.engine.wait_for(f"The endpoint {name}: Creating")
    assert endpoint.read() == outputs
    assert endpoint.kinds(given) == {}


def test_a_configuration_that_is_not_there_is_named(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    with pytest.raises(RefusedError, match=f"endpointConfigName: there is no configuration {name}-z"):
        plugin.resource(ENDPOINT, name).create(inputs(name, f"{name}-z"))
    assert cloud.endpoint(name) is None


def test_an_endpoint_that_cannot_be_made_says_why_and_leaves_nothing(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    config = cloud.config(f"{name}-a")
    cloud.outcome = aws.fail("The container did not pass the ping health check")
    with pytest.raises(RefusedError, match="could not be made: The container did not pass") as refused:
        plugin.resource(ENDPOINT, name).create(inputs(name, config))
    assert f"/aws/sagemaker/Endpoints/{name}" in refused.value.message
    assert refused.value.init_failure is None
    assert cloud.endpoint(name) is None
    assert config in cloud.configs()


def test_cancel_says_that_aws_goes_on_and_the_next_update_follows_it(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    first = Plugin()
    endpoint = served(cloud, first, name)
    given = inputs(name, cloud.config(f"{name}-b"))
    errors: list[RefusedError] = []

    def update() -> None:
        try:
            endpoint.update(given)
        except RefusedError as error:
            errors.append(error)

    thread = threading.Thread(target=update)
    thread.start()
    first.engine.wait_for("Updating")
    cloud.endpoint_states = ["Updating"] * 50
    first.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=90)
    assert not thread.is_alive()
    assert "Stopped, as asked" in errors[0].message
    first.close()

    second = plugin.resource(ENDPOINT, name)
    second.adopt(given, errors[0])
    assert second.kinds(given) == {"status": "UPDATE"}
    cloud.endpoint_states = ["Updating"]
    updates = cloud.operations().count("UpdateEndpoint")
    assert second.update(given)["endpointConfigName"] == f"{name}-b"
    assert cloud.operations().count("UpdateEndpoint") == updates


def test_an_endpoint_that_the_state_has_lost_is_taken_over(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    served(cloud, plugin, name)
    start = len(cloud.operations())
    again = plugin.resource(ENDPOINT, name)
    assert again.create(inputs(name, f"{name}-a"))["status"] == "InService"
    assert cloud.operations()[start:] == []


OWN_TAGS = {"mlcloud-project": "shop", "mlcloud-stack": "dev"}


@pytest.mark.parametrize("state", ["InService", "Failed"])
@pytest.mark.parametrize(
    ("config", "tags", "whose"),
    [
        ("theirs", OWN_TAGS, "runs the configuration theirs"),
        ("-a", {**OWN_TAGS, "mlcloud-stack": "other"}, "mlcloud-stack: other"),
        ("-a", {}, "mlcloud-project: none, mlcloud-stack: none"),
    ],
    ids=["another's configuration", "another stack's tags", "no tags"],
)
def test_an_endpoint_of_somebody_else_is_neither_changed_nor_deleted(
    cloud: aws.Cloud, plugin: Plugin, name: str, *, config: str, tags: dict[str, str], whose: str, state: str
) -> None:
    live = cloud.config(f"{name}{config}" if config.startswith("-") else config)
    given = [{"Key": key, "Value": value} for key, value in tags.items()]
    cloud.backend("sagemaker").create_endpoint(name, live, given)
    cloud.endpoint_states = [state] * 3
    start = len(cloud.operations())
    with pytest.raises(RefusedError, match=f"is not this stack's.*{whose}") as refused:
        plugin.resource(ENDPOINT, name).create(inputs(name, cloud.config(f"{name}-b"), tags=OWN_TAGS))
    assert refused.value.init_failure is None
    assert cloud.operations()[start:] == []
    cloud.backend("sagemaker").delete_endpoint(name)
    cloud.backend("sagemaker").delete_endpoint_config(live)
    cloud.backend("sagemaker").delete_model(live)


def test_an_endpoint_that_an_interrupted_update_made_is_gone_on_with(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    given = inputs(name, cloud.config(f"{name}-a"), tags={**OWN_TAGS, "team": "a"})
    plugin.resource(ENDPOINT, name).create(given)
    start = len(cloud.operations())
    given["tags"] = {**OWN_TAGS, "team": "b"}
    assert plugin.resource(ENDPOINT, name).create(given)["status"] == "InService"
    assert cloud.operations()[start:] == ["AddTags"]


def test_an_endpoint_deleted_by_hand_is_gone_at_refresh_and_made_again(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    cloud.backend("sagemaker").delete_endpoint(name)
    assert endpoint.read() is None
    assert endpoint.update(inputs(name, f"{name}-a"))["status"] == "InService"


def test_maintenance_by_aws_is_no_illness(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    endpoint = served(cloud, plugin, name)
    cloud.endpoint(name).endpoint_status = "SystemUpdating"
    assert endpoint.read() == endpoint.outputs


def test_changed_tags_change_in_place(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    endpoint = plugin.resource(ENDPOINT, name)
    config = cloud.config(f"{name}-a")
    endpoint.create(inputs(name, config, tags={"stack": "dev", "old": "1"}))
    start = len(cloud.operations())
    endpoint.update(inputs(name, config, tags={"stack": "prod"}))
    assert cloud.operations()[start:] == ["AddTags", "DeleteTags"]
    assert cloud.endpoint(name).tags[-1] == {"Key": "stack", "Value": "prod"}


def test_deleting_takes_scaling_out_first_and_leaves_nothing_that_costs(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    endpoint.update(inputs(name, cloud.config(f"{name}-b")))
    register(cloud, name)
    start = len(cloud.operations())
    endpoint.delete()
    assert cloud.operations()[start:][:2] == ["DeregisterScalableTarget", "DeleteEndpoint"]
    assert cloud.endpoint(name) is None
    assert not [item for item in [*cloud.configs(), *cloud.models()] if item.startswith(name)]
    endpoint.delete()


def test_names_and_regions_replace_and_the_rest_does_not(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    endpoint = served(cloud, plugin, name)
    given = inputs(name, f"{name}-a")
    assert list(endpoint.diff({**given, "name": "other"}).replaces) == ["name"]
    assert list(endpoint.diff({**given, "region": "us-east-1"}).replaces) == ["region"]
    more = {"endpointConfigName": "b", "alarmNames": ["x"], "canaryPercent": 5, "retainedConfigs": 5}
    assert not endpoint.diff({**given, **more}).replaces


@pytest.mark.parametrize(
    ("changed", "path", "words"),
    [
        ({"name": "-churn"}, "name", "no - at either end"),
        ({"canaryPercent": 51}, "canaryPercent", "from 1 to 50"),
        ({"linearStepPercent": 5}, "linearStepPercent", "from 10 to 50"),
        ({"canaryPercent": 10, "linearStepPercent": 10}, "linearStepPercent", "give one"),
        ({"waitS": 3601}, "waitS", "from 0 to 3600"),
        ({"linearStepPercent": 10, "waitS": 600}, "timeoutS", "6000 s"),
        ({"alarmNames": [str(n) for n in range(11)]}, "alarmNames", "at most 10"),
        ({"retainedConfigs": 0}, "retainedConfigs", "from 1 to 100"),
    ],
)
def test_what_sagemaker_would_refuse_is_refused_before_anything_is_asked(
    cloud: aws.Cloud, plugin: Plugin, *, changed: dict[str, Any], path: str, words: str
) -> None:
    calls = len(cloud.calls)
    problems = plugin.resource(ENDPOINT).check({**inputs("churn", "churn-a"), **changed})
    assert list(problems) == [path]
    assert words in problems[path]
    assert len(cloud.calls) == calls

"""How an endpoint of SageMaker moves its traffic, and what stays of what it ran before."""

from collections.abc import Iterator
from typing import Any

import pytest
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


def test_a_new_configuration_moves_the_traffic_and_keeps_the_old_one(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    outputs = endpoint.update(inputs(name, cloud.config(f"{name}-b")))
    assert outputs["endpointConfigName"] == f"{name}-b"
    assert outputs["configNames"] == [f"{name}-b", f"{name}-a"]
    assert {f"{name}-a", f"{name}-b"} <= set(cloud.configs()) & set(cloud.models())
    assert endpoint.kinds(inputs(name, f"{name}-b")) == {}


@pytest.mark.parametrize(
    ("given", "routing"),
    [
        ({}, {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}),
        (
            {"canaryPercent": 10, "waitS": 600},
            {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 600,
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
            },
        ),
        (
            {"linearStepPercent": 25, "waitS": 60},
            {
                "Type": "LINEAR",
                "WaitIntervalInSeconds": 60,
                "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25},
            },
        ),
    ],
    ids=["all at once", "canary", "linear"],
)
def test_traffic_moves_as_declared_and_alarms_roll_it_back(
    cloud: aws.Cloud, plugin: Plugin, name: str, *, given: dict[str, Any], routing: dict[str, Any]
) -> None:
    endpoint = served(cloud, plugin, name)
    more = {"alarmNames": ["churn-5xx", "churn-p99"], "terminationWaitS": 120, "timeoutS": 7200, **given}
    endpoint.update(inputs(name, cloud.config(f"{name}-b"), **more))
    assert cloud.last("UpdateEndpoint")["DeploymentConfig"] == {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": 120,
            "MaximumExecutionTimeoutInSeconds": 7200,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "churn-5xx"}, {"AlarmName": "churn-p99"}]},
    }


def test_a_serverless_configuration_is_updated_without_guardrails(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name, ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 5})
    serverless = {"ServerlessConfig": {"MemorySizeInMB": 4096, "MaxConcurrency": 5}}
    endpoint.update(inputs(name, cloud.config(f"{name}-b", **serverless)))
    assert cloud.last("UpdateEndpoint") == {"EndpointName": name, "EndpointConfigName": f"{name}-b"}


def test_other_variant_names_are_refused_before_anything_moves(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    start = len(cloud.operations())
    config = cloud.config(f"{name}-b", VariantName="other")
    with pytest.raises(RefusedError, match=r"variants are other, and the endpoint .* runs main"):
        endpoint.update(inputs(name, config))
    assert cloud.operations()[start:] == []


def test_machines_do_not_become_serverless_and_nothing_moves(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    register(cloud, name)
    start = len(cloud.operations())
    serverless = {"ServerlessConfig": {"MemorySizeInMB": 4096, "MaxConcurrency": 5}}
    with pytest.raises(RefusedError, match=r"main runs on machines, and .*-b makes it serverless"):
        endpoint.update(inputs(name, cloud.config(f"{name}-b", **serverless)))
    assert cloud.operations()[start:] == []
    assert cloud.endpoint(name).endpoint_config_name == f"{name}-a"


def test_a_silent_rollback_fails_the_update_and_nothing_old_goes(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    register(cloud, name)
    given = inputs(name, cloud.config(f"{name}-b", "ml.c5.large"), retainedConfigs=1)
    cloud.update_outcome = aws.roll_back("The alarm churn-5xx went off")
    start = len(cloud.operations())
    with pytest.raises(RefusedError, match="rolled the update back: The alarm churn-5xx went off") as refused:
        endpoint.update(given)
    assert f"runs the configuration {name}-a, not {name}-b" in refused.value.message
    assert "What was served before keeps serving" in refused.value.message
    assert {f"{name}-a", f"{name}-b"} <= set(cloud.configs()) & set(cloud.models())
    assert cloud.operations()[start:][-3:] == [
        "RegisterScalableTarget",
        "PutScalingPolicy",
        "PutScheduledAction",
    ]

    endpoint.adopt(given, refused.value)
    assert endpoint.outputs["endpointConfigName"] == f"{name}-a"
    with pytest.raises(RefusedError, match="The next update mends it"):
        endpoint.read()
    cloud.endpoint(name).failure_reason = None
    outputs = endpoint.update(given)
    assert outputs["endpointConfigName"] == f"{name}-b"
    assert outputs["configNames"] == [f"{name}-b"]
    assert f"{name}-a" not in cloud.configs()


def test_the_last_configurations_stay_and_older_ones_go_with_their_models(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    for letter in "bcd":
        outputs = endpoint.update(inputs(name, cloud.config(f"{name}-{letter}"), retainedConfigs=2))
    assert outputs["configNames"] == [f"{name}-d", f"{name}-c"]
    own = [config for config in cloud.configs() if config.startswith(name)]
    assert own == [f"{name}-c", f"{name}-d"]
    assert [model for model in cloud.models() if model.startswith(name)] == own


def test_an_old_configuration_that_cannot_be_deleted_is_tried_again_and_fails_nothing(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    cloud.refuse("DeleteEndpointConfig", (400, {"__type": "AccessDeniedException", "message": "no"}))
    outputs = endpoint.update(inputs(name, cloud.config(f"{name}-b"), retainedConfigs=1))
    assert outputs["configNames"] == [f"{name}-b", f"{name}-a"]
    plugin.engine.wait_for(f"configuration {name}-a stays")
    outputs = endpoint.update(inputs(name, cloud.config(f"{name}-c"), retainedConfigs=1))
    assert outputs["configNames"] == [f"{name}-c"]


def test_a_configuration_of_another_owner_is_never_deleted(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = plugin.resource(ENDPOINT, name)
    endpoint.create(inputs(name, cloud.config(f"shared-{name}")))
    endpoint.update(inputs(name, cloud.config(f"{name}-b"), retainedConfigs=1))
    assert f"shared-{name}" in cloud.configs()

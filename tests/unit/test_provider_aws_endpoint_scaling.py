"""What an update of an endpoint does to the number of its machines, and to what scales them."""

from collections.abc import Iterator

import pytest
from support import provider_aws_cloud as aws
from support import provider_plugin
from support.provider_aws_endpoints import inputs, own_name, register, served
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


def test_capacity_that_autoscaling_has_reached_survives_an_update(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    register(cloud, name)
    cloud.endpoint(name).production_variants[0]["DesiredInstanceCount"] = 7
    endpoint.update(inputs(name, cloud.config(f"{name}-b", InitialInstanceCount=2)))
    asked = cloud.last("UpdateEndpoint")
    assert asked["RetainAllVariantProperties"] is True
    assert asked["ExcludeRetainedVariantProperties"] == [{"VariantPropertyType": "DataCaptureConfig"}]
    assert cloud.endpoint(name).production_variants[0]["DesiredInstanceCount"] == 7


def test_a_declared_count_holds_where_nothing_scales(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    endpoint = served(cloud, plugin, name)
    endpoint.update(inputs(name, cloud.config(f"{name}-b", InitialInstanceCount=2)))
    assert cloud.last("UpdateEndpoint")["ExcludeRetainedVariantProperties"] == [
        {"VariantPropertyType": "DesiredInstanceCount"},
        {"VariantPropertyType": "DataCaptureConfig"},
    ]
    assert cloud.endpoint(name).production_variants[0]["DesiredInstanceCount"] == 2


def test_a_changed_instance_type_moves_the_scaling_target_out_and_back(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    register(cloud, name, low=2, high=9)
    start = len(cloud.operations())
    endpoint.update(inputs(name, cloud.config(f"{name}-b", "ml.c5.large")))
    assert cloud.operations()[start:] == [
        "DeregisterScalableTarget",
        "UpdateEndpoint",
        "RegisterScalableTarget",
        "PutScalingPolicy",
        "PutScheduledAction",
    ]
    again = cloud.last("RegisterScalableTarget")
    assert (again["ResourceId"], again["MinCapacity"], again["MaxCapacity"]) == (
        f"endpoint/{name}/variant/main",
        2,
        9,
    )
    assert cloud.last("PutScalingPolicy")["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 50
    assert cloud.last("PutScheduledAction")["Schedule"] == "cron(0 22 * * ? *)"


def test_alarms_that_start_a_policy_lose_it_with_the_target_and_people_are_told(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    register(cloud, name)
    steps = {"StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]}
    cloud.backend("applicationautoscaling").put_scaling_policy(
        policy_name="wake", service_namespace="sagemaker", resource_id=f"endpoint/{name}/variant/main",
        scalable_dimension="sagemaker:variant:DesiredInstanceCount",
        policy_body={"AdjustmentType": "ChangeInCapacity", **steps}, policy_type="StepScaling",
    )  # fmt: skip
    endpoint.update(inputs(name, cloud.config(f"{name}-b", "ml.c5.large")))
    told = f"no alarm starts the policy wake of endpoint/{name}/variant/main"
    plugin.engine.wait_for(told)
    assert not any("policy requests" in entry.message for entry in plugin.engine.entries)


def test_a_new_model_on_the_same_machines_leaves_the_scaling_target_alone(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    register(cloud, name)
    start = len(cloud.operations())
    endpoint.update(inputs(name, cloud.config(f"{name}-b")))
    assert cloud.operations()[start:] == ["UpdateEndpoint"]


BACK = ["RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction"]


def test_a_failed_endpoint_is_made_again_with_what_scaled_it(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    register(cloud, name, low=2, high=9)
    cloud.endpoint_states = ["Failed", "Failed"]
    start = len(cloud.operations())
    assert endpoint.update(inputs(name, cloud.config(f"{name}-b")))["status"] == "InService"
    assert cloud.operations()[start:] == [
        "DeregisterScalableTarget",
        "DeleteEndpoint",
        "CreateEndpoint",
        *BACK,
    ]
    again = cloud.last("RegisterScalableTarget")
    assert (again["MinCapacity"], again["MaxCapacity"]) == (2, 9)


def test_a_failed_endpoint_that_cannot_be_made_again_says_what_no_longer_scales(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    register(cloud, name, low=2, high=9)
    cloud.endpoint_states = ["Failed", "Failed"]
    cloud.refuse("CreateEndpoint", (400, {"__type": "ResourceLimitExceeded", "message": "no machines"}))
    cloud.refuse("RegisterScalableTarget", (400, {"__type": "ValidationException", "message": "no variant"}))
    with pytest.raises(RefusedError, match="no machines"):
        endpoint.update(inputs(name, cloud.config(f"{name}-b")))
    plugin.engine.wait_for(f"declares again what was there: endpoint/{name}/variant/main from 2 to 9")

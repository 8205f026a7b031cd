"""What AWS's endpoint component declares, and what it refuses."""

import dataclasses
from typing import Any

import pytest
from mlcloud.aws.capacity import AsynchronousCapacity, Capacity, InstanceCapacity, ServerlessCapacity
from mlcloud.aws.endpoint import AwsEndpoint, AwsEndpointArgs
from mlcloud.aws.models import ServedModel
from mlcloud.aws.placement import Placement
from mlcloud.core.errors import ArgsError
from mlcloud.core.settings import AllAtOnce, Canary, Linear, Rollout
from support.aws_declared import IMAGE, KEY, ROLE, TOPIC, Declared, scope

PLACEMENT = Placement(subnet_ids=["subnet-1", "subnet-2"], security_group_ids=["sg-1"])
INSTANCES = InstanceCapacity(instances=2, placement=PLACEMENT, kms_key_arn=KEY)
QUEUE = AsynchronousCapacity(output_uri="s3://shop/answers/", placement=PLACEMENT, kms_key_arn=KEY)
MODEL = ServedModel(name="houses", uri="s3://shop/models/0f/model.tar.gz", sha256="0f" * 32, image_uri=IMAGE)


def endpoint(capacity: Capacity = INSTANCES, *, model: ServedModel = MODEL, **more: Any) -> Declared:
    given = {"scope": scope(), "role_arn": ROLE, "topic_arn": TOPIC, "log_key_arn": KEY, **more}
    args = AwsEndpointArgs(model=model, capacity=capacity, **given)
    return Declared(lambda: AwsEndpoint("e", args))


def test_a_model_is_isolated_in_private_subnets_and_demands_its_hash() -> None:
    model = endpoint().inputs("Model")
    assert model["enableNetworkIsolation"] is True
    assert model["vpcConfig"] == {"subnets": ["subnet-1", "subnet-2"], "securityGroupIds": ["sg-1"]}
    container = model["primaryContainer"]
    assert container["image"] == IMAGE
    assert container["modelDataUrl"] == "s3://shop/models/0f/model.tar.gz"
    assert container["environment"]["MLCLOUD_MODEL_SHA256"] == "0f" * 32
    assert container["environment"]["MLCLOUD_MODEL_VERSION"] == "0f" * 6


def test_a_configuration_is_encrypted_and_opens_no_door() -> None:
    found = endpoint().inputs("EndpointConfiguration")
    assert found["kmsKeyArn"] == KEY
    assert {"dataCaptureConfig", "shadowProductionVariants", "executionRoleArn"}.isdisjoint(found)
    (variant,) = found["productionVariants"]
    assert variant["variantName"] == "main"
    assert variant["initialInstanceCount"] == 2
    assert {"enableSsmAccess", "serverlessConfig"}.isdisjoint(variant)


def test_a_machine_with_local_storage_gets_no_key() -> None:
    capacity = dataclasses.replace(INSTANCES, instance_type="ml.g5.xlarge")
    assert "kmsKeyArn" not in endpoint(capacity).inputs("EndpointConfiguration")


def test_model_and_configuration_are_kept_but_can_be_replaced() -> None:
    found = endpoint()
    for kind in ("Model", "EndpointConfiguration"):
        entry = found.one(kind)
        assert entry["retainOnDelete"]
        assert not entry["protect"]
        assert not entry["deleteBeforeReplace"]


def test_the_alarms_that_roll_back_are_there_before_the_endpoint() -> None:
    found = endpoint()
    resource = found.one("Endpoint")
    assert resource["inputs"]["alarmNames"] == ["shop-prod-server-errors", "shop-prod-latency-p99"]
    before = {urn.split("::")[-1] for urn in resource["dependencies"]}
    assert {"e-server-errors", "e-latency-p99", "e-logs", "e-config"} <= before
    assert found.inputs("LogGroup")["name"] == "/aws/sagemaker/Endpoints/shop-prod"
    assert found.inputs("LogGroup")["kmsKeyId"] == KEY
    assert found.inputs("LogGroup")["retentionInDays"] == 365
    alarms = found.alarms()
    assert alarms["shop-prod-server-errors"]["threshold"] == 0.01
    assert alarms["shop-prod-latency-p99"]["extendedStatistic"] == "p99"
    assert alarms["shop-prod-latency-p99"]["threshold"] == 1_000_000
    assert "statistic" not in alarms["shop-prod-latency-p99"]


def test_a_queue_is_not_rolled_back_by_a_percentile_that_it_does_not_publish() -> None:
    assert list(endpoint(QUEUE).alarms()) == ["shop-prod-server-errors"]


VARIED: list[tuple[Capacity, dict[str, Any]]] = [
    (INSTANCES, {"instance_type": "ml.m5.xlarge"}),
    (INSTANCES, {"instances": 3}),
    (INSTANCES, {"isolated": False}),
    (INSTANCES, {"startup_timeout_s": 600}),
    (INSTANCES, {"kms_key_arn": KEY.replace("8d3f", "9d3f")}),
    (INSTANCES, {"placement": dataclasses.replace(PLACEMENT, subnet_ids=["subnet-3"])}),
    (INSTANCES, {"placement": dataclasses.replace(PLACEMENT, security_group_ids=["sg-2"])}),
    (QUEUE, {"output_uri": "s3://shop/other/"}),
    (QUEUE, {"concurrency": 8}),
    (QUEUE, {"kms_key_arn": KEY.replace("8d3f", "9d3f")}),
    (ServerlessCapacity(), {"memory_mb": 4096}),
    (ServerlessCapacity(), {"max_concurrency": 10}),
    (ServerlessCapacity(), {"provisioned_concurrency": 1}),
]


@pytest.mark.parametrize(("capacity", "change"), VARIED, ids=lambda value: str(value)[:40])
def test_whatever_makes_another_configuration_makes_another_name(
    capacity: Capacity, change: dict[str, Any]
) -> None:
    before = endpoint(capacity).inputs("EndpointRevision")
    after = endpoint(dataclasses.replace(capacity, **change)).inputs("EndpointRevision")
    assert before["prefix"] == after["prefix"] == "shop-prod"
    assert before["content"] != after["content"]


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "1f" * 32},
        {"uri": "s3://shop/models/1f/model.tar.gz"},
        {"image_uri": IMAGE[:-1] + "b"},
        {"version": "v2"},
        {"name": "flats"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_model_or_image_makes_another_name(change: dict[str, Any]) -> None:
    after = endpoint(model=dataclasses.replace(MODEL, **change)).inputs("EndpointRevision")
    assert endpoint().inputs("EndpointRevision")["content"] != after["content"]


def test_a_rollout_is_told_in_the_endpoint_s_words() -> None:
    def moves(rollout: Rollout, environment: str = "prod") -> dict[str, Any]:
        found = endpoint(rollout=rollout, scope=scope(environment)).inputs("Endpoint")
        return {key: found[key] for key in found if key in ("canaryPercent", "linearStepPercent", "waitS")}

    assert moves(Canary(kind="canary", percent=20, wait_minutes=5)) == {"canaryPercent": 20, "waitS": 300}
    assert moves(Linear(kind="linear", step_percent=25, wait_minutes=2)) == {
        "linearStepPercent": 25,
        "waitS": 120,
    }
    assert moves(AllAtOnce()) == {"waitS": 300}
    assert moves(AllAtOnce(), "dev") == {"waitS": 0}


def test_what_deployment_guardrails_cannot_do_is_refused_with_all_its_reasons() -> None:
    slow = Linear(kind="linear", step_percent=10.5, wait_minutes=60)
    with pytest.raises(ArgsError) as refused:
        endpoint(dataclasses.replace(INSTANCES, instance_type="ml.inf1.xlarge"), rollout=slow)
    told = str(refused.value)
    assert "3 problems" in told
    assert "whole percents" in told
    assert "8 hours" in told
    assert "ml.inf2" in told


def test_prod_demands_two_machines_a_key_and_a_private_network() -> None:
    with pytest.raises(ArgsError) as refused:
        endpoint(InstanceCapacity())
    paths = [problem.path for problem in refused.value.problems]
    assert paths == ["capacity.instances", "capacity.kms_key_arn", "capacity.placement"]
    assert endpoint(InstanceCapacity(), scope=scope("dev")).inputs("Model")["enableNetworkIsolation"] is True


def test_serverless_capacity_declares_nothing_that_sagemaker_refuses() -> None:
    found = endpoint(ServerlessCapacity(memory_mb=3072))
    (variant,) = found.inputs("EndpointConfiguration")["productionVariants"]
    assert variant["serverlessConfig"] == {"memorySizeInMb": 3072, "maxConcurrency": 5}
    assert {"instanceType", "initialInstanceCount"}.isdisjoint(variant)
    assert "kmsKeyArn" not in found.inputs("EndpointConfiguration")
    assert "vpcConfig" not in found.inputs("Model")
    assert found.inputs("Model")["enableNetworkIsolation"] is False
    names = {field.name for field in dataclasses.fields(ServerlessCapacity)}
    assert names.isdisjoint({"placement", "isolated", "kms_key_arn", "instance_type"})


def test_a_queue_s_answers_are_encrypted() -> None:
    found = endpoint(QUEUE).inputs("EndpointConfiguration")["asyncInferenceConfig"]
    assert found["outputConfig"] == {"s3OutputPath": "s3://shop/answers/", "kmsKeyId": KEY}
    assert found["clientConfig"] == {"maxConcurrentInvocationsPerInstance": 4}


@pytest.mark.parametrize("memory_mb", [1025, 512, 7168])
def test_memory_that_sagemaker_does_not_have_is_refused_with_what_it_has(memory_mb: int) -> None:
    with pytest.raises(ArgsError, match=r"(?s)memory_mb.*1024, 2048, 3072, 4096, 5120, 6144"):
        ServerlessCapacity(memory_mb=memory_mb)


def test_a_tag_and_a_folder_are_refused() -> None:
    with pytest.raises(ArgsError) as refused:
        ServedModel(name="m", uri="s3://shop/models/0f/", sha256="0f" * 32, image_uri="shop:latest")
    assert [problem.path for problem in refused.value.problems] == ["image_uri", "uri"]


def test_a_retention_that_cloudwatch_does_not_have_is_refused_with_the_next_one() -> None:
    with pytest.raises(ArgsError, match="write 120"):
        endpoint(log_retention_days=100)

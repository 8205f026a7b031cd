"""What AWS's training, serving, scaling, monitoring and cluster components declare, and what they refuse."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from mlcloud.aws.capacity import AsynchronousCapacity, Capacity, InstanceCapacity, ServerlessCapacity
from mlcloud.aws.cluster import AwsCluster, AwsClusterArgs, MultiNode, SingleNode
from mlcloud.aws.endpoint import AwsEndpoint, AwsEndpointArgs
from mlcloud.aws.metrics import AsynchronousEndpoint, InstanceEndpoint, ServerlessEndpoint
from mlcloud.aws.models import AwsModel, AwsModelArgs, ServedModel
from mlcloud.aws.monitoring import (
    AwsMonitoring,
    AwsMonitoringArgs,
    AwsNotifications,
    AwsNotificationsArgs,
)
from mlcloud.aws.placement import Placement
from mlcloud.aws.scaling import (
    AsynchronousScaling,
    AwsScaling,
    AwsScalingArgs,
    InstanceScaling,
    Scaling,
    Schedule,
    ServerlessScaling,
)
from mlcloud.aws.training import AwsTraining, AwsTrainingArgs
from mlcloud.aws.watches import AsynchronousWatch, InstanceWatch, ServerlessWatch, Watch
from mlcloud.core.args import TrainingArgs
from mlcloud.core.errors import ArgsError, UserError
from mlcloud.core.scope import Scope
from mlcloud.core.settings import AllAtOnce, Canary, Linear, Rollout
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.simulated import providers_for
from support.plan import plan

KEY = "arn:aws:kms:eu-central-1:123456789012:key/8d3f9f3e-6d8e-4f43-9f31-0f3f9e5c7a11"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:shop-prod"
ROLE = "arn:aws:iam::123456789012:role/shop-prod-endpoint"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:" + "a" * 64
PLACEMENT = Placement(subnet_ids=["subnet-1", "subnet-2"], security_group_ids=["sg-1"])
INSTANCES = InstanceCapacity(instances=2, placement=PLACEMENT, kms_key_arn=KEY)
QUEUE = AsynchronousCapacity(output_uri="s3://shop/answers/", placement=PLACEMENT, kms_key_arn=KEY)
INSTANCE = InstanceEndpoint(endpoint_name="shop-prod", variant_name="main", instance_type="ml.m5.xlarge")
GPU_INSTANCE = dataclasses.replace(INSTANCE, instance_type="ml.g5.12xlarge")
SERVERLESS = ServerlessEndpoint(endpoint_name="shop-prod", variant_name="main")
ASYNCHRONOUS = AsynchronousEndpoint(
    endpoint_name="shop-prod", variant_name="main", instance_type="ml.g5.xlarge"
)
MODEL = ServedModel(name="houses", uri="s3://shop/models/0f/model.tar.gz", sha256="0f" * 32, image_uri=IMAGE)


def scope(environment: Any = "prod") -> Scope:
    return Scope(
        project="shop",
        stack=environment,
        environment=environment,
        account="123456789012",
        region="eu-central-1",
        tags={"mlcloud-stack": environment},
    )


class Declared:
    """A plan's resources by type and name."""

    def __init__(self, program: Callable[[], Any]) -> None:
        providers = {**providers_for("aws"), "mlcloud": make_servicer(Engine(None))}
        found = plan(program, providers=providers, config={"aws:region": "eu-central-1"})
        assert found.ok, found.diagnostics
        self.entries = [entry for entry in found.to_dict()["resources"] if entry["custom"]]

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry["type"].endswith(f":{kind}")]

    def one(self, kind: str) -> dict[str, Any]:
        (entry,) = self.all(kind)
        return entry

    def inputs(self, kind: str) -> dict[str, Any]:
        return self.one(kind)["inputs"]

    def alarms(self) -> dict[str, dict[str, Any]]:
        return {entry["inputs"]["name"]: entry["inputs"] for entry in self.all("MetricAlarm")}


def endpoint(capacity: Capacity = INSTANCES, *, model: ServedModel = MODEL, **more: Any) -> Declared:
    given = {"scope": scope(), "role_arn": ROLE, "topic_arn": TOPIC, "log_key_arn": KEY, **more}
    args = AwsEndpointArgs(model=model, capacity=capacity, **given)
    return Declared(lambda: AwsEndpoint("e", args))


# --- endpoint ---


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


def test_a_tag_and_a_folder_are_refused() -> None:
    with pytest.raises(ArgsError) as refused:
        ServedModel(name="m", uri="s3://shop/models/0f/", sha256="0f" * 32, image_uri="shop:latest")
    assert [problem.path for problem in refused.value.problems] == ["image_uri", "uri"]


def test_a_retention_that_cloudwatch_does_not_have_is_refused_with_the_next_one() -> None:
    with pytest.raises(ArgsError, match="write 120"):
        endpoint(log_retention_days=100)


# --- models, training ---


def test_a_version_carries_hash_metrics_and_approval() -> None:
    found = Declared(lambda: AwsModel("m", AwsModelArgs(scope=scope(), model=MODEL, metrics={"r2": 0.91})))
    group = found.one("ModelPackageGroup")
    assert (group["protect"], group["retainOnDelete"]) == (True, True)
    version = found.one("Resource")
    assert (version["protect"], version["retainOnDelete"]) == (False, True)
    assert version["inputs"]["typeName"] == "AWS::SageMaker::ModelPackage"
    state = json.loads(version["inputs"]["desiredState"])
    assert state["ModelApprovalStatus"] == "PendingManualApproval"
    assert state["CustomerMetadataProperties"] == {
        "sha256": "0f" * 32,
        "version": "0f" * 6,
        "metric.r2": "0.91",
    }


def training(environment: str, **more: Any) -> Declared:
    given: dict[str, Any] = {
        "training": TrainingArgs(estimator="random_forest", target="price", gate={"r2": 0.8}),
        "data_uri": "s3://shop-data/objects/houses.csv",
        "data_sha256": "0f" * 32,
        "image_uri": IMAGE,
        "role_arn": ROLE,
        "models_bucket": "shop-models",
        **more,
    }
    args = AwsTrainingArgs(scope=scope(environment), **given)
    return Declared(lambda: AwsTraining("t", args))


def test_a_training_run_reaches_no_network() -> None:
    run = training("prod", placement=PLACEMENT, kms_key_arn=KEY, instances=2).inputs("TrainingRun")
    assert run["networkIsolation"] is True
    assert run["encryptBetweenContainers"] is True
    assert run["kmsKeyArn"] == KEY
    assert run["subnetIds"] == ["subnet-1", "subnet-2"]
    assert run["instanceCount"] == 2
    assert run["name"] == "shop-prod"
    assert run["gate"] == {"r2": 0.8}


def test_dev_trains_on_spare_capacity_without_a_network() -> None:
    run = training("dev", spot=True).inputs("TrainingRun")
    assert run["spot"] is True
    assert run["networkIsolation"] is True
    assert {"subnetIds", "kmsKeyArn"}.isdisjoint(run)


def test_prod_trains_with_a_key_in_a_private_network_only() -> None:
    with pytest.raises(ArgsError) as refused:
        training("prod")
    assert [problem.path for problem in refused.value.problems] == ["kms_key_arn", "placement"]


# --- scaling ---


def scaling(chosen: Scaling) -> Declared:
    return Declared(lambda: AwsScaling("s", AwsScalingArgs(scope=scope(), scaling=chosen)))


def tracked(found: Declared) -> dict[str, dict[str, Any]]:
    key = "targetTrackingScalingPolicyConfiguration"
    return {
        entry["inputs"]["name"]: entry["inputs"][key]
        for entry in found.all("Policy")
        if key in entry["inputs"]
    }


def test_requests_per_second_and_a_safety_factor_become_invocations_per_minute() -> None:
    found = scaling(InstanceScaling(endpoint=INSTANCE, min=2, max=8, requests_per_s=40, safety_factor=0.5))
    target = found.inputs("Target")
    assert target["resourceId"] == "endpoint/shop-prod/variant/main"
    assert (target["minCapacity"], target["maxCapacity"]) == (2, 8)
    assert target["scalableDimension"] == "sagemaker:variant:DesiredInstanceCount"
    policy = tracked(found)["requests"]
    assert policy["targetValue"] == 40 * 0.5 * 60
    assert policy["predefinedMetricSpecification"] == {
        "predefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    }
    assert "customizedMetricSpecification" not in policy


def test_machine_goals_are_sums_over_processors_and_gpus() -> None:
    found = tracked(
        scaling(
            InstanceScaling(
                endpoint=GPU_INSTANCE, min=1, max=2, cpu_percent=50, gpu_percent=60, concurrent_requests=4
            )
        )
    )
    assert found["cpu"]["targetValue"] == 50 * 48
    assert found["gpu"]["targetValue"] == 60 * 4
    assert found["gpu"]["customizedMetricSpecification"]["namespace"] == "/aws/sagemaker/Endpoints"
    assert found["concurrency"]["targetValue"] == 4


def test_a_goal_on_a_gpu_that_is_not_there_is_refused() -> None:
    chosen = InstanceScaling(endpoint=INSTANCE, min=1, max=2, gpu_percent=60)
    with pytest.raises(UserError, match="nothing would ever see a value"):
        _ = chosen.goals


def test_a_schedule_has_bounds_of_its_own() -> None:
    schedule = Schedule(
        name="morning", cron="cron(0 7 ? * MON-FRI *)", min=4, max=9, timezone="Europe/Berlin"
    )
    found = scaling(
        InstanceScaling(endpoint=INSTANCE, min=2, max=8, requests_per_s=1, schedules=[schedule])
    ).inputs("ScheduledAction")
    assert found["scalableTargetAction"] == {"minCapacity": 4, "maxCapacity": 9}
    assert found["timezone"] == "Europe/Berlin"


def test_machines_that_run_all_the_time_cannot_scale_to_zero() -> None:
    with pytest.raises(ArgsError) as refused:
        InstanceScaling(endpoint=INSTANCE, min=0, max=0)
    assert [problem.path for problem in refused.value.problems] == ["min", "requests_per_s"]


def test_an_empty_queue_costs_nothing_and_a_request_wakes_it() -> None:
    found = scaling(AsynchronousScaling(endpoint=ASYNCHRONOUS, max=2))
    assert found.inputs("Target")["minCapacity"] == 0
    backlog = tracked(found)["backlog"]["customizedMetricSpecification"]
    assert backlog["metricName"] == "ApproximateBacklogSizePerInstance"
    assert backlog["dimensions"] == [{"name": "EndpointName", "value": "shop-prod"}]
    wake = found.alarms()["shop-prod-wake"]
    assert wake["metricName"] == "HasBacklogWithoutCapacity"
    assert wake["comparisonOperator"] == "GreaterThanOrEqualToThreshold"
    awake = scaling(AsynchronousScaling(endpoint=ASYNCHRONOUS, min=1, max=2))
    assert list(tracked(awake)) == ["backlog"]
    assert not awake.alarms()


def test_warm_servers_scale_by_their_use() -> None:
    found = scaling(ServerlessScaling(endpoint=SERVERLESS, min=1, max=4))
    assert found.inputs("Target")["scalableDimension"] == "sagemaker:variant:DesiredProvisionedConcurrency"
    assert tracked(found)["concurrency"]["targetValue"] == 0.7


# --- monitoring ---


def monitoring(watch: Watch) -> Declared:
    args = AwsMonitoringArgs(scope=scope(), watch=watch, topic_arn=TOPIC, key_arn=KEY)
    return Declared(lambda: AwsMonitoring("m", args))


WATCHED = [
    (
        InstanceWatch(endpoint=GPU_INSTANCE, concurrent_requests=50, quiet_hours=6),
        "client-errors latency-p50 memory cpu disk gpu gpu-memory saturation no-traffic failed-training",
    ),
    (InstanceWatch(endpoint=INSTANCE), "client-errors latency-p50 memory cpu disk failed-training"),
    (
        ServerlessWatch(endpoint=SERVERLESS, quiet_hours=6),
        "client-errors latency-p50 memory saturation no-traffic failed-training",
    ),
    (
        AsynchronousWatch(endpoint=ASYNCHRONOUS, quiet_hours=6),
        "client-errors latency failures saturation memory cpu disk gpu gpu-memory no-traffic failed-training",
    ),
]


@pytest.mark.parametrize(("watch", "parts"), WATCHED, ids=["gpu", "cpu", "serverless", "queue"])
def test_each_kind_is_watched_by_what_it_publishes(watch: Watch, parts: str) -> None:
    alarms = monitoring(watch).alarms()
    assert set(alarms) == {f"shop-prod-{part}" for part in parts.split()}
    for name, alarm in alarms.items():
        assert alarm["alarmActions"] == [TOPIC]
        assert alarm["actionsEnabled"] is True
        assert alarm["treatMissingData"] == ("breaching" if name.endswith("no-traffic") else "notBreaching")
        assert alarm["alarmDescription"]
        assert alarm["period"] * alarm["evaluationPeriods"] <= 24 * 3600
        assert alarm["tags"] == {"mlcloud-stack": "prod"}


def test_the_dashboard_shows_what_the_kind_publishes() -> None:
    body = json.loads(monitoring(ServerlessWatch(endpoint=SERVERLESS)).inputs("Dashboard")["dashboardBody"])
    shown = [widget["properties"]["metrics"][0] for widget in body["widgets"]]
    assert ["AWS/SageMaker", "Invocations", "EndpointName", "shop-prod", "VariantName", "main"] in shown
    assert {metric[1] for metric in shown}.isdisjoint({"CPUUtilization", "InvocationsPerInstance"})


def test_a_failed_training_run_raises_an_alarm_and_leaves_its_reason() -> None:
    found = monitoring(InstanceWatch(endpoint=INSTANCE))
    pattern = json.loads(found.inputs("EventRule")["eventPattern"])
    assert pattern["detail"] == {
        "TrainingJobName": [{"prefix": "shop-prod"}],
        "TrainingJobStatus": ["Failed"],
    }
    alarm = found.alarms()["shop-prod-failed-training"]
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/Events", "TriggeredRules")
    assert alarm["dimensions"] == {"RuleName": "shop-prod-failed-training"}
    logs = found.inputs("LogGroup")
    assert logs["name"].startswith("/aws/events/")
    assert logs["kmsKeyId"] == KEY
    assert found.all("EventTarget")


def test_quiet_hours_beyond_a_day_are_refused() -> None:
    with pytest.raises(ArgsError, match="a day at most"):
        monitoring(InstanceWatch(endpoint=INSTANCE, quiet_hours=30))


def test_only_this_account_s_alarms_and_budgets_write_to_the_topic() -> None:
    args = AwsNotificationsArgs(scope=scope(), key_arn=KEY, emails=["a@example.com"])
    found = Declared(lambda: AwsNotifications("n", args))
    assert found.inputs("Topic")["kmsMasterKeyId"] == KEY
    assert found.inputs("TopicSubscription")["endpoint"] == "a@example.com"
    statements = json.loads(found.inputs("TopicPolicy")["policy"])["Statement"]
    principals = {statement["Principal"]["Service"] for statement in statements}
    assert principals == {"cloudwatch.amazonaws.com", "budgets.amazonaws.com"}
    for statement in statements:
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
        assert statement["Action"] == ["sns:Publish"]


# --- cluster ---


def cluster(**more: Any) -> Declared:
    given: dict[str, Any] = {
        "scope": scope(),
        "accelerator": "A10G",
        "accelerators": 1,
        "max_machines": 4,
        "placement": PLACEMENT,
        "key_arn": KEY,
        "image_uri": IMAGE,
        "data_bucket_arn": "arn:aws:s3:::shop-data",
        "models_bucket_arn": "arn:aws:s3:::shop-models",
        **more,
    }
    args = AwsClusterArgs(**given)
    return Declared(lambda: AwsCluster("gpu", args))


def test_no_machine_runs_while_no_job_waits() -> None:
    machines = cluster().inputs("ComputeEnvironment")["computeResources"]
    assert (machines["minVcpus"], machines["maxVcpus"]) == (0, 16)
    assert (machines["type"], machines["allocationStrategy"]) == ("SPOT", "SPOT_PRICE_CAPACITY_OPTIMIZED")
    assert machines["instanceTypes"] == [
        "g5.xlarge",
        "g5.2xlarge",
        "g5.4xlarge",
        "g5.8xlarge",
        "g5.16xlarge",
    ]
    assert machines["ec2Configurations"] == [{"imageType": "ECS_AL2023_NVIDIA"}]
    assert "desiredVcpus" not in machines


def test_machines_have_no_public_address_encrypted_disks_and_imdsv2() -> None:
    template = cluster().inputs("LaunchTemplate")
    assert template["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }
    (disk,) = template["blockDeviceMappings"]
    assert disk["ebs"]["encrypted"] == "true"
    (network,) = template["networkInterfaces"]
    assert network["associatePublicIpAddress"] == "false"
    assert "keyName" not in template


def test_a_job_on_one_machine_asks_for_its_gpus_and_retries_only_what_spot_took() -> None:
    definition = cluster(accelerators=4).inputs("JobDefinition")
    assert definition["type"] == "container"
    assert "nodeProperties" not in definition
    needs = cluster_needs(json.loads(definition["containerProperties"]))
    assert needs == {"VCPU": "48", "MEMORY": "12288", "GPU": "4"}
    assert definition["retryStrategy"]["attempts"] == 3
    assert definition["retryStrategy"]["evaluateOnExits"][-1] == {"action": "EXIT", "onReason": "*"}


def cluster_needs(container: dict[str, Any]) -> dict[str, str]:
    return {need["type"]: need["value"] for need in container["resourceRequirements"]}


def test_a_job_on_several_machines_is_on_demand_and_close_together() -> None:
    found = cluster(jobs=MultiNode(nodes=4))
    machines = found.inputs("ComputeEnvironment")["computeResources"]
    assert machines["type"] == "EC2"
    assert machines["instanceTypes"] == ["g5.xlarge"]
    assert machines["placementGroup"] == found.inputs("PlacementGroup")["name"]
    assert machines["securityGroupIds"] == ["sg-1"]
    assert json.loads(found.inputs("JobDefinition")["nodeProperties"])["numNodes"] == 4
    assert "spot" not in {field.name for field in dataclasses.fields(MultiNode)}
    assert cluster(jobs=SingleNode(spot=False)).inputs("ComputeEnvironment")["computeResources"]["type"] == (
        "EC2"
    )


def test_accelerators_that_aws_does_not_have_are_refused_with_those_it_has() -> None:
    with pytest.raises(ArgsError, match="A10G"):
        cluster(accelerator="A10")
    with pytest.raises(ArgsError, match="1, 4, 8 of A10G in one machine"):
        cluster(accelerators=3)
    with pytest.raises(ArgsError) as refused:
        cluster(jobs=MultiNode(nodes=1), max_machines=0)
    assert [problem.path for problem in refused.value.problems] == ["jobs.nodes", "max_machines"]


def test_roles_of_the_cluster_trust_one_service_each_and_name_their_resources() -> None:
    found = cluster()
    trusts = [json.loads(entry["inputs"]["assumeRolePolicy"])["Statement"][0] for entry in found.all("Role")]
    assert {trust["Principal"]["Service"] for trust in trusts} == {
        "ec2.amazonaws.com",
        "ecs-tasks.amazonaws.com",
    }
    policy = json.loads(found.inputs("RolePolicy")["policy"])
    assert all("*" not in (resource, resource[:1]) for s in policy["Statement"] for resource in s["Resource"])
    assert found.inputs("LogGroup")["retentionInDays"] == 365

"""What AWS's scaling and monitoring components declare, and what they refuse."""

import dataclasses
import json
from typing import Any

import pytest
from mlcloud.aws.metrics import AsynchronousEndpoint, InstanceEndpoint, ServerlessEndpoint
from mlcloud.aws.monitoring import (
    AwsMonitoring,
    AwsMonitoringArgs,
    AwsNotifications,
    AwsNotificationsArgs,
)
from mlcloud.aws.scaling import (
    AsynchronousScaling,
    AwsScaling,
    AwsScalingArgs,
    InstanceScaling,
    Scaling,
    Schedule,
    ServerlessScaling,
)
from mlcloud.aws.watches import AsynchronousWatch, InstanceWatch, ServerlessWatch, Watch
from mlcloud.core.errors import ArgsError, UserError
from support.aws_declared import KEY, TOPIC, Declared, scope

INSTANCE = InstanceEndpoint(endpoint_name="shop-prod", variant_name="main", instance_type="ml.m5.xlarge")
GPU_INSTANCE = dataclasses.replace(INSTANCE, instance_type="ml.g5.12xlarge")
SERVERLESS = ServerlessEndpoint(endpoint_name="shop-prod", variant_name="main")
ASYNCHRONOUS = AsynchronousEndpoint(
    endpoint_name="shop-prod", variant_name="main", instance_type="ml.g5.xlarge"
)


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
    assert wake["alarmActions"]
    assert not wake.get("okActions"), "its end starts no machine"
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

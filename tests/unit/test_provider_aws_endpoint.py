"""Endpoints of SageMaker over the plugin's gRPC, against moto and what it lacks."""

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import empty_pb2
from mlcloud.provider.values import decode
from support import provider_aws_cloud as aws
from support.provider_plugin import Plugin, RefusedError, ResourceClient

ENDPOINT = "mlcloud:aws:Endpoint"
REVISION = "mlcloud:aws:EndpointRevision"


@pytest.fixture(scope="module")
def cloud() -> Iterator[aws.Cloud]:
    started = aws.Cloud()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in started.variables.items():
            environment.setenv(name, value)
        yield started
    started.close()
    assert started.problems == []
    assert started.calls


@pytest.fixture(scope="module")
def plugin(cloud: aws.Cloud) -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@pytest.fixture
def name(cloud: aws.Cloud, request: pytest.FixtureRequest) -> str:
    """An endpoint of this test's own."""
    cloud.endpoint_states, cloud.outcome, cloud.update_outcome = [], None, None
    return f"churn-{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}"


def inputs(name: str, config: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "region": aws.REGION, "endpointConfigName": config, **more}


def served(cloud: aws.Cloud, plugin: Plugin, name: str, **more: Any) -> ResourceClient:
    """An endpoint that runs its first configuration."""
    endpoint = plugin.resource(ENDPOINT, name)
    endpoint.create(inputs(name, cloud.config(f"{name}-a", **more)))
    return endpoint


def adopt(endpoint: ResourceClient, given: dict[str, Any], error: RefusedError) -> None:
    """Keep what the engine keeps of a resource that is there and does not work."""
    assert error.init_failure is not None
    endpoint.id, endpoint.inputs = error.init_failure.id, given
    endpoint.outputs = decode(error.init_failure.properties).values


def register(cloud: aws.Cloud, name: str, low: int = 1, high: int = 4) -> None:
    """A target with a policy and a scheduled action, as the stack's scaling component makes them."""
    scaling = cloud.backend("applicationautoscaling")
    where = {
        "service_namespace": "sagemaker",
        "resource_id": f"endpoint/{name}/variant/main",
        "scalable_dimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling.register_scalable_target(
        where["service_namespace"], where["resource_id"], where["scalable_dimension"], low, high, None, None
    )
    tracking = {"TargetValue": 50.0, "PredefinedMetricSpecification": {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}  # fmt: skip
    scaling.put_scaling_policy(
        policy_name="requests", policy_body=tracking, policy_type="TargetTrackingScaling", **where
    )
    scaling.put_scheduled_action(
        scheduled_action_name="night", schedule="cron(0 22 * * ? *)", timezone="UTC", start_time=None,
        end_time=None, scalable_target_action={"MinCapacity": 1, "MaxCapacity": 1}, **where,
    )  # fmt: skip


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


def test_a_new_configuration_moves_the_traffic_and_keeps_the_old_one(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    outputs = endpoint.update(inputs(name, cloud.config(f"{name}-b")))
    assert outputs["endpointConfigName"] == f"{name}-b"
    assert outputs["configNames"] == [f"{name}-b", f"{name}-a"]
    assert {f"{name}-a", f"{name}-b"} <= set(cloud.configs()) & set(cloud.models())
    assert endpoint.kinds(inputs(name, f"{name}-b")) == {}


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


def test_a_new_model_on_the_same_machines_leaves_the_scaling_target_alone(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    register(cloud, name)
    start = len(cloud.operations())
    endpoint.update(inputs(name, cloud.config(f"{name}-b")))
    assert cloud.operations()[start:] == ["UpdateEndpoint"]


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

    adopt(endpoint, given, refused.value)
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
    adopt(second, given, errors[0])
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


def test_an_endpoint_deleted_by_hand_is_gone_at_refresh_and_made_again(
    cloud: aws.Cloud, plugin: Plugin, name: str
) -> None:
    endpoint = served(cloud, plugin, name)
    cloud.backend("sagemaker").delete_endpoint(name)
    assert endpoint.read() is None
    assert endpoint.update(inputs(name, f"{name}-a"))["status"] == "InService"


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


def test_a_revision_has_a_content_hash_and_is_never_the_same_twice(plugin: Plugin) -> None:
    given = {"prefix": "churn", "content": {"model": "a", "instance": "ml.m5.large"}}
    first, again = plugin.resource(REVISION), plugin.resource(REVISION)
    one, two = first.create(given)["name"], again.create(given)["name"]
    assert one != two
    assert one.rsplit("-", 1)[0] == two.rsplit("-", 1)[0] == f"churn-{first.outputs['contentSha256'][:8]}"
    assert first.kinds(given) == {}
    assert first.read() == first.outputs
    changed = first.diff({**given, "content": {**given["content"], "model": "b"}})
    assert list(changed.replaces) == ["content"]
    assert not changed.deleteBeforeReplace


def test_a_revision_of_a_long_name_still_fits(plugin: Plugin) -> None:
    name = plugin.resource(REVISION).create({"prefix": "x" * 63, "content": {"model": "a"}})["name"]
    assert len(name) == 63


def test_maintenance_by_aws_is_no_illness(cloud: aws.Cloud, plugin: Plugin, name: str) -> None:
    endpoint = served(cloud, plugin, name)
    cloud.endpoint(name).endpoint_status = "SystemUpdating"
    assert endpoint.read() == endpoint.outputs


def test_starting_checking_and_previewing_import_no_sdk_of_a_cloud() -> None:
    script = """
import sys
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.provider.protocol import provider_pb2
from mlcloud.provider.values import encode

servicer = make_servicer(Engine(None))
assert servicer.GetSchema(None, None).schema.count("mlcloud:aws:") >= 3
urn = "urn:pulumi:dev::project::mlcloud:aws:Endpoint::one"
given = encode({"name": "a", "region": "eu-central-1", "endpointConfigName": "b"})
assert not servicer.Check(provider_pb2.CheckRequest(urn=urn, news=given), None).failures
servicer.Create(provider_pb2.CreateRequest(urn=urn, properties=given, preview=True), None)
servicer.Diff(provider_pb2.DiffRequest(urn=urn, old_inputs=given, news=given, olds=encode({
    "name": "a", "region": "eu-central-1", "endpointConfigName": "b", "arn": "c", "url": "d",
    "status": "InService", "variantNames": [], "configNames": []})), None)
print(sorted(name for name in sys.modules if name.split(".")[0] in ("boto3", "botocore")))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=200, check=True
    )
    assert done.stdout.strip() == "[]"

"""Endpoints of SageMaker for tests: names, inputs, scaling targets, and models with an answer."""

import hashlib
import json
from typing import Any

import pytest

from support import provider_aws_cloud as aws
from support.provider_plugin import Plugin, ResourceClient

ENDPOINT = "mlcloud:aws:Endpoint"
MODELS = "shop-models"


def own_name(cloud: aws.Cloud, request: pytest.FixtureRequest) -> str:
    """The name of a test's own endpoint."""
    cloud.endpoint_states, cloud.outcome, cloud.update_outcome = [], None, None
    return f"churn-{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}"


def inputs(name: str, config: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "region": aws.REGION, "endpointConfigName": config, **more}


def served(cloud: aws.Cloud, plugin: Plugin, name: str, **more: Any) -> ResourceClient:
    """An endpoint that runs its first configuration."""
    endpoint = plugin.resource(ENDPOINT, name)
    endpoint.create(inputs(name, cloud.config(f"{name}-a", **more)))
    return endpoint


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


def model(cloud: aws.Cloud, prediction: object, *, bucket: str = MODELS, **smoke: Any) -> dict[str, Any]:
    """A model in a bucket, whose manifest says what it answers for its smoke row."""
    manifest = {"files": {}, "smoke": {"instance": {"age": 40}, "prediction": prediction, **smoke}}
    sha256 = hashlib.sha256(json.dumps(manifest).encode()).hexdigest()
    key = f"models/{sha256}/model.tar.gz"
    if bucket not in cloud.backend("s3").buckets:
        cloud.bucket(bucket)
    cloud.put(bucket, key, aws.archive(manifest))
    return {"modelUri": f"s3://{bucket}/{key}", "modelSha256": sha256}


def answer(prediction: object) -> aws.Answer:
    """What a classification answers."""
    return 200, {"predictions": [{"prediction": prediction, "probabilities": {}}]}


WRONG = answer("right")


def given(cloud: aws.Cloud, name: str, letter: str, *answers: aws.Answer, **more: Any) -> dict[str, Any]:
    """Inputs with a configuration whose model must answer `left`, and what it answers when it is live."""
    config = more.pop("config", {})
    wanted = inputs(name, cloud.config(f"{name}-{letter}", **config), **model(cloud, "left"), **more)
    cloud.predictions[f"{name}-{letter}"] = list(answers or [answer("left")])
    return wanted

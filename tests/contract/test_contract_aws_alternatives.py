"""What no stack file of the repository chooses is judged as well: each alternative, alone."""

from collections.abc import Callable
from typing import Any

import pytest
from mlcloud.aws.capacity import AsynchronousCapacity, Capacity, ServerlessCapacity
from mlcloud.aws.cluster import AwsCluster, AwsClusterArgs, MultiNode
from mlcloud.aws.endpoint import AwsEndpoint, AwsEndpointArgs
from mlcloud.aws.metrics import AsynchronousEndpoint, InstanceEndpoint, ServerlessEndpoint
from mlcloud.aws.models import ServedModel
from mlcloud.aws.monitoring import AwsMonitoring, AwsMonitoringArgs
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
from mlcloud.aws.watches import AsynchronousWatch, InstanceWatch, ServerlessWatch, Watch
from mlcloud.core.scope import Scope
from mlcloud.core.settings import Linear
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.simulated import providers_for
from support.judges.aws import inputs, policies
from support.plan import plan

REGION = "eu-central-1"
SCOPE = Scope(project="shop", stack="prod", environment="prod", account="123456789012", region=REGION)
KEY = "arn:aws:kms:eu-central-1:123456789012:key/8d3f9f3e-6d8e-4f43-9f31-0f3f9e5c7a11"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:shop-prod"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:" + "a" * 64
MODEL = ServedModel(name="shop", uri="s3://shop/models/0f/model.tar.gz", sha256="0f" * 32, image_uri=IMAGE)
PLACEMENT = Placement(
    subnet_ids=["subnet-0a1b2c3d4e5f60718", "subnet-1a1b2c3d4e5f60718"],
    security_group_ids=["sg-0a1b2c3d4e5f60718"],
)
NAMES = {"endpoint_name": "shop-prod", "variant_name": "main"}
GPU = InstanceEndpoint(**NAMES, instance_type="ml.g5.12xlarge")
SERVERLESS = ServerlessEndpoint(**NAMES)
QUEUE = AsynchronousEndpoint(**NAMES, instance_type="ml.g5.xlarge")


def endpoint(capacity: Capacity, **more: Any) -> Callable[[], Any]:
    role = "arn:aws:iam::123456789012:role/shop-prod-endpoint"
    args = AwsEndpointArgs(
        scope=SCOPE, model=MODEL, capacity=capacity, role_arn=role, topic_arn=TOPIC, log_key_arn=KEY, **more
    )
    return lambda: AwsEndpoint("shop", args)


def scaled(goals: Scaling) -> Callable[[], Any]:
    return lambda: AwsScaling("shop", AwsScalingArgs(scope=SCOPE, scaling=goals))


def watched(watch: Watch) -> Callable[[], Any]:
    return lambda: AwsMonitoring("shop", AwsMonitoringArgs(scope=SCOPE, watch=watch, topic_arn=TOPIC))


def cluster() -> Any:
    args = AwsClusterArgs(
        scope=SCOPE,
        accelerator="A10G",
        accelerators=1,
        max_machines=4,
        placement=PLACEMENT,
        key_arn=KEY,
        image_uri=IMAGE,
        data_bucket_arn="arn:aws:s3:::shop-data",
        models_bucket_arn="arn:aws:s3:::shop-models",
        jobs=MultiNode(nodes=4),
    )
    return AwsCluster("shop", args)


ALTERNATIVES: dict[str, Callable[[], Any]] = {
    "serverless": endpoint(ServerlessCapacity()),
    "asynchronous, in steps": endpoint(
        AsynchronousCapacity(output_uri="s3://shop/answers/", placement=PLACEMENT, kms_key_arn=KEY),
        rollout=Linear(kind="linear", step_percent=25, wait_minutes=2),
    ),
    "scaling by schedule": scaled(
        InstanceScaling(
            endpoint=GPU,
            min=2,
            max=8,
            requests_per_s=1,
            schedules=[Schedule(name="day", cron="cron(0 7 ? * MON-FRI *)", min=4, max=8)],
        )
    ),
    "scaling from zero": scaled(AsynchronousScaling(endpoint=QUEUE, max=2)),
    "scaling of warm servers": scaled(ServerlessScaling(endpoint=SERVERLESS, min=1, max=4)),
    "watching GPUs": watched(InstanceWatch(endpoint=GPU, quiet_hours=6)),
    "watching serverless": watched(ServerlessWatch(endpoint=SERVERLESS, quiet_hours=6)),
    "watching a queue": watched(AsynchronousWatch(endpoint=QUEUE, quiet_hours=6)),
    "jobs on several machines": cluster,
}


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_an_alternatives_inputs_are_what_cloudformation_takes(name: str) -> None:
    providers = {**providers_for("aws"), "mlcloud": make_servicer(Engine(None))}
    found = plan(ALTERNATIVES[name], providers=providers, config={"aws:region": REGION})
    assert found.ok, found.diagnostics
    resources = found.to_dict()["resources"]
    inputs.judge(resources, region=REGION).check(share=0.7)
    assert not policies.judge(resources).findings

"""What each edit of an AWS endpoint does, and in which order: nothing, in place, or a new configuration."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlcloud.aws.capacity import InstanceCapacity
from mlcloud.aws.endpoint import AwsEndpoint, AwsEndpointArgs
from mlcloud.aws.models import AwsModel, AwsModelArgs, ServedModel
from mlcloud.aws.monitoring import AwsMonitoring, AwsMonitoringArgs
from mlcloud.aws.scaling import AwsScaling, AwsScalingArgs, InstanceScaling
from mlcloud.aws.watches import InstanceWatch
from mlcloud.core.scope import Scope
from mlcloud.core.settings import Canary
from mlcloud.simulated import provider_class
from support.simulated_stack import SimulatedStack

SCOPE = Scope(
    project="shop",
    stack="dev",
    environment="dev",
    account="123456789012",
    region="eu-central-1",
    tags={"mlcloud-stack": "dev"},
)
TOPIC = "arn:aws:sns:eu-central-1:123456789012:shop-dev"
MODEL = ServedModel(
    name="houses",
    uri="s3://shop/models/0f/model.tar.gz",
    sha256="0f" * 32,
    image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:" + "a" * 64,
)
NEXT_MODEL = dataclasses.replace(MODEL, uri="s3://shop/models/1f/model.tar.gz", sha256="1f" * 32)
ARGS = AwsEndpointArgs(
    scope=SCOPE,
    model=MODEL,
    capacity=InstanceCapacity(),
    role_arn="arn:aws:iam::123456789012:role/shop-dev-endpoint",
    topic_arn=TOPIC,
)


def served(
    *, scaling: dict[str, Any] | None = None, watch: dict[str, Any] | None = None, **edit: Any
) -> Callable[[], None]:
    """A program: a version, the endpoint, its scaling and its monitoring, with some values edited."""
    args = dataclasses.replace(ARGS, **edit)
    assert isinstance(args.capacity, InstanceCapacity)
    capacity = args.capacity

    def program() -> None:
        AwsModel("version", AwsModelArgs(scope=args.scope, model=args.model))
        endpoint = AwsEndpoint("endpoint", args)
        source = capacity.source(endpoint.name)
        goals = InstanceScaling(
            endpoint=source, **{"min": 1, "max": 3, "requests_per_s": 10, **(scaling or {})}
        )
        AwsScaling("scaling", AwsScalingArgs(scope=args.scope, scaling=goals))
        seen = InstanceWatch(endpoint=source, **(watch or {}))
        AwsMonitoring("watch", AwsMonitoringArgs(scope=args.scope, watch=seen, topic_arn=TOPIC))

    return program


@pytest.fixture
def stack(tmp_path: Path) -> SimulatedStack:
    own = {"mlcloud": provider_class("mlcloud")}
    found = SimulatedStack(tmp_path, providers=own, region="eu-central-1")
    found.up(served())
    return found


def changed(stack: SimulatedStack) -> list[tuple[str, str]]:
    """What was done to resources in the last run, components and what stayed aside."""
    components = {"version", "endpoint", "scaling", "watch"}
    return [(op, name) for op, name in stack.ops if op != "same" and name not in components]


def test_everything_of_an_endpoint_comes_before_it_and_scaling_after(stack: SimulatedStack) -> None:
    order = [name for _, name in stack.ops]
    endpoint = order.index("endpoint-endpoint")
    before = ["endpoint-revision", "endpoint-model", "endpoint-config", "endpoint-logs"]
    for name in (*before, "endpoint-server-errors", "endpoint-latency-p99"):
        assert order.index(name) < endpoint
    for name in ("scaling-target", "scaling-requests"):
        assert order.index(name) > endpoint


def test_a_second_up_changes_nothing(stack: SimulatedStack) -> None:
    stack.up(served())
    assert changed(stack) == []


def test_another_model_makes_a_configuration_first_and_moves_the_endpoint_after(
    stack: SimulatedStack,
) -> None:
    before = stack.outputs("endpoint-config")["name"]
    stack.up(served(model=NEXT_MODEL))
    ops = changed(stack)
    done = [name for op, name in ops if op in ("create-replacement", "update")]
    order = ["endpoint-revision", "endpoint-model", "endpoint-config", "endpoint-endpoint"]
    assert [name for name in done if name in order] == order
    assert ("update", "endpoint-endpoint") in ops
    assert ops.index(("delete-replaced", "endpoint-config")) > ops.index(("update", "endpoint-endpoint"))
    assert stack.outputs("endpoint-config")["name"] != before
    assert not any(name.startswith("scaling") for _, name in ops), "scaling and its capacity stay"
    assert not any("server-errors" in name for _, name in ops), "the alarms keep watching"


def test_another_machine_type_keeps_variant_and_scaling_target(stack: SimulatedStack) -> None:
    stack.up(served(capacity=InstanceCapacity(instance_type="ml.m5.xlarge")))
    ops = changed(stack)
    assert ("update", "endpoint-endpoint") in ops
    assert not any(name.startswith("scaling") for _, name in ops)
    (variant,) = stack.outputs("endpoint-config")["productionVariants"]
    assert (variant["variantName"], variant["instanceType"]) == ("main", "ml.m5.xlarge")


IN_PLACE: list[tuple[dict[str, Any], list[str]]] = [
    ({"rollout": Canary(kind="canary", percent=10, wait_minutes=5)}, ["endpoint-endpoint"]),
    ({"retained_configs": 5}, ["endpoint-endpoint"]),
    ({"latency_p99_ms": 500}, ["endpoint-latency-p99"]),
    ({"error_percent": 2}, ["endpoint-server-errors"]),
    ({"log_retention_days": 30}, ["endpoint-logs"]),
    ({"scaling": {"max": 5}}, ["scaling-target"]),
    ({"scaling": {"requests_per_s": 20}}, ["scaling-requests"]),
    ({"watch": {"client_error_percent": 5}}, ["watch-client-errors"]),
]


@pytest.mark.parametrize(("edit", "updated"), IN_PLACE, ids=lambda value: str(value)[:32])
def test_numbers_change_in_place_and_touch_nothing_else(
    stack: SimulatedStack, edit: dict[str, Any], updated: list[str]
) -> None:
    stack.up(served(**edit))
    assert changed(stack) == [("update", name) for name in updated]


def test_tags_replace_nothing(stack: SimulatedStack) -> None:
    scope = dataclasses.replace(SCOPE, tags={"mlcloud-stack": "dev", "team": "ml"})
    stack.up(served(scope=scope))
    replaced = [name for op, name in changed(stack) if op != "update"]
    assert replaced == []


@pytest.mark.parametrize(
    "edit", [{"approval": "Approved"}, {"model": NEXT_MODEL}], ids=lambda edit: next(iter(edit))
)
def test_another_model_or_approval_registers_another_version(edit: dict[str, Any], tmp_path: Path) -> None:
    stack = SimulatedStack(tmp_path, region="eu-central-1")
    args = AwsModelArgs(scope=SCOPE, model=MODEL)
    stack.up(lambda: AwsModel("version", args))
    stack.up(lambda: AwsModel("version", dataclasses.replace(args, **edit)))
    assert changed(stack) == [
        ("create-replacement", "version-version"),
        ("delete-replaced", "version-version"),
    ]

"""What each edit of a stack on GCP does, and in which order: nothing, in place, or another one."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlcloud.core.scope import Scope
from mlcloud.core.settings import Canary
from mlcloud.gcp.capacity import InstanceCapacity
from mlcloud.gcp.cluster import GcpCluster, GcpClusterArgs
from mlcloud.gcp.endpoint import GcpEndpoint, GcpEndpointArgs
from mlcloud.gcp.foundation import ServiceAgents
from mlcloud.gcp.models import GcpModel, GcpModelArgs, ServedModel
from mlcloud.gcp.monitoring import GcpMonitoring, GcpMonitoringArgs
from mlcloud.gcp.placement import Placement
from mlcloud.gcp.scaling import InstanceScaling
from mlcloud.gcp.storage import GcpStorage, GcpStorageArgs
from mlcloud.gcp.watches import InstanceWatch
from mlcloud.simulated import providers_for
from support.simulated_stack import SimulatedStack

SCOPE = Scope(
    project="shop",
    stack="dev",
    environment="dev",
    account="shop-123456",
    region="europe-west4",
    tags={"mlcloud-stack": "dev"},
)
CHANNEL = "projects/shop-123456/notificationChannels/1"
MODEL = ServedModel(
    name="houses",
    uri="gs://shop/models/0f",
    sha256="0f" * 32,
    image_uri="europe-west4-docker.pkg.dev/shop-123456/shop/trainer@sha256:" + "a" * 64,
)
NEXT_MODEL = dataclasses.replace(MODEL, uri="gs://shop/models/1f", sha256="1f" * 32)
PLACEMENT = Placement(
    network="projects/shop-123456/global/networks/shop",
    network_attachment="projects/shop-123456/regions/europe-west4/networkAttachments/shop",
)


def served(
    *,
    model: ServedModel = MODEL,
    scope: Scope = SCOPE,
    watch: dict[str, Any] | None = None,
    log_retention_days: int = 365,
    **edit: Any,
) -> Callable[[], None]:
    """A program: a version, the endpoint and its monitoring, with some values edited."""

    def program() -> None:
        version = GcpModel("version", GcpModelArgs(scope=scope, model=model))
        given: dict[str, Any] = {
            "scope": scope,
            "model": model,
            "model_version": version.id,
            "capacity": InstanceCapacity(max=3),
            "service_account": "shop-dev-endpoint@shop-123456.iam.gserviceaccount.com",
            "channels": [CHANNEL],
            "scaling": InstanceScaling(cpu_percent=60),
        }
        endpoint = GcpEndpoint("endpoint", GcpEndpointArgs(**{**given, **edit}))
        seen = InstanceWatch(endpoint=endpoint.source, **(watch or {}))
        args = GcpMonitoringArgs(
            scope=scope, watch=seen, channels=[CHANNEL], log_retention_days=log_retention_days
        )
        GcpMonitoring("watch", args)

    return program


def simulated(folder: Path) -> SimulatedStack:
    return SimulatedStack(folder, providers=providers_for("gcp", own=True))


@pytest.fixture
def stack(tmp_path: Path) -> SimulatedStack:
    found = simulated(tmp_path)
    found.up(served())
    return found


def changed(stack: SimulatedStack) -> list[tuple[str, str]]:
    """What was done to resources in the last run, components and what stayed aside."""
    components = {"version", "endpoint", "watch", "storage", "gpu"}
    return [(op, name) for op, name in stack.ops if op != "same" and name not in components]


def test_endpoint_and_alarms_come_before_the_deployment(stack: SimulatedStack) -> None:
    order = [name for _, name in stack.ops]
    deployment = order.index("endpoint-deployment")
    before = ("version-version", "endpoint-endpoint", "endpoint-server-errors", "endpoint-latency-p99")
    assert all(order.index(name) < deployment for name in before)


def test_a_second_up_changes_nothing(stack: SimulatedStack) -> None:
    stack.up(served())
    assert changed(stack) == []


def test_another_model_is_another_version_that_the_deployment_moves_to_before_the_old_one_goes(
    stack: SimulatedStack,
) -> None:
    stack.up(served(model=NEXT_MODEL))
    ops = changed(stack)
    assert ops.index(("create-replacement", "version-version")) < ops.index(("update", "endpoint-deployment"))
    assert ops.index(("update", "endpoint-deployment")) < ops.index(("delete-replaced", "version-version"))
    assert {name for _, name in ops} == {"version-version", "endpoint-deployment"}


IN_PLACE: list[tuple[dict[str, Any], list[str]]] = [
    ({"rollout": Canary(kind="canary", percent=10, wait_minutes=5)}, ["endpoint-deployment"]),
    ({"capacity": InstanceCapacity(machine_type="n1-standard-2", max=3, spot=True)}, ["endpoint-deployment"]),
    ({"scaling": InstanceScaling(cpu_percent=70)}, ["endpoint-deployment"]),
    ({"scaling": InstanceScaling(requests_per_s=10)}, ["endpoint-deployment"]),
    ({"latency_p99_ms": 500}, ["endpoint-latency-p99"]),
    ({"error_percent": 2}, ["endpoint-server-errors"]),
    ({"watch": {"client_error_percent": 5}}, ["watch-client-errors"]),
    ({"log_retention_days": 30}, ["watch-logs"]),
]


@pytest.mark.parametrize(("edit", "updated"), IN_PLACE, ids=lambda value: str(value)[:40])
def test_numbers_change_in_place_and_touch_nothing_else(
    stack: SimulatedStack, edit: dict[str, Any], updated: list[str]
) -> None:
    stack.up(served(**edit))
    assert changed(stack) == [("update", name) for name in updated]


def test_another_machine_type_moves_the_traffic_and_keeps_the_endpoint(stack: SimulatedStack) -> None:
    stack.up(served(capacity=InstanceCapacity(machine_type="n1-standard-4", max=3)))
    assert ("update", "endpoint-deployment") in changed(stack)
    assert not any(op not in ("update",) for op, _ in changed(stack))


def test_labels_replace_nothing_that_serves(stack: SimulatedStack) -> None:
    scope = dataclasses.replace(SCOPE, tags={"mlcloud-stack": "dev", "team": "ml"})
    stack.up(served(scope=scope))
    assert [name for op, name in changed(stack) if op != "update"] == []


def test_a_private_endpoint_is_another_endpoint_and_its_deployment_moves_there(stack: SimulatedStack) -> None:
    before = stack.outputs("endpoint-endpoint")["name"]
    stack.up(served(placement=PLACEMENT))
    ops = changed(stack)
    assert ("create-replacement", "endpoint-endpoint") in ops
    assert ("create-replacement", "endpoint-deployment") in ops
    assert ops.index(("delete-replaced", "endpoint-deployment")) < ops.index(
        ("delete-replaced", "endpoint-endpoint")
    )
    assert stack.outputs("endpoint-endpoint")["name"] != before


@pytest.mark.parametrize(
    ("edit", "ops"),
    [
        ({"log_retention_days": 30}, [("update", "storage-logs-bucket")]),
        ({"scope": dataclasses.replace(SCOPE, tags={"team": "ml"})}, None),
    ],
    ids=["retention", "labels"],
)
def test_storage_changes_in_place(
    edit: dict[str, Any], ops: list[tuple[str, str]] | None, tmp_path: Path
) -> None:
    agents = ServiceAgents.of_project("123456789012")
    args = GcpStorageArgs(scope=SCOPE, agents=agents)
    stack = simulated(tmp_path)
    stack.up(lambda: GcpStorage("storage", args))
    stack.up(lambda: GcpStorage("storage", dataclasses.replace(args, **edit)))
    assert {op for op, _ in changed(stack)} == {"update"}
    assert ops is None or changed(stack) == ops


@pytest.mark.parametrize(
    ("edit", "op"),
    [
        ({"max_machines": 6}, "create-replacement"),
        ({"accelerators": 2}, "create-replacement"),
        ({"disk_gb": 200}, "create-replacement"),
    ],
    ids=["bounds", "machines", "disks"],
)
def test_machines_that_wait_are_made_anew_by_any_edit(edit: dict[str, Any], op: str, tmp_path: Path) -> None:
    """The API cannot change a pool's bounds, machines or disks (replacements.py)."""
    args = GcpClusterArgs(
        scope=SCOPE,
        accelerator="L4",
        accelerators=1,
        max_machines=4,
        key_name="projects/p/locations/l/keyRings/r/cryptoKeys/k",
    )
    stack = simulated(tmp_path)
    stack.up(lambda: GcpCluster("gpu", args))
    stack.up(lambda: GcpCluster("gpu", dataclasses.replace(args, **edit)))
    assert (op, "gpu-machines") in changed(stack)

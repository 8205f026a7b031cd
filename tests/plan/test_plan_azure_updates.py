"""What each edit of a stack on Azure does, and in which order: nothing, in place, or another one."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from mlcloud.azure.capacity import InstanceCapacity
from mlcloud.azure.cluster import AzureCluster, AzureClusterArgs
from mlcloud.azure.endpoint import AzureEndpoint, AzureEndpointArgs
from mlcloud.azure.models import AzureModel, AzureModelArgs, ServedModel
from mlcloud.azure.monitoring import AzureMonitoring, AzureMonitoringArgs
from mlcloud.azure.scaling import InstanceScaling, Schedule
from mlcloud.azure.watches import InstanceWatch
from mlcloud.core.scope import Scope
from mlcloud.core.settings import Canary
from mlcloud.simulated import providers_for
from mlcloud.simulated.azure.own import OWN
from support.engine import MemoryState
from support.simulated_stack import SimulatedStack

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop-dev"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/shop-dev"
PEOPLE = f"{GROUP}/providers/Microsoft.Insights/actionGroups/shop-dev"
LOGS = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/shop-dev"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop-dev"
SCOPE = Scope(
    project="shop",
    stack="dev",
    environment="dev",
    account=SUBSCRIPTION,
    region="westeurope",
    tags={"mlcloud-project": "shop", "mlcloud-stack": "dev"},
)
PLACE: dict[str, Any] = {"scope": SCOPE, "resource_group": "shop-dev"}
MODEL = ServedModel(
    name="houses",
    uri="https://shopdev.blob.core.windows.net/models/models/0f/",
    sha256="0f" * 32,
    image_uri="shopdev.azurecr.io/shop/trainer@sha256:" + "a" * 64,
)
NEXT_MODEL = dataclasses.replace(
    MODEL, uri="https://shopdev.blob.core.windows.net/models/models/1f/", sha256="1f" * 32
)
ENVIRONMENT = f"{WORKSPACE}/environments/shop-dev/versions/"
SCALED = InstanceCapacity(max=3)
# What is another colour: the old one serves until the traffic has moved, and goes last.
COLOUR = {"endpoint-colour", "endpoint-deployment", "endpoint-scaling"}


def served(
    *,
    model: ServedModel = MODEL,
    scope: Scope = SCOPE,
    watch: dict[str, Any] | None = None,
    **edit: Any,
) -> Callable[[], None]:
    """A program: a version, the endpoint and its monitoring, with some values edited."""

    def program() -> None:
        place = {**PLACE, "scope": scope}
        version = AzureModel("version", AzureModelArgs(**place, workspace="shop-dev", model=model))
        given: dict[str, Any] = {
            **place,
            "workspace": "shop-dev",
            "log_workspace_id": LOGS,
            "model": model,
            "model_version": version.id,
            "environment_id": ENVIRONMENT + "aaaa",
            "capacity": SCALED,
            "identity_id": IDENTITY,
            "action_group": PEOPLE,
            "scaling": InstanceScaling(cpu_percent=60),
        }
        endpoint = AzureEndpoint("endpoint", AzureEndpointArgs(**{**given, **edit}))
        seen = InstanceWatch(endpoint=endpoint.source, **(watch or {}))
        AzureMonitoring(
            "watch",
            AzureMonitoringArgs(**place, workspace_id=WORKSPACE, watch=seen, action_group=PEOPLE),
        )

    return program


def simulated(folder: Path) -> SimulatedStack:
    return SimulatedStack(folder, providers=providers_for("azure", own=True))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> SimulatedStack:
    """A stack that is up, and that nobody edits."""
    found = simulated(tmp_path_factory.mktemp("first"))
    found.up(served())
    return found


@pytest.fixture
def stack(first: SimulatedStack, tmp_path: Path) -> SimulatedStack:
    """A stack that is up, with a state of its own."""
    found = simulated(tmp_path)
    found.state = MemoryState(first.state.read())
    return found


def changed(stack: SimulatedStack) -> list[tuple[str, str]]:
    """What was done to resources in the last run, components and what stayed aside."""
    components = {"version", "endpoint", "watch", "gpu"}
    return [(op, name) for op, name in stack.ops if op != "same" and name not in components]


def moved(stack: SimulatedStack) -> None:
    """The traffic moved to another colour, which came before and whose predecessor went after."""
    ops = changed(stack)
    traffic = ops.index(("update", "endpoint-traffic"))
    for name in COLOUR:
        assert ops.index(("create-replacement", name)) < traffic < ops.index(("delete-replaced", name)), name


def test_alarms_logs_and_scaling_come_before_the_traffic(first: SimulatedStack) -> None:
    order = [name for _, name in first.ops]
    traffic = order.index("endpoint-traffic")
    for name in ("endpoint-server-errors", "endpoint-latency-p99", "endpoint-logs", "endpoint-scaling"):
        assert order.index(name) < traffic, name


def test_a_second_up_changes_nothing(stack: SimulatedStack) -> None:
    stack.up(served())
    assert changed(stack) == []


def test_another_model_is_another_version_and_another_colour_that_the_traffic_moves_to(
    stack: SimulatedStack,
) -> None:
    before = stack.outputs("endpoint-deployment")["name"]
    stack.up(served(model=NEXT_MODEL))
    moved(stack)
    ops = changed(stack)
    assert ops.index(("create-replacement", "version-version")) < ops.index(
        ("create-replacement", "endpoint-deployment")
    )
    assert ops.index(("delete-replaced", "endpoint-deployment")) < ops.index(
        ("delete-replaced", "version-version")
    )
    replaced = {name for op, name in ops if op == "create-replacement"}
    assert replaced == {*COLOUR, "version-version", "version-version-name"}
    assert stack.outputs("endpoint-deployment")["name"] != before


@pytest.mark.parametrize(
    "edit",
    [
        {"capacity": InstanceCapacity(instance_type="Standard_DS3_v2", max=3)},
        {"capacity": InstanceCapacity(max=3, request_timeout_s=30)},
        {"capacity": InstanceCapacity(max=3, startup_s=600)},
        {"capacity": InstanceCapacity(max=3, concurrent_requests=8)},
        {"environment_id": ENVIRONMENT + "bbbb"},
    ],
    ids=["machine", "timeout", "startup", "concurrency", "image"],
)
def test_what_cannot_change_while_it_serves_is_another_colour(
    stack: SimulatedStack, edit: dict[str, Any]
) -> None:
    stack.up(served(**edit))
    moved(stack)
    assert {name for op, name in changed(stack) if op == "create-replacement"} == COLOUR


IN_PLACE: list[tuple[dict[str, Any], list[str]]] = [
    ({"rollout": Canary(kind="canary", percent=10, wait_minutes=5)}, ["endpoint-traffic"]),
    ({"mirror_percent": 20}, ["endpoint-traffic"]),
    ({"scaling": InstanceScaling(cpu_percent=70)}, ["endpoint-scaling"]),
    ({"scaling": InstanceScaling(requests_per_s=10)}, ["endpoint-scaling"]),
    (
        {
            "scaling": InstanceScaling(
                cpu_percent=60, schedules=[Schedule(name="day", days=["Monday"], at="07:00", min=2, max=4)]
            )
        },
        ["endpoint-scaling"],
    ),
    # Scaling owns the number of machines: the deployment is left alone.
    ({"capacity": InstanceCapacity(min=2, max=3)}, ["endpoint-scaling"]),
    ({"latency_p99_ms": 500}, ["endpoint-latency-p99"]),
    ({"error_percent": 2}, ["endpoint-server-errors"]),
    ({"watch": {"client_error_percent": 5}}, ["watch-client-errors"]),
    # Azure ML sets an endpoint as a whole: what changes of it sets the weights again.
    ({"identity_id": IDENTITY + "-2"}, ["endpoint-endpoint", "endpoint-traffic"]),
    ({"private": True}, ["endpoint-endpoint", "endpoint-traffic"]),
]


@pytest.mark.parametrize(("edit", "updated"), IN_PLACE, ids=lambda value: str(value)[:60])
def test_numbers_change_in_place_and_touch_nothing_else(
    stack: SimulatedStack, edit: dict[str, Any], updated: list[str]
) -> None:
    stack.up(served(**edit))
    assert changed(stack) == [("update", name) for name in updated]


def test_without_scaling_the_number_of_machines_is_the_deployment_s_and_changes_in_place(
    tmp_path: Path,
) -> None:
    stack = simulated(tmp_path)
    stack.up(served(capacity=InstanceCapacity(min=1), scaling=None))
    stack.up(served(capacity=InstanceCapacity(min=2), scaling=None))
    assert changed(stack) == [("update", "endpoint-deployment")]


def test_tags_replace_nothing_and_leave_the_endpoint_with_its_traffic_alone(stack: SimulatedStack) -> None:
    scope = dataclasses.replace(SCOPE, tags={**SCOPE.tags, "team": "ml"})
    stack.up(served(scope=scope))
    ops = changed(stack)
    assert [name for op, name in ops if op != "update"] == []
    assert not {"endpoint-endpoint", "endpoint-traffic"} & {name for _, name in ops}


@pytest.mark.parametrize(
    ("edit", "ops"),
    [
        ({"max_machines": 6}, ["update"]),
        ({"idle_minutes": 30}, ["update"]),
        ({"identity_id": IDENTITY + "-2"}, ["update"]),
        ({"accelerators": 4}, ["delete-replaced", "create-replacement"]),
        ({"spot": True}, ["delete-replaced", "create-replacement"]),
    ],
    ids=["bounds", "idle", "identity", "machines", "spot"],
)
def test_a_cluster_is_made_anew_for_other_machines_alone(
    edit: dict[str, Any], ops: list[str], tmp_path: Path
) -> None:
    args = AzureClusterArgs(
        **PLACE,
        workspace="shop-dev",
        accelerator="T4",
        accelerators=1,
        max_machines=4,
        identity_id=IDENTITY,
    )
    stack = simulated(tmp_path)
    stack.up(lambda: AzureCluster("gpu", args))
    stack.up(lambda: AzureCluster("gpu", dataclasses.replace(args, **edit)))
    assert [op for op, name in changed(stack) if op != "replace"] == ops


def test_going_back_after_a_failed_move_makes_a_third_colour_and_then_takes_both_others_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first colour serves until then: its name is taken, and Pulumi means to delete it by its id."""
    nonce = iter(range(1, 10))

    def another_nonce() -> None:
        template = f"{{prefix}}{{long:8}}-000{next(nonce)}"
        monkeypatch.setitem(cast("dict[str, str]", OWN["mlcloud:azure:UniqueName"]), "name", template)

    another_nonce()
    stack = simulated(tmp_path)
    stack.up(served())
    another_nonce()
    monkeypatch.setenv("MLCLOUD_SIMULATED_FAIL", "update endpoint-traffic")
    assert not stack.open(served(model=NEXT_MODEL)).up().ok
    assert ("delete-replaced", "endpoint-deployment") not in stack.ops
    monkeypatch.delenv("MLCLOUD_SIMULATED_FAIL")
    another_nonce()
    stack.up(served())
    ops = changed(stack)
    traffic = ops.index(("update", "endpoint-traffic"))
    assert ops.index(("create-replacement", "endpoint-deployment")) < traffic
    gone = [index for index, op in enumerate(ops) if op == ("delete-replaced", "endpoint-deployment")]
    assert len(gone) == 2
    assert min(gone) > traffic
    assert stack.outputs("endpoint-deployment")["name"].endswith("-0003")
    assert stack.outputs("endpoint-traffic")["deployment"].endswith("-0003")
    stack.up(served())
    assert changed(stack) == []


def test_a_failed_move_is_taken_up_by_the_next_update(
    stack: SimulatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLCLOUD_SIMULATED_FAIL", "update endpoint-traffic")
    assert not stack.open(served(model=NEXT_MODEL)).up().ok
    monkeypatch.delenv("MLCLOUD_SIMULATED_FAIL")
    stack.up(served(model=NEXT_MODEL))
    ops = changed(stack)
    traffic = ops.index(("update", "endpoint-traffic"))
    assert [op for op in ops if op[0] == "create-replacement"] == []
    assert {name for op, name in ops[traffic:] if op == "delete-replaced"} >= COLOUR

"""The table of metrics on Azure: what publishes each, and that nothing else can be chosen."""

import asyncio
import typing
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from mlcloud.azure import logs, metrics
from mlcloud.azure.alarms import LogAlarm
from mlcloud.azure.capacity import InstanceCapacity
from mlcloud.azure.instances import ACCELERATORS, has_gpu, vcpus_of
from mlcloud.azure.metric_types import DEPLOYMENT_NAMESPACE, ENDPOINT_NAMESPACE, WORKSPACE_NAMESPACE
from mlcloud.azure.metrics import Metric, OnlineEndpoint, Workspace, metrics_of
from mlcloud.azure.scaling import Goal, InstanceScaling
from mlcloud.azure.watches import InstanceWatch
from mlcloud.core.errors import ArgsError, UserError

PLACE: dict[str, Any] = {
    "endpoint_id": "/endpoint",
    "endpoint_name": "shop",
    "deployment_id": "/endpoint/deployment",
    "deployment_name": "v1",
    "log_workspace_id": "/logs",
}
CPU = OnlineEndpoint(**PLACE, capacity=InstanceCapacity(instance_type="Standard_DS3_v2", max=3))
GPU = OnlineEndpoint(**PLACE, capacity=InstanceCapacity(instance_type="Standard_NC4as_T4_v3"))
RUNS = Workspace(workspace_id="/workspace")


def written(make: Callable[[], pulumi.Output[str]]) -> str:
    """The text of an output that waits for nothing."""

    async def found() -> str | None:
        return await make().future()

    return asyncio.run(found()) or ""


def test_a_machine_without_an_accelerator_publishes_no_accelerator_metric() -> None:
    assert not metrics.GPU.is_published_by(CPU)
    assert metrics.GPU.is_published_by(GPU)
    with pytest.raises(
        UserError, match=r"Gpu.* with an accelerator, not by this endpoint on Standard_DS3_v2"
    ):
        metrics.GPU.resource_id(CPU)


def test_a_metric_of_another_kind_is_refused_where_no_type_checker_runs() -> None:
    wrong: Metric[Any] = metrics.FAILED_RUNS
    with pytest.raises(UserError, match="Failed Runs is published by each workspace, not by this endpoint"):
        wrong.resource_id(CPU)
    with pytest.raises(UserError, match="is published by each endpoint, not by this workspace"):
        typing.cast("Metric[Any]", metrics.CPU).resource_id(RUNS)


def test_a_metric_is_asked_of_the_resource_that_publishes_it() -> None:
    assert metrics.REQUESTS.resource_id(CPU) == "/endpoint"
    assert metrics.CPU.resource_id(CPU) == "/endpoint/deployment"
    assert metrics.FAILED_RUNS.resource_id(RUNS) == "/workspace"
    assert {metric.namespace for metric in metrics_of(CPU)} == {ENDPOINT_NAMESPACE, DEPLOYMENT_NAMESPACE}
    assert [metric.namespace for metric in metrics_of(RUNS)] == [WORKSPACE_NAMESPACE]
    assert len(metrics_of(GPU)) == len(metrics_of(CPU)) + 2


def test_the_types_say_the_same_as_the_table() -> None:
    hints = typing.get_type_hints(metrics)
    named = {name: value for name, value in vars(metrics).items() if isinstance(value, Metric)}
    assert len(named) == len(metrics.METRICS) == 13
    for name, metric in named.items():
        (final,) = typing.get_args(hints[name])
        (source,) = typing.get_args(final)
        assert {source.kind} == set(metric.kinds), name


def test_a_request_that_the_server_refuses_is_not_one_that_fails() -> None:
    """Azure ML answers 424 for both, and tells the container's own status apart."""
    refused = written(lambda: logs.refused_share("shop"))
    failed = written(lambda: logs.failed_share("shop"))
    assert refused.startswith('AmlOnlineEndpointTrafficLog | where EndpointName == "shop" | summarize ')
    model = "(ResponseCode == 424 and coalesce(ModelStatusCode, 0) between (400 .. 499))"
    assert f"ResponseCode !in (408, 424, 429)) or {model})" in refused
    assert f"ResponseCode >= 500 or ResponseCode == 408 or (ResponseCode == 424 and not({model}))" in failed
    assert all(query.endswith("project percent=100.0 * counted / requests") for query in (refused, failed))


def test_goals_on_what_the_machines_do_not_publish_are_refused() -> None:
    scaling = InstanceScaling(requests_per_s=10, safety_factor=0.5, cpu_percent=60, latency_ms=80)
    assert scaling.goals(CPU) == [
        Goal(metric=metrics.REQUESTS, target=300, per_machine=True),
        Goal(metric=metrics.CPU, target=60),
        Goal(metric=metrics.LATENCY, target=80),
    ]
    with pytest.raises(UserError, match=r"Gpu\w+ is not published by machines of the size Standard_DS3_v2"):
        InstanceScaling(gpu_percent=60).goals(CPU)
    assert InstanceScaling(gpu_percent=60).goals(GPU) == [Goal(metric=metrics.GPU, target=60)]
    with pytest.raises(ArgsError, match="at least one of"):
        InstanceScaling()


def test_what_is_watched_follows_from_the_machines() -> None:
    assert [alarm.part for alarm in InstanceWatch(endpoint=CPU, quiet_hours=2).alarms] == [
        *("client-errors", "latency-p50", "throttled", "cpu", "memory", "disk", "saturation", "no-traffic")
    ]
    assert [alarm.part for alarm in InstanceWatch(endpoint=GPU).alarms] == [
        *("client-errors", "latency-p50", "throttled", "cpu", "memory", "disk", "gpu", "gpu-memory")
    ]
    with pytest.raises(ArgsError, match="quiet_hours"):
        InstanceWatch(endpoint=CPU, quiet_hours=7)


@pytest.mark.parametrize(("hours", "window"), [(1, "PT1H"), (6, "PT6H"), (24, "P1D"), (48, "P2D")])
def test_silence_is_looked_for_over_a_time_that_log_alerts_have(hours: int, window: str) -> None:
    (quiet,) = (
        alarm
        for alarm in InstanceWatch(endpoint=CPU, quiet_hours=hours).alarms
        if isinstance(alarm, LogAlarm) and alarm.part == "no-traffic"
    )
    assert (quiet.window, quiet.comparison, quiet.counts_rows) == (window, "below", True)


# --- machine sizes ---


def test_each_accelerator_has_sizes_with_accelerators() -> None:
    sizes = [size for row in ACCELERATORS for size in row.instance_types.values()]
    assert len(sizes) == len(set(sizes)) > len(ACCELERATORS)
    assert all(has_gpu(size) for size in sizes)
    assert not has_gpu("Standard_DS3_v2")


@pytest.mark.parametrize(
    ("size", "vcpus"),
    [
        ("Standard_DS2_v2", 2),
        ("Standard_DS3_v2", 4),
        ("Standard_D13_v2", 8),
        ("Standard_F4s_v2", 4),
        ("Standard_E4-2ds_v5", 2),
        ("Standard_NC24ads_A100_v4", 24),
        ("Standard_NC64as_T4_v3", 64),
    ],
)
def test_processors_follow_from_the_name(size: str, vcpus: int) -> None:
    assert vcpus_of(size) == vcpus


def test_a_name_of_no_size_is_refused() -> None:
    with pytest.raises(UserError, match="a family, a size and a version, such as Standard_DS3_v2"):
        vcpus_of("n1-standard-2")

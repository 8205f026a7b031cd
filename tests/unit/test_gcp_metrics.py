"""The table of metrics on GCP: what each kind of endpoint publishes, and that nothing else can be chosen."""

import asyncio
import typing
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from mlcloud.core.errors import ArgsError, UserError
from mlcloud.gcp import metrics
from mlcloud.gcp.capacity import InstanceCapacity
from mlcloud.gcp.instances import ACCELERATORS, accelerator_of, memory_bytes_of, vcpus_of
from mlcloud.gcp.metrics import Metric, PrivateEndpoint, PublicEndpoint, metrics_of
from mlcloud.gcp.scaling import Goal, InstanceScaling
from mlcloud.gcp.watches import InstanceWatch
from mlcloud.provider.gcp.model_deployment_inputs import METRICS as SCALING_METRICS
from support.judges.gcp.schemas import schema

PLACE: dict[str, Any] = {"endpoint_name": "shop", "region": "europe-west4"}
PUBLIC = PublicEndpoint(**PLACE, capacity=InstanceCapacity(machine_type="n1-standard-4", max=3))
PRIVATE = PrivateEndpoint(**PLACE, capacity=PUBLIC.capacity)
GPU = PublicEndpoint(**PLACE, capacity=InstanceCapacity(machine_type="g2-standard-8"))


def written(make: Callable[[], pulumi.Output[str]]) -> str:
    """The text of an output that waits for nothing."""

    async def found() -> str | None:
        return await make().future()

    return asyncio.run(found()) or ""


def test_a_private_endpoint_has_its_answers_under_both_names() -> None:
    assert [metric.name for metric in metrics.responses_of(PUBLIC)] == ["response_count"]
    assert [metric.name for metric in metrics.responses_of(PRIVATE)] == [
        "response_count",
        "private/response_count",
    ]
    public, private = ({metric.name for metric in metrics_of(kind)} for kind in (PUBLIC, PRIVATE))
    assert private - public == {"private/response_count", "private/prediction_latencies"}


def test_a_machine_without_an_accelerator_publishes_no_accelerator_metric() -> None:
    assert not metrics.GPU.is_published_by(PUBLIC)
    assert metrics.GPU.is_published_by(GPU)
    with pytest.raises(UserError, match=r"duty_cycle .* with an accelerator, not by public ones on n1-stand"):
        metrics.GPU.filter(PUBLIC)


def test_a_metric_of_another_kind_is_refused_where_no_type_checker_runs() -> None:
    wrong: Metric[Any] = metrics.PRIVATE_LATENCY
    with pytest.raises(UserError, match="published by private endpoints, not by public ones"):
        wrong.filter(PUBLIC)


def test_the_types_say_the_same_as_the_table() -> None:
    hints = typing.get_type_hints(metrics)
    named = {name: value for name, value in vars(metrics).items() if isinstance(value, Metric)}
    assert len(named) == len(metrics.METRICS) == 12
    for name, metric in named.items():
        (final,) = typing.get_args(hints[name])
        (source,) = typing.get_args(final)
        kinds = {member.kind for member in typing.get_args(source) or (source,)}
        assert kinds == set(metric.kinds), name


def test_aligners_and_reducers_are_those_of_cloud_monitoring() -> None:
    known = schema("monitoring.v3", "Aggregation")["properties"]
    for metric in metrics.METRICS:
        assert metric.aligner in known["perSeriesAligner"]["enum"]
        assert metric.reducer in known["crossSeriesReducer"]["enum"]


def test_scaling_follows_metrics_that_the_api_names() -> None:
    words = schema("aiplatform.v1", "GoogleCloudAiplatformV1AutoscalingMetricSpec")["properties"]
    named = {metric.scaling_metric: metric.type for metric in metrics.METRICS if metric.scaling_metric}
    assert set(named) == {"cpu", "gpu"}
    for name, kind in named.items():
        assert SCALING_METRICS[name] == kind
        assert kind in words["metricName"]["description"]


def test_a_filter_finds_one_endpoint_and_its_codes() -> None:
    found = written(lambda: metrics.RESPONSES.filter(PUBLIC, hundreds=5))
    assert found == (
        'metric.type="aiplatform.googleapis.com/prediction/online/response_count"'
        ' AND resource.type="aiplatform.googleapis.com/Endpoint"'
        ' AND resource.labels.location="europe-west4" AND resource.labels.endpoint_id="shop"'
        ' AND metric.labels.response_code=monitoring.regex.full_match("5..")'
    )
    numbers = written(lambda: metrics.PRIVATE_RESPONSES.filter(PRIVATE, hundreds=4))
    assert numbers.endswith(" AND metric.labels.response_code>=400 AND metric.labels.response_code<500")
    assert 'metric.labels.latency_type="total"' in written(lambda: metrics.LATENCY.filter(PUBLIC))


def test_percentages_are_in_the_metric_s_own_unit() -> None:
    assert metrics.CPU.from_percent(80, PUBLIC) == pytest.approx(3.2)
    assert metrics.GPU.from_percent(50, GPU) == 0.5
    assert metrics.MEMORY.from_percent(50, PUBLIC) == 7.5 * 2**30
    unknown = PublicEndpoint(**PLACE, capacity=InstanceCapacity(machine_type="a2-highgpu-1g"))
    assert metrics.MEMORY.from_percent(50, unknown) is None


def test_goals_on_what_the_machines_do_not_publish_are_refused() -> None:
    scaling = InstanceScaling(requests_per_s=10, safety_factor=0.5, cpu_percent=60)
    assert scaling.goals(PUBLIC) == [Goal(metric="requests", target=300), Goal(metric="cpu", target=60)]
    with pytest.raises(UserError, match=r"duty_cycle is not published by machines of the type n1-standard-4"):
        InstanceScaling(gpu_percent=60).goals(PUBLIC)
    assert InstanceScaling(gpu_percent=60).goals(GPU) == [Goal(metric="gpu", target=60)]
    with pytest.raises(ArgsError, match="at least one of"):
        InstanceScaling()


def test_what_is_watched_follows_from_the_machines() -> None:
    assert [alarm.part for alarm in InstanceWatch(endpoint=PUBLIC, quiet_hours=2).alarms] == [
        *("client-errors", "latency-p50", "cpu", "memory", "saturation", "no-traffic")
    ]
    assert [alarm.part for alarm in InstanceWatch(endpoint=GPU).alarms] == [
        *("client-errors", "latency-p50", "cpu", "memory", "gpu")
    ]
    with pytest.raises(ArgsError, match="quiet_hours"):
        InstanceWatch(endpoint=PUBLIC, quiet_hours=24)


# --- machine types ---


def test_accelerators_have_the_names_that_vertex_ai_gives() -> None:
    spec = schema("aiplatform.v1", "GoogleCloudAiplatformV1MachineSpec")["properties"]["acceleratorType"]
    assert {row.kind for row in ACCELERATORS} <= set(spec["enum"])
    assert len(ACCELERATORS) == 8


def test_a_machine_type_brings_its_accelerators_and_n1_brings_none() -> None:
    assert accelerator_of("g2-standard-24") == ("NVIDIA_L4", 2)
    assert accelerator_of("a3-highgpu-8g") == ("NVIDIA_H100_80GB", 8)
    assert accelerator_of("n1-standard-8") is None
    assert accelerator_of("e2-standard-2") is None


def test_processors_and_memory_follow_from_the_name() -> None:
    assert [vcpus_of(name) for name in ("n1-standard-2", "a2-highgpu-4g", "g2-standard-96")] == [2, 48, 96]
    assert memory_bytes_of("n1-highmem-2") == 13 * 2**30
    assert memory_bytes_of("c9-standard-2") is None
    with pytest.raises(UserError, match="a family, a kind and a size, such as n1-standard-2"):
        vcpus_of("big")

"""The table of metrics: what each kind of endpoint publishes, and that nothing else can be chosen."""

import gzip
import json
import subprocess
import sys
import typing
from importlib import resources
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from mlcloud.aws import metrics
from mlcloud.aws.instances import GPU_FAMILIES, gpus_of, has_local_storage, instance_types_with, vcpus_of
from mlcloud.aws.metrics import (
    AsynchronousEndpoint,
    EventRule,
    InstanceEndpoint,
    Metric,
    ServerlessEndpoint,
    metrics_of,
)
from mlcloud.core.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
INSTANCE = InstanceEndpoint(endpoint_name="e", variant_name="v", instance_type="ml.m5.xlarge")
GPU_INSTANCE = InstanceEndpoint(endpoint_name="e", variant_name="v", instance_type="ml.g5.12xlarge")
SERVERLESS = ServerlessEndpoint(endpoint_name="e", variant_name="v")
ASYNCHRONOUS = AsynchronousEndpoint(endpoint_name="e", variant_name="v", instance_type="ml.g5.xlarge")

# The "exhaustive lists" of SageMaker's own pages; the namespace of the machines' metrics is another.
PUBLISHED = {
    "serverless": {
        "Invocation4XXErrors",
        "Invocation5XXErrors",
        "Invocations",
        "ModelLatency",
        "OverheadLatency",
        "ModelSetupTime",
        "MemoryUtilization",
        "ServerlessConcurrentExecutionsUtilization",
        "ServerlessProvisionedConcurrencyUtilization",
    },
    "asynchronous": {
        "Invocation4XXErrors",
        "Invocation5XXErrors",
        "ModelLatency",
        "ApproximateBacklogSize",
        "ApproximateBacklogSizePerInstance",
        "ApproximateAgeOfOldestRequest",
        "HasBacklogWithoutCapacity",
        "InvocationsProcessed",
        "InvocationFailures",
        "CPUUtilization",
        "MemoryUtilization",
        "DiskUtilization",
        "GPUUtilization",
        "GPUMemoryUtilization",
    },
}


@pytest.mark.parametrize("endpoint", [SERVERLESS, ASYNCHRONOUS], ids=lambda endpoint: endpoint.kind)
def test_a_kind_of_endpoint_publishes_what_its_page_lists(endpoint: Any) -> None:
    assert {metric.name for metric in metrics_of(endpoint)} == PUBLISHED[endpoint.kind]


def test_a_machine_without_a_gpu_publishes_no_gpu_metric() -> None:
    assert not metrics.GPU.is_published_by(INSTANCE)
    assert metrics.GPU.is_published_by(GPU_INSTANCE)
    with pytest.raises(UserError, match=r"GPUUtilization .* not by a source of the kind instance on ml.m5.x"):
        metrics.GPU.dimensions(INSTANCE)


def test_the_queue_of_an_endpoint_has_no_variant() -> None:
    assert metrics.BACKLOG.dimensions(ASYNCHRONOUS) == {"EndpointName": "e"}
    assert metrics.CPU.dimensions(ASYNCHRONOUS) == {"EndpointName": "e", "VariantName": "v"}
    assert metrics.MATCHED_EVENTS.dimensions(EventRule(rule_name="r")) == {"RuleName": "r"}


def test_the_types_say_the_same_as_the_table() -> None:
    hints = typing.get_type_hints(metrics)
    named = {name: value for name, value in vars(metrics).items() if isinstance(value, Metric)}
    assert len(named) == len(metrics.METRICS) == 23
    for name, metric in named.items():
        (final,) = typing.get_args(hints[name])
        (source,) = typing.get_args(final)
        kinds = {member.kind for member in typing.get_args(source) or (source,)}
        assert kinds == set(metric.kinds), name


def test_the_statistic_of_a_metric_is_one_that_its_page_calls_valid() -> None:
    for metric in metrics.METRICS:
        assert metric.statistic in metric.statistics, metric.name
        assert metric.source.startswith("https://docs.aws.amazon.com/")


def test_scaling_metrics_are_those_of_application_auto_scaling() -> None:
    model = botocore.session.get_session().get_service_model("application-autoscaling")
    known = set(model.shape_for("MetricType").enum)
    named = {metric.scaling_metric_type for metric in metrics.METRICS if metric.scaling_metric_type}
    assert len(named) == 3
    assert named <= known


def test_a_metric_of_another_kind_is_refused_where_no_type_checker_runs() -> None:
    wrong: Metric[Any] = metrics.INVOCATIONS_PER_INSTANCE
    with pytest.raises(UserError, match=r"InvocationsPerInstance .* published by instance, not by .* server"):
        wrong.dimensions(SERVERLESS)


def test_a_type_checker_refuses_a_metric_that_the_kind_does_not_publish(tmp_path: Path) -> None:
    program = tmp_path / "choices.py"
    program.write_text(
        "from mlcloud.aws.metrics import CPU, INVOCATIONS, ServerlessEndpoint\n"
        'endpoint = ServerlessEndpoint(endpoint_name="e", variant_name="v")\n'
        "INVOCATIONS.dimensions(endpoint)\n"
        "CPU.dimensions(endpoint)\n"
    )
    (tmp_path / "pyrightconfig.json").write_text(
        json.dumps({"extraPaths": [str(ROOT / "components")], "useLibraryCodeForTypes": True})
    )
    found = subprocess.run(
        [
            sys.executable,
            "-m",
            "pyright",
            "--outputjson",
            "--pythonpath",
            sys.executable,
            "-p",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    errors = json.loads(found.stdout)["generalDiagnostics"]
    assert [error["range"]["start"]["line"] for error in errors] == [3], errors
    assert "ServerlessEndpoint" in errors[0]["message"]


def test_percentages_and_durations_are_in_the_metric_s_own_unit() -> None:
    assert metrics.CPU.from_percent(80, INSTANCE) == 320
    assert metrics.GPU.from_percent(50, GPU_INSTANCE) == 200
    assert metrics.MEMORY.from_percent(80, GPU_INSTANCE) == 80
    assert metrics.LATENCY.from_ms(250) == 250_000
    assert metrics.OLDEST_REQUEST_AGE.from_ms(1500) == 1.5
    with pytest.raises(UserError, match="Invocations is no duration"):
        metrics.INVOCATIONS.from_ms(1)


# --- machine types ---


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """What EC2's DescribeInstanceTypes answered, as moto carries it."""
    recorded = resources.files("moto") / "ec2" / "resources" / "instance_types.json.gz"
    return json.loads(gzip.decompress(recorded.read_bytes()))


def sagemaker_types() -> set[str]:
    model = botocore.session.get_session().get_service_model("sagemaker")
    hosting = model.shape_for("ProductionVariantInstanceType").enum
    return {name.removeprefix("ml.") for name in (*hosting, *model.shape_for("TrainingInstanceType").enum)}


def test_machine_types_have_what_ec2_says(described: dict[str, Any]) -> None:
    judged = sorted(sagemaker_types() & set(described))
    assert len(judged) > 340
    for name in judged:
        said = described[name]
        gpus = sum(gpu["Count"] for gpu in said.get("GpuInfo", {}).get("Gpus", []))
        assert gpus_of(f"ml.{name}") == gpus, name
        assert vcpus_of(f"ml.{name}") == said["VCpuInfo"]["DefaultVCpus"], name
        assert has_local_storage(f"ml.{name}") == said["InstanceStorageSupported"], name


def test_accelerators_have_the_names_that_ec2_says(described: dict[str, Any]) -> None:
    for row in GPU_FAMILIES:
        for size in row.gpus:
            said = described.get(f"{row.family}.{size}")
            assert said is None or said["GpuInfo"]["Gpus"][0]["Name"] == row.accelerator
            assert said is not None or row.family == "p3"


def test_a_name_that_is_no_machine_type_is_refused() -> None:
    with pytest.raises(UserError, match=r"a family and a size, such as ml\.m5\.large"):
        vcpus_of("big")


def test_accelerators_are_found_by_name_and_count() -> None:
    assert instance_types_with("A10G", 4, families=GPU_FAMILIES) == ["g5.12xlarge", "g5.24xlarge"]
    assert instance_types_with("T4", 8, families=GPU_FAMILIES) == []

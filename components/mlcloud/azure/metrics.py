"""The metrics that Azure publishes for what a stack serves: one table for scaling, alarms and the workbook.

A metric knows what publishes it, as a type, so that an alarm on a metric that is never published does not
pass a type checker, and is refused by name where none runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar

import pulumi

from mlcloud.azure.capacity import InstanceCapacity
from mlcloud.azure.metric_types import (
    DEPLOYMENT_NAMESPACE,
    ENDPOINT_NAMESPACE,
    INSTANCES_METRIC,
    REQUESTS_METRIC,
    WORKSPACE_NAMESPACE,
)
from mlcloud.core.errors import UserError

Kind = Literal["endpoint", "workspace"]
Unit = Literal["Count", "Percent", "Milliseconds", "BytesPerSecond", "CountPerSecond"]
Aggregation = Literal["Average", "Minimum", "Maximum", "Total", "Count"]

_PAGE: Final = (
    "https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/"
    "microsoft-machinelearningservices-workspaces"
)
_SOURCES: Final = {
    WORKSPACE_NAMESPACE: f"{_PAGE}-metrics",
    ENDPOINT_NAMESPACE: f"{_PAGE}-onlineendpoints-metrics",
    DEPLOYMENT_NAMESPACE: f"{_PAGE}-onlineendpoints-deployments-metrics",
}


@dataclass(frozen=True, kw_only=True)
class OnlineEndpoint:
    """An online endpoint, and the deployment of it that serves.

    Attributes:
        endpoint_id: The endpoint's resource id.
        endpoint_name: The endpoint's name.
        deployment_id: The deployment's resource id.
        deployment_name: The deployment's name.
        log_workspace_id: Resource id of the workspace of Log Analytics that has its logs.
        capacity: What answers its requests.
    """

    kind: ClassVar[Kind] = "endpoint"
    endpoint_id: pulumi.Input[str]
    endpoint_name: pulumi.Input[str]
    deployment_id: pulumi.Input[str]
    deployment_name: pulumi.Input[str]
    log_workspace_id: pulumi.Input[str]
    capacity: InstanceCapacity


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A workspace of Azure ML, with the runs in it.

    Attributes:
        workspace_id: Its resource id.
    """

    kind: ClassVar[Kind] = "workspace"
    workspace_id: pulumi.Input[str]


Endpoint = OnlineEndpoint
Source = OnlineEndpoint | Workspace
Source_contra = TypeVar("Source_contra", bound=Source, contravariant=True)


@dataclass(frozen=True, kw_only=True)
class Metric(Generic[Source_contra]):
    """One metric of Azure Monitor.

    Attributes:
        name: Its name in the REST API.
        namespace: Type of the resource that publishes it.
        dimensions: The dimensions with which it is published.
        unit: The unit of its values.
        aggregation: What makes one value of a period.
        kinds: What publishes it; the same as the type says.
        needs_gpu: Whether only machines with accelerators publish it.
    """

    name: str
    namespace: str
    dimensions: Sequence[str]
    unit: Unit
    aggregation: Aggregation
    kinds: Sequence[Kind]
    needs_gpu: bool = False

    @property
    def source(self) -> str:
        """Where Microsoft documents it."""
        return _SOURCES[self.namespace]

    def resource_id(self, source: Source_contra) -> pulumi.Input[str]:
        """Return the id of the resource that publishes it for this source.

        Raises:
            UserError: The source does not publish it.
        """
        if not self.is_published_by(source):
            gpu = " with an accelerator" if self.needs_gpu else ""
            raise UserError(
                f"{self.name} is published by each {' and '.join(self.kinds)}{gpu}, not by this "
                f"{_words(source)}: nothing would ever see a value. See {self.source}."
            )
        if isinstance(source, Workspace):
            return source.workspace_id
        return source.endpoint_id if self.namespace == ENDPOINT_NAMESPACE else source.deployment_id

    def is_published_by(self, source: Source) -> bool:
        """Return whether there are ever values of the metric for this source."""
        gpu = isinstance(source, OnlineEndpoint) and source.capacity.has_gpu
        return source.kind in self.kinds and (gpu or not self.needs_gpu)


def _words(source: Source) -> str:
    if isinstance(source, Workspace):
        return "workspace"
    return f"endpoint on {source.capacity.instance_type}"


def _of_endpoint(name: str, unit: Unit, *dimensions: str) -> Metric[Any]:
    return Metric[Any](
        name=name,
        namespace=ENDPOINT_NAMESPACE,
        dimensions=dimensions,
        unit=unit,
        aggregation="Average",
        kinds=("endpoint",),
    )


def _of_deployment(
    name: str,
    unit: Unit,
    *dimensions: str,
    aggregation: Aggregation = "Average",
    needs_gpu: bool = False,
) -> Metric[Any]:
    return Metric[Any](
        name=name,
        namespace=DEPLOYMENT_NAMESPACE,
        dimensions=("instanceId", *dimensions),
        unit=unit,
        aggregation=aggregation,
        kinds=("endpoint",),
        needs_gpu=needs_gpu,
    )


REQUESTS: Final[Metric[OnlineEndpoint]] = _of_endpoint(
    REQUESTS_METRIC, "Count", "deployment", "statusCode", "statusCodeClass", "modelStatusCode"
)
LATENCY: Final[Metric[OnlineEndpoint]] = _of_endpoint("RequestLatency", "Milliseconds", "deployment")
LATENCY_P50: Final[Metric[OnlineEndpoint]] = _of_endpoint("RequestLatency_P50", "Milliseconds", "deployment")
LATENCY_P99: Final[Metric[OnlineEndpoint]] = _of_endpoint("RequestLatency_P99", "Milliseconds", "deployment")
CONNECTIONS: Final[Metric[OnlineEndpoint]] = _of_endpoint("ConnectionsActive", "Count")
NETWORK: Final[Metric[OnlineEndpoint]] = _of_endpoint("NetworkBytes", "BytesPerSecond")
CPU: Final[Metric[OnlineEndpoint]] = _of_deployment("CpuUtilizationPercentage", "Percent")
MEMORY: Final[Metric[OnlineEndpoint]] = _of_deployment(
    "CpuMemoryUtilizationPercentage", "Percent", aggregation="Maximum"
)
DISK: Final[Metric[OnlineEndpoint]] = _of_deployment(
    "DiskUtilization", "Percent", "disk", aggregation="Maximum"
)
GPU: Final[Metric[OnlineEndpoint]] = _of_deployment("GpuUtilizationPercentage", "Percent", needs_gpu=True)
GPU_MEMORY: Final[Metric[OnlineEndpoint]] = _of_deployment(
    "GpuMemoryUtilizationPercentage", "Percent", aggregation="Maximum", needs_gpu=True
)
INSTANCES: Final[Metric[OnlineEndpoint]] = _of_deployment(
    INSTANCES_METRIC, "Count", "State", aggregation="Maximum"
)
FAILED_RUNS: Final[Metric[Workspace]] = Metric[Workspace](
    name="Failed Runs",
    namespace=WORKSPACE_NAMESPACE,
    dimensions=(
        *("Scenario", "RunType", "PublishedPipelineId", "ComputeType", "PipelineStepType", "ExperimentName"),
    ),
    unit="Count",
    aggregation="Total",
    kinds=("workspace",),
)

METRICS: Final[tuple[Metric[Any], ...]] = (
    REQUESTS,
    LATENCY,
    LATENCY_P50,
    LATENCY_P99,
    CONNECTIONS,
    NETWORK,
    CPU,
    MEMORY,
    DISK,
    GPU,
    GPU_MEMORY,
    INSTANCES,
    FAILED_RUNS,
)


def metrics_of(source: Source) -> tuple[Metric[Any], ...]:
    """Return the metrics that a source publishes, in the table's order."""
    return tuple(metric for metric in METRICS if metric.is_published_by(source))

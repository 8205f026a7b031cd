"""The metrics that AWS publishes for what a stack serves: one table for scaling, alarms and the dashboard.

A metric knows the kinds of endpoint that publish it, as a type: `Metric[InstanceEndpoint]` takes no
serverless endpoint, so that a policy or an alarm on a metric that is never published does not pass a type
checker, and is refused by name where none runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar

import pulumi

from mlcloud.aws.instances import gpus_of, vcpus_of
from mlcloud.core.errors import UserError

Kind = Literal["instance", "serverless", "asynchronous", "event-rule"]
Unit = Literal["None", "Count", "Percent", "Microseconds", "Milliseconds", "Seconds"]
Statistic = Literal["Average", "Sum", "Minimum", "Maximum", "SampleCount", "p50", "p99"]

_INVOCATION: Final = (
    "https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html"
    "#cloudwatch-metrics-endpoint-invocation"
)
# The instances of asynchronous endpoints publish these, too, while there are any.
_MACHINE: Final = (
    "https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-endpoints"
)
_SERVERLESS: Final = "https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-monitoring.html"
_ASYNCHRONOUS: Final = "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html"
_EVENTS: Final = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html"

_VARIANT: Final = ("EndpointName", "VariantName")
_ENDPOINT: Final = ("EndpointName",)
_COUNTS: Final[tuple[Statistic, ...]] = ("Average", "Sum")
_SIZES: Final[tuple[Statistic, ...]] = ("Average", "Maximum", "Minimum")
_TIMES: Final[tuple[Statistic, ...]] = ("Average", "Sum", "Minimum", "Maximum", "SampleCount")


@dataclass(frozen=True, kw_only=True)
class InstanceEndpoint:
    """An endpoint on machines that run all the time.

    Attributes:
        endpoint_name: The endpoint's name.
        variant_name: The name of its production variant.
        instance_type: SageMaker's name of the machine type.
    """

    kind: ClassVar[Kind] = "instance"
    endpoint_name: pulumi.Input[str]
    variant_name: str
    instance_type: str


@dataclass(frozen=True, kw_only=True)
class ServerlessEndpoint:
    """An endpoint whose capacity the cloud provides while requests arrive.

    Attributes:
        endpoint_name: The endpoint's name.
        variant_name: The name of its production variant.
    """

    kind: ClassVar[Kind] = "serverless"
    endpoint_name: pulumi.Input[str]
    variant_name: str


@dataclass(frozen=True, kw_only=True)
class AsynchronousEndpoint:
    """An endpoint whose machines work off a queue of requests.

    Attributes:
        endpoint_name: The endpoint's name.
        variant_name: The name of its production variant.
        instance_type: SageMaker's name of the machine type.
    """

    kind: ClassVar[Kind] = "asynchronous"
    endpoint_name: pulumi.Input[str]
    variant_name: str
    instance_type: str


@dataclass(frozen=True, kw_only=True)
class EventRule:
    """A rule of EventBridge.

    Attributes:
        rule_name: The rule's name.
    """

    kind: ClassVar[Kind] = "event-rule"
    rule_name: pulumi.Input[str]


Endpoint = InstanceEndpoint | ServerlessEndpoint | AsynchronousEndpoint
OnMachines = InstanceEndpoint | AsynchronousEndpoint
OnRequest = InstanceEndpoint | ServerlessEndpoint
Source_contra = TypeVar("Source_contra", bound=Endpoint | EventRule, contravariant=True)


@dataclass(frozen=True, kw_only=True)
class Metric(Generic[Source_contra]):
    """One metric of CloudWatch.

    Attributes:
        name: CloudWatch's name.
        namespace: CloudWatch's namespace.
        dimension_names: The dimensions with which it is published; with others there is no data.
        unit: The unit of its values.
        statistic: The statistic that answers the usual question.
        statistics: The statistics that its documentation calls valid.
        kinds: What publishes it; the same as the type says.
        source: Where AWS documents it.
        per: What a value of 100 percent stands for: the machine, one of its processors or one of its GPUs.
        scaling_metric_type: Application Auto Scaling's own name of it; None where it is given in full.
    """

    name: str
    namespace: str
    dimension_names: tuple[str, ...]
    unit: Unit
    statistic: Statistic
    statistics: tuple[Statistic, ...]
    kinds: tuple[Kind, ...]
    source: str
    per: Literal["machine", "vcpu", "gpu"] = "machine"
    scaling_metric_type: str | None = None

    def dimensions(self, source: Source_contra) -> dict[str, pulumi.Input[str]]:
        """Return the dimensions of the metric as this source publishes it.

        Raises:
            UserError: The source does not publish it.
        """
        if not self.is_published_by(source):
            raise UserError(
                f"{self.name} ({self.namespace}) is published by {' and '.join(self.kinds)}"
                f"{' with a GPU' if self.per == 'gpu' else ''}, not by {_words(source)}: nothing would ever "
                f"see a value. See {self.source}."
            )
        if isinstance(source, EventRule):
            return {"RuleName": source.rule_name}
        values = {"EndpointName": source.endpoint_name, "VariantName": source.variant_name}
        return {name: values[name] for name in self.dimension_names}

    def is_published_by(self, source: Endpoint | EventRule) -> bool:
        """Return whether there are ever values of the metric for this source."""
        return source.kind in self.kinds and (self.per != "gpu" or _factor("gpu", source) > 0)

    def from_percent(self, percent: float, source: Source_contra) -> float:
        """Return the value at so many percent of the machine: CPU and GPU metrics are sums over each."""
        return percent * _factor(self.per, source)

    def from_ms(self, duration_ms: float) -> float:
        """Return a duration in milliseconds in the metric's unit.

        Raises:
            UserError: The metric is no duration.
        """
        factors: Mapping[Unit, float] = {"Microseconds": 1000.0, "Milliseconds": 1.0, "Seconds": 0.001}
        if self.unit not in factors:
            raise UserError(f"{self.name} is no duration: its unit is {self.unit}. See {self.source}.")
        return duration_ms * factors[self.unit]


def _factor(per: str, source: Endpoint | EventRule) -> int:
    if per == "machine" or not isinstance(source, OnMachines):
        return 1 if per == "machine" else 0
    return gpus_of(source.instance_type) if per == "gpu" else vcpus_of(source.instance_type)


def _words(source: Endpoint | EventRule) -> str:
    machine = f" on {source.instance_type}" if isinstance(source, OnMachines) else ""
    return f"a source of the kind {source.kind}{machine}"


_ON_REQUEST: Final[tuple[Kind, ...]] = ("instance", "serverless")
_ON_MACHINES: Final[tuple[Kind, ...]] = ("instance", "asynchronous")
_ALL: Final[tuple[Kind, ...]] = ("instance", "serverless", "asynchronous")


def _request(
    name: str,
    unit: Unit,
    statistic: Statistic,
    statistics: tuple[Statistic, ...],
    kinds: tuple[Kind, ...],
    *,
    source: str = _INVOCATION,
    dimension_names: tuple[str, ...] = _VARIANT,
    scaling: str | None = None,
) -> Metric[Any]:
    return Metric(
        name=name,
        namespace="AWS/SageMaker",
        dimension_names=dimension_names,
        unit=unit,
        statistic=statistic,
        statistics=statistics,
        kinds=kinds,
        source=source,
        scaling_metric_type=scaling,
    )


def _serverless(
    name: str, unit: Unit, statistics: tuple[Statistic, ...], *, scaling: str | None = None
) -> Metric[Any]:
    return _request(name, unit, "Maximum", statistics, ("serverless",), source=_SERVERLESS, scaling=scaling)


def _queue(
    name: str,
    unit: Unit,
    statistic: Statistic,
    statistics: tuple[Statistic, ...],
    *,
    dimension_names: tuple[str, ...] = _ENDPOINT,
) -> Metric[Any]:
    return _request(
        name,
        unit,
        statistic,
        statistics,
        ("asynchronous",),
        source=_ASYNCHRONOUS,
        dimension_names=dimension_names,
    )


def _machine(name: str, kinds: tuple[Kind, ...], per: Literal["machine", "vcpu", "gpu"]) -> Metric[Any]:
    return Metric(
        name=name,
        namespace="/aws/sagemaker/Endpoints",
        dimension_names=_VARIANT,
        unit="Percent",
        statistic="Average",
        statistics=_SIZES,
        kinds=kinds,
        source=_MACHINE,
        per=per,
    )


INVOCATIONS: Final[Metric[OnRequest]] = _request(
    "Invocations", "None", "Sum", ("Sum", "SampleCount"), _ON_REQUEST
)
INVOCATIONS_PER_INSTANCE: Final[Metric[InstanceEndpoint]] = _request(
    "InvocationsPerInstance",
    "None",
    "Sum",
    ("Sum",),
    ("instance",),
    scaling="SageMakerVariantInvocationsPerInstance",
)
CONCURRENT_REQUESTS: Final[Metric[InstanceEndpoint]] = _request(
    "ConcurrentRequestsPerModel",
    "None",
    "Maximum",
    ("Minimum", "Maximum"),
    ("instance",),
    scaling="SageMakerVariantConcurrentRequestsPerModelHighResolution",
)
# Each answer sends 0 or 1, so that the average is the share of the requests that failed.
CLIENT_ERRORS: Final[Metric[Endpoint]] = _request("Invocation4XXErrors", "None", "Average", _COUNTS, _ALL)
SERVER_ERRORS: Final[Metric[Endpoint]] = _request("Invocation5XXErrors", "None", "Average", _COUNTS, _ALL)
LATENCY: Final[Metric[OnRequest]] = _request(
    "ModelLatency", "Microseconds", "p99", (*_TIMES, "p50", "p99"), _ON_REQUEST
)
# The same name without percentiles, as its own page says.
ASYNCHRONOUS_LATENCY: Final[Metric[AsynchronousEndpoint]] = _queue(
    "ModelLatency", "Microseconds", "Maximum", _TIMES, dimension_names=_VARIANT
)
OVERHEAD_LATENCY: Final[Metric[OnRequest]] = _request(
    "OverheadLatency", "Microseconds", "Average", _TIMES, _ON_REQUEST
)
COLD_START: Final[Metric[ServerlessEndpoint]] = _serverless(
    "ModelSetupTime", "Microseconds", ("Average", "Minimum", "Maximum", "SampleCount", "p50", "p99")
)
CONCURRENCY_USED: Final[Metric[ServerlessEndpoint]] = _serverless(
    "ServerlessConcurrentExecutionsUtilization", "None", _SIZES
)
PROVISIONED_CONCURRENCY_USED: Final[Metric[ServerlessEndpoint]] = _serverless(
    "ServerlessProvisionedConcurrencyUtilization",
    "None",
    _SIZES,
    scaling="SageMakerVariantProvisionedConcurrencyUtilization",
)
BACKLOG: Final[Metric[AsynchronousEndpoint]] = _queue("ApproximateBacklogSize", "Count", "Maximum", _SIZES)
BACKLOG_PER_INSTANCE: Final[Metric[AsynchronousEndpoint]] = _queue(
    "ApproximateBacklogSizePerInstance", "Count", "Average", _SIZES
)
OLDEST_REQUEST_AGE: Final[Metric[AsynchronousEndpoint]] = _queue(
    "ApproximateAgeOfOldestRequest", "Seconds", "Maximum", _SIZES
)
BACKLOG_WITHOUT_CAPACITY: Final[Metric[AsynchronousEndpoint]] = _queue(
    "HasBacklogWithoutCapacity", "Count", "Average", ("Average",)
)
INVOCATIONS_PROCESSED: Final[Metric[AsynchronousEndpoint]] = _queue(
    "InvocationsProcessed", "Count", "Sum", _COUNTS, dimension_names=_VARIANT
)
INVOCATION_FAILURES: Final[Metric[AsynchronousEndpoint]] = _queue(
    "InvocationFailures", "Count", "Sum", _COUNTS, dimension_names=_VARIANT
)
CPU: Final[Metric[OnMachines]] = _machine("CPUUtilization", _ON_MACHINES, "vcpu")
MEMORY: Final[Metric[Endpoint]] = _machine("MemoryUtilization", _ALL, "machine")
DISK: Final[Metric[OnMachines]] = _machine("DiskUtilization", _ON_MACHINES, "machine")
GPU: Final[Metric[OnMachines]] = _machine("GPUUtilization", _ON_MACHINES, "gpu")
GPU_MEMORY: Final[Metric[OnMachines]] = _machine("GPUMemoryUtilization", _ON_MACHINES, "gpu")
MATCHED_EVENTS: Final[Metric[EventRule]] = Metric(
    name="TriggeredRules",
    namespace="AWS/Events",
    dimension_names=("RuleName",),
    unit="Count",
    statistic="Sum",
    statistics=("Sum",),
    kinds=("event-rule",),
    source=_EVENTS,
)

METRICS: Final[tuple[Metric[Any], ...]] = (
    INVOCATIONS,
    INVOCATIONS_PER_INSTANCE,
    CONCURRENT_REQUESTS,
    CLIENT_ERRORS,
    SERVER_ERRORS,
    LATENCY,
    ASYNCHRONOUS_LATENCY,
    OVERHEAD_LATENCY,
    COLD_START,
    CONCURRENCY_USED,
    PROVISIONED_CONCURRENCY_USED,
    BACKLOG,
    BACKLOG_PER_INSTANCE,
    OLDEST_REQUEST_AGE,
    BACKLOG_WITHOUT_CAPACITY,
    INVOCATIONS_PROCESSED,
    INVOCATION_FAILURES,
    CPU,
    MEMORY,
    DISK,
    GPU,
    GPU_MEMORY,
    MATCHED_EVENTS,
)


def metrics_of(endpoint: Endpoint) -> tuple[Metric[Any], ...]:
    """Return the metrics that an endpoint publishes, in the table's order."""
    return tuple(metric for metric in METRICS if metric.is_published_by(endpoint))

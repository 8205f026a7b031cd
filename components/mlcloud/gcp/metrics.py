"""The metrics that GCP publishes for what a stack serves: one table for scaling, alarms and the dashboard.

A metric knows the kinds of endpoint that publish it, as a type, so that an alarm on a metric that is never
published does not pass a type checker, and is refused by name where none runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar

import pulumi

from mlcloud.core.errors import UserError
from mlcloud.gcp.capacity import InstanceCapacity
from mlcloud.gcp.instances import memory_bytes_of, vcpus_of
from mlcloud.gcp.metric_types import ENDPOINT_RESOURCE, PREFIX

Kind = Literal["public", "private"]
Unit = Literal["1", "10^2.%", "By", "ms"]
Aligner = Literal["ALIGN_DELTA", "ALIGN_MEAN", "ALIGN_MAX"]
Reducer = Literal["REDUCE_SUM", "REDUCE_MEAN", "REDUCE_MAX", "REDUCE_PERCENTILE_50", "REDUCE_PERCENTILE_99"]
Per = Literal["machine", "vcpu", "gpu"]
ScalingMetric = Literal["cpu", "gpu", "requests"]

_SOURCE: Final = "https://cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform"


@dataclass(frozen=True, kw_only=True)
class PublicEndpoint:
    """An endpoint with a name of its own on the internet, and Google's credentials before it.

    Attributes:
        endpoint_name: The endpoint's identifier.
        region: Where it is.
        capacity: What answers its requests.
    """

    kind: ClassVar[Kind] = "public"
    endpoint_name: pulumi.Input[str]
    region: str
    capacity: InstanceCapacity


@dataclass(frozen=True, kw_only=True)
class PrivateEndpoint:
    """An endpoint that answers in networks alone, by Private Service Connect.

    Attributes:
        endpoint_name: The endpoint's identifier.
        region: Where it is.
        capacity: What answers its requests.
    """

    kind: ClassVar[Kind] = "private"
    endpoint_name: pulumi.Input[str]
    region: str
    capacity: InstanceCapacity


Endpoint = PublicEndpoint | PrivateEndpoint
Source_contra = TypeVar("Source_contra", bound=Endpoint, contravariant=True)


@dataclass(frozen=True, kw_only=True)
class Metric(Generic[Source_contra]):
    """One metric of Cloud Monitoring.

    Attributes:
        name: Its type below `aiplatform.googleapis.com/prediction/online/`.
        label_names: The labels with which it is published, besides those of the resource.
        unit: The unit of its values.
        aligner: What makes one value of a period.
        reducer: What makes one of all replicas and deployed models.
        kinds: What publishes it; the same as the type says.
        labels: Labels that its values must have: one metric has several meanings.
        codes: Whether it writes status codes as text or as numbers, where it has them.
        per: What a value of 1 (100 %) stands for: the machine, one of its processors, an accelerator.
        scaling_metric: What our deployment calls it where replicas follow it; None: they cannot.
        source: Where Google documents it.
    """

    name: str
    label_names: tuple[str, ...]
    unit: Unit
    aligner: Aligner
    reducer: Reducer
    kinds: tuple[Kind, ...]
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    codes: Literal["text", "number"] = "text"
    per: Per = "machine"
    scaling_metric: ScalingMetric | None = None
    source: str = _SOURCE

    @property
    def type(self) -> str:
        """Its whole type."""
        return PREFIX + self.name

    def filter(self, source: Source_contra, *, hundreds: int | None = None) -> pulumi.Output[str]:
        """Return the filter that finds its values for this source.

        Args:
            source: What publishes it.
            hundreds: Only answers with a status of so many hundreds: 4 or 5. Default: all.

        Raises:
            UserError: The source does not publish it.
        """
        if not self.is_published_by(source):
            gpu = " with an accelerator" if self.per == "gpu" else ""
            raise UserError(
                f"{self.type} is published by {' and '.join(self.kinds)} endpoints{gpu}, not by "
                f"{source.kind} ones on {source.capacity.machine_type}: nothing would ever see a value. "
                f"See {self.source}."
            )
        wanted = [f'metric.labels.{name}="{value}"' for name, value in self.labels.items()]
        if hundreds is not None and self.codes == "number":
            low = 100 * hundreds
            wanted += [f"metric.labels.response_code>={low}", f"metric.labels.response_code<{low + 100}"]
        elif hundreds is not None:
            # Google's page says "5xx"; what is seen elsewhere is "500".
            wanted.append(f'metric.labels.response_code=monitoring.regex.full_match("{hundreds}..")')
        return pulumi.Output.concat(
            f'metric.type="{self.type}" AND resource.type="{ENDPOINT_RESOURCE}"'
            f' AND resource.labels.location="{source.region}" AND resource.labels.endpoint_id="',
            source.endpoint_name,
            '"',
            *(f" AND {term}" for term in wanted),
        )

    def is_published_by(self, source: Endpoint) -> bool:
        """Return whether there are ever values of the metric for this source."""
        return source.kind in self.kinds and (self.per != "gpu" or source.capacity.accelerator is not None)

    def from_percent(self, percent: float, source: Source_contra) -> float | None:
        """Return the value at so many percent of a machine; None where the machine's size is not known.

        The CPU metric is a sum over the processors ("may exceed 100% if the machine type has multiple CPUs").
        """
        if self.unit == "By":
            memory = memory_bytes_of(source.capacity.machine_type)
            return None if memory is None else memory * percent / 100
        return percent / 100 * (vcpus_of(source.capacity.machine_type) if self.per == "vcpu" else 1)


_BOTH: Final[tuple[Kind, ...]] = ("public", "private")
_MODEL: Final = ("deployed_model_id",)
_REPLICA: Final = ("deployed_model_id", "replica_id")


def _requests(
    name: str,
    label_names: tuple[str, ...],
    kinds: tuple[Kind, ...],
    *,
    unit: Unit = "1",
    reducer: Reducer = "REDUCE_SUM",
    labels: Mapping[str, str] | None = None,
    codes: Literal["text", "number"] = "text",
) -> Metric[Any]:
    return Metric[Any](
        name=name,
        label_names=label_names,
        unit=unit,
        aligner="ALIGN_DELTA",
        reducer=reducer,
        kinds=kinds,
        labels=labels or {},
        codes=codes,
    )


def _machine(
    name: str,
    unit: Unit,
    *,
    aligner: Aligner = "ALIGN_MEAN",
    reducer: Reducer = "REDUCE_MEAN",
    label_names: tuple[str, ...] = _REPLICA,
    per: Per = "machine",
    scaling_metric: ScalingMetric | None = None,
) -> Metric[Any]:
    return Metric[Any](
        name=name,
        label_names=label_names,
        unit=unit,
        aligner=aligner,
        reducer=reducer,
        kinds=_BOTH,
        per=per,
        scaling_metric=scaling_metric,
    )


# Private endpoints publish requests under names of their own; Google's page on Private Service Connect does
# not say under which of the two, so that a private endpoint has both (docs/adr/0014).
RESPONSES: Final[Metric[Endpoint]] = _requests("response_count", (*_MODEL, "response_code"), _BOTH)
PRIVATE_RESPONSES: Final[Metric[PrivateEndpoint]] = _requests(
    "private/response_count", (*_MODEL, "response_code"), ("private",), codes="number"
)
LATENCY: Final[Metric[Endpoint]] = _requests(
    "prediction_latencies",
    (*_MODEL, "latency_type"),
    _BOTH,
    unit="ms",
    reducer="REDUCE_PERCENTILE_99",
    labels={"latency_type": "total"},
)
PRIVATE_LATENCY: Final[Metric[PrivateEndpoint]] = _requests(
    "private/prediction_latencies", _MODEL, ("private",), unit="ms", reducer="REDUCE_PERCENTILE_99"
)
PREDICTIONS: Final[Metric[Endpoint]] = _requests("prediction_count", _MODEL, _BOTH)
ERRORS: Final[Metric[Endpoint]] = _requests("error_count", _MODEL, _BOTH)
CPU: Final[Metric[Endpoint]] = _machine("cpu/utilization", "10^2.%", per="vcpu", scaling_metric="cpu")
MEMORY: Final[Metric[Endpoint]] = _machine("memory/bytes_used", "By", reducer="REDUCE_MAX")
GPU: Final[Metric[Endpoint]] = _machine("accelerator/duty_cycle", "10^2.%", per="gpu", scaling_metric="gpu")
GPU_MEMORY: Final[Metric[Endpoint]] = _machine("accelerator/memory/bytes_used", "By", per="gpu")
REPLICAS: Final[Metric[Endpoint]] = _machine(
    "replicas", "1", aligner="ALIGN_MAX", reducer="REDUCE_SUM", label_names=_MODEL
)
TARGET_REPLICAS: Final[Metric[Endpoint]] = _machine(
    "target_replicas", "1", aligner="ALIGN_MAX", reducer="REDUCE_SUM", label_names=_MODEL
)

METRICS: Final[tuple[Metric[Any], ...]] = (
    RESPONSES,
    PRIVATE_RESPONSES,
    LATENCY,
    PRIVATE_LATENCY,
    PREDICTIONS,
    ERRORS,
    CPU,
    MEMORY,
    GPU,
    GPU_MEMORY,
    REPLICAS,
    TARGET_REPLICAS,
)


def metrics_of(endpoint: Endpoint) -> tuple[Metric[Any], ...]:
    """Return the metrics that an endpoint publishes, in the table's order."""
    return tuple(metric for metric in METRICS if metric.is_published_by(endpoint))


def responses_of(endpoint: Endpoint) -> tuple[Metric[Any], ...]:
    """Return the metrics under which an endpoint may publish its answers."""
    return tuple(metric for metric in (RESPONSES, PRIVATE_RESPONSES) if metric.is_published_by(endpoint))


def latencies_of(endpoint: Endpoint) -> tuple[Metric[Any], ...]:
    """Return the metrics under which an endpoint may publish how long answers take."""
    return tuple(metric for metric in (LATENCY, PRIVATE_LATENCY) if metric.is_published_by(endpoint))

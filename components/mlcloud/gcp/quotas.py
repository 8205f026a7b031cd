"""What a stack needs of a GCP project, compared with Vertex AI's quotas in the stack's region.

The Cloud Quotas API tells them
(https://docs.cloud.google.com/docs/quotas/reference/rest/v1/projects.locations.services.quotaInfos). Vertex
AI counts processors and accelerators: training and serving apart, spare capacity apart again, there with one
quota for the processors of all families (https://docs.cloud.google.com/vertex-ai/docs/quotas). The machines
of a persistent resource count as those of training do
(https://docs.cloud.google.com/vertex-ai/docs/training/persistent-resource-overview).
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlcloud.core import settings as config
from mlcloud.core.errors import UserError
from mlcloud.core.quotas import QuotaCheck
from mlcloud.gcp.instances import ACCELERATORS, accelerator_of, vcpus_of
from mlcloud.gcp.settings_args import SERVING_MACHINE_TYPE, TRAINING_MACHINE_TYPE
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.gcp.clients import Clients

_SERVICE: Final = "aiplatform.googleapis.com"
_TRAINING: Final = "custom_model_training"
_SPOT_TRAINING: Final = "custom_model_training_preemptible"
_SERVING: Final = "custom_model_serving"
# The new version is deployed beside the old one, with as many machines.
_SIDES: Final = 2
# What Cloud Quotas says for no limit, and a number for it: the most that the API can say.
_UNLIMITED: Final = -1
_MOST: Final = 2**63 - 1
# Their processors have no quota of a family's own.
_COMMON_FAMILIES: Final = ("n1", "e2")
_GPUS: Final[Mapping[str, str]] = {
    "NVIDIA_TESLA_T4": "nvidia_t4_gpus",
    "NVIDIA_TESLA_V100": "nvidia_v100_gpus",
    "NVIDIA_L4": "nvidia_l4_gpus",
    "NVIDIA_TESLA_A100": "nvidia_a100_gpus",
    "NVIDIA_A100_80GB": "nvidia_a100_80gb_gpus",
    "NVIDIA_H100_80GB": "nvidia_h100_gpus",
    "NVIDIA_H200_141GB": "nvidia_h200_gpus",
    "NVIDIA_B200": "nvidia_b200_gpus",
}
# What pulumi-gcp reads where the config names no project
# (https://www.pulumi.com/registry/packages/gcp/installation-configuration).
_PROJECT_VARIABLES: Final = (
    "GOOGLE_PROJECT",
    "GOOGLE_CLOUD_PROJECT",
    "GCLOUD_PROJECT",
    "CLOUDSDK_CORE_PROJECT",
)


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What a stack uses of one quota at most.

    Attributes:
        metrics: Vertex AI's names of what is counted; the first that the project lists is meant.
        setting: The key of the stack file that needs it; several, where they share the quota.
        needed: The most that is used at once.
        why: How that number comes about.
    """

    metrics: tuple[str, ...]
    setting: str
    needed: float
    why: str


def check(settings: config.Settings, provider_config: Mapping[str, str]) -> Sequence[QuotaCheck]:
    """Compare what the stack needs with the project's quotas in its region.

    Args:
        settings: The stack's settings.
        provider_config: The stack's config; `gcp:project` names the project.

    Raises:
        UserError: the project is not known, or cannot be asked.
    """
    project, region = _project(provider_config), settings.region or ""
    try:
        listed = _listed(Clients(project, region))
    except ResourceError as error:
        raise UserError(str(error)) from None
    return [_compared(demand, listed, project, region) for demand in demands(settings)]


def demands(settings: config.Settings) -> list[Demand]:
    """Return what the stack uses of each quota, in the order of the settings."""
    found: list[Demand] = []
    compute = None if settings.training is None else settings.training.compute
    # A run on the cluster takes the cluster's machines.
    if isinstance(compute, config.JobCompute):
        found += _machines(
            _SPOT_TRAINING if compute.spot else _TRAINING,
            compute.instance_type or TRAINING_MACHINE_TYPE,
            count=compute.instances,
            setting="training.compute",
            why=f"{compute.instances} for the run",
        )
    if settings.cluster is not None:
        found += _cluster_demands(settings.cluster)
    capacity = settings.endpoint.capacity
    if isinstance(capacity, config.InstanceCapacity):  # the settings refuse the other kinds on GCP
        most = capacity.min if capacity.max is None else max(capacity.max, capacity.min)
        found += _machines(
            _SERVING,
            capacity.instance_type or SERVING_MACHINE_TYPE,
            count=_SIDES * most,
            setting="endpoint.capacity",
            why=f"{most} at most, and as many again while an update moves the traffic",
        )
    return _united(found)


def _cluster_demands(cluster: config.Cluster) -> list[Demand]:
    row = next((row for row in ACCELERATORS if row.name == cluster.accelerator), None)
    machine_type = None if row is None else row.machine_types.get(cluster.accelerators)
    if row is None or machine_type is None:  # the settings refuse it, with what there is
        return []
    return _machines(
        _TRAINING,
        machine_type,
        count=cluster.max_machines,
        setting="cluster.max_machines",
        why=f"{cluster.max_machines} of the cluster",
        accelerator=(row.kind, cluster.accelerators),
    )


def _machines(
    use: str,
    machine_type: str,
    *,
    count: int,
    setting: str,
    why: str,
    accelerator: tuple[str, int] | None = None,
) -> list[Demand]:
    """Return what machines need: processors, and accelerators where they have some."""
    vcpus, family = vcpus_of(machine_type), machine_type.partition("-")[0]
    metrics = (f"{use}_cpus",)
    if family not in _COMMON_FAMILIES and use != _SPOT_TRAINING:
        metrics = (f"{use}_{family}_cpus", *metrics)
    told = f"{machine_type}, {vcpus} processors each: {why}"
    found = [Demand(metrics=metrics, setting=setting, needed=count * vcpus, why=told)]
    accelerator = accelerator or accelerator_of(machine_type)
    if accelerator is not None:
        kind, number = accelerator
        told = f"{machine_type}, {number} in each: {why}"
        gpus = (f"{use}_{_GPUS[kind]}",)
        found.append(Demand(metrics=gpus, setting=setting, needed=count * number, why=told))
    return found


def _united(found: Iterable[Demand]) -> list[Demand]:
    """Return one demand for each quota: a run of its own and the cluster may use the same."""
    united: dict[tuple[str, ...], Demand] = {}
    for demand in found:
        before = united.get(demand.metrics)
        united[demand.metrics] = (
            demand
            if before is None
            else Demand(
                metrics=demand.metrics,
                setting=f"{before.setting}, {demand.setting}",
                needed=before.needed + demand.needed,
                why=f"{before.why}; {demand.why}",
            )
        )
    return list(united.values())


def _project(provider_config: Mapping[str, str]) -> str:
    named = (provider_config.get("gcp:project"), *(os.environ.get(name) for name in _PROJECT_VARIABLES))
    project = next((name for name in named if name), None)
    if project is None:
        raise UserError(
            "--quotas: the stack's project of GCP is not known. Write it into the stack file, "
            "`pulumi config set gcp:project MY-PROJECT`, or export GOOGLE_PROJECT."
        )
    return project


def _listed(clients: Clients) -> dict[str, Mapping[str, Any]]:
    """Return Vertex AI's quotas for each region, by the metric's name."""
    path = f"v1/projects/{clients.project}/locations/global/services/{_SERVICE}/quotaInfos"
    return {
        str(quota["metric"]).removeprefix(f"{_SERVICE}/"): quota
        for quota in clients.pages("cloudquotas", path, "quotaInfos")
        if list(quota.get("dimensions", ())) == ["region"]
    }


def _allowed(quota: Mapping[str, Any], region: str) -> float | None:
    """Return a quota's value in a region; None where the project has none there.

    An entry without a region holds where no other names one; JSON leaves out a zero.
    """
    entries: Sequence[Mapping[str, Any]] = quota.get("dimensionsInfos", ())
    named = [entry for entry in entries if entry.get("dimensions", {}).get("region") == region]
    others = [
        entry
        for entry in entries
        if "region" not in entry.get("dimensions", {})
        and region in entry.get("applicableLocations", [region])
    ]
    entry = next(iter([*named, *others]), None)
    if entry is None or "details" not in entry:
        return None
    value = int(entry["details"].get("value", 0))
    return float(_MOST if value == _UNLIMITED else value)


def _compared(
    demand: Demand, listed: Mapping[str, Mapping[str, Any]], project: str, region: str
) -> QuotaCheck:
    metric = next((name for name in demand.metrics if name in listed), demand.metrics[-1])
    quota = listed.get(metric, {})
    allowed, code = _allowed(quota, region), str(quota.get("quotaId", ""))
    fix = ""
    if allowed is None:
        fix = (
            f"Google lists no such quota in {region}: is this machine offered there? Look at "
            f"https://console.cloud.google.com/iam-admin/quotas?project={project}."
        )
    elif demand.needed > allowed:
        fix = _request(quota, demand, project, region)
    return QuotaCheck(
        quota=str(quota.get("metricDisplayName") or metric),
        code=code,
        setting=demand.setting,
        needed=demand.needed,
        why=demand.why,
        allowed=allowed,
        fix=fix,
    )


def _request(quota: Mapping[str, Any], demand: Demand, project: str, region: str) -> str:
    """Return how to get more (https://docs.cloud.google.com/sdk/gcloud/reference/quotas/preferences/create)."""
    eligibility: Mapping[str, Any] = quota.get("quotaIncreaseEligibility", {"isEligible": True})
    instead = f"set `{demand.setting}` to less, or choose another machine type"
    if quota.get("isFixed"):
        return f"Google does not raise it: {instead}"
    if not eligibility.get("isEligible"):
        reason = eligibility.get("ineligibilityReason", "no reason told")
        return f"Google takes no request from this project ({reason}): ask its support, or {instead}"
    return (
        f"gcloud quotas preferences create --service={_SERVICE} --project={project} "
        f"--quota-id={quota['quotaId']} --dimensions=region={region} --preferred-value={demand.needed:g}"
    )

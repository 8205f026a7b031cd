"""Inputs and outputs of a model's deployment on an endpoint of Vertex AI."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mlcloud.provider.fields import options
from mlcloud.provider.gcp import checks
from mlcloud.provider.local import checks as common

DEFAULT_TIMEOUT_S: Final = 3600.0
DEFAULT_SMOKE_S: Final = 300.0
LONGEST_WAIT_S: Final = 3600
# `<name>-<10 digits>` is the deployed model's display name, of at most 128 characters.
LONGEST_NAME: Final = 63
# DedicatedResources and AutoscalingMetricSpec name these metrics.
METRICS: Final = {
    "cpu": "aiplatform.googleapis.com/prediction/online/cpu/utilization",
    "gpu": "aiplatform.googleapis.com/prediction/online/accelerator/duty_cycle",
    "requests": "aiplatform.googleapis.com/prediction/online/request_count",
}
_ENDPOINT = checks.resource_name("locations", "endpoints")


def _version(value: str) -> str | None:
    if re.fullmatch(r"projects/[^/]+/locations/[^/]+/models/[^/@]+@[0-9]+", value):
        return None
    return (
        f'"{value}" is not a version of a model: projects/<project>/locations/<region>/models/<model>'
        "@<number>. An alias may name another version tomorrow."
    )


def _policies(value: Sequence[str]) -> str | None:
    wrong = [name for name in value if not re.fullmatch(r"projects/[^/]+/alertPolicies/[^/]+", name)]
    return f"{', '.join(wrong)}: give projects/<project>/alertPolicies/<policy>." if wrong else None


def _scaling(value: Mapping[str, int]) -> str | None:
    unknown = [name for name in value if name not in METRICS]
    if unknown:
        return f"{', '.join(unknown)}: the number of replicas follows {', '.join(METRICS)}."
    wrong = [
        f"{name} {target}"
        for name, target in value.items()
        if target < 1 or (name != "requests" and target > 100)
    ]
    return f"{', '.join(wrong)}: a use is 1 to 100 percent, and requests are at least 1." if wrong else None


@dataclass(frozen=True, kw_only=True)
class VertexModelDeploymentInputs:
    """What a deployment is made from. Without canary or linear steps, all traffic moves after a trial.

    Attributes:
        name: what the names of its deployed models begin with: 1 to 63 of a-z, 0-9 and -.
        project: identifier of the project.
        region: name of the region.
        endpoint: full name of the endpoint, whose traffic is this resource's alone.
        model: full name of the model's version that is served. Another one moves the traffic.
        machine_type: machine type of each replica. Another one moves the traffic.
        accelerator_type: accelerator of each replica, as Vertex AI names it (`NVIDIA_L4`). Default: none.
        accelerator_count: accelerators of each replica, 1 to 16; needed with a type.
        min_replicas: replicas that always run, 1 to 1000. Default 1.
        max_replicas: replicas that run at most. Default: as many as always run.
        scaling: what the number of replicas follows, and the value that is held: `cpu`, `gpu`: mean use in
            percent; `requests`: requests a minute to each replica. Default: its own, 60 % of both uses.
        spot: use spare capacity, which may be taken back. Default false.
        service_account: what the server works as. Default: one that reaches nothing of the project.
        container_logs: keep what the server writes, in Cloud Logging. Default true.
        access_logs: keep a line for each request. Default false.
        model_uri: `gs://` folder of the model that is served. Its manifest has the row that the new version
            must answer before it takes more traffic. Default: no smoke prediction.
        model_sha256: SHA-256 of that model's manifest, which is compared before anything moves.
        alert_policies: names of alert policies; one that opens an alert rolls the change back.
        canary_percent: share of the traffic that moves first, 1 to 50. Default: no canary.
        linear_step_percent: share of the traffic in each step, 10 to 50. Default: no steps.
        trial_percent: share that a new version gets for its smoke prediction, where all traffic would move at
            once, 1 to 50. Default 5.
        wait_s: seconds that alerts are watched after each move of traffic, 0 to 3600. Default 0.
        termination_wait_s: seconds that the old version stays after the last move, 0 to 3600. Default 0.
        smoke_timeout_s: seconds within which the new version must answer the row, 1 to 3600. Default 300.
        timeout_s: seconds that Vertex AI may take to deploy, 1 to 28800. Default 3600.
    """

    name: str = field(metadata=options(replace=True, check=checks.name_of_at_most(LONGEST_NAME)))
    project: str = field(metadata=options(replace=True, check=checks.project))
    region: str = field(metadata=options(replace=True, check=checks.region))
    endpoint: str = field(metadata=options(replace=True, check=_ENDPOINT))
    model: str = field(metadata=options(check=_version))
    machine_type: str = field(metadata=options(check=checks.machine_type))
    accelerator_type: str | None = None
    accelerator_count: int | None = field(default=None, metadata=options(check=checks.between(1, 16)))
    min_replicas: int = field(default=1, metadata=options(check=checks.between(1, 1000)))
    max_replicas: int | None = field(default=None, metadata=options(check=checks.between(1, 1000)))
    scaling: dict[str, int] = field(default_factory=dict[str, int], metadata=options(check=_scaling))
    spot: bool = False
    service_account: str | None = field(default=None, metadata=options(check=checks.service_account))
    container_logs: bool = True
    access_logs: bool = False
    model_uri: str | None = field(default=None, metadata=options(check=checks.gs_uri))
    model_sha256: str | None = field(default=None, metadata=options(check=common.sha256))
    alert_policies: list[str] = field(default_factory=list[str], metadata=options(check=_policies))
    canary_percent: int | None = field(default=None, metadata=options(check=checks.between(1, 50)))
    linear_step_percent: int | None = field(default=None, metadata=options(check=checks.between(10, 50)))
    trial_percent: int = field(default=5, metadata=options(check=checks.between(1, 50)))
    wait_s: float = field(default=0.0, metadata=options(check=checks.between(0, LONGEST_WAIT_S)))
    termination_wait_s: float = field(default=0.0, metadata=options(check=checks.between(0, LONGEST_WAIT_S)))
    smoke_timeout_s: float = field(default=DEFAULT_SMOKE_S, metadata=options(check=checks.between(1, 3600)))
    timeout_s: float = field(default=DEFAULT_TIMEOUT_S, metadata=options(check=checks.between(1, 28800)))


@dataclass(frozen=True, kw_only=True)
class VertexModelDeploymentOutputs:
    """What a deployment offers.

    Attributes:
        name: what the names of its deployed models begin with.
        project: identifier of the project.
        region: name of the region.
        endpoint: full name of the endpoint.
        url: where predictions are asked for, with the caller's own credentials.
        deployed_model_id: the deployed model that serves.
        model: full name of the version that it serves.
        traffic: share of the endpoint's traffic by deployed model, in percent, as it was last seen.
        status: `serving`; anything else is mended by the next update.
    """

    name: str = field(metadata=options(stable=True))
    project: str = field(metadata=options(stable=True))
    region: str = field(metadata=options(stable=True))
    endpoint: str = field(metadata=options(stable=True))
    url: str = field(metadata=options(stable=True))
    deployed_model_id: str
    model: str
    traffic: dict[str, int]
    status: str

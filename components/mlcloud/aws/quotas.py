"""What a stack needs of an AWS account, compared with its service quotas in the stack's region.

A quota that an account has never been given a value of its own for is listed among the defaults alone
(https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html). SageMaker has
one for each machine type and use (https://docs.aws.amazon.com/general/latest/gr/sagemaker.html), EC2 one for
the processors of each class of machine types, spot apart
(https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html,
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-limits.html).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from mlcloud.aws.instances import (
    BATCH_FAMILIES,
    SERVING_INSTANCE_TYPE,
    TRAINING_INSTANCE_TYPE,
    instance_types_with,
    vcpus_of,
)
from mlcloud.core import settings as config
from mlcloud.core.errors import UserError
from mlcloud.core.quotas import QuotaCheck
from mlcloud.provider.aws.clients import Clients
from mlcloud.provider.errors import ResourceError

_SAGEMAKER: Final = "sagemaker"
_EC2: Final = "ec2"
_SERVERLESS: Final = "Maximum total concurrency that can be allocated across all serverless endpoints"
# SageMaker starts the new machines before it ends the old ones
# (https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html).
_FLEETS: Final = 2


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What a stack uses of one quota at most.

    Attributes:
        service: Service Quotas' code of the service.
        quotas: Names that the quota has had; the first that the account lists is meant.
        setting: The key of the stack file that needs it.
        needed: The most that is used at once.
        why: How that number comes about.
    """

    service: str
    quotas: tuple[str, ...]
    setting: str
    needed: float
    why: str


def check(settings: config.Settings, provider_config: Mapping[str, str]) -> Sequence[QuotaCheck]:  # noqa: ARG001
    """Compare what the stack needs with the account's quotas in its region.

    Args:
        settings: The stack's settings.
        provider_config: The stack's config, of which nothing is read: credentials name the account.

    Raises:
        UserError: the account cannot be asked.
    """
    region = settings.region or ""
    wanted = demands(settings)
    try:
        clients = Clients(region)
        services = dict.fromkeys(demand.service for demand in wanted)
        listed = {service: _listed(clients, service) for service in services}
    except ResourceError as error:
        raise UserError(str(error)) from None
    return [_compared(demand, listed[demand.service], region) for demand in wanted]


def demands(settings: config.Settings) -> list[Demand]:
    """Return what the stack uses of each quota, in the order of the settings."""
    found: list[Demand] = []
    compute = None if settings.training is None else settings.training.compute
    # A run on the cluster takes the cluster's machines.
    if isinstance(compute, config.JobCompute):
        instance_type = compute.instance_type or TRAINING_INSTANCE_TYPE
        use = "spot training job usage" if compute.spot else "training job usage"
        found.append(
            Demand(
                service=_SAGEMAKER,
                quotas=(f"{instance_type} for {use}",),
                setting="training.compute",
                needed=compute.instances,
                why=f"{compute.instances} for the run",
            )
        )
    if settings.cluster is not None:
        found.extend(_cluster_demands(settings.cluster))
    found.append(_endpoint_demand(settings.endpoint.capacity))
    return found


def _endpoint_demand(capacity: config.Capacity) -> Demand:
    match capacity:
        case config.ServerlessCapacity():
            return Demand(
                service=_SAGEMAKER,
                quotas=(_SERVERLESS,),
                setting="endpoint.capacity.max_concurrency",
                needed=capacity.max_concurrency,
                why=f"{capacity.max_concurrency} requests at once",
            )
        case config.InstanceCapacity() | config.AsynchronousCapacity():
            most = capacity.min if capacity.max is None else max(capacity.max, capacity.min)
            return Demand(
                service=_SAGEMAKER,
                quotas=(f"{capacity.instance_type or SERVING_INSTANCE_TYPE} for endpoint usage",),
                setting="endpoint.capacity",
                needed=_FLEETS * most,
                why=f"{most} at most, and as many again while an update moves the traffic",
            )


def _cluster_demands(cluster: config.Cluster) -> list[Demand]:
    """Return the processors that Batch's machines have together, as the cluster component counts them."""
    types = instance_types_with(cluster.accelerator, cluster.accelerators, families=BATCH_FAMILIES)
    if not types:  # the cluster component refuses it, with what there is
        return []
    vcpus = vcpus_of(types[0])
    return [
        Demand(
            service=_EC2,
            quotas=_vcpu_quotas(types[0].split(".")[0], spot=cluster.spot),
            setting="cluster.max_machines",
            needed=cluster.max_machines * vcpus,
            why=f"{cluster.max_machines} machines with {vcpus} processors each",
        )
    ]


def _vcpu_quotas(family: str, *, spot: bool) -> tuple[str, ...]:
    kind = "P" if family.startswith("p") else "G and VT"
    if not spot:
        return (f"Running On-Demand {kind} instances",)
    united = f"All {kind} Spot Instance Requests"
    if kind != "P":
        return (united,)
    # AWS has divided the quota of the P types, and may unite it again.
    return ("All P5" if family.startswith("p5") else "All P4, P3 and P2") + " Spot Instance Requests", united


def _listed(clients: Clients, service: str) -> dict[str, Mapping[str, Any]]:
    """Return a service's quotas by name in lower case: the account's own, and defaults where it has none."""
    found: dict[str, Mapping[str, Any]] = {}
    for operation in ("list_aws_default_service_quotas", "list_service_quotas"):
        pages = cast(
            "Iterable[Mapping[str, Any]]",
            clients.pages("service-quotas", operation, "Quotas", ServiceCode=service),
        )
        found |= {str(quota["QuotaName"]).lower(): quota for quota in pages}
    return found


def _compared(demand: Demand, listed: Mapping[str, Mapping[str, Any]], region: str) -> QuotaCheck:
    quota = next((listed[name.lower()] for name in demand.quotas if name.lower() in listed), None)
    if quota is None or "Value" not in quota:
        return QuotaCheck(
            quota=demand.quotas[-1],
            code="" if quota is None else str(quota["QuotaCode"]),
            setting=demand.setting,
            needed=demand.needed,
            why=demand.why,
            allowed=None,
            fix=f"AWS lists no such quota in {region}: is this type offered there? Look in the console of "
            "Service Quotas.",
        )
    allowed, code = float(quota["Value"]), str(quota["QuotaCode"])
    command = (
        f"aws service-quotas request-service-quota-increase --region {region} "
        f"--service-code {demand.service} --quota-code {code} --desired-value {demand.needed:g}"
    )
    if not quota.get("Adjustable", True):
        command = f"AWS does not raise it: set `{demand.setting}` to less, or choose another machine type"
    return QuotaCheck(
        quota=str(quota["QuotaName"]),
        code=code,
        setting=demand.setting,
        needed=demand.needed,
        why=demand.why,
        allowed=allowed,
        fix=command if demand.needed > allowed else "",
    )

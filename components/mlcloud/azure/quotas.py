"""What a stack needs of a subscription, compared with Azure ML's quotas in the stack's region.

Azure ML counts processors by the family of the machines, and those of spare capacity together
(https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas). Its usages tell the limits
(https://learn.microsoft.com/rest/api/azureml/usages/list), its machine sizes the families
(https://learn.microsoft.com/rest/api/azureml/virtual-machine-sizes/list).
"""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from mlcloud.azure.instances import ACCELERATORS
from mlcloud.azure.settings_args import SERVING_INSTANCE_TYPE, TRAINING_INSTANCE_TYPE
from mlcloud.core import settings as config
from mlcloud.core.errors import UserError
from mlcloud.core.quotas import QuotaCheck
from mlcloud.provider.azure.clients import Clients
from mlcloud.provider.errors import ResourceError

# The new colour stands beside the old one, with as many machines.
_SIDES: Final = 2
# Azure ML keeps a fifth of an endpoint's machines free for its own upgrades, of these sizes none
# (https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas#virtual-machine-quota-allocation-for-deployment).
_HEAD_ROOM: Final = 1.2
_NO_HEAD_ROOM: Final = frozenset(
    {
        "Standard_NC24ads_A100_v4",
        "Standard_NC48ads_A100_v4",
        "Standard_NC96ads_A100_v4",
        "Standard_ND96asr_v4",
        "Standard_ND96amsr_A100_v4",
        "Standard_ND40rs_v2",
        "Standard_NC40ads_H100_v5",
        "Standard_NC80adis_H100_v5",
        "Standard_ND96isr_H100_v5",
    }
)
_LOW_PRIORITY: Final = "lowpriority"
_DEDICATED: Final = "dedicated"
_LOW_PRIORITY_NAME: Final = "TotalLowPriorityCores"
# What pulumi-azure-native reads where the config names no subscription, and azure-identity's own.
_SUBSCRIPTION_VARIABLES: Final = ("ARM_SUBSCRIPTION_ID", "AZURE_SUBSCRIPTION_ID")


@dataclass(frozen=True, kw_only=True)
class Demand:
    """Machines that a stack uses at most.

    Attributes:
        instance_type: Azure's name of the machine size.
        spot: Whether they are of spare capacity, which is counted apart.
        machines: The most that are used at once.
        setting: The key of the stack file that needs them.
        why: How that number comes about.
    """

    instance_type: str
    spot: bool
    machines: int
    setting: str
    why: str


def check(settings: config.Settings, provider_config: Mapping[str, str]) -> Sequence[QuotaCheck]:
    """Compare what the stack needs with the subscription's quotas in its region.

    Args:
        settings: The stack's settings.
        provider_config: The stack's config; `azure-native:subscriptionId` names the subscription.

    Raises:
        UserError: the subscription is not known, or cannot be asked.
    """
    subscription, region = _subscription(provider_config), settings.region or ""
    place = f"/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{region}"
    try:
        clients = Clients(subscription)
        sizes = {str(size["name"]).lower(): size for size in _sizes(clients, place)}
        usages = list(clients.pages(f"{place}/usages"))
    except ResourceError as error:
        raise UserError(str(error)) from None
    found: dict[str, QuotaCheck] = {}
    for demand in demands(settings):
        compared = _compared(demand, sizes.get(demand.instance_type.lower()), usages, place)
        before = found.get(compared.quota)
        found[compared.quota] = compared if before is None else _united(before, compared, place)
    return list(found.values())


def demands(settings: config.Settings) -> list[Demand]:
    """Return the machines that the stack uses, in the order of the settings."""
    found: list[Demand] = []
    compute = None if settings.training is None else settings.training.compute
    # A run on the cluster takes the cluster's machines.
    if isinstance(compute, config.JobCompute):
        found.append(
            Demand(
                instance_type=compute.instance_type or TRAINING_INSTANCE_TYPE,
                spot=compute.spot,
                machines=compute.instances,
                setting="training.compute",
                why=f"{compute.instances} for the run",
            )
        )
    if settings.cluster is not None:
        found += _cluster_demands(settings.cluster)
    capacity = settings.endpoint.capacity
    if isinstance(capacity, config.InstanceCapacity):  # the settings refuse the other kinds on Azure
        found.append(_serving(capacity))
    return found


def _serving(capacity: config.InstanceCapacity) -> Demand:
    instance_type = capacity.instance_type or SERVING_INSTANCE_TYPE
    most = capacity.min if capacity.max is None else max(capacity.max, capacity.min)
    room = 1.0 if instance_type in _NO_HEAD_ROOM else _HEAD_ROOM
    held = math.ceil(most * room)
    kept = f", {held} with what Azure ML keeps free for upgrades" if held > most else ""
    return Demand(
        instance_type=instance_type,
        spot=False,
        machines=_SIDES * held,
        setting="endpoint.capacity",
        why=f"{most} at most{kept}, and as many again while an update moves the traffic",
    )


def _cluster_demands(cluster: config.Cluster) -> list[Demand]:
    row = next((row for row in ACCELERATORS if row.name == cluster.accelerator), None)
    instance_type = None if row is None else row.instance_types.get(cluster.accelerators)
    if instance_type is None:  # the settings refuse it, with what there is
        return []
    return [
        Demand(
            instance_type=instance_type,
            spot=cluster.spot,
            machines=cluster.max_machines,
            setting="cluster.max_machines",
            why=f"{cluster.max_machines} of the cluster",
        )
    ]


def _subscription(provider_config: Mapping[str, str]) -> str:
    variables = (os.environ.get(name) for name in _SUBSCRIPTION_VARIABLES)
    named = (provider_config.get("azure-native:subscriptionId"), *variables)
    subscription = next((name for name in named if name), None)
    if subscription is None:
        raise UserError(
            "--quotas: the stack's subscription of Azure is not known. Write it into the stack file, "
            "`pulumi config set azure-native:subscriptionId MY-SUBSCRIPTION`, or export ARM_SUBSCRIPTION_ID."
        )
    return subscription


def _sizes(clients: Clients, place: str) -> Sequence[Mapping[str, Any]]:
    return cast("Sequence[Mapping[str, Any]]", clients.get(f"{place}/vmSizes").get("value", ()))


def _plain(name: str) -> str:
    """A name as both lists have it: `standardDSv2Family`, `Standard DSv2 Family Cluster Dedicated vCPUs`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _usage(usages: Sequence[Mapping[str, Any]], family: str, *, spot: bool) -> Mapping[str, Any] | None:
    for usage in usages:
        name = _plain(_name_of(usage))
        if _LOW_PRIORITY in name if spot else (name.startswith(_plain(family)) and _DEDICATED in name):
            return usage
    return None


def _name_of(usage: Mapping[str, Any]) -> str:
    told = cast("Mapping[str, str]", usage.get("name") or {})
    return told.get("localizedValue") or told.get("value") or ""


def _compared(
    demand: Demand, size: Mapping[str, Any] | None, usages: Sequence[Mapping[str, Any]], place: str
) -> QuotaCheck:
    region = place.rpartition("/")[2]
    vcpus = 0 if size is None else int(size.get("vCPUs") or 0)
    family = "" if size is None else str(size.get("family") or "")
    usage = None if size is None else _usage(usages, family, spot=demand.spot)
    missing = (
        f"Azure ML does not offer {demand.instance_type} in {region}: choose another machine size or region"
        if size is None
        else f"Azure ML lists no such quota in {region}: look at https://ml.azure.com/quota"
    )
    found = QuotaCheck(
        quota=family or demand.instance_type if usage is None else _name_of(usage),
        code="" if usage is None else _LOW_PRIORITY_NAME if demand.spot else family,
        setting=demand.setting,
        needed=demand.machines * vcpus,
        why=f"{demand.instance_type}, {vcpus} processors each: {demand.why}",
        allowed=None if usage is None else float(usage.get("limit") or 0),
        fix=missing if usage is None else "",
    )
    return _with_request(found, place)


def _united(before: QuotaCheck, after: QuotaCheck, place: str) -> QuotaCheck:
    """Return one check for a quota: a run of its own, the cluster and the endpoint may use the same."""
    united = replace(
        before,
        setting=f"{before.setting}, {after.setting}",
        needed=before.needed + after.needed,
        why=f"{before.why}; {after.why}",
    )
    return _with_request(united, place)


def _with_request(found: QuotaCheck, place: str) -> QuotaCheck:
    """Return the check with how to get more (https://learn.microsoft.com/cli/azure/quota)."""
    if not found.missing:
        return found
    kind = "lowPriority" if found.code == _LOW_PRIORITY_NAME else "dedicated"
    fix = (
        f"az quota update --resource-name {found.code} --resource-type {kind} --scope {place} "
        f"--limit-object value={found.needed:g}"
    )
    return replace(found, fix=fix)

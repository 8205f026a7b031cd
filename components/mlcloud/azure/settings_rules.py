"""Rules between settings that hold on Azure alone: told with all other problems, before anything is asked.

No package of Azure is loaded here: settings are read where none is installed.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, cast

from pydantic import TypeAdapter, ValidationError

from mlcloud.azure.instances import ACCELERATORS
from mlcloud.azure.rollouts import rollout_problem
from mlcloud.core.errors import Problem, unknown
from mlcloud.core.settings.model import Rollout
from mlcloud.core.settings.rules import Given

_ROLLOUT: Final[TypeAdapter[Rollout]] = TypeAdapter(Rollout)
_REGION: Final = r"[a-z]+\d?[a-z]*"
_MACHINE: Final = r"Standard_[A-Z]+\d+[a-z]*(_[A-Za-z0-9]+)*"
_IMAGE: Final = r"[a-z0-9]{5,50}\.azurecr\.io/"
_SUBNET: Final = (
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network"
    r"/virtualNetworks/[^/]+/subnets/[^/]+"
)
_BLOBS: Final = r"https://[a-z0-9]{3,24}\.blob\.core\.windows\.net/[a-z0-9-]+/.+"
_ARCHIVES: Final = (".tar.gz", ".tgz", ".zip")
# https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas (online endpoints)
_MACHINES_MAX: Final = 50
# https://learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure
_RETENTION_DAYS: Final = (30, 730)


def check(given: Given) -> Iterator[Problem]:
    """Yield what cannot be on Azure."""
    for rule in (
        _the_region_is_one_of_azure,
        _machine_types_are_azures,
        _machines_are_as_many_as_azure_ml_gives,
        _traffic_moves_as_azure_ml_can,
        _prod_has_two_machines_in_a_network,
        _a_pinned_model_is_a_folder_of_blobs,
        _the_image_is_in_a_container_registry,
        _the_accelerator_is_one_of_azures,
        _the_subnet_is_one_by_its_id,
        _logs_are_kept_as_long_as_they_can_be,
        _somebody_hears_of_alarms,
    ):
        yield from rule(given)


def _the_region_is_one_of_azure(given: Given) -> Iterator[Problem]:
    region = given.get("region")
    if isinstance(region, str) and not re.fullmatch(_REGION, region):
        allowed = "the short name of a region of Azure, such as westeurope"
        fix = "write such a name: `az account list-locations -o table` shows them"
        yield given.problem("region", value=region, allowed=allowed, fix=fix)


def _machine_types_are_azures(given: Given) -> Iterator[Problem]:
    for path in ("training.compute.instance_type", "endpoint.capacity.instance_type"):
        value = given.get(path)
        if isinstance(value, str) and not re.fullmatch(_MACHINE, value):
            allowed = "a machine size of Azure: Standard_<family><size>_<version>, such as Standard_DS3_v2"
            yield given.problem(path, value=value, allowed=allowed, fix="write such a name")


def _machines_are_as_many_as_azure_ml_gives(given: Given) -> Iterator[Problem]:
    if given.number("endpoint.capacity.min") == 0:
        allowed = "at least 1: Azure ML keeps one machine for each deployment"
        yield given.problem("endpoint.capacity.min", value=0, allowed=allowed, fix="set it to 1 or more")
    for path in ("endpoint.capacity.min", "endpoint.capacity.max"):
        number = given.number(path)
        if number is not None and number > _MACHINES_MAX:
            allowed = f"at most {_MACHINES_MAX}: Azure ML gives a deployment no more"
            fix = f"set it to {_MACHINES_MAX} or less, or choose a larger `instance_type`"
            yield given.problem(path, value=int(number), allowed=allowed, fix=fix)


def _traffic_moves_as_azure_ml_can(given: Given) -> Iterator[Problem]:
    try:
        problem = rollout_problem(_ROLLOUT.validate_python(given.get("endpoint.rollout", {})))
    except ValidationError:
        return  # told already
    if problem is not None:
        yield given.problem("endpoint.rollout", value=problem.value, allowed=problem.allowed, fix=problem.fix)


def _prod_has_two_machines_in_a_network(given: Given) -> Iterator[Problem]:
    if given.get("environment", "dev") != "prod":
        return
    fewest = given.number("endpoint.capacity.min")
    if fewest != 0 and (1 if fewest is None else fewest) < 2:  # 0 is told above
        allowed = "at least 2 in prod: one machine's end is the endpoint's"
        yield given.problem("endpoint.capacity.min", value=fewest or 1, allowed=allowed, fix="set it to 2")
    if given.get("network.kind", "managed") == "none":
        allowed = "managed or existing in prod: what trains and serves is private"
        fix = "remove `network` for a managed one, or name a subnet of yours with `kind: existing`"
        yield given.problem("network.kind", value="none", allowed=allowed, fix=fix)


def _a_pinned_model_is_a_folder_of_blobs(given: Given) -> Iterator[Problem]:
    uri = given.get("model.uri")
    if not isinstance(uri, str) or not uri.startswith("https://"):
        return
    if not re.fullmatch(_BLOBS, uri) or uri.endswith(_ARCHIVES):
        allowed = (
            "a folder with the model's files: https://<account>.blob.core.windows.net/<container>/<folder>"
        )
        fix = "copy the folder into the stack's models container (docs/guides/azure.md) and pin its address"
        yield given.problem("model.uri", value=uri, allowed=allowed, fix=fix)


def _the_image_is_in_a_container_registry(given: Given) -> Iterator[Problem]:
    image = given.get("image", "build")
    if isinstance(image, str) and image != "build" and not re.match(_IMAGE, image):
        allowed = "`build`, or an image in Azure Container Registry: <registry>.azurecr.io/..."
        fix = "push the image to a registry of Azure, or set `image` to `build`"
        yield given.problem("image", value=image, allowed=allowed, fix=fix)


def _the_accelerator_is_one_of_azures(given: Given) -> Iterator[Problem]:
    name, count = given.get("cluster.accelerator"), given.number("cluster.accelerators")
    if not isinstance(name, str):
        return
    counts = [number for row in ACCELERATORS if row.name == name for number in row.instance_types]
    if not counts:
        known = [row.name for row in ACCELERATORS]
        yield unknown(given.problem("cluster.accelerator", allowed="", fix="").path, name, name, known)
    elif (min(counts) if count is None else count) not in counts:
        allowed = f"{', '.join(map(str, counts))} of {name} in one machine"
        yield given.problem(
            "cluster.accelerators", value=count or 1, allowed=allowed, fix=f"write one of {allowed}"
        )


def _the_subnet_is_one_by_its_id(given: Given) -> Iterator[Problem]:
    subnets = given.get("network.subnets", ())
    if not isinstance(subnets, list | tuple):
        return
    named = cast("Sequence[object]", subnets)
    if len(named) > 1:
        fix = "name one subnet: private endpoints are put into it, and it spans the region's zones"
        yield given.problem("network.subnets", value=list(named), allowed="one subnet on azure", fix=fix)
    for index, subnet in enumerate(named):
        if not re.fullmatch(_SUBNET, str(subnet)):
            allowed = (
                "a resource id: /subscriptions/<subscription>/resourceGroups/<group>"
                "/providers/Microsoft.Network/virtualNetworks/<network>/subnets/<subnet>"
            )
            fix = "write it in full: `az network vnet subnet show --query id` shows it"
            yield given.problem(f"network.subnets[{index}]", value=subnet, allowed=allowed, fix=fix)


def _logs_are_kept_as_long_as_they_can_be(given: Given) -> Iterator[Problem]:
    days = given.number("monitoring.log_retention_days")
    low, high = _RETENTION_DAYS
    if days is not None and not low <= days <= high:
        allowed = f"{low} to {high} days: so long Azure Monitor keeps logs"
        fix = f"set it to {low if days < low else high}"
        yield given.problem("monitoring.log_retention_days", value=int(days), allowed=allowed, fix=fix)


def _somebody_hears_of_alarms(given: Given) -> Iterator[Problem]:
    if not given.get("monitoring.notify", ()):
        fix = "add `monitoring: {notify: [you@example.com]}`"
        allowed = "at least one address on azure: an alert without a receiver tells nobody"
        yield given.problem("monitoring.notify", allowed=allowed, fix=fix)

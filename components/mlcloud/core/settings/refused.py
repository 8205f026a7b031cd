"""What a cloud lacks, in one table: the setting, the clouds that refuse it, and the nearest alternative.

A cloud that learns to do something loses its rows here; nothing is silently ignored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mlcloud.core.settings.model import Cloud


def _any_value(_value: object) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A setting that some clouds cannot have.

    Attributes:
        path: The key's path, without the namespace. It is refused when it was set.
        clouds: The clouds that refuse it.
        lacks: What these clouds lack, as the end of the sentence "<cloud> has ...".
        instead: The nearest alternative, as an instruction.
        when: Tells whether a set value is refused; every value is by default.
    """

    path: str
    clouds: tuple[Cloud, ...]
    lacks: str
    instead: str
    when: Callable[[object], bool] = _any_value


_LOCAL: Final = ("local",)
_AWS: Final = ("aws",)
_GCP: Final = ("gcp",)
_AZURE: Final = ("azure",)
CLOUDS: Final = ("aws", "gcp", "azure")
# Where training data is a file of the project: an object elsewhere may change under its name.
DATA_IS_A_FILE: Final = CLOUDS
TRAINS_ON_CLUSTER: Final = CLOUDS
# Where a cluster's machines are in a network of one's own, always.
NETWORKED_CLUSTERS: Final = ("aws",)

REFUSED: Final[tuple[Refused, ...]] = (
    Refused(
        path="region", clouds=_LOCAL, lacks="no regions", instead="remove it: everything is on this machine"
    ),
    Refused(
        path="budget", clouds=_LOCAL, lacks="no costs", instead="remove it, and set it in a cloud's stack"
    ),
    Refused(
        path="image",
        clouds=_LOCAL,
        lacks="no containers",
        instead="remove it: the installed trainer runs as a process",
        when=lambda value: value != "build",
    ),
    Refused(
        path="network",
        clouds=_LOCAL,
        lacks="no networks",
        instead="remove it: everything is on this machine",
    ),
    Refused(
        path="cluster",
        clouds=_LOCAL,
        lacks="no machines to choose from",
        instead="remove it: training has this machine",
    ),
    Refused(
        path="training.compute",
        clouds=_LOCAL,
        lacks="no machines to choose from",
        instead="remove it: the run has this machine",
    ),
    Refused(
        path="endpoint.capacity.kind",
        clouds=_LOCAL,
        lacks="only processes that run all the time",
        instead="set it to `instance`",
        when=lambda value: value != "instance",
    ),
    Refused(
        path="data.path",
        clouds=DATA_IS_A_FILE,
        lacks="training data from the project's files alone, uploaded under the hash that names the run",
        instead="download the object into the project, and name the file",
        when=lambda value: "://" in str(value),
    ),
    Refused(
        path="budget.currency",
        clouds=_AWS,
        lacks="bills in US dollars, in China in yuan",
        instead="set it to `USD`, or to `CNY` in China",
        when=lambda value: value not in ("USD", "CNY"),
    ),
    Refused(
        path="budget.currency",
        clouds=_AZURE,
        lacks="budgets in the currency that the subscription is billed in",
        instead="remove it, and write `monthly` in that currency",
    ),
    Refused(
        path="budget.billing_account",
        clouds=("aws", "azure"),
        lacks="one account that pays, the stack's own",
        instead="remove it",
    ),
    Refused(
        path="network.security_groups",
        clouds=_GCP,
        lacks="firewall rules of a whole network in place of security groups",
        instead="remove it, and let the network's firewall say what may talk to what",
    ),
    Refused(
        path="network.security_groups",
        clouds=_AZURE,
        lacks="network security groups that belong to subnets",
        instead="remove it, and let the subnet's own group say what may talk to what",
    ),
    Refused(
        path="cluster.spot",
        clouds=_GCP,
        lacks="no spare capacity for machines that wait for jobs",
        instead="remove it, or remove `cluster` and set `training.compute.spot`",
        when=lambda value: value in (True, "true"),
    ),
    Refused(
        path="endpoint.capacity.kind",
        clouds=("gcp", "azure"),
        lacks="endpoints on machines that run all the time, and no others for a container of one's own",
        instead="set it to `instance`",
        when=lambda value: value != "instance",
    ),
    Refused(
        path="endpoint.capacity.instance_type",
        clouds=_LOCAL,
        lacks="no machines to choose from",
        instead="remove it, and set `min` to the number of processes",
    ),
    Refused(
        path="endpoint.capacity.max",
        clouds=_LOCAL,
        lacks="at most 64 servers behind one port",
        instead="set it to 64 or less",
        when=lambda value: str(value).isdecimal() and int(str(value)) > 64,
    ),
    Refused(
        path="endpoint.capacity.min",
        clouds=_LOCAL,
        lacks="no scale to zero",
        instead="set it to 1 or more, or destroy the stack to stop its endpoint",
        when=lambda value: str(value) == "0",
    ),
    Refused(
        path="monitoring.notify",
        clouds=_LOCAL,
        lacks="no mail server",
        instead="remove it, and set `monitoring.webhook` or `monitoring.command`",
    ),
    Refused(
        path="monitoring.log_retention_days",
        clouds=_LOCAL,
        lacks="logs that are kept by their size and go with the stack",
        instead="remove it",
    ),
    Refused(
        path="monitoring.webhook",
        clouds=CLOUDS,
        lacks="alarms that tell addresses",
        instead="remove it, and set `monitoring.notify`",
    ),
    Refused(
        path="monitoring.command",
        clouds=CLOUDS,
        lacks="alarms that tell addresses",
        instead="remove it, and set `monitoring.notify`",
    ),
    Refused(
        path="monitoring.port",
        clouds=CLOUDS,
        lacks="dashboards in the cloud's own console",
        instead="remove it",
    ),
    Refused(
        path="endpoint.port",
        clouds=CLOUDS,
        lacks="endpoints behind the cloud's own address",
        instead="remove it: the stack's outputs give the endpoint's URL",
    ),
)

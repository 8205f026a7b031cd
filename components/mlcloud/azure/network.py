"""The network on Azure: a virtual network of the stack's own, one that is there already, or none."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from mlcloud.azure.placement import Placement, Service
from mlcloud.core.scope import Scope


@dataclass(frozen=True, kw_only=True)
class ManagedNetwork:
    """A virtual network of the stack's own, without a way to the internet.

    Attributes:
        cidr: Its addresses, a private block of /16 to /24. Default `10.20.0.0/16`.
    """

    cidr: str = "10.20.0.0/16"


@dataclass(frozen=True, kw_only=True)
class ExistingNetwork:
    """A network that somebody else looks after.

    Attributes:
        subnet_id: Resource id of the subnet that private endpoints are put into.
        zone_ids: Resource ids of the private DNS zones, by service. Default: somebody else looks after names.
    """

    subnet_id: str
    zone_ids: Mapping[Service, str] = field(default_factory=dict[Service, str])


@dataclass(frozen=True, kw_only=True)
class NoNetwork:
    """No network: services answer on the internet, to whom they know alone."""


@dataclass(frozen=True, kw_only=True)
class AzureNetworkArgs:
    """What a network on Azure is made from.

    Attributes:
        scope: Whose it is and where.
        resource_group: Name of the resource group.
        network: Which kind of network.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    network: ManagedNetwork | ExistingNetwork | NoNetwork


class AzureNetwork(pulumi.ComponentResource):
    """From where the stack's services are reached."""

    id: pulumi.Output[str]
    """Resource id of the network; empty where the stack has none."""
    name: pulumi.Output[str]
    placement: Placement | None
    """The subnet and the zones for private endpoints; None: no network."""

    def __init__(self, name: str, args: AzureNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AzureNetwork", name, {}, opts)
        raise NotImplementedError(args)

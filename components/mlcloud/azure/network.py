"""The network on Azure: a virtual network of the stack's own, one that is there already, or none."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pulumi
from pulumi_azure_native import network as azure_network
from pulumi_azure_native import privatedns

from mlcloud.azure.placement import ZONES, Placement, Service
from mlcloud.core.args import one_of, validate
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

_HTTPS: Final = "443"
# Smaller blocks hold too few addresses, larger ones are hardly free.
_PREFIX_MIN, _PREFIX_MAX = 16, 24
_LAST_PRIORITY: Final = 4096
_SUBNET: Final = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network/virtualNetworks/[^/]+/subnets/[^/]+"
)


@dataclass(frozen=True, kw_only=True)
class ManagedNetwork:
    """A virtual network of the stack's own, without a way to the internet.

    Attributes:
        cidr: Its addresses, a private block of /16 to /24. Private endpoints are in the first /24; the
            rest is for machines of one's own that ask them. Default `10.20.0.0/16`.
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
    """No network: services answer on the internet, encrypted, to whom they know."""


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

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        if isinstance(self.network, ManagedNetwork):
            validate("The network", _cidr_problem(self.network.cidr))
        elif isinstance(self.network, ExistingNetwork):
            validate(
                "The network",
                _subnet_problem(self.network.subnet_id),
                *(one_of("network.zone_ids", service, list(ZONES)) for service in self.network.zone_ids),
            )


def _cidr_problem(cidr: str) -> Problem | None:
    try:
        block = ipaddress.IPv4Network(cidr)
    except ValueError:
        block = None
    if block is not None and block.is_private and _PREFIX_MIN <= block.prefixlen <= _PREFIX_MAX:
        return None
    allowed = f"a private IPv4 block of /{_PREFIX_MIN} to /{_PREFIX_MAX}, such as 10.20.0.0/16"
    return Problem(path="network.cidr", value=cidr, allowed=allowed, fix="write such a block")


def _subnet_problem(subnet_id: str) -> Problem | None:
    if _SUBNET.fullmatch(subnet_id):
        return None
    allowed = (
        "a resource id: /subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.Network/"
        "virtualNetworks/<network>/subnets/<subnet>"
    )
    return Problem(path="network.subnet_id", value=subnet_id, allowed=allowed, fix="write it in full")


class AzureNetwork(pulumi.ComponentResource):
    """From where the stack's services are asked.

    What the stack runs is in the workspace's own network, which Azure ML looks after.
    """

    id: pulumi.Output[str]
    """Resource id of the network; empty where the stack has none."""
    name: pulumi.Output[str]
    placement: Placement | None
    """The subnet and the zones for private endpoints; None: no network."""

    def __init__(self, name: str, args: AzureNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AzureNetwork", name, {}, opts)
        self._args = args
        self._options = child_options(self, environment=args.scope.environment)
        self.name = pulumi.Output.from_input(args.scope.name("azure-network"))
        self.id = pulumi.Output.from_input("")
        self.placement = None
        if isinstance(args.network, ExistingNetwork):
            found = args.network.subnet_id.partition("/subnets/")[0]
            self.id = pulumi.Output.from_input(found)
            self.name = pulumi.Output.from_input(found.rpartition("/")[2])
            self.placement = Placement(subnet_id=args.network.subnet_id, zone_ids=args.network.zone_ids)
        elif isinstance(args.network, ManagedNetwork):
            self.placement = self._declare(name, args.network)
        self.register_outputs({"id": self.id, "name": self.name})

    def _declare(self, name: str, network: ManagedNetwork) -> Placement:
        scope = self._args.scope
        own = azure_network.VirtualNetwork(
            f"{name}-network",
            virtual_network_name=scope.name("azure-network"),
            resource_group_name=self._args.resource_group,
            location=scope.region,
            address_space=azure_network.AddressSpaceArgs(address_prefixes=[network.cidr]),
            tags=scope.tags,
            opts=self._options,
        )
        group = self._security_group(name)
        subnet = azure_network.Subnet(
            f"{name}-subnet",
            subnet_name=scope.name("azure-network", "private"),
            virtual_network_name=own.name,
            resource_group_name=self._args.resource_group,
            address_prefix=str(next(ipaddress.IPv4Network(network.cidr).subnets(new_prefix=_PREFIX_MAX))),
            network_security_group=azure_network.NetworkSecurityGroupArgs(id=group.id),
            default_outbound_access=False,
            # The security group holds for private endpoints, too.
            private_endpoint_network_policies="Enabled",
            opts=self._options,
        )
        self.id, self.name = own.id, own.name
        return Placement(
            subnet_id=subnet.id,
            zone_ids={service: self._zone(name, service, zone, own) for service, zone in ZONES.items()},
        )

    def _security_group(self, name: str) -> azure_network.NetworkSecurityGroup:
        """Declare what may talk to what: the network's own machines with the endpoints, and nothing else."""
        scope = self._args.scope
        return azure_network.NetworkSecurityGroup(
            f"{name}-security-group",
            network_security_group_name=scope.name("azure-network", "private"),
            resource_group_name=self._args.resource_group,
            location=scope.region,
            security_rules=[
                _rule("in-own", "Inbound", "Allow", 100, "Machines of the network", port=_HTTPS, own=True),
                _rule("in-nothing-else", "Inbound", "Deny", _LAST_PRIORITY, "Nothing else comes in"),
                _rule("out-nothing", "Outbound", "Deny", _LAST_PRIORITY, "Endpoints only answer"),
            ],
            tags=scope.tags,
            opts=self._options,
        )

    def _zone(
        self, name: str, service: Service, zone_name: str, own: azure_network.VirtualNetwork
    ) -> pulumi.Output[str]:
        """Declare a zone whose names lead to private endpoints; its id is known once the network asks it."""
        args, scope = self._args, self._args.scope
        zone = privatedns.PrivateZone(
            f"{name}-{service}-zone",
            private_zone_name=zone_name,
            resource_group_name=args.resource_group,
            # Zones are in no region.
            location="Global",
            tags=scope.tags,
            opts=self._options,
        )
        link = privatedns.VirtualNetworkLink(
            f"{name}-{service}-link",
            virtual_network_link_name=scope.name("azure-network"),
            private_zone_name=zone.name,
            resource_group_name=args.resource_group,
            location="Global",
            registration_enabled=False,
            virtual_network=privatedns.SubResourceArgs(id=own.id),
            tags=scope.tags,
            opts=self._options,
        )
        return pulumi.Output.all(zone.id, link.id).apply(lambda known: str(known[0]))


def _rule(
    name: str,
    direction: str,
    access: str,
    priority: int,
    description: str,
    *,
    port: str = "*",
    own: bool = False,
) -> azure_network.SecurityRuleArgs:
    place = "VirtualNetwork" if own else "*"
    return azure_network.SecurityRuleArgs(
        name=name,
        description=description,
        direction=direction,
        access=access,
        priority=priority,
        protocol="Tcp" if port != "*" else "*",
        source_address_prefix=place,
        source_port_range="*",
        destination_address_prefix=place,
        destination_port_range=port,
    )

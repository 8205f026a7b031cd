"""The network on GCP: a private VPC of the stack's own, one that is there already, or none."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_gcp import compute, dns, networkconnectivity, projects

from mlcloud.core.args import validate, within
from mlcloud.core.errors import Problem
from mlcloud.core.names import name_for
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope
from mlcloud.gcp.foundation import ServiceAgents
from mlcloud.gcp.grants import USUAL_WAIT_S, once_seen
from mlcloud.gcp.placement import Placement

# The addresses of `private.googleapis.com`: Google's APIs without a way to the internet
# (https://cloud.google.com/vpc/docs/configure-private-google-access#domain-options).
_PRIVATE_APIS: Final = "199.36.153.8/30"
_PRIVATE_DOMAINS: Final = ("googleapis.com", "pkg.dev")
_HTTPS: Final = "443"
# Smaller blocks hold too few machines, larger ones are hardly free.
_PREFIX_MIN, _PREFIX_MAX = 16, 24
# What Vertex AI looks up in a network attachment and writes into it, of all that its documentation's
# `roles/compute.networkAdmin` would let it do (https://cloud.google.com/vertex-ai/docs/general/vpc-psc-i-setup).
_ATTACH: Final = (
    "compute.networkAttachments.get",
    "compute.networkAttachments.update",
    "compute.regionOperations.get",
)
# https://cloud.google.com/vertex-ai/docs/predictions/private-service-connect, "service connection policy"
_SERVICE_CLASS: Final = "gcp-vertexai"
_LAST_PRIORITY: Final = 65000


@dataclass(frozen=True, kw_only=True)
class ManagedNetwork:
    """A VPC of the stack's own, without a way to the internet.

    Attributes:
        agents: Google's agents of the project; Vertex AI's puts machines into the subnet.
        cidr: Its addresses, a private block of /16 to /24. Default `10.20.0.0/16`.
    """

    agents: ServiceAgents
    cidr: str = "10.20.0.0/16"


@dataclass(frozen=True, kw_only=True)
class ExistingNetwork:
    """A network that somebody else looks after, with a policy for Private Service Connect to Vertex AI.

    Attributes:
        agents: Google's agents of the project; Vertex AI's puts machines into the subnets.
        network: Full name of the network, `projects/<project>/global/networks/<network>`.
        subnet_ids: Full names of subnets of the stack's region in it, 1 to 16.
    """

    agents: ServiceAgents
    network: str
    subnet_ids: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class NoNetwork:
    """No VPC: what runs is in Google's own, and its data goes over Google's network, encrypted."""


@dataclass(frozen=True, kw_only=True)
class GcpNetworkArgs:
    """What a network on GCP is made from.

    Attributes:
        scope: Whose it is and where.
        network: Which kind of network.
    """

    scope: Scope
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
                _name_problem("network.network", self.network.network, "global/networks"),
                within("network.subnet_ids", len(self.network.subnet_ids), low=1, high=16),
                *(
                    _name_problem("network.subnet_ids", subnet, f"regions/{self.scope.region}/subnetworks")
                    for subnet in self.network.subnet_ids
                ),
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


def _name_problem(path: str, name: str, collection: str) -> Problem | None:
    parts = name.split("/")
    if parts[0] == "projects" and "/".join(parts[2:-1]) == collection and all(parts):
        return None
    allowed = f"a full name: projects/<project>/{collection}/<name>"
    return Problem(path=path, value=name, allowed=allowed, fix="write it in full")


class GcpNetwork(pulumi.ComponentResource):
    """Where training runs, and from where the endpoint is asked."""

    id: pulumi.Output[str]
    """The network's full name; empty where the stack has none."""
    name: pulumi.Output[str]
    placement: Placement | None
    """The network and the attachment, known once what uses them may; None: no network."""

    def __init__(self, name: str, args: GcpNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:GcpNetwork", name, {}, opts)
        self._scope = args.scope
        self._options = child_options(self, environment=args.scope.environment)
        self.name = pulumi.Output.from_input(args.scope.name("gcp-network"))
        self.id = pulumi.Output.from_input("")
        self.placement = None
        if isinstance(args.network, ExistingNetwork):
            self.id = pulumi.Output.from_input(args.network.network)
            self.placement = Placement(
                network=args.network.network,
                network_attachment=self._attachment(name, args.network.agents, args.network.subnet_ids, []),
            )
        elif isinstance(args.network, ManagedNetwork):
            self._declare(name, args.network)
        self.register_outputs({"id": self.id, "name": self.name})

    def _declare(self, name: str, network: ManagedNetwork) -> None:
        scope = self._scope
        own = compute.Network(
            f"{name}-network",
            name=scope.name("gcp-network"),
            project=scope.account,
            description=f"{scope.project}/{scope.stack}",
            auto_create_subnetworks=False,
            routing_mode="REGIONAL",
            delete_default_routes_on_create=True,
            opts=self._options,
        )
        subnet = compute.Subnetwork(
            f"{name}-subnet",
            name=scope.name("gcp-network", "private"),
            project=scope.account,
            region=scope.region,
            network=own.id,
            ip_cidr_range=network.cidr,
            private_ip_google_access=True,
            log_config=compute.SubnetworkLogConfigArgs(
                aggregation_interval="INTERVAL_5_SEC", flow_sampling=0.5, metadata="INCLUDE_ALL_METADATA"
            ),
            opts=self._options,
        )
        ways = [*self._firewall(name, own, network.cidr), *self._private_apis(name, own)]
        policy = networkconnectivity.ServiceConnectionPolicy(
            f"{name}-vertex",
            name=scope.name("gcp-network", "vertex"),
            project=scope.account,
            location=scope.region,
            description="Endpoints of Vertex AI get addresses in this network",
            network=own.id,
            service_class=_SERVICE_CLASS,
            psc_config=networkconnectivity.ServiceConnectionPolicyPscConfigArgs(subnetworks=[subnet.id]),
            labels=scope.tags,
            opts=self._options,
        )
        self.id = own.id
        self.placement = Placement(
            network=pulumi.Output.all(own.id, policy.id).apply(lambda known: str(known[0])),
            network_attachment=self._attachment(name, network.agents, [subnet.id], ways),
        )

    def _firewall(self, name: str, own: compute.Network, cidr: str) -> Sequence[pulumi.CustomResource]:
        """Declare what may talk to what: machines among themselves, and with Google's APIs."""
        return [
            self._rule(f"{name}-in-own", own, "INGRESS", cidr, "Machines of the stack among themselves"),
            self._rule(f"{name}-out-own", own, "EGRESS", cidr, "Machines of the stack among themselves"),
            self._rule(
                f"{name}-out-apis", own, "EGRESS", _PRIVATE_APIS, "Google's APIs, privately", ports=[_HTTPS]
            ),
            compute.Firewall(
                f"{name}-out-nothing-else",
                name=self._scope.name("gcp-network", "out-nothing-else"),
                project=self._scope.account,
                network=own.id,
                description="Nothing else goes out",
                direction="EGRESS",
                priority=_LAST_PRIORITY,
                denies=[compute.FirewallDenyArgs(protocol="all")],
                destination_ranges=["0.0.0.0/0"],
                log_config=compute.FirewallLogConfigArgs(metadata="INCLUDE_ALL_METADATA"),
                opts=self._options,
            ),
        ]

    def _rule(
        self,
        resource_name: str,
        own: compute.Network,
        direction: str,
        cidr: str,
        description: str,
        *,
        ports: list[str] | None = None,
    ) -> compute.Firewall:
        protocols = ["tcp"] if ports else ["tcp", "udp", "icmp"]
        return compute.Firewall(
            resource_name,
            name=self._scope.name("gcp-network", resource_name.split("-", 1)[1]),
            project=self._scope.account,
            network=own.id,
            description=description,
            direction=direction,
            allows=[compute.FirewallAllowArgs(protocol=protocol, ports=ports) for protocol in protocols],
            source_ranges=[cidr] if direction == "INGRESS" else None,
            destination_ranges=[cidr] if direction == "EGRESS" else None,
            log_config=compute.FirewallLogConfigArgs(metadata="INCLUDE_ALL_METADATA"),
            opts=self._options,
        )

    def _private_apis(self, name: str, own: compute.Network) -> Sequence[pulumi.CustomResource]:
        """Declare the way to Google's APIs: a route to their private addresses, and names that lead there."""
        scope = self._scope
        declared: list[pulumi.CustomResource] = [
            compute.Route(
                f"{name}-apis",
                name=scope.name("gcp-network", "apis"),
                project=scope.account,
                network=own.id,
                description="Google's APIs, by addresses that the internet does not route",
                dest_range=_PRIVATE_APIS,
                next_hop_gateway="default-internet-gateway",
                opts=self._options,
            )
        ]
        addresses = [str(address) for address in ipaddress.IPv4Network(_PRIVATE_APIS)]
        for domain in _PRIVATE_DOMAINS:
            part = domain.replace(".", "-")
            zone = dns.ManagedZone(
                f"{name}-{part}",
                name=scope.name("gcp-network", part),
                project=scope.account,
                dns_name=f"{domain}.",
                description=f"{domain}, privately",
                visibility="private",
                private_visibility_config=dns.ManagedZonePrivateVisibilityConfigArgs(
                    networks=[dns.ManagedZonePrivateVisibilityConfigNetworkArgs(network_url=own.id)]
                ),
                labels=scope.tags,
                opts=self._options,
            )
            top = f"private.{domain}." if domain == "googleapis.com" else f"{domain}."
            declared += [
                self._record(f"{name}-{part}-addresses", zone, top, "A", addresses),
                self._record(f"{name}-{part}-names", zone, f"*.{domain}.", "CNAME", [top]),
            ]
        return declared

    def _record(
        self, resource_name: str, zone: dns.ManagedZone, name: str, kind: str, values: list[str]
    ) -> dns.RecordSet:
        return dns.RecordSet(
            resource_name,
            project=self._scope.account,
            managed_zone=zone.name,
            name=name,
            type=kind,
            ttl=300,
            rrdatas=values,
            opts=self._options,
        )

    def _attachment(
        self,
        name: str,
        agents: ServiceAgents,
        subnet_ids: Sequence[pulumi.Input[str]],
        ways: Sequence[pulumi.CustomResource],
    ) -> pulumi.Output[str]:
        """Declare the door through which machines join the subnets, and let Vertex AI use it.

        Its name is known once what comes through it reaches what it needs.
        """
        scope = self._scope
        role = projects.IAMCustomRole(
            f"{name}-attach",
            project=scope.account,
            role_id=name_for("gcp-service-account", scope.project, scope.stack, "attach").replace("-", "_"),
            title=scope.name("gcp-display-name", "attach"),
            description="Puts machines of Vertex AI into the stack's network",
            permissions=list(_ATTACH),
            stage="GA",
            opts=self._options,
        )
        granted = projects.IAMMember(
            f"{name}-attach-vertex",
            project=scope.account,
            role=role.name,
            member=pulumi.Output.concat("serviceAccount:", agents.vertex),
            opts=self._options,
        )
        attachment = compute.NetworkAttachment(
            f"{name}-attachment",
            name=scope.name("gcp-network", "attachment"),
            project=scope.account,
            region=scope.region,
            description="Training and GPU machines of Vertex AI",
            # Vertex AI adds its own project to those that are accepted.
            connection_preference="ACCEPT_MANUAL",
            subnetworks=list(subnet_ids),
            opts=pulumi.ResourceOptions.merge(
                self._options, pulumi.ResourceOptions(ignore_changes=["producerAcceptLists"])
            ),
        )
        seen = once_seen(
            f"{name}-attach-grant", attachment.id, [granted], wait_s=USUAL_WAIT_S, opts=self._options
        )
        reached = [resource.id for resource in ways]
        return pulumi.Output.all(seen, *reached).apply(lambda known: str(known[0]))

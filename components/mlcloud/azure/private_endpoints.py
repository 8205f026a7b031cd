"""Private endpoints: addresses of the stack's services in a network of one's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import pulumi
from pulumi_azure_native import network

from mlcloud.azure.placement import Placement, Service
from mlcloud.core.args import one_of, validate, within
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

Reached = Literal["blob", "dfs", "file", "vault", "registry", "workspace"]
# https://learn.microsoft.com/azure/private-link/private-endpoint-overview#private-link-resource
_PARTS: Final[Mapping[Reached, str]] = MappingProxyType(
    {
        "blob": "blob",
        "dfs": "dfs",
        "file": "file",
        "vault": "vault",
        "registry": "registry",
        "workspace": "amlworkspace",
    }
)


@dataclass(frozen=True, kw_only=True)
class AzurePrivateEndpointsArgs:
    """What private endpoints are made from.

    Attributes:
        scope: Whose they are and where.
        resource_group: Name of the resource group.
        placement: The subnet and the zones.
        resources: Resource ids of what is reached, by service, at least one: of the storage account for
            `blob`, `dfs` and `file`. A workspace's notebooks come with it.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    placement: Placement
    resources: Mapping[Reached, pulumi.Input[str]]

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The private endpoints",
            within("resources", len(self.resources), low=1),
            *(one_of("resources", service, list(_PARTS)) for service in self.resources),
        )


class AzurePrivateEndpoints(pulumi.ComponentResource):
    """An address in the subnet, and a name that leads there, for each service."""

    id: pulumi.Output[str]
    """Resource id of the first."""
    name: pulumi.Output[str]
    ready: pulumi.Output[bool]
    """True once all names lead to the addresses."""

    def __init__(
        self, name: str, args: AzurePrivateEndpointsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzurePrivateEndpoints", name, {}, opts)
        self._args = args
        self._options = child_options(self, environment=args.scope.environment)
        made = [self._endpoint(name, service) for service in args.resources]
        named = [self._names(name, service, made[number]) for number, service in enumerate(args.resources)]
        self.id = made[0].id
        self.name = made[0].name
        self.ready = pulumi.Output.all(
            *[endpoint.id for endpoint in made], *[group.id for group in named if group is not None]
        ).apply(lambda _: True)
        self.register_outputs({"id": self.id, "name": self.name, "ready": self.ready})

    def _endpoint(self, name: str, service: Reached) -> network.PrivateEndpoint:
        args, scope = self._args, self._args.scope
        own = scope.name("azure-network", service)
        return network.PrivateEndpoint(
            f"{name}-{service}",
            private_endpoint_name=own,
            resource_group_name=args.resource_group,
            location=scope.region,
            subnet=network.SubnetArgs(id=args.placement.subnet_id),
            private_link_service_connections=[
                network.PrivateLinkServiceConnectionArgs(
                    name=own,
                    private_link_service_id=args.resources[service],
                    group_ids=[_PARTS[service]],
                )
            ],
            tags=scope.tags,
            opts=self._options,
        )

    def _names(
        self, name: str, service: Reached, endpoint: network.PrivateEndpoint
    ) -> network.PrivateDnsZoneGroup | None:
        """Declare the endpoint's names in the zones that there are."""
        wanted: tuple[Service, ...] = ("workspace", "notebooks") if service == "workspace" else (service,)
        zones = {zone: self._args.placement.zone_ids[zone] for zone in wanted if zone in self._zone_ids}
        if not zones:
            return None
        return network.PrivateDnsZoneGroup(
            f"{name}-{service}-names",
            # Azure allows one, and calls it so
            # (https://learn.microsoft.com/azure/private-link/private-endpoint-dns-integration).
            private_dns_zone_group_name="default",
            private_endpoint_name=endpoint.name,
            resource_group_name=self._args.resource_group,
            private_dns_zone_configs=[
                network.PrivateDnsZoneConfigArgs(name=zone, private_dns_zone_id=zone_id)
                for zone, zone_id in zones.items()
            ],
            opts=self._options,
        )

    @property
    def _zone_ids(self) -> Mapping[Service, pulumi.Input[str]]:
        return self._args.placement.zone_ids

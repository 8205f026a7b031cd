"""Private endpoints: addresses of the stack's services in a network of one's own."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from mlcloud.azure.placement import Placement, Service
from mlcloud.core.scope import Scope


@dataclass(frozen=True, kw_only=True)
class AzurePrivateEndpointsArgs:
    """What private endpoints are made from.

    Attributes:
        scope: Whose they are and where.
        resource_group: Name of the resource group.
        placement: The subnet and the zones.
        resources: Resource ids of what is reached, by service, at least one; `notebooks` comes with the
            workspace.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    placement: Placement
    resources: Mapping[Service, pulumi.Input[str]]


class AzurePrivateEndpoints(pulumi.ComponentResource):
    """An address in the subnet, and a name that leads there, for each service."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]

    def __init__(
        self, name: str, args: AzurePrivateEndpointsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzurePrivateEndpoints", name, {}, opts)
        raise NotImplementedError(args)

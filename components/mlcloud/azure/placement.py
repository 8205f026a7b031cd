"""Where in a network of one's own the stack's services are reached."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

import pulumi

from mlcloud.core.errors import Problem
from mlcloud.core.scope import Scope

Service = Literal["blob", "dfs", "file", "vault", "registry", "workspace", "notebooks"]
# https://learn.microsoft.com/azure/private-link/private-endpoint-dns, Azure's commercial cloud; a workspace
# has two (https://learn.microsoft.com/azure/machine-learning/how-to-configure-private-link).
ZONES: Final[Mapping[Service, str]] = MappingProxyType(
    {
        "blob": "privatelink.blob.core.windows.net",
        "dfs": "privatelink.dfs.core.windows.net",
        "file": "privatelink.file.core.windows.net",
        "vault": "privatelink.vaultcore.azure.net",
        "registry": "privatelink.azurecr.io",
        "workspace": "privatelink.api.azureml.ms",
        "notebooks": "privatelink.notebooks.azure.net",
    }
)


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A subnet that private endpoints are put into, and the zones that lead there.

    Attributes:
        subnet_id: Resource id of the subnet.
        zone_ids: Resource ids of the private DNS zones, by service. A service without one gets no names:
            somebody else looks after them. Default: none.
    """

    subnet_id: pulumi.Input[str]
    zone_ids: Mapping[Service, pulumi.Input[str]] = field(default_factory=dict[Service, "pulumi.Input[str]"])


def private_in_prod(scope: Scope, *, private: bool) -> Problem | None:
    """Return the problem of what answers on the internet in prod; elsewhere, it may."""
    if private or not scope.is_prod:
        return None
    return Problem(path="private", value=private, allowed="true, in prod", fix="set it to true")

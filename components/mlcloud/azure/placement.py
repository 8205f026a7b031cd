"""Where in a network of one's own the stack's services are reached."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pulumi

from mlcloud.core.errors import Problem
from mlcloud.core.scope import Scope

Service = Literal["blob", "dfs", "file", "vault", "registry", "workspace", "notebooks"]


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

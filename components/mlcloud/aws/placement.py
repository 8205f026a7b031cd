"""Where in a network of one's own machines are put."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Private subnets and the security groups of what runs in them.

    Attributes:
        subnet_ids: 1 to 16 subnets; for prod in two zones or more.
        security_group_ids: 1 to 5 security groups.
    """

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    security_group_ids: pulumi.Input[Sequence[pulumi.Input[str]]]

"""Role assignments that are waited for: until then, Azure's services refuse what they allow."""

from collections.abc import Sequence
from typing import Final

import pulumi

from mlcloud.azure.resources import AzureRolePropagation
from mlcloud.core.args import within
from mlcloud.core.errors import Problem

# "It can take up to 10 minutes for changes to take effect"
# (https://learn.microsoft.com/azure/role-based-access-control/troubleshooting, "Role assignment changes are
# not being detected"); a registry or an account that cannot use its key then fails at once.
LONG_WAIT_S: Final = 600.0
# What works as an identity starts minutes after it could.
USUAL_WAIT_S: Final = 300.0
_LONGEST_WAIT_S: Final = 3600.0


def wait_problem(wait_s: float) -> Problem | None:
    """What is wrong with a time to wait for role assignments."""
    return within("grant_wait_s", wait_s, low=0, high=_LONGEST_WAIT_S)


def once_seen(
    name: str,
    grants: Sequence[pulumi.CustomResource],
    *,
    wait_s: float,
    opts: pulumi.ResourceOptions,
) -> AzureRolePropagation:
    """Declare the wait for role assignments; what needs them comes after it.

    Args:
        name: What the wait is called in the stack.
        grants: The role assignments.
        wait_s: Seconds that they take to be seen.
        opts: The wait's options.
    """
    return AzureRolePropagation(name, grants=[grant.id for grant in grants], wait_s=wait_s, opts=opts)

"""Grants that are waited for: values that are known only when Google's services see who may use them."""

from collections.abc import Sequence
from typing import Final

import pulumi

from mlcloud.core.args import within
from mlcloud.core.errors import Problem
from mlcloud.gcp.resources import IamPropagation

# Access changes take "typically 2 minutes, potentially 7 minutes or longer"
# (https://cloud.google.com/iam/docs/access-change-propagation).
USUAL_WAIT_S: Final = 120.0
LONG_WAIT_S: Final = 420.0
_LONGEST_WAIT_S: Final = 3600.0


def wait_problem(wait_s: float) -> Problem | None:
    """What is wrong with a time to wait for grants."""
    return within("grant_wait_s", wait_s, low=0, high=_LONGEST_WAIT_S)


def once_seen(
    name: str,
    value: pulumi.Input[str],
    grants: Sequence[pulumi.CustomResource],
    *,
    wait_s: float,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """Return a value that is known once its grants are made, and seen.

    Args:
        name: What the wait is called in the stack.
        value: What the grants are for.
        grants: The grants.
        wait_s: Seconds that they take to be seen.
        opts: The wait's options.
    """
    seen = IamPropagation(name, grants=[grant.id for grant in grants], wait_s=wait_s, opts=opts).seen
    return pulumi.Output.all(value, seen).apply(lambda known: str(known[0]))

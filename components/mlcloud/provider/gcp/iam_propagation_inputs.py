"""Inputs and outputs of a wait for grants."""

from dataclasses import dataclass, field
from typing import Final

from mlcloud.provider.fields import options
from mlcloud.provider.gcp import checks

# "Typically 2 minutes, potentially 7 minutes or longer"
# (https://cloud.google.com/iam/docs/access-change-propagation).
DEFAULT_WAIT_S: Final = 120.0


@dataclass(frozen=True, kw_only=True)
class IamPropagationInputs:
    """What is waited for.

    Attributes:
        grants: identifiers of the grants, accounts or keys that have to be seen. A new one is waited for; one
            that goes is not.
        wait_s: seconds from a grant until it is taken as seen, 0 to 3600. Default 120.
    """

    grants: list[str]
    wait_s: float = field(default=DEFAULT_WAIT_S, metadata=options(check=checks.grant_wait))


@dataclass(frozen=True, kw_only=True)
class IamPropagationOutputs:
    """What a wait offers.

    Attributes:
        seen: the grants that have been waited for.
    """

    seen: list[str]

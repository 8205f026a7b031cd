"""Scaling of the endpoint on this machine: what the number of its servers follows."""

from dataclasses import dataclass
from typing import Final

from mlcloud.core.args import validate, within
from mlcloud.provider.local.scaling import DEFAULT_TARGET, SCALE_IN_AFTER_S

MOST_SERVERS: Final = 64
"""Servers behind one port that the supervisor looks after."""


@dataclass(frozen=True, kw_only=True)
class InstanceScaling:
    """Between which numbers servers come and go, by the requests that they answer at once.

    Attributes:
        max: Most servers, 1 to 64; the endpoint's `replicas` are the fewest.
        target_in_flight: Requests that each answers at once, on average, above 0 and at most 1000: with more
            of them there are more servers. Default 0.7, a server that is busy 70 % of its time.
        scale_in_after_s: Seconds that a server must not have been needed before it goes. Default 60.
    """

    max: int
    target_in_flight: float = DEFAULT_TARGET
    scale_in_after_s: float = SCALE_IN_AFTER_S

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        smallest = 1e-9
        validate(
            "The scaling",
            within("max", self.max, low=1, high=MOST_SERVERS),
            within("target_in_flight", self.target_in_flight, low=smallest, high=1000),
            within("scale_in_after_s", self.scale_in_after_s, low=smallest),
        )

"""How many servers an endpoint needs, by the requests that are being answered."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DEFAULT_TARGET: Final = 0.7
"""Requests in flight for each server, on average: it answers one at a time, and is busy 70 % of the time."""

SCALE_IN_AFTER_S: Final = 60.0
"""A server goes when it was not needed for so long: a load that swings does not start and end servers."""

# A single look sees a moment; so many of them say what goes on.
_LOOKS: Final = 3


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Between which numbers an endpoint's servers come and go, and what the number follows.

    Attributes:
        least: fewest servers, 1 or more.
        most: most servers.
        target: requests in flight for each server, on average; more than 0.
        scale_in_after_s: seconds that a server must not have been needed before it goes.
    """

    least: int
    most: int
    target: float = DEFAULT_TARGET
    scale_in_after_s: float = SCALE_IN_AFTER_S


def within(servers: int, scaling: Scaling) -> int:
    """The number, or the limit that it is beyond."""
    return min(max(servers, scaling.least), scaling.most)


class Scaler:
    """Follows the load of one endpoint: out as soon as it is seen, in when it has stayed away."""

    def __init__(self, scaling: Scaling, servers: int) -> None:
        """Begin with the servers that there are.

        Args:
            scaling: the limits.
            servers: how many servers there are to be now; they count as needed until told otherwise.
        """
        self.scaling = scaling
        self._looks: deque[float] = deque(maxlen=_LOOKS)
        self._needed: deque[tuple[float, int]] = deque()
        self._servers = within(servers, scaling)

    @property
    def servers(self) -> int:
        """How many servers there are to be."""
        return self._servers

    def look(self, now: float, in_flight: Sequence[float]) -> int:
        """Take what the servers are working on, and return how many there are to be.

        Args:
            now: seconds of a clock that only goes forward.
            in_flight: requests that each server was answering, on average since the last look. Empty: none
                has said, and nothing changes.
        """
        if not in_flight:
            return self._servers
        if not self._needed:
            self._needed.append((now, self._servers))
        self._looks.append(sum(in_flight))
        load = sum(self._looks) / len(self._looks)
        # A hair above a whole number is no reason for one more.
        needed = within(math.ceil(round(load / self.scaling.target, 6)), self.scaling)
        while self._needed and self._needed[-1][1] <= needed:
            self._needed.pop()
        self._needed.append((now, needed))
        while self._needed[0][0] < now - self.scaling.scale_in_after_s:
            self._needed.popleft()
        self._servers = self._needed[0][1]
        return self._servers

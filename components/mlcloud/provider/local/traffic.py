"""Who takes an endpoint's connections: one version from the public socket itself, or several in shares."""

import time
from collections.abc import Sequence
from typing import Final

from mlcloud.provider.local.gate import Gate
from mlcloud.provider.local.generations import Generation

# How long a server may take to leave the public socket alone; one that is busy does so once it is not.
_HOLD_LIMIT_S: Final = 2.0


class Traffic:
    """The traffic of one endpoint.

    A version that has all of it accepts from the public socket itself: nothing stands between a client and
    a server. While two share it, neither accepts, and the gate hands each connection over.
    """

    def __init__(self) -> None:
        self._gate: Gate | None = None

    def move(self, shares: Sequence[tuple[Generation, int]]) -> None:
        """Give each generation its share, in percent; connections that wait are taken by whoever is next."""
        for generation, share in shares:
            generation.weight = share
        sharing = [(generation, share) for generation, share in shares if share > 0]
        if len(sharing) > 1:
            _hold([generation for generation, _ in shares])
            if self._gate is None:
                self._gate = Gate(sharing[0][0].listener, sharing)
            else:
                self._gate.share(sharing)
            return
        ((alone, _),) = sharing
        if self._gate is not None:
            self._gate.share(sharing)
        alone.take_over()
        self._close_gate()
        # Another one on another port goes on there until it ends: its clients know no other way.
        _hold([one for one, _ in shares if one is not alone and one.listener is alone.listener])

    def settle(self) -> None:
        """Return when no connection is on its way to a server that has just left its generation."""
        if self._gate is not None:
            self._gate.settle()

    def close(self) -> None:
        """Hand over what was accepted, and accept no more."""
        self._close_gate()

    def _close_gate(self) -> None:
        if self._gate is not None:
            self._gate.close()
            self._gate = None


def _hold(generations: Sequence[Generation]) -> None:
    servers = [server for generation in generations for server in generation.hold()]
    deadline = time.monotonic() + _HOLD_LIMIT_S
    for server in servers:
        server.has_held(max(0.0, deadline - time.monotonic()))

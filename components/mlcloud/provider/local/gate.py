"""The gate: accepts an endpoint's connections, and hands each to one of those that share the traffic."""

import errno
import os
import select
import socket
import threading
import time
from collections.abc import Sequence
from typing import Final, Protocol

# While no server takes the connection in hand, it is offered again after this long.
_RETRY_S: Final = 0.02
# At the end a connection in hand is offered for so long.
_LAST_TRIES: Final = 250
_OUT_OF_DESCRIPTORS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Target(Protocol):
    """Who may be handed a connection."""

    def hand(self, connection: socket.socket) -> bool:
        """Take the connection; False when that is not possible now."""
        ...


class Turns:
    """Whose turn it is: smooth weighted round robin, as nginx does it.

    In each round of as many turns as the weights have in sum, each has exactly its weight in turns, spread
    as evenly as they can be.
    """

    def __init__(self, weights: Sequence[int]) -> None:
        self._weights = tuple(weights)
        self._credits = [0] * len(self._weights)

    def next(self) -> int:
        """The index of the one whose turn it is."""
        for index, weight in enumerate(self._weights):
            self._credits[index] += weight
        chosen = max(range(len(self._weights)), key=lambda index: self._credits[index])
        self._credits[chosen] -= sum(self._weights)
        return chosen


class Gate:
    """A thread that accepts from the public socket, until it is closed."""

    def __init__(self, listener: socket.socket, shares: Sequence[tuple[Target, int]]) -> None:
        """Begin.

        Args:
            listener: the public socket.
            shares: who takes part, with shares above 0.
        """
        self._listener = listener
        self._listener.setblocking(False)
        self._lock = threading.Lock()
        self._wakeup, self._waker = os.pipe()
        self._closing = False
        self.share(shares)
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)
        self._thread.start()

    def share(self, shares: Sequence[tuple[Target, int]]) -> None:
        """Hand over in other shares from now on; when this returns, nobody else is handed anything."""
        with self._lock:
            self._targets = [target for target, _ in shares]
            self._turns = Turns([share for _, share in shares])

    def settle(self) -> None:
        """Return when no connection is being handed over: a server that has left its place gets none."""
        with self._lock:
            pass

    def close(self) -> None:
        """Accept no more, and hand over what was accepted."""
        self._closing = True
        os.write(self._waker, b"x")
        self._thread.join()
        os.close(self._wakeup)
        os.close(self._waker)

    def _run(self) -> None:
        while not self._closing:
            if self._wakeup in select.select([self._listener, self._wakeup], [], [])[0]:
                return
            try:
                connection, _ = self._listener.accept()
            except OSError as error:  # another was quicker, or the client has gone
                if error.errno in _OUT_OF_DESCRIPTORS:
                    select.select([self._wakeup], [], [], _RETRY_S)
                continue
            with connection:
                self._deliver(connection)

    def _deliver(self, connection: socket.socket) -> None:
        """Offer the connection until one takes it; meanwhile others wait in the socket's queue."""
        last_tries = 0
        while not self._hand(connection) and last_tries < _LAST_TRIES:
            last_tries += self._closing
            time.sleep(_RETRY_S)

    def _hand(self, connection: socket.socket) -> bool:
        with self._lock:
            chosen = self._targets[self._turns.next()]
            others = [target for target in self._targets if target is not chosen]
            return any(target.hand(connection) for target in (chosen, *others))

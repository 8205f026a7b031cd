"""Connections that a supervisor has accepted and hands over, one after the other, through a socket.

Each message is one byte. With a descriptor (SCM_RIGHTS) it is a connection. `HOLD` without one asks the
server to take nothing from the public socket any more, and is answered with the same byte once that is so.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress

HOLD = b"h"
# Connections that are taken before other events of the loop have their turn.
_AT_ONCE = 64


class Handoff:
    """The server's end of the socket."""

    def __init__(
        self,
        channel: socket.socket,
        *,
        factory: Callable[[], asyncio.Protocol],
        hold: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        """Begin to read.

        Args:
            channel: Connected to the supervisor.
            factory: Makes the protocol of a connection.
            hold: Called when the supervisor asks to take nothing from the public socket.
            lost: Called once when the supervisor has ended.
        """
        self._channel = channel
        self._factory = factory
        self._hold = hold
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._arriving: set[asyncio.Task[object]] = set()
        self._loop.add_reader(channel.fileno(), self._read)

    @property
    def arriving(self) -> bool:
        """Whether connections are on their way that the server does not count yet."""
        return bool(self._arriving)

    def say_held(self) -> None:
        """Tell the supervisor that nothing is taken from the public socket any more."""
        with suppress(OSError):
            self._channel.send(HOLD)

    def finish(self) -> None:
        """Take what was handed over before now, and nothing after it."""
        while self._read():
            pass
        self._loop.remove_reader(self._channel.fileno())
        self._channel.close()

    def _read(self) -> bool:
        """Take what lies there; returns whether there may be more."""
        for _ in range(_AT_ONCE):
            try:
                message, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
            except BlockingIOError:
                return False
            except OSError:
                message, descriptors = b"", []
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)
                self._take(socket.socket(fileno=descriptor))
            if not message:
                self._loop.remove_reader(self._channel.fileno())
                self._lost()
                return False
            if message == HOLD and not descriptors:
                self._hold()
        return True

    def _take(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        task: asyncio.Task[object] = self._loop.create_task(self._serve(connection))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _serve(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._factory, connection)
        except OSError:  # the client has gone meanwhile
            connection.close()


def inherited_channel(descriptor: int | None, problems: list[str]) -> socket.socket | None:
    """The socket to the supervisor, None when there is none; what is wrong with it goes to `problems`."""
    if descriptor is None:
        return None
    with suppress(OSError):
        channel = socket.socket(fileno=descriptor)
        kind = (channel.family, channel.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))
        if kind == (socket.AF_UNIX, socket.SOCK_STREAM):
            channel.getpeername()
            channel.setblocking(False)
            return channel
        channel.detach()
    problems.append(
        f"MLCLOUD_HANDOFF_FD: descriptor {descriptor} is not an inherited, connected Unix stream socket"
    )
    return None

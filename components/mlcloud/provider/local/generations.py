"""A generation: the servers of one deployment, each started again when it crashes, later with each crash."""

import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local import memory
from mlcloud.provider.local.server_process import ServerProcess
from mlcloud.provider.local.serving import Deployment, GenerationState, ServerState

_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 30.0
# A server that ran this long was healthy: its next crash is a first one again.
_HEALTHY_S: Final = 60.0
# A server that has just answered health answers this at once.
_HELD_S: Final = 10.0


@dataclass(kw_only=True)
class Replica:
    """One place of a generation: its server now, and how often it has crashed in a row.

    Attributes:
        server: the server; None while it waits to be started again.
        crashes: crashes in a row.
        restart_at: when to start it again, in monotonic seconds.
    """

    server: ServerProcess | None
    crashes: int = 0
    restart_at: float = 0.0


class Generation:
    """The servers of one deployment.

    Attributes:
        deployment: what they serve.
        listener: the public socket.
        log: what they write.
        weight: their share of the traffic, in percent.
        replicas: their places.
        crashed: what the last of them said that ended by itself; empty while none has.
    """

    def __init__(
        self, deployment: Deployment, listener: socket.socket, log: Path, say: Callable[[str], None]
    ) -> None:
        self.deployment = deployment
        self.listener = listener
        self.log = log
        self.weight = 0
        self.replicas: list[Replica] = []
        self.crashed = ""
        self._takes_over = False
        self._turn = 0
        self._say = say

    def start(self) -> None:
        """Start every server."""
        self._add(self.deployment.replicas)

    def _add(self, count: int) -> None:
        for _ in range(count):
            # One by one: those that start are known, and can be ended, where the next does not.
            self.replicas.append(Replica(server=self._new_server()))

    def _new_server(self) -> ServerProcess:
        return ServerProcess(self.deployment, self.listener, self.log)

    def servers(self) -> list[ServerProcess]:
        """Those that run, or did at last look."""
        return [replica.server for replica in self.replicas if replica.server is not None]

    def forget_ended(self) -> bool:
        """Give up the places of servers that have ended; returns whether there were any."""
        before = len(self.replicas)
        self.replicas = [
            one for one in self.replicas if one.server is not None and one.server.exit_code is None
        ]
        return len(self.replicas) < before

    def ready(self) -> int:
        """How many servers take requests."""
        return sum(server.ready for server in self.servers())

    def state(self) -> GenerationState:
        """What others see of it."""
        return GenerationState(
            version=self.deployment.version,
            sha256=self.deployment.sha256,
            weight=self.weight,
            log=str(self.log),
            servers=tuple(
                ServerState(
                    process=server.ref,
                    private_port=server.private_port,
                    accepting=server.ready and self.weight > 0,
                    began=server.began_at,
                )
                for server in self.servers()
                if server.ref is not None
            ),
        )

    # Connections

    def take_over(self) -> None:
        """Take connections from the public socket, with every server that is ready and each that will be."""
        self._takes_over = True
        for server in self.servers():
            if server.ready:
                server.take_over()

    def hold(self) -> list[ServerProcess]:
        """Take none from it; returns the servers that were asked, which answer soon."""
        self._takes_over = False
        asked = [server for server in self.servers() if server.ready]
        for server in asked:
            server.hold()
        return asked

    def hand(self, connection: socket.socket) -> bool:
        """Hand a connection to the next server that takes it; called from the gate's thread."""
        servers = [server for server in self.servers() if server.ready]
        self._turn += 1
        start = self._turn % len(servers) if servers else 0
        return any(server.hand(connection) for server in servers[start:] + servers[:start])

    # How many

    def resize(self, replicas: int) -> "Generation | None":
        """Have so many servers; new ones take part once they are ready.

        Returns:
            Those that are too many, to be ended by the caller; None when there are none.
        """
        if replicas >= len(self.replicas):
            try:
                self._add(replicas - len(self.replicas))
            finally:
                self.deployment = replace(self.deployment, replicas=len(self.replicas))
            return None
        self.deployment = replace(self.deployment, replicas=replicas)
        leaving = Generation(self.deployment, self.listener, self.log, self._say)
        # In one step: the gate's thread sees the places before or after it.
        self.replicas, leaving.replicas = self.replicas[:replicas], self.replicas[replicas:]
        return leaving

    # Looking after the servers

    def look_after(self) -> bool:
        """Start crashed servers again and let new ones in; returns whether something changed."""
        changed = False
        for replica in self.replicas:
            changed |= self._look_after(replica)
        return changed

    def next_look_s(self) -> float | None:
        """In how many seconds a look is due; None when nothing is waited for."""
        now, due = time.monotonic(), list[float]()
        for replica in self.replicas:
            if replica.server is None:
                due.append(max(0.0, replica.restart_at - now))
            elif not replica.server.ready:
                due.append(0.0)
        return min(due, default=None)

    def _look_after(self, replica: Replica) -> bool:
        now, server = time.monotonic(), replica.server
        try:
            if server is None:
                if now < replica.restart_at:
                    return False
                replica.server = self._new_server()
            elif server.exit_code is not None:
                if now - server.began > _HEALTHY_S:
                    replica.crashes = 0
                self.crashed = f"a server ended ({ended(server)}): {server.last_words()}"
                self._back_off(replica, self.crashed)
            elif server.ready:
                return False
            elif now - server.began > self.deployment.start_timeout_s:
                server.kill()
                self._back_off(replica, "a server was not ready in time")
            else:
                return self.admit(server)
        except (ResourceError, OSError) as error:
            if server is not None:
                server.kill()
            self._back_off(replica, f"a server does not start: {error}")
        return True

    def admit(self, server: ServerProcess) -> bool:
        """Let a server take part if it is ready; returns whether it is.

        Raises:
            ResourceError: it does not do what moving traffic needs of it.
        """
        if not server.is_ready():
            return False
        server.hold()
        if not server.has_held(_HELD_S) and server.exit_code is None:
            raise ResourceError(
                "command: the server does not answer over MLCLOUD_HANDOFF_FD, which moving traffic needs "
                "(docs/guides/container.md says what a server does with it)."
            )
        server.ready = server.exit_code is None
        if server.ready and self._takes_over:
            server.take_over()
        return server.ready

    def _back_off(self, replica: Replica, why: str) -> None:
        backoff_s = min(_FIRST_BACKOFF_S * 2**replica.crashes, _LONGEST_BACKOFF_S)
        replica.crashes += 1
        replica.server, replica.restart_at = None, time.monotonic() + backoff_s
        self._say(f"{why}; starting it again in {backoff_s:g} s")


def ended(server: ServerProcess) -> str:
    """How a server ended, in words."""
    code = server.exit_code
    if code == -signal.SIGKILL:
        return f"killed, as the system does when memory runs out: {memory.available_text()}"
    return f"exit code {code}"

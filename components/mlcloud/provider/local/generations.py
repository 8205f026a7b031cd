"""A generation: the servers of one deployment, each started again when it crashes, later with each crash."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.server_process import ServerProcess
from mlcloud.provider.local.serving import Deployment, GenerationState, ServerState

_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 30.0
# A server that ran this long was healthy: its next crash is a first one again.
_HEALTHY_S: Final = 60.0


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
    """

    def __init__(
        self, deployment: Deployment, listener: socket.socket, log: Path, say: Callable[[str], None]
    ) -> None:
        self.deployment = deployment
        self.listener = listener
        self.log = log
        self.weight = 0
        self.replicas: list[Replica] = []
        self._say = say

    def start(self) -> None:
        """Start every server."""
        for _ in range(self.deployment.replicas):
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
        """How many servers accept requests."""
        return sum(server.accepting for server in self.servers())

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
                    accepting=server.accepting,
                    began=server.began_at,
                )
                for server in self.servers()
                if server.ref is not None
            ),
        )

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
            elif not replica.server.accepting:
                due.append(0.0)
        return min(due, default=None)

    def _look_after(self, replica: Replica) -> bool:
        now, server = time.monotonic(), replica.server
        if server is None:
            if now < replica.restart_at:
                return False
            try:
                replica.server = self._new_server()
            except (ResourceError, OSError) as error:
                self._back_off(replica, f"a server does not start: {error}")
            return True
        if server.exit_code is not None:
            if now - server.began > _HEALTHY_S:
                replica.crashes = 0
            self._back_off(replica, f"a server ended (exit code {server.exit_code}): {server.last_words()}")
            return True
        if not server.accepting and now - server.began > self.deployment.start_timeout_s:
            server.kill()
            self._back_off(replica, "a server was not ready in time")
            return True
        if not server.accepting and server.is_ready():
            server.accept()
            return True
        return False

    def _back_off(self, replica: Replica, why: str) -> None:
        backoff_s = min(_FIRST_BACKOFF_S * 2**replica.crashes, _LONGEST_BACKOFF_S)
        replica.crashes += 1
        replica.server, replica.restart_at = None, time.monotonic() + backoff_s
        self._say(f"{why}; starting it again in {backoff_s:g} s")

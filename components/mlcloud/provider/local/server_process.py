"""One server process of an endpoint: started with inherited sockets, asked over its private one."""

import contextlib
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.log_lines import last_error
from mlcloud.provider.local.processes import ProcessRef, environment
from mlcloud.provider.local.serving import HOST, Deployment
from mlcloud.provider.smoke import Smoke, shown

_HEALTH_TIMEOUT_S: Final = 1.0
_SMOKE_TIMEOUT_S: Final = 30.0
_ERROR_LINES: Final = 5
_BACKLOG: Final = 1024
# What is said over the socket to a server (docs/guides/container.md).
HOLD: Final = b"h"
_CONNECTION: Final = b"c"


class ServerProcess:
    """A server that answers on a private socket at once, and takes users' connections when it is told to.

    It takes them from the public socket from `take_over` until `hold`, and otherwise those that it is handed.

    Attributes:
        ready: whether it has answered health once.
        began: when it was started, in monotonic seconds.
        began_at: the same in Unix seconds.
        private_port: where this server alone answers.
        ref: the process.
    """

    def __init__(self, deployment: Deployment, listener: socket.socket, log: Path) -> None:
        self._log = log
        self.ready = False
        self.began = time.monotonic()
        self.began_at = time.time()
        # No descriptor but these three is inherited: when this process ends, the server sees its end closed.
        self._channel, theirs = socket.socketpair()
        self._channel.setblocking(False)
        with theirs, socket.create_server((HOST, 0)) as private, log.open("ab") as output:
            self.private_port: int = private.getsockname()[1]
            inherited = {
                "MLCLOUD_LISTEN_FD": listener.fileno(),
                "MLCLOUD_PRIVATE_FD": private.fileno(),
                "MLCLOUD_HANDOFF_FD": theirs.fileno(),
            }
            told = {name: str(descriptor) for name, descriptor in inherited.items()}
            try:
                self._process = subprocess.Popen(
                    [*deployment.command, "serve"],
                    env=environment({**deployment.environment, **told}),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=tuple(inherited.values()),
                )
            except (OSError, ValueError) as error:
                self._channel.close()
                raise ResourceError(f"command: the server cannot be started: {error}.") from None
        self.ref = ProcessRef.of(self._process.pid)

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        code = self._process.poll()
        if code is not None:
            self._channel.close()
        return code

    def is_ready(self) -> bool:
        """Whether it answers health over its private socket."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self._ask("GET", "/ping", None, _HEALTH_TIMEOUT_S)[0] == http.client.OK
        return False

    def smoke_failure(self, smoke: dict[str, Any]) -> str | None:
        """Ask for the prediction that the model's manifest expects; None when it comes."""
        known = Smoke(instance=smoke["instance"], prediction=smoke["prediction"])
        try:
            status, body = self._ask("POST", "/invocations", known.body, _SMOKE_TIMEOUT_S)
        except (OSError, http.client.HTTPException) as error:
            return f"it did not answer a prediction: {error or type(error).__name__}"
        if status != http.client.OK:
            return f"it answered {status} to a row of its own training data: {shown(body)}"
        return known.failure(body)

    def take_over(self) -> None:
        """Let it take connections from the public socket."""
        self._process.send_signal(signal.SIGUSR1)

    def hold(self) -> None:
        """Ask it to take nothing from the public socket; `has_held` waits for that."""
        with contextlib.suppress(OSError):
            while self._channel.recv(64):  # an answer that came too late is none to this question
                pass
        with contextlib.suppress(OSError):
            self._channel.send(HOLD)

    def has_held(self, limit_s: float) -> bool:
        """Whether it takes nothing from the public socket; waits so many seconds for its answer."""
        with contextlib.suppress(OSError, ValueError):
            if select.select([self._channel], [], [], limit_s)[0]:
                return self._channel.recv(1) == HOLD
        return False

    def hand(self, connection: socket.socket) -> bool:
        """Hand a connection over; False when it takes none now."""
        try:
            socket.send_fds(self._channel, [_CONNECTION], [connection.fileno()])
        except OSError:  # it has ended, or has not read what it was handed before
            return False
        return True

    def drain(self) -> None:
        """Let it finish the requests in flight and end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self._channel.close()

    def memory_bytes(self) -> int | None:
        """What the machine would have again if it ended; None where that is not told."""
        import psutil

        with contextlib.suppress(psutil.Error):
            return int(psutil.Process(self._process.pid).memory_full_info().uss)
        return None

    def last_words(self) -> str:
        """Its own error line, or the end of its log."""
        return last_error(self._log, _ERROR_LINES) or "it wrote nothing"

    def _ask(self, method: str, path: str, body: object, timeout_s: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(HOST, self.private_port, timeout=timeout_s)
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def open_listener(port: int, *, any_port: bool) -> socket.socket:
    """The public socket of an endpoint, which outlives every server.

    Args:
        port: the TCP port, 0 for a free one.
        any_port: take a free one where this is taken.

    Raises:
        ResourceError: the port is taken; the message names by whom, as far as this user may see it.
    """
    try:
        return socket.create_server((HOST, port), backlog=_BACKLOG)
    except OSError as error:
        if any_port and port != 0:
            return open_listener(0, any_port=True)
        owner = _owner_of(port)
        reason = os.strerror(error.errno or 0) if owner is None else f"{owner} listens there"
        raise ResourceError(
            f"port: {HOST}:{port} cannot be used: {reason}. Choose another `port`, or end what uses it."
        ) from None


def _owner_of(port: int) -> str | None:
    import psutil

    try:
        connections = cast(Sequence[Any], psutil.net_connections(kind="tcp"))
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            with contextlib.suppress(psutil.Error):
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return None

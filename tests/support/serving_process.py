"""The real server as a child process, and the means to speak to it as any client does."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from support.waiting import LIMIT_S, eventually

START_LIMIT_S = LIMIT_S
_OURS = ("MLCLOUD_", "AIP_", "AZUREML_")
_COMMAND_VARIABLE = "MLCLOUD_TEST_SERVER_COMMAND"


@dataclass
class ServerProcess:
    """One `mlcloud-trainer serve`; ended by whoever started it."""

    process: subprocess.Popen[bytes]
    port: int = 0
    lines: list[dict[str, object]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _reader: threading.Thread | None = None

    def start_reading(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.raw.append(line)
                self.lines.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, event: str, limit_s: float = START_LIMIT_S) -> dict[str, object]:
        """The first log line of an event."""
        deadline = time.monotonic() + limit_s
        with self._changed:
            while True:
                for line in self.lines:
                    if line["event"] == event:
                        return line
                left = deadline - time.monotonic()
                over = self.process.poll() is not None and not self._alive()
                if left <= 0 or over:
                    raise AssertionError(f"no {event!r} in the log: {self.lines}")
                self._changed.wait(min(left, 0.2))

    def _alive(self) -> bool:
        return self._reader is not None and self._reader.is_alive()

    def events(self, event: str) -> list[dict[str, object]]:
        return [line for line in self.lines if line["event"] == event]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=LIMIT_S, trust_env=False, **options)

    def get(self, path: str, **options: object) -> httpx.Response:
        with self.client() as client:
            return client.get(path, **options)

    def post(self, path: str, body: object, **options: object) -> httpx.Response:
        """A JSON body, or bytes as they are; `headers` may be given."""
        headers = {"content-type": "application/json", **options.pop("headers", {})}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        with self.client() as client:
            return client.post(path, content=content, headers=headers, **options)

    def connect(self, port: int | None = None, timeout_s: float = LIMIT_S) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port or self.port), timeout=timeout_s)

    def wait_for_requests(self, count: int, client: httpx.Client | None = None) -> None:
        """Until so many requests are being answered: their heads were read, their answers are not out."""
        with self.client() as own:
            eventually(lambda: in_flight(client or own) >= count)

    def terminate(self, limit_s: float = LIMIT_S) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(limit_s)

    def wait(self, limit_s: float = START_LIMIT_S) -> int:
        """The exit code, once the log was read to its end."""
        code = self.process.wait(limit_s)
        if self._reader is not None:
            self._reader.join(limit_s)
        return code


def in_flight(client: httpx.Client) -> int:
    """How many requests a server is answering, the question itself left out."""
    lines = client.get("/metrics").text.splitlines()
    return int(next(line for line in lines if line.startswith("mlcloud_requests_in_flight ")).split()[1]) - 1


def server_environment(variables: Mapping[str, str | Path | int]) -> dict[str, str]:
    """This process's environment without any platform's variables, and with these."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
    defaults = {"MLCLOUD_HTTP_HOST": "127.0.0.1", "MLCLOUD_HTTP_PORT": "0"}
    return {**kept, **defaults, **{key: str(value) for key, value in variables.items()}}


def server_command() -> list[str]:
    """What starts the server: this environment's package, or the command that a variable states.

    The stated command is split as a shell splits it. It must become the server process itself, for signals
    go to it and its /proc entry is read; keep inherited sockets; and see the tests' temporary folders.
    """
    stated = shlex.split(os.environ.get(_COMMAND_VARIABLE, ""))
    return stated or [sys.executable, "-m", "mlcloud_trainer", "serve"]


@contextmanager
def serving(
    model: Path | None,
    *,
    wait_for: str | None = "ready",
    pass_fds: Sequence[int] = (),
    **variables: str | Path | int,
) -> Iterator[ServerProcess]:
    """A server for a model folder, up to a log event; ended by its process id at the end.

    Args:
        model: Sets MLCLOUD_MODEL_URI.
        wait_for: The log event to wait for; `None` does not wait.
        pass_fds: Sockets that the server inherits.
        variables: Further environment.
    """
    if model is not None:
        variables["MLCLOUD_MODEL_URI"] = model
    process = subprocess.Popen(
        server_command(),
        env=server_environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds,
    )
    server = ServerProcess(process)
    server.start_reading()
    try:
        if wait_for is not None:
            server.wait_for(wait_for)
            listening = server.events("listening")
            if listening:
                server.port = int(str(listening[0]["port"]))
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        server.wait()
        assert process.stdout is not None
        process.stdout.close()


def startup_failure(model: Path | None, **variables: str | Path | int) -> str:
    """Start a server that must not come up: exit code 1, and a log that says why, which is returned."""
    with serving(model, wait_for=None, **variables) as server:
        assert server.wait() == 1
        problems = [str(line["message"]) for line in server.events("startup_failed")]
        assert problems, server.lines
        assert not server.events("ready")
        assert b"Traceback" not in b"".join(server.raw)
        return "\n".join(problems)


def raw_exchange(connection: socket.socket, content: bytes) -> tuple[int, bytes]:
    """Send bytes; the status and everything that came back until the server closed."""
    connection.sendall(content)
    return read_to_end(connection)


def read_to_end(connection: socket.socket) -> tuple[int, bytes]:
    received = b""
    while part := connection.recv(65536):
        received += part
    return (int(received.split(b" ", 2)[1]) if received else 0), received

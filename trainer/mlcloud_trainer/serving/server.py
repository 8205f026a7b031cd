"""Sockets, signals and the life of the process: bind, load, serve, drain."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import cast

import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from mlcloud_trainer.serving.app import Application
from mlcloud_trainer.serving.errors import StartupError
from mlcloud_trainer.serving.handoff import Handoff, inherited_channel
from mlcloud_trainer.serving.http_protocol import BoundedHttpProtocol, protocol_factory
from mlcloud_trainer.serving.logs import JsonLog, LibraryLogHandler
from mlcloud_trainer.serving.metrics import Metrics
from mlcloud_trainer.serving.model import ServedModel, load_model
from mlcloud_trainer.serving.settings import ServerSettings

BACKLOG = 2048
# After SIGTERM an idle connection stays open this long: a request that is on its way is still answered, and
# its client is told to come back on another connection.
IDLE_GRACE_S = 1.0
DRAIN_POLL_S = 0.02

EXIT_OK, EXIT_FAILED = 0, 1


class ModelServer:
    """One server process."""

    def __init__(self, settings: ServerSettings, log: JsonLog) -> None:
        self._settings = settings
        self._log = log
        self._metrics = Metrics()
        self._app = Application(settings, self._metrics, log)
        self._state = ServerState()
        self._public: asyncio.Server | None = None
        self._private: asyncio.Server | None = None
        self._handoff: Handoff | None = None
        self._stop = asyncio.Event()
        # What the supervisor wants of the public socket, and what was last said of it.
        self._taking = settings.private_fd is None
        self._has_taken = False
        self._asked = asyncio.Event()
        self._asked.set()
        self._owes_answer = False

    @classmethod
    def run(cls, settings: ServerSettings, log: JsonLog) -> int:
        """Serve until SIGTERM. Returns the exit code: 0, or 1 when it cannot serve."""

        async def serve() -> int:
            return await cls(settings, log)._serve()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve())

    async def _serve(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGUSR1, self._take_over)
        try:
            sockets = _Sockets.of(self._settings)
        except StartupError as error:
            return self._fail(error)
        clock = loop.create_task(self._keep_date())
        config = self._http_config()
        try:
            if sockets.private is not None:
                self._private = await self._listen(config, sockets.private)
            if sockets.channel is not None:
                self._handoff = Handoff(
                    sockets.channel, factory=self._factory(config), hold=self._hold, lost=self._be_alone
                )
            obeying = loop.create_task(self._obey(config, sockets.public))
            code = await self._load_and_wait()
            obeying.cancel()
            await self._drain(sockets.public)
            return code
        finally:
            clock.cancel()

    def _fail(self, error: StartupError) -> int:
        for problem in error.problems:
            self._log.error("startup_failed", problem)
        return EXIT_FAILED

    # Sockets

    def _http_config(self) -> Config:
        handler = LibraryLogHandler(self._log)
        library_log = logging.getLogger("uvicorn")
        library_log.handlers, library_log.propagate = [handler], False
        library_log.setLevel(logging.ERROR)
        config = Config(
            self._app,
            interface="asgi3",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=logging.ERROR,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=self._settings.connections.keep_alive_s,
        )
        config.load()
        return config

    async def _listen(self, config: Config, listener: socket.socket) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(
            self._factory(config), sock=listener, backlog=BACKLOG
        )

    def _factory(self, config: Config) -> Callable[[], asyncio.Protocol]:
        return protocol_factory(config, self._state, self._settings.connections, self._count_refused)

    def _count_refused(self) -> None:
        self._metrics.invalid_requests += 1

    # What a supervisor asks for

    def _take_over(self) -> None:
        self._taking = True
        self._asked.set()

    def _hold(self) -> None:
        self._taking, self._owes_answer = False, True
        self._asked.set()

    def _be_alone(self) -> None:
        """Without a supervisor nobody hands anything over: whoever took connections before does so again."""
        if self._has_taken:
            self._take_over()

    async def _obey(self, config: Config, listener: socket.socket) -> None:
        """Take connections from the public socket while that is wanted.

        While they are handed over, each request is to be a connection, so that shares of connections are
        shares of requests.
        """
        while True:
            await self._asked.wait()
            self._asked.clear()
            self._app.keep_alive = self._taking or self._handoff is None
            if self._taking and self._public is None:
                # A copy: closing it leaves the inherited one for the next time.
                self._public = await self._listen(config, listener.dup())
                self._has_taken = True
                host, port = listener.getsockname()[:2]
                self._log.info("listening", f"listening on {host}:{port}", host=host, port=port)
            elif not self._taking and self._public is not None:
                self._public.close()
                self._public = None
                self._log.info("holding", "connections are taken from the supervisor alone")
            if self._owes_answer and not self._taking and self._handoff is not None:
                self._owes_answer = False
                self._handoff.say_held()

    async def _keep_date(self) -> None:
        """The Date header, which RFC 9110 asks of every server with a clock."""
        while True:
            self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
            await asyncio.sleep(1)

    # Life

    async def _load_and_wait(self) -> int:
        """Load the model while health is answered; serve it until the process is told to stop."""
        loop = asyncio.get_running_loop()
        loaded: asyncio.Future[ServedModel] = loop.create_future()

        def load() -> None:
            try:
                model = load_model(self._settings)
            except Exception as error:  # noqa: BLE001 - handed to the event loop, whatever it is
                loop.call_soon_threadsafe(_settle, loaded, error)
            else:
                loop.call_soon_threadsafe(_settle, loaded, model)

        # A daemon: a process that is told to stop while it loads does not wait for it.
        threading.Thread(target=load, name="load", daemon=True).start()
        stopping = loop.create_task(self._stop.wait())
        await asyncio.wait((loaded, stopping), return_when=asyncio.FIRST_COMPLETED)
        if loaded.done():
            try:
                model = loaded.result()
            except StartupError as error:
                stopping.cancel()
                return self._fail(error)
            except Exception as error:  # noqa: BLE001 - a message, never a traceback
                self._log.exception("startup_failed", "the model cannot be loaded", error)
                stopping.cancel()
                return EXIT_FAILED
            self._app.serve(model)
            self._announce(model)
        await stopping
        return EXIT_OK

    def _announce(self, model: ServedModel) -> None:
        if self._settings.model_sha256 is None:
            self._log.warning(
                "model_hash_not_demanded",
                "any model would have been accepted; set MLCLOUD_MODEL_SHA256 to the model's hash",
            )
        self._log.info(
            "ready",
            f"serving {model.name} version {model.version}",
            model=model.name,
            version=model.version,
            sha256=model.sha256,
            runtime=model.manifest.runtime,
        )

    async def _drain(self, listener: socket.socket) -> None:
        """Not ready at once, no new connections, and an answer for every request that has begun."""
        loop = asyncio.get_running_loop()
        self._app.drain()
        if self._handoff is not None:
            self._handoff.finish()
        self._log.info("draining", "no new connections; requests in flight are answered")
        if self._public is not None:
            self._public.close()
        listener.close()
        started = loop.time()
        while self._is_busy():
            elapsed = loop.time() - started
            if elapsed > self._settings.connections.drain_timeout_s:
                self._log.warning(
                    "drain_timeout", f"{len(self._state.tasks)} requests were not answered in time"
                )
                break
            if elapsed > IDLE_GRACE_S:
                for connection in cast("set[BoundedHttpProtocol]", self._state.connections).copy():
                    connection.close_when_idle()
            await asyncio.sleep(DRAIN_POLL_S)
        if self._private is not None:
            self._private.close()
        self._log.info("stopped", "stopped")

    def _is_busy(self) -> bool:
        arriving = self._handoff is not None and self._handoff.arriving
        return arriving or bool(self._state.connections or self._state.tasks)


def _settle(future: asyncio.Future[ServedModel], outcome: ServedModel | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


@dataclass(frozen=True, kw_only=True)
class _Sockets:
    """Where requests come from.

    Attributes:
        public: The public listener, bound or inherited.
        private: The private one; None when there is none.
        channel: To a supervisor that hands connections over; None when there is none.
    """

    public: socket.socket
    private: socket.socket | None
    channel: socket.socket | None

    @classmethod
    def of(cls, settings: ServerSettings) -> _Sockets:
        problems: list[str] = []
        private = _inherited(settings.private_fd, "MLCLOUD_PRIVATE_FD", problems)
        channel = inherited_channel(settings.handoff_fd, problems)
        public = _inherited(settings.listen_fd, "MLCLOUD_LISTEN_FD", problems)
        if public is None and not problems:
            public = _bound(settings, problems)
        if public is None or problems:
            raise StartupError(problems)
        return cls(public=public, private=private, channel=channel)


def _inherited(descriptor: int | None, variable: str, problems: list[str]) -> socket.socket | None:
    if descriptor is None:
        return None
    try:
        is_socket = stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        is_socket = False
    if is_socket:
        listener = socket.socket(fileno=descriptor)
        if listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            listener.setblocking(False)
            return listener
    problems.append(f"{variable}: descriptor {descriptor} is not an inherited, listening socket")
    return None


def _bound(settings: ServerSettings, problems: list[str]) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        problems.append(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror or error}); "
            "set MLCLOUD_HTTP_HOST and MLCLOUD_HTTP_PORT to a free address"
        )
        return None
    return listener

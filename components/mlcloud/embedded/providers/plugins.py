"""Where providers come from: objects in this process, or local plugins as processes that end with the run."""

import contextlib
import importlib
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, cast

import yaml
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2

from mlcloud.embedded.errors import EngineError
from mlcloud.embedded.events import Diagnostic, OnEvent, Progress
from mlcloud.embedded.providers.clients import (
    STATUS_DETAILS,
    UNAVAILABLE,
    Call,
    LostProviderError,
    ProviderClient,
    ProviderError,
    in_process,
)

START_TIMEOUT_S = 60.0
"""How long a plugin may take to print its port: a cold start imports a cloud's SDK."""

STOP_TIMEOUT_S = 5.0
"""How long a plugin may take to end after SIGTERM, before SIGKILL."""

READ_TIMEOUT_S = 1.0
"""How long the last lines of a plugin that has ended are waited for."""

_LONGEST_PORT_LINE = 200
_UNLIMITED = -1
_CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", _UNLIMITED),
    ("grpc.max_send_message_length", _UNLIMITED),
    ("grpc.enable_http_proxy", 0),
]
_SEVERITIES = {engine_pb2.INFO: "info", engine_pb2.WARNING: "warning", engine_pb2.ERROR: "error"}


class EngineLog:
    """The engine's side of the Engine protocol: what the program and the providers log becomes events."""

    def __init__(self, emit: OnEvent) -> None:
        self._emit = emit

    def Log(self, request: Any, context: Any = None) -> Empty:  # noqa: ARG002 - the protocol's signature
        """Show a message; an ephemeral one is a line of progress."""
        if request.severity in _SEVERITIES:
            if request.ephemeral:
                self._emit(Progress(urn=request.urn, message=request.message))
            else:
                severity = _SEVERITIES[request.severity]
                self._emit(Diagnostic(severity=severity, message=request.message, urn=request.urn))
        return Empty()

    def RequirePulumiVersion(self, request: Any, context: Any = None) -> Any:  # noqa: ARG002 - as above
        """Refuse: this engine is no version of Pulumi."""
        raise EngineError(
            f"The program requires Pulumi {request.pulumi_version_range}, which the embedded engine is not; "
            "run this stack with pulumi."
        )


class ProviderHost:
    """Makes provider instances, and ends the processes behind them."""

    def __init__(
        self, *, in_process: Mapping[str, Any], plugins: Mapping[str, Path], root: Path, emit: OnEvent
    ) -> None:
        self._in_process = in_process
        self._plugins = plugins
        self._root = root
        self._emit = emit
        self._lock = threading.Lock()
        self._clients: list[ProviderClient] = []
        self._processes: list[PluginProcess] = []
        self._server: Any = None
        self._address = ""

    def load(self, package: str, *, needed_by: str) -> ProviderClient:
        """A new instance of the package's provider, not configured yet.

        Raises:
            EngineError: when there is no such provider here.
        """
        self.ensure_known(package, needed_by=needed_by)
        if package in self._in_process:
            given = self._in_process[package]
            client = ProviderClient(package, in_process(given() if isinstance(given, type) else given))
        else:
            client = ProviderClient(package, self._start(package).call)
        client.handshake(engine_address=self._address, root=str(self._root), program=str(Path.cwd()))
        with self._lock:
            self._clients.append(client)
        return client

    def ensure_known(self, package: str, *, needed_by: str) -> None:
        """Refuse a package that has no provider here.

        Raises:
            EngineError: when that is so.
        """
        packages = {*self._in_process, *self._plugins}
        if package not in packages:
            raise EngineError(
                f"{needed_by} needs the provider {package!r}, which the embedded engine does not have "
                f"(it has: {', '.join(sorted(packages)) or 'none'}); run this stack with pulumi."
            )

    def _start(self, package: str) -> "PluginProcess":
        with self._lock:
            if self._server is None:
                self._server, self._address = _serve(EngineLog(self._emit))
            process = PluginProcess(package, self._plugins[package], self._address, self._emit)
            self._processes.append(process)
        process.wait_until_ready()
        return process

    def cancel(self) -> None:
        """Ask every provider to end what it is doing."""
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            with contextlib.suppress(EngineError):
                client.cancel()

    def close(self) -> None:
        """End every plugin process."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.close()
        if self._server is not None:
            self._server.stop(grace=None).wait()


def _grpc() -> Any:
    """The gRPC library, which has no types."""
    return importlib.import_module("grpc")


def _serve(log: EngineLog) -> tuple[Any, str]:
    from pulumi.runtime.proto import engine_pb2_grpc

    server = _grpc().server(ThreadPoolExecutor(4, "mlcloud-engine"), options=_CHANNEL_OPTIONS)
    cast(Any, engine_pb2_grpc).add_EngineServicer_to_server(_EngineServicer(log), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


class _EngineServicer:
    """The methods of the Engine protocol that a plugin may call; the others are not implemented."""

    def __init__(self, log: EngineLog) -> None:
        self.Log = log.Log

    def __getattr__(self, method: str) -> Callable[[Any, Any], Any]:
        def refuse(request: Any, context: Any) -> Any:  # noqa: ARG001 - the protocol's signature
            return context.abort(_grpc().StatusCode.UNIMPLEMENTED, f"the embedded engine has no {method}")

        return refuse


class PluginProcess:
    """A provider that runs as ``python FOLDER ENGINE_ADDRESS`` and prints its port on its first line."""

    def __init__(self, package: str, folder: Path, engine_address: str, emit: OnEvent) -> None:
        self._package = package
        self._emit = emit
        self._ready = threading.Event()
        self._port = ""
        self._errors: list[str] = []
        self._channel: Any = None
        self._stub: Any = None
        self._ending = False
        self._process = subprocess.Popen(
            [_interpreter(folder), "-u", str(folder), engine_address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            # Ctrl-C reaches the engine alone, which then asks the plugin to cancel.
            start_new_session=True,
        )
        self.pid = self._process.pid
        streams = (self._read_output, self._process.stdout), (self._read_errors, self._process.stderr)
        self._readers = [
            threading.Thread(target=read, args=(stream,), daemon=True)
            for read, stream in streams
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    def _read_output(self, stream: IO[str]) -> None:
        with stream:
            self._port = stream.readline(_LONGEST_PORT_LINE).strip()
            self._ready.set()
            for line in stream:
                self._emit(Diagnostic(severity="info", message=f"{self._package}: {line.rstrip()}"))

    def _read_errors(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                if self._channel is None:
                    self._errors.append(line.rstrip())
                else:
                    self._emit(Diagnostic(severity="info", message=f"{self._package}: {line.rstrip()}"))

    def wait_until_ready(self) -> None:
        """Wait for the port and connect.

        Raises:
            EngineError: when the plugin does not start, with the end of what it printed.
        """
        from pulumi.runtime.proto import provider_pb2_grpc

        in_time = self._ready.wait(START_TIMEOUT_S)
        if not self._port.isdigit():
            self.close()
            told = [f"it printed {self._port!r} where its port belongs"] if self._port else []
            told += self._errors[-5:]
            why = "\n".join(told) or f"it printed no port{'' if in_time else f' in {START_TIMEOUT_S:g} s'}"
            raise EngineError(f"The provider plugin {self._package!r} did not start: {why}")
        for line in self._errors:
            self._emit(Diagnostic(severity="info", message=f"{self._package}: {line}"))
        self._channel = _grpc().insecure_channel(f"127.0.0.1:{self._port}", options=_CHANNEL_OPTIONS)
        self._stub = cast(Any, provider_pb2_grpc).ResourceProviderStub(self._channel)

    @property
    def call(self) -> Call:
        """Calls a method of the provider over gRPC."""
        rpc_error = _grpc().RpcError

        def call(method: str, request: Any) -> Any:
            try:
                return getattr(self._stub, method)(request)
            except rpc_error as caught:
                error: Any = caught
                code = int(error.code().value[0])
                metadata = error.trailing_metadata() or ()
                details = next((value for key, value in metadata if key == STATUS_DETAILS), b"")
                message = error.details()
                # gRPC has several words for a connection that broke while a call was under way.
                broken = code == UNAVAILABLE or "Socket closed" in message
                if self._ending or (broken and self._has_ended()):
                    raise LostProviderError(
                        f"the provider plugin {self._package!r} ended while it was working"
                    ) from None
                raise ProviderError(message, code, details) from None
            except ValueError:  # gRPC's word for a connection that was closed on this side.
                raise LostProviderError(f"the provider plugin {self._package!r} was ended") from None

        return call

    def _has_ended(self) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        return self._process.poll() is not None

    def terminate(self) -> None:
        """Ask the process to end, the connection first: gRPC prints to the terminal when servers close it."""
        self._ending = True
        if self._channel is not None:
            self._channel.close()
        if self._process.poll() is None:
            self._process.terminate()

    def close(self) -> None:
        """End the process, at the latest after :data:`STOP_TIMEOUT_S`."""
        self.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # What the plugin started may still hold the other end: then nobody waits for the reader, which closes
        # its end when that is gone, too.
        for reader in self._readers:
            reader.join(READ_TIMEOUT_S)


def _interpreter(folder: Path) -> str:
    """The Python of the plugin: its own virtual environment where it names another one, else this one."""
    path = folder / "PulumiPlugin.yaml"
    if not path.is_file():
        raise EngineError(
            f"There is no plugin in {folder}, which Pulumi.yaml names under plugins.providers. "
            "`mlcloud plugin path` prints where mlcloud's is."
        )
    try:
        described: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        runtime: Any = described["runtime"]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise EngineError(f"{path} cannot be used: {error}") from error
    options: dict[str, Any] = {}
    if isinstance(runtime, dict):
        named = cast("dict[str, Any]", runtime)
        runtime, options = named.get("name"), named.get("options") or {}
    if runtime != "python":
        raise EngineError(
            f"{path}: runtime: the embedded engine starts python plugins, not {runtime!r}; "
            "run this stack with pulumi."
        )
    environment = folder / str(options.get("virtualenv") or "")
    python = environment / "bin" / "python"
    if (
        not options.get("virtualenv")
        or not python.exists()
        or environment.resolve() == Path(sys.prefix).resolve()
    ):
        return sys.executable
    return str(python)

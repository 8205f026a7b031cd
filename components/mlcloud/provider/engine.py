"""The engine's side that a provider speaks to: its log."""

import threading
from collections.abc import Callable
from typing import Any, cast

import grpc

from mlcloud.provider.protocol import engine_pb2, engine_pb2_grpc
from mlcloud.provider.resource import Severity

LOG_TIMEOUT_S = 5.0
# The engine is on this machine, where no proxy leads; gRPC would ask one for 127.0.0.1, too.
_CHANNEL_OPTIONS = (("grpc.enable_http_proxy", 0),)


class Engine:
    """A connection to the engine that started the plugin, opened at the first message."""

    def __init__(self, address: str | None) -> None:
        self._lock = threading.Lock()
        self._address = address
        self._stub: engine_pb2_grpc.EngineStub | None = None

    def connect(self, address: str) -> None:
        """Take another address: the handshake names the engine too."""
        with self._lock:
            if address and address != self._address:
                self._address, self._stub = address, None

    def log(self, urn: str, message: str, *, severity: Severity = "info", ephemeral: bool = False) -> None:
        """Show a message in the resource's row. An engine that does not answer is not a reason to fail."""
        stub = self._connected()
        if stub is None:
            return
        request = engine_pb2.LogRequest(
            severity=engine_pb2.LogSeverity.Value(severity.upper()),
            message=message,
            urn=urn,
            ephemeral=ephemeral,
        )
        try:
            log = cast(Callable[..., object], cast(Any, stub).Log)  # the generated stub leaves its type open
            log(request, timeout=LOG_TIMEOUT_S)
        except grpc.RpcError:
            return

    def _connected(self) -> engine_pb2_grpc.EngineStub | None:
        with self._lock:
            if self._stub is None and self._address:
                channel = grpc.insecure_channel(self._address, options=_CHANNEL_OPTIONS)
                self._stub = engine_pb2_grpc.EngineStub(channel)
            return self._stub

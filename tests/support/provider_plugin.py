"""The provider's plugin as an engine runs it: a process that prints its port, spoken to over gRPC."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.rpc import status_pb2
from mlcloud.plugin import FOLDER as PLUGIN
from mlcloud.provider.protocol import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
)
from mlcloud.provider.values import Properties, decode, encode

from support.waiting import LIMIT_S


class RecordingEngine(engine_pb2_grpc.EngineServicer):
    """The engine's log, kept."""

    def __init__(self) -> None:
        self.entries: list[engine_pb2.LogRequest] = []
        self._arrived = threading.Condition()

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        with self._arrived:
            self.entries.append(request)
            self._arrived.notify_all()
        return empty_pb2.Empty()

    def wait_for(self, text: str, timeout_s: float = LIMIT_S) -> None:
        def there() -> bool:
            return any(text in entry.message for entry in self.entries)

        with self._arrived:
            assert self._arrived.wait_for(there, timeout_s), [entry.message for entry in self.entries]


class RefusedError(Exception):
    """What the provider answered instead of a result."""

    def __init__(self, error: grpc.RpcError) -> None:
        self.code = error.code()
        self.message = error.details() or ""
        self.init_failure: provider_pb2.ErrorResourceInitFailed | None = None
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                detail = status_pb2.Status.FromString(value).details[0]
                self.init_failure = provider_pb2.ErrorResourceInitFailed()
                assert detail.Unpack(self.init_failure)
        super().__init__(self.message)


class Plugin:
    """A running plugin and what an engine asks of it; properties are plain dictionaries with wire names."""

    def __init__(self) -> None:
        self.engine = RecordingEngine()
        self._engine_server = grpc.server(ThreadPoolExecutor(max_workers=2))
        engine_pb2_grpc.add_EngineServicer_to_server(self.engine, self._engine_server)
        engine_port = self._engine_server.add_insecure_port("127.0.0.1:0")
        self._engine_server.start()
        self.process = subprocess.Popen(
            [sys.executable, str(PLUGIN), f"127.0.0.1:{engine_port}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        port = self.process.stdout.readline()
        assert port.strip().isdigit(), self.process.communicate(timeout=LIMIT_S)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port.strip()}", [("grpc.enable_http_proxy", 0)])
        self.stub: Any = provider_pb2_grpc.ResourceProviderStub(self._channel)

    def close(self) -> tuple[str, str]:
        """End the plugin; returns what else it wrote to stdout and stderr."""
        self._channel.close()
        self.process.terminate()
        written = self.process.communicate(timeout=LIMIT_S)
        self._engine_server.stop(grace=0).wait()
        return written

    def call(self, method: str, request: Any, timeout_s: float = LIMIT_S) -> Any:
        try:
            return getattr(self.stub, method)(request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise RefusedError(error) from None

    def resource(self, token: str, name: str = "one") -> "ResourceClient":
        return ResourceClient(self, token, name)


def running() -> Iterator[Plugin]:
    """A plugin for the tests of a module; it wrote nothing but its port."""
    started = Plugin()
    yield started
    assert started.close() == ("", "")


class ResourceClient:
    """One resource of the plugin: calls with the state that an engine would keep."""

    def __init__(self, plugin: Plugin, token: str, name: str) -> None:
        self.plugin = plugin
        self.urn = f"urn:pulumi:dev::project::{token}::{name}"
        self.id = ""
        self.inputs: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}
        self.secrets: frozenset[str] = frozenset()

    def check(self, inputs: dict[str, Any]) -> dict[str, str]:
        """What is wrong: reason by property path."""
        request = provider_pb2.CheckRequest(urn=self.urn, olds=encode(self.inputs), news=encode(inputs))
        return {item.property: item.reason for item in self.plugin.call("Check", request).failures}

    def diff(self, inputs: dict[str, Any]) -> provider_pb2.DiffResponse:
        request = provider_pb2.DiffRequest(
            urn=self.urn,
            id=self.id,
            olds=encode(self.outputs),
            old_inputs=encode(self.inputs),
            news=encode(inputs),
        )
        return self.plugin.call("Diff", request)

    def kinds(self, inputs: dict[str, Any]) -> dict[str, str]:
        """The diff as property path -> kind."""
        found = self.diff(inputs)
        return {
            path: provider_pb2.PropertyDiff.Kind.Name(item.kind) for path, item in found.detailedDiff.items()
        }

    def preview(self, inputs: dict[str, Any]) -> dict[str, Any]:
        if self.id:
            request = provider_pb2.UpdateRequest(
                urn=self.urn,
                id=self.id,
                olds=encode(self.outputs),
                old_inputs=encode(self.inputs),
                news=encode(inputs),
                preview=True,
            )
            return decode(self.plugin.call("Update", request).properties).values
        request = provider_pb2.CreateRequest(urn=self.urn, properties=encode(inputs), preview=True)
        return decode(self.plugin.call("Create", request).properties).values

    def create(
        self, inputs: dict[str, Any], secrets: frozenset[str] = frozenset(), timeout_s: float = LIMIT_S
    ) -> dict[str, Any]:
        assert self.check(inputs) == {}
        request = provider_pb2.CreateRequest(urn=self.urn, properties=encode(inputs, secrets))
        answer = self.plugin.call("Create", request, timeout_s)
        assert answer.id
        self.id = answer.id
        return self._keep(inputs, decode(answer.properties))

    def update(self, inputs: dict[str, Any]) -> dict[str, Any]:
        assert self.check(inputs) == {}
        request = provider_pb2.UpdateRequest(
            urn=self.urn,
            id=self.id,
            olds=encode(self.outputs),
            old_inputs=encode(self.inputs),
            news=encode(inputs),
        )
        return self._keep(inputs, decode(self.plugin.call("Update", request).properties))

    def read(self) -> dict[str, Any] | None:
        request = provider_pb2.ReadRequest(
            urn=self.urn, id=self.id, properties=encode(self.outputs), inputs=encode(self.inputs)
        )
        answer = self.plugin.call("Read", request)
        return decode(answer.properties).values if answer.id else None

    def delete(self) -> None:
        request = provider_pb2.DeleteRequest(
            urn=self.urn, id=self.id, properties=encode(self.outputs), old_inputs=encode(self.inputs)
        )
        self.plugin.call("Delete", request)

    def adopt(self, inputs: dict[str, Any], error: RefusedError) -> None:
        """Keep what the engine keeps of a resource that is there and does not work."""
        assert error.init_failure is not None
        self.id = error.init_failure.id
        self._keep(inputs, decode(error.init_failure.properties))

    def _keep(self, inputs: dict[str, Any], answer: Properties) -> dict[str, Any]:
        self.inputs, self.outputs, self.secrets = inputs, answer.values, answer.secrets
        return self.outputs

"""The test provider as a plugin process, started as ``python FOLDER ENGINE_ADDRESS``."""

import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2_grpc

from support.engine import ThingProvider

TESTS = Path(__file__).parent.parent


class LoggingProvider(ThingProvider, provider_pb2_grpc.ResourceProviderServicer):
    """Shows progress. The thing ``endless`` is only made when the run is cancelled, ``stubborn`` never; the
    provider dies when it makes ``stillborn`` or changes ``deadly``."""

    def __init__(self, engine_address: str) -> None:
        super().__init__()
        self.engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(engine_address))

    def _log(self, urn: str, message: str, *, ephemeral: bool) -> None:
        request = engine_pb2.LogRequest(
            severity=engine_pb2.INFO, message=message, urn=urn, ephemeral=ephemeral
        )
        self.engine.Log(request)

    def Create(self, request: Any, context: Any) -> Any:
        if not request.preview:
            self._log(request.urn, "step 1 of 2", ephemeral=True)
            self._log(request.urn, "worth keeping", ephemeral=False)
            if request.urn.endswith("::endless"):
                self.cancelled.wait(200)
                context.abort(grpc.StatusCode.CANCELLED, "ended because the run was cancelled")
            if request.urn.endswith("::stubborn"):
                threading.Event().wait(200)
            if request.urn.endswith("::stillborn"):
                signal.raise_signal(signal.SIGKILL)
        return super().Create(request, context)

    def Update(self, request: Any, context: Any) -> Any:
        if request.urn.endswith("::deadly"):
            signal.raise_signal(signal.SIGKILL)
        return super().Update(request, context)


def write_plugin(folder: Path) -> Path:
    """A folder that an engine can start."""
    folder.mkdir()
    (folder / "PulumiPlugin.yaml").write_text("runtime: python\n")
    (folder / "__main__.py").write_text(
        f"import sys\n\nsys.path.insert(0, {str(TESTS)!r})\n"
        "from support.engine_plugin import main\n\nmain(sys.argv[1])\n"
    )
    return folder


def main(engine_address: str) -> None:
    """Serve until SIGTERM."""
    server = grpc.server(ThreadPoolExecutor(16))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(LoggingProvider(engine_address), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stderr.write("ready to sell\n")
    ended.wait()
    server.stop(grace=None)

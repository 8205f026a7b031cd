"""The plugin's process: a gRPC server that says its port and ends with the engine that started it."""

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from types import FrameType

import grpc

from mlcloud.provider.engine import Engine
from mlcloud.provider.protocol import provider_pb2_grpc
from mlcloud.provider.servicer import Servicer

NAME = "mlcloud"

# A training run occupies its thread until it ends, and `Cancel` needs one too; threads are made when needed.
# An engine asks for at most four operations per processor at once (the CLI's `--parallel`).
MAX_OPERATIONS = 1024
PARENT_CHECK_S = 0.2
# Pulumi's own limit for messages (rpcutil.GrpcChannelOptions).
MAX_MESSAGE_BYTES = 400 * 1024 * 1024


def make_servicer(engine: Engine) -> Servicer:
    """The provider with all its resources."""
    from mlcloud.provider import aws, azure, gcp, local

    # A cloud's SDK is imported when one of its resources is first changed, not here.
    resources = [*local.resources(), *aws.resources(), *gcp.resources(), *azure.resources()]
    return Servicer(NAME, version("mlcloud"), resources, engine)


def _end(ended: threading.Event, signum: int, frame: FrameType | None) -> None:
    del signum, frame
    ended.set()


def main(arguments: Sequence[str]) -> int:
    """Serve our own provider until the engine ends.

    Args:
        arguments: the engine's: flags of its own, and its address last.
    """
    return serve(lambda address: make_servicer(Engine(address)), arguments)


def serve(
    make: Callable[[str | None], provider_pb2_grpc.ResourceProviderServicer], arguments: Sequence[str]
) -> int:
    """Serve a provider until the engine ends.

    Args:
        make: makes the provider, given the engine's address.
        arguments: the engine's: flags of its own, and its address last.
    """
    address = next((argument for argument in reversed(arguments) if not argument.startswith("-")), None)
    ended = threading.Event()
    # Ctrl-C reaches the whole foreground group; the engine decides, and asks with `Cancel`.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, functools.partial(_end, ended))
    server = grpc.server(
        ThreadPoolExecutor(max_workers=MAX_OPERATIONS),
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(make(address), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    parent = os.getppid()
    while not ended.wait(PARENT_CHECK_S):
        if os.getppid() != parent:
            break
    server.stop(grace=0.5).wait()
    # An operation in progress must not keep the process: a training run goes on by itself and is found again.
    os._exit(0)

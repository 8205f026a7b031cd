"""Reads the environment that each platform gives its containers into one typed value."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from mlcloud_trainer.serving.errors import StartupError
from mlcloud_trainer.storage import DEFAULT_LIMIT_S, Address, StorageError, parse_address

Number = TypeVar("Number", int, float)

MIB = 1024 * 1024

# `BodyBlob` in SageMaker's API model: 6,291,456 bytes.
DEFAULT_MAX_BODY_BYTES = 6 * MIB
# Vertex AI, shared public endpoints: 1.5 MB for a request.
VERTEX_MAX_BODY_BYTES = 1_500_000
# SageMaker mounts the model here.
SAGEMAKER_MODEL_DIR = "/opt/ml/model"
DEFAULT_PORT = 8080

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ROUTE = re.compile(r"/[A-Za-z0-9._~:/@!$&'()*+,;=%-]*")


@dataclass(frozen=True, kw_only=True)
class RequestLimits:
    """What one request may hold.

    Attributes:
        max_body_bytes: Largest body; over it the answer is 413 before the rest is read.
        max_rows: Most rows in one request.
        max_values: Most values (rows x features) in one request.
        body_timeout_s: Time a client has to send a whole body.
    """

    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    max_rows: int = 100_000
    max_values: int = 1_000_000
    body_timeout_s: float = 30.0


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """What the server spends on connections and on work that waits.

    Attributes:
        max_connections: Open connections; one more is answered 503.
        header_timeout_s: Time a client has to send a request's head.
        keep_alive_s: How long an idle connection stays open. Longer than the 60 s that load balancers keep
            theirs, so that it is never this side that closes first.
        max_concurrency: Large requests that are worked on at the same time.
        max_queue: Large requests that wait for their turn; one more is answered 503.
        max_buffered_bytes: Bodies of all requests together; what comes over it is answered 503.
        write_timeout_s: Time a client has to take an answer that is larger than the socket's buffers.
        drain_timeout_s: Time that requests in flight have to finish after SIGTERM; platforms kill at 30 s.
    """

    max_connections: int = 1024
    header_timeout_s: float = 10.0
    keep_alive_s: int = 75
    max_concurrency: int = 1
    max_queue: int = 64
    max_buffered_bytes: int = 256 * MIB
    write_timeout_s: float = 60.0
    drain_timeout_s: float = 24.0


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Everything the server is told from outside.

    Attributes:
        model_place: A model folder, or one archive of it: a path, or an address of object storage.
        model_variable: Where `model_place` came from, for messages.
        storage_timeout_s: Time that reading one object of the model may take.
        model_sha256: The hash that the model must have; `None` accepts any, with a warning.
        model_name: The name in Open Inference Protocol v2 routes.
        model_version: The label in `x-model-version`; `None` means the first 12 characters of the hash.
        host: Address to bind.
        port: Port to bind; 0 lets the system choose one.
        listen_fd: An already listening socket to serve public traffic on, instead of binding.
        private_fd: A second listening socket, served from the start; the public one then waits for SIGUSR1.
        handoff_fd: A connected Unix socket over which a supervisor hands connections over.
        health_route: Vertex AI's `AIP_HEALTH_ROUTE`.
        predict_route: Vertex AI's `AIP_PREDICT_ROUTE`.
        max_model_bytes: Largest model, unpacked.
        access_log: Whether every request is logged; those that fail always are.
        requests: Limits of one request.
        connections: Limits of connections and waiting work.
    """

    model_place: Path | Address
    model_variable: str
    storage_timeout_s: float = DEFAULT_LIMIT_S
    model_sha256: str | None = None
    model_name: str = "model"
    model_version: str | None = None
    host: str = "0.0.0.0"  # noqa: S104 - the platforms' contracts ask for it
    port: int = DEFAULT_PORT
    listen_fd: int | None = None
    private_fd: int | None = None
    handoff_fd: int | None = None
    health_route: str | None = None
    predict_route: str | None = None
    max_model_bytes: int = 1024 * MIB
    access_log: bool = False
    requests: RequestLimits = RequestLimits()
    connections: ConnectionLimits = ConnectionLimits()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ServerSettings:
        """Read the settings.

        Raises:
            StartupError: With every variable that cannot be used, its value, and what is allowed.
        """
        reader = _Reader(environment)
        place, variable = _model_place(reader)
        settings = cls(
            model_place=place,
            model_variable=variable,
            storage_timeout_s=reader.seconds("MLCLOUD_STORAGE_TIMEOUT_S", DEFAULT_LIMIT_S),
            model_sha256=reader.matching(
                "MLCLOUD_MODEL_SHA256", _SHA256, "64 lower-case hexadecimal digits", None
            ),
            model_name=reader.matching("MLCLOUD_MODEL_NAME", _NAME, _NAME_RULE, "model") or "model",
            model_version=reader.matching("MLCLOUD_MODEL_VERSION", _NAME, _NAME_RULE, None),
            host=reader.text("MLCLOUD_HTTP_HOST") or "0.0.0.0",  # noqa: S104 - as above
            port=_port(reader),
            listen_fd=reader.optional_integer("MLCLOUD_LISTEN_FD", least=3),
            private_fd=reader.optional_integer("MLCLOUD_PRIVATE_FD", least=3),
            handoff_fd=reader.optional_integer("MLCLOUD_HANDOFF_FD", least=3),
            health_route=reader.matching("AIP_HEALTH_ROUTE", _ROUTE, "a path such as /health", None),
            predict_route=reader.matching("AIP_PREDICT_ROUTE", _ROUTE, "a path such as /predict", None),
            max_model_bytes=reader.integer("MLCLOUD_MAX_MODEL_BYTES", cls.max_model_bytes, least=1),
            access_log=reader.boolean("MLCLOUD_ACCESS_LOG"),
            requests=_request_limits(reader),
            connections=_connection_limits(reader),
        )
        if reader.problems:
            raise StartupError(reader.problems)
        return settings


_NAME_RULE = "1 to 63 letters, digits, dots, dashes or underscores, a letter or digit first"


def _request_limits(reader: _Reader) -> RequestLimits:
    default = RequestLimits()
    on_vertex = any(name.startswith("AIP_") for name in reader.environment)
    max_body_bytes = VERTEX_MAX_BODY_BYTES if on_vertex else DEFAULT_MAX_BODY_BYTES
    return RequestLimits(
        max_body_bytes=reader.integer("MLCLOUD_MAX_BODY_BYTES", max_body_bytes, least=1),
        max_rows=reader.integer("MLCLOUD_MAX_ROWS", default.max_rows, least=1),
        max_values=reader.integer("MLCLOUD_MAX_VALUES", default.max_values, least=1),
        body_timeout_s=reader.seconds("MLCLOUD_BODY_TIMEOUT_S", default.body_timeout_s),
    )


def _connection_limits(reader: _Reader) -> ConnectionLimits:
    default = ConnectionLimits()
    cores = len(os.sched_getaffinity(0))
    return ConnectionLimits(
        max_connections=reader.integer("MLCLOUD_MAX_CONNECTIONS", default.max_connections, least=1),
        header_timeout_s=reader.seconds("MLCLOUD_HEADER_TIMEOUT_S", default.header_timeout_s),
        keep_alive_s=reader.integer("MLCLOUD_KEEP_ALIVE_S", default.keep_alive_s, least=1),
        max_concurrency=reader.integer("MLCLOUD_MAX_CONCURRENCY", cores, least=1),
        max_queue=reader.integer("MLCLOUD_MAX_QUEUE", default.max_queue, least=0),
        max_buffered_bytes=reader.integer("MLCLOUD_MAX_BUFFERED_BYTES", default.max_buffered_bytes, least=1),
        write_timeout_s=reader.seconds("MLCLOUD_WRITE_TIMEOUT_S", default.write_timeout_s),
        drain_timeout_s=reader.seconds("MLCLOUD_DRAIN_TIMEOUT_S", default.drain_timeout_s),
    )


def _port(reader: _Reader) -> int:
    # Vertex AI says where its probes connect, so its variable is the one that counts there.
    for name in ("AIP_HTTP_PORT", "MLCLOUD_HTTP_PORT"):
        if reader.text(name) is not None:
            return reader.integer(name, DEFAULT_PORT, least=0, most=65535)
    return DEFAULT_PORT


def _model_place(reader: _Reader) -> tuple[Path | Address, str]:
    """The model's place: our own variable, then Vertex AI's, Azure ML's, and SageMaker's fixed folder."""
    for name in ("MLCLOUD_MODEL_URI", "AIP_STORAGE_URI", "AZUREML_MODEL_DIR"):
        value = reader.text(name)
        if value is not None:
            return _place(reader, name, value), name
    return Path(SAGEMAKER_MODEL_DIR), "the default of SageMaker"


def _place(reader: _Reader, name: str, value: str) -> Path | Address:
    parts = urlsplit(value)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return Path(unquote(parts.path))
    if parts.scheme == "" and "://" not in value:
        return Path(value)
    try:
        return parse_address(value)
    except StorageError as error:
        reader.problems.append(f"{name}: {error.problem}; or a path or a file:// URI of what is mounted")
    return Path()


class _Reader:
    """Reads variables and collects what is wrong with them. An empty variable counts as absent."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        return self.environment.get(name) or None

    def matching(self, name: str, pattern: re.Pattern[str], rule: str, default: str | None) -> str | None:
        value = self.text(name)
        if value is None:
            return default
        if not pattern.fullmatch(value):
            self._refuse(name, value, rule)
        return value

    def boolean(self, name: str) -> bool:
        value = self.text(name)
        if value not in (None, "true", "false", "1", "0"):
            self._refuse(name, value, "true or false")
        return value in ("true", "1")

    def integer(self, name: str, default: int, *, least: int, most: int | None = None) -> int:
        value = self.optional_integer(name, least=least, most=most)
        return default if value is None else value

    def optional_integer(self, name: str, *, least: int, most: int | None = None) -> int | None:
        rule = f"a whole number from {least} up" if most is None else f"a whole number from {least} to {most}"
        return self._number(
            name, int, rule, lambda number: number >= least and (most is None or number <= most)
        )

    def seconds(self, name: str, default: float) -> float:
        value = self._number(
            name, float, "seconds, more than 0, at most 3600", lambda number: 0 < number <= 3600
        )
        return default if value is None else value

    def _number(
        self, name: str, kind: Callable[[str], Number], rule: str, allowed: Callable[[Number], bool]
    ) -> Number | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            number = kind(value)
        except ValueError:
            self._refuse(name, value, rule)
            return None
        if not allowed(number):
            self._refuse(name, value, rule)
        return number

    def _refuse(self, name: str, value: object, rule: str) -> None:
        self.problems.append(f"{name}: is {value!r}, expected {rule}")

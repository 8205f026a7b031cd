"""The server core: routes, limits and answers, as one ASGI application."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar, cast

import orjson

from mlcloud_trainer.serving import metrics as metrics_module
from mlcloud_trainer.serving.batcher import Batcher
from mlcloud_trainer.serving.body import BodyBudget, read_body, read_content_type, refuse_encoding
from mlcloud_trainer.serving.errors import (
    ClientGoneError,
    MethodNotAllowedError,
    NotFoundError,
    RequestError,
    UnavailableError,
    UnsupportedMediaTypeError,
)
from mlcloud_trainer.serving.logs import JsonLog, accepted_request_id
from mlcloud_trainer.serving.metrics import Metrics
from mlcloud_trainer.serving.model import ServedModel
from mlcloud_trainer.serving.prediction import Prediction
from mlcloud_trainer.serving.protocols import Adapter, Request, Response, v2
from mlcloud_trainer.serving.protocols.azure import AzureAdapter
from mlcloud_trainer.serving.protocols.sagemaker import SageMakerAdapter
from mlcloud_trainer.serving.protocols.v2 import V2Adapter
from mlcloud_trainer.serving.protocols.vertex import VertexAdapter
from mlcloud_trainer.serving.rows import Batch
from mlcloud_trainer.serving.settings import ServerSettings

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Handler: TypeAlias = Callable[[], Response]
Result = TypeVar("Result")

# Bodies up to this size are parsed, predicted and written on the event loop, in about a millisecond; larger
# ones go to a worker, so that health probes are answered meanwhile.
INLINE_BODY_BYTES = 32 * 1024

_JSON_HEADER = (b"content-type", b"application/json")


class Application:
    """Answers requests. Live from the start; ready from `serve` until `drain`.

    Attributes:
        keep_alive: Whether a connection may be used for another request.
    """

    def __init__(self, settings: ServerSettings, metrics: Metrics, log: JsonLog) -> None:
        self._settings = settings
        self._metrics = metrics
        self._log = log
        self._model: ServedModel | None = None
        self._batcher: Batcher | None = None
        self._draining = False
        self.keep_alive = True
        self._large = 0
        metrics.capacity = settings.connections.max_concurrency + settings.connections.max_queue
        self._budget = BodyBudget(settings.connections.max_buffered_bytes)
        self._workers = ThreadPoolExecutor(settings.connections.max_concurrency, thread_name_prefix="worker")
        self._version = b""
        # A prefix of this process, then a running number: unique, and cheaper than a random one a request.
        self._id_prefix = os.urandom(6).hex()
        self._ids = itertools.count(1)
        self._get, self._post = self._routes()

    # Life cycle

    def serve(self, model: ServedModel) -> None:
        """Become ready."""
        self._model = model
        self._version = model.version.encode()
        if not model.runtime.quick:
            self._batcher = Batcher(model.runtime.predict, ThreadPoolExecutor(1, thread_name_prefix="model"))
        for path, handler in self._versioned_routes(model).items():
            self._get[path] = handler
        self._post[f"/v2/models/{model.name}/versions/{model.version}/infer"] = V2Adapter()
        self._metrics.describe_model(
            name=model.name, version=model.version, sha256=model.sha256, runtime=model.manifest.runtime
        )
        self._metrics.ready = True

    def drain(self) -> None:
        """Stop being ready; requests are still answered, each with `Connection: close`."""
        self._draining = True
        self._metrics.ready = False

    @property
    def ready(self) -> bool:
        """Whether predictions are answered and more of them are welcome."""
        return self._model is not None and not self._draining

    # Routes

    def _routes(self) -> tuple[dict[str, Handler], dict[str, Adapter]]:
        settings = self._settings
        model = f"/v2/models/{settings.model_name}"
        get: dict[str, Handler] = {
            "/": self._live,
            "/ping": self._ready,
            "/metrics": self._show_metrics,
            "/v2": lambda: _json(v2.server_metadata(self._version.decode())),
            "/v2/health/live": self._live,
            "/v2/health/ready": self._ready,
            model: lambda: _json(v2.model_metadata(self._demand_model())),
            f"{model}/ready": self._ready,
        }
        post: dict[str, Adapter] = {
            "/invocations": SageMakerAdapter(),
            "/score": AzureAdapter(),
            f"{model}/infer": V2Adapter(),
        }
        # Vertex AI names its routes; where they are among the others, its meaning is the one that counts.
        if settings.health_route is not None:
            get[settings.health_route] = self._ready
        if settings.predict_route is not None:
            post[settings.predict_route] = VertexAdapter()
        return get, post

    def _versioned_routes(self, model: ServedModel) -> dict[str, Handler]:
        path = f"/v2/models/{model.name}/versions/{model.version}"
        return {path: lambda: _json(v2.model_metadata(self._demand_model())), f"{path}/ready": self._ready}

    def _find(self, method: str, path: str) -> Handler | Adapter:
        get, post = self._get.get(path), self._post.get(path)
        if post is not None and method == "POST":
            return post
        if get is not None and method in ("GET", "HEAD"):
            return get
        if get is None and post is None:
            raise NotFoundError("there is no such route, or no model of this name")
        raise MethodNotAllowedError(
            (["GET", "HEAD"] if get is not None else []) + (["POST"] if post is not None else [])
        )

    def _live(self) -> Response:
        return _json({"live": True})

    def _ready(self) -> Response:
        if self.ready:
            return _json({"ready": True})
        return Response(body=b'{"ready":false}', status=503, headers=((b"retry-after", b"1"),))

    def _show_metrics(self) -> Response:
        return Response(body=self._metrics.render(), content_type=metrics_module.CONTENT_TYPE)

    def _demand_model(self) -> ServedModel:
        if self._model is None:
            raise UnavailableError("the model is being loaded")
        return self._model

    # Requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the ASGI entry point."""
        started = time.perf_counter()
        metrics = self._metrics
        metrics.in_flight += 1
        method, path = cast("str", scope["method"]), cast("str", scope["path"])
        headers = dict(cast("Iterable[tuple[bytes, bytes]]", scope["headers"]))
        request_id = (
            accepted_request_id(headers.get(b"x-request-id")) or f"{self._id_prefix}-{next(self._ids):x}"
        )
        body_open = _has_body(headers)
        route, status = "other", 500
        try:
            try:
                if path in self._get or path in self._post:
                    route = path
                found = self._find(method, path)
                if callable(found):
                    response = found()
                else:
                    model = self._demand_model()
                    request = await self._read(headers, receive, found)
                    body_open = False
                    try:
                        response = await self._predict(found, request, model)
                    finally:
                        self._budget.give_back(len(request.body))
            except RequestError as error:
                response = _error(error.status, error.message, error.headers)
            except ClientGoneError:
                status = 499
                return
            except Exception as error:  # noqa: BLE001 - the last stop: clients get an id, never a traceback
                self._log.exception(
                    "unexpected_error", "a request failed", error, route=route, request_id=request_id
                )
                response = _error(500, f"unexpected error; the log knows it by request id {request_id}", ())
            status = response.status
            await self._send(
                send, response, request_id, close=body_open or self._draining or not self.keep_alive
            )
        finally:
            metrics.in_flight -= 1
            seconds = time.perf_counter() - started
            metrics.observe(route, status, seconds)
            if self._settings.access_log or (status >= 400 and not callable(self._get.get(path))):
                self._log_request(method, route, status, seconds, request_id)

    def _new_id(self) -> str:
        return f"{self._id_prefix}-{next(self._ids):x}"

    async def _read(self, headers: dict[bytes, bytes], receive: Receive, adapter: Adapter) -> Request:
        refuse_encoding(headers)
        content_type, parameters = read_content_type(headers.get(b"content-type"))
        if content_type not in adapter.content_types:
            allowed = ", ".join(sorted(filter(None, adapter.content_types)))
            raise UnsupportedMediaTypeError(
                f"the content type is {content_type[:80]!r}, this route reads {allowed}"
            )
        body = await read_body(headers, receive, self._settings.requests, self._budget)
        return Request(body=body, content_type=content_type, content_parameters=parameters, headers=headers)

    async def _predict(self, adapter: Adapter, request: Request, model: ServedModel) -> Response:
        small = len(request.body) <= INLINE_BODY_BYTES
        if small and self._batcher is None:
            call = adapter.parse(request, model)
            prediction = self._answer(call.batch, model)
            self._metrics.rows += call.batch.rows
            return call.render(prediction)
        limits = self._settings.connections
        if self._large >= limits.max_concurrency + limits.max_queue:
            raise UnavailableError("the server is busy; try again")
        self._large += 1
        try:
            call = await self._run(small, lambda: adapter.parse(request, model))
            if self._batcher is None or not call.batch.rows:
                prediction = await self._run(small, lambda: self._answer(call.batch, model))
            else:
                prediction = await self._batcher.predict(call.batch)
                prediction.demand_finite()
            self._metrics.rows += call.batch.rows
            return await self._run(small, lambda: call.render(prediction))
        finally:
            self._large -= 1

    def _answer(self, batch: Batch, model: ServedModel) -> Prediction:
        if not batch.rows:
            return model.no_rows()
        prediction = model.runtime.predict(batch)
        prediction.demand_finite()
        return prediction

    async def _run(self, inline: bool, work: Callable[[], Result]) -> Result:
        if inline:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    async def _send(self, send: Send, response: Response, request_id: str, *, close: bool) -> None:
        headers = [
            (b"content-type", response.content_type),
            (b"content-length", b"%d" % len(response.body)),
            (b"x-request-id", request_id.encode()),
            *response.headers,
        ]
        if self._version:
            headers.append((b"x-model-version", self._version))
        if close:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    def _log_request(self, method: str, route: str, status: int, seconds: float, request_id: str) -> None:
        """One line for a request, without anything the client chose but its method and a checked id."""
        self._log.write(
            "error" if status >= 500 and status != 503 else "info",
            "request",
            f"{method} {route} {status}",
            method=method,
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 3),
            request_id=request_id,
        )


def _has_body(headers: dict[bytes, bytes]) -> bool:
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


def _json(value: object) -> Response:
    return Response(body=orjson.dumps(value))


def _error(status: int, message: str, headers: tuple[tuple[bytes, bytes], ...]) -> Response:
    return Response(body=orjson.dumps({"error": message}), status=status, headers=headers)

"""An Azure that the provider's plugin is pointed to: a server made from what Azure's own client can send.

Which requests to Azure ML there are and what they may hold is that client's word: a request that it has not,
or with a body that breaks its model, is refused and remembered. What Azure does with them is in the files
beside: jobs, endpoints, alerts, deleted names, operations; Blob Storage and the registry as far as they are
asked. It also serves Azure's own client, over TLS, as tokens demand.

It can be told to fail: `refuse` answers an error, `lose` carries the call out and closes the connection
without an answer, `drop` closes it before, `slow` waits first.
"""

import contextlib
import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from support.judges.azure.calls import Call, judge, problems, route
from support.judges.report import Report
from support.provider_azure_answers import Answer, RefusedCall, Request
from support.provider_azure_certificate import certificate_in
from support.provider_azure_endpoints import Endpoints
from support.provider_azure_jobs import Jobs
from support.provider_azure_models import Models
from support.provider_azure_names import Names
from support.provider_azure_operations import Operations
from support.provider_azure_registrations import Registrations
from support.provider_azure_registry import Registry
from support.provider_azure_storage import PLACE, Storage
from support.provider_azure_watching import Watching
from support.provider_azure_workspace import Workspace

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GROUP = "churn-dev"
WORKSPACE = "churn-dev-ml"
REGION = "westeurope"
WORKSPACE_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
)
_IDENTITY = "/identity/token"
_READING = ("get", "head", "list", "details", "status", "result", "predict")


@dataclass
class Fault:
    """What goes wrong with one call."""

    kind: str
    status: int = 503
    message: str = "told to fail"
    seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    code: str = ""


@dataclass
class _Other:
    """A method of an API that Azure ML's client does not speak: written `name VERB /path/with/{names}`."""

    name: str
    http_method: str
    form: re.Pattern[str]

    @staticmethod
    def read(text: str) -> "_Other":
        name, http_method, template = text.split(" ")
        form = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
        # The last name of a blob's path has slashes.
        return _Other(name, http_method, re.compile(form.replace("(?P<blob>[^/]+)", "(?P<blob>.+)")))


@dataclass
class Cloud:
    """The server on 127.0.0.1; use `variables` as the plugin's environment."""

    folder: Path
    requests: list[Request] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    # Azure's own client speaks older versions of some APIs.
    strict: bool = True

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.operations = Operations(lambda: self.url, SUBSCRIPTION, REGION)
        self.storage = Storage()
        self.jobs = Jobs(self.storage, self.operations, lambda: self.url)
        self.registry = Registry()
        self.registrations = Registrations()
        self.endpoints = Endpoints(self.operations, lambda: self.url)
        self.watching = Watching(lambda: self.url)
        self.workspace = Workspace(lambda: self.url, REGION)
        self.names = Names(lambda: self.url)
        self.models = Models()
        self._handlers: dict[str, Callable[[Any], Any]] = {}
        self._others: list[_Other] = []
        parts = (self.operations, self.storage, self.jobs, self.registry, self.workspace, self.models)
        for part in (*parts, self.endpoints, self.watching, self.names, self.registrations):
            self._take(part.handlers())
        self._trusted, context = certificate_in(self.folder)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        # The handshake belongs to a connection's own thread.
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._server.daemon_threads = True
        self.names.live[WORKSPACE_ID] = self.workspace.told(WORKSPACE_ID)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        # Its address is known from here on.
        self.names.live[WORKSPACE_ID] = self.workspace.told(WORKSPACE_ID)

    def _take(self, handlers: dict[str, Callable[[Any], Any]]) -> None:
        """Handlers by the client's name of a method; by `name VERB /path` where the client has none."""
        for name, handler in handlers.items():
            if " " in name:
                self._others.append(_Other.read(name))
            self._handlers[name.partition(" ")[0]] = handler

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_port}"

    @property
    def variables(self) -> dict[str, str]:
        """Where the services are, whom to trust, and a managed identity as App Service offers one."""
        return {
            "MLCLOUD_AZURE_ENDPOINT_MANAGEMENT": self.url,
            "MLCLOUD_AZURE_ENDPOINT_REGISTRY": self.url,
            "MLCLOUD_AZURE_ENDPOINT_BLOB": f"{self.url}{PLACE}",
            "REQUESTS_CA_BUNDLE": str(self._trusted),
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
            "IDENTITY_ENDPOINT": f"{self.url}{_IDENTITY}",
            "IDENTITY_HEADER": "secret",
            "NO_PROXY": "127.0.0.1",
        }

    # What tests ask

    def report(self) -> Report:
        """What the judge says of every call to Azure ML so far."""
        with self.lock:
            return judge(self.calls)

    def changes(self, start: int = 0) -> list[str]:
        """Names of the calls from one on that change something."""
        with self.lock:
            return [
                request.method
                for request in self.requests[start:]
                if request.method.rsplit("_", 1)[-1] not in _READING
            ]

    def last(self, method: str) -> Request:
        return next(request for request in reversed(self.requests) if request.method == method)

    def count(self, method: str) -> int:
        with self.lock:
            return sum(request.method == method for request in self.requests)

    def refuse(
        self,
        method: str,
        status: int = 503,
        message: str = "told to fail",
        times: int = 1,
        *,
        code: str = "",
        retry_after_s: int | None = None,
    ) -> None:
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        self.faults[method] += [Fault("refuse", status, message, headers=headers, code=code)] * times

    def lose(self, method: str) -> None:
        self.faults[method].append(Fault("lose"))

    def drop(self, method: str) -> None:
        self.faults[method].append(Fault("drop"))

    def slow(self, method: str, seconds: float) -> None:
        self.faults[method].append(Fault("slow", seconds=seconds))

    # The server

    def answer(self, verb: str, target: str, content: bytes, headers: dict[str, str]) -> Answer | None:
        """The answer to a request; None closes the connection."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        path = unquote(parts.path)
        if path == _IDENTITY:
            return self._token(query, headers)
        is_json = "json" in headers.get("content-type", "")
        body = json.loads(content) if content and is_json else None
        request = self._request(verb, path, query, body)
        if request is None:
            self.problems.append(f"{verb} {path}: no API has it")
            return _error(path, 400, "InvalidRequestUri", self.problems[-1])
        request.content, request.headers = content, headers
        wrong = self._judged(request)
        if wrong:
            return _error(path, 400, "BadRequest", "; ".join(wrong))
        return self._carry_out(request)

    def _request(self, verb: str, path: str, query: dict[str, str], body: Any) -> Request | None:
        for other in self._others:
            found = other.form.fullmatch(path) if other.http_method == verb else None
            if found:
                return Request(other.name, verb, path, query, found.groupdict(), body)
        routed = route(verb, path)
        if routed is None:
            return None
        method, given = routed
        return Request(method.name, verb, path, query, given, body)

    def _judged(self, request: Request) -> list[str]:
        """What is wrong with a call to Azure ML: its token's audience first."""
        call = Call(
            http_method=request.http_method, path=request.path, query=request.query, body=request.body
        )
        if route(call.http_method, call.path) is None:
            return []
        wrong = problems(call)
        service = "ml" if request.path.startswith("/history/") else "management"
        if request.headers.get("authorization") != f"Bearer token for https://{service}.azure.com":
            wrong.append(f"{request.method}: the token is not for https://{service}.azure.com")
        if not self.strict:
            wrong = [text for text in wrong if "api-version" not in text]
        with self.lock:
            self.calls.append(call)
            self.problems += wrong
        return wrong

    def _token(self, query: dict[str, str], headers: dict[str, str]) -> Answer:
        with self.lock:
            given = {"resource": query.get("resource", "")}
            self.requests.append(Request("token_get", "GET", _IDENTITY, query, given, None, headers=headers))
            fault = self.faults["token_get"].pop(0) if self.faults["token_get"] else None
        if fault is not None:
            return Answer(fault.status, {"statusCode": fault.status, "message": fault.message})
        told = {"access_token": f"token for {given['resource']}", "expires_on": str(int(time.time()) + 3600)}
        return Answer(200, {**told, "resource": given["resource"], "token_type": "Bearer"})

    def _carry_out(self, request: Request) -> Answer | None:
        with self.lock:
            self.requests.append(request)
            fault = self.faults[request.method].pop(0) if self.faults[request.method] else None
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault is not None and fault.kind == "drop":
            return None
        if fault is not None and fault.kind == "refuse":
            return _error(request.path, fault.status, fault.code, fault.message, fault.headers)
        handler = self._handlers.get(request.method)
        if handler is None:
            return _error(request.path, 501, "NotImplemented", f"this service has no {request.method}")
        try:
            with self.lock:
                answered = handler(request)
        except RefusedCall as error:
            return _error(request.path, error.status, error.code, str(error))
        if fault is not None and fault.kind == "lose":
            return None
        return answered if isinstance(answered, Answer) else Answer(200, answered)


def _error(path: str, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    if path.startswith(PLACE):
        # Blob Storage always tells a code, and writes XML.
        code = code or "InternalError"
        words = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
        text = f'<?xml version="1.0" encoding="utf-8"?><Error>{words}</Error>'
        return Answer(status, text.encode(), "application/xml", {"x-ms-error-code": code, **(headers or {})})
    return Answer(status, {"error": {"code": code, "message": message}}, headers=headers or {})


def _handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are two segments: the second one would wait 40 ms for the first one's receipt.
        disable_nagle_algorithm = True

        def _any(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = cloud.answer(self.command, self.path, content, headers)
            if answer is None:
                self.close_connection = True
                return
            packed = answer.packed
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", answer.headers.get("Content-Length", str(len(packed))))
            for name, value in answer.headers.items():
                if name != "Content-Length":
                    self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(packed)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _any  # noqa: N815 - the base class's

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: pytest's output is for people."""

    return Handler


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Cloud]:
    """A cloud that this process and what it starts are pointed to; at its end every call was a right one."""
    cloud = Cloud(folder)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in cloud.variables.items():
            environment.setenv(name, value)
        yield cloud
    cloud.close()
    assert cloud.problems == []
    if cloud.strict and cloud.calls:
        cloud.report().check(share=1.0)

"""A GCP that the provider's plugin is pointed to: a server made from Google's discovery documents.

Which requests there are and what they may hold is the documents' word: a request that none of them has, or
with a body that breaks its schema, is refused and remembered. What Vertex AI does with them is in the files
beside: models, endpoints, jobs; Cloud Storage, Logging, Monitoring and Quotas as far as they are asked. It
also serves Google's own client over REST.

It can be told to fail: `refuse` answers an error, `lose` carries the call out and closes the connection
without an answer, `drop` closes it before, `slow` waits first.
"""

import contextlib
import functools
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
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.judges.gcp.calls import Call, judge, problems
from support.judges.gcp.documents import route
from support.judges.report import Report
from support.provider_gcp_answers import Answer, RefusedCall
from support.provider_gcp_endpoints import Endpoints
from support.provider_gcp_jobs import Jobs
from support.provider_gcp_models import Models
from support.provider_gcp_operations import Operations
from support.provider_gcp_quotas import Quotas
from support.provider_gcp_storage import Storage
from support.provider_gcp_watching import Watching

PROJECT = "shop-123456"
REGION = "europe-west4"
LOCATION = f"projects/{PROJECT}/locations/{REGION}"
_TOKEN = "the-token"
_READING = ("get", "list", "listVersions", "predict", "wait")


@dataclass
class Request:
    """A request that arrived."""

    method: str
    path: str
    query: dict[str, str]
    given: dict[str, str]
    body: Any
    content: bytes = b""


@dataclass
class Fault:
    """What goes wrong with one call."""

    kind: str
    status: int = 503
    message: str = "told to fail"
    seconds: float = 0.0


@dataclass
class Cloud:
    """The server on 127.0.0.1; use `variables` as the plugin's environment."""

    folder: Path
    requests: list[Request] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.operations = Operations()
        self.storage = Storage()
        self.models = Models(self.operations)
        self.endpoints = Endpoints(self.operations, self.models)
        self.models.endpoints = self.endpoints.all
        self.jobs = Jobs(self.storage)
        self.watching = Watching()
        self.quotas = Quotas()
        self._handlers: dict[str, Callable[[Any], Any]] = {}
        parts = (self.operations, self.storage, self.models, self.endpoints, self.jobs)
        for part in (*parts, self.watching, self.quotas):
            self._handlers |= part.handlers()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self._credentials = self.folder / "credentials.json"
        self._credentials.write_text(json.dumps(self._account()))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def variables(self) -> dict[str, str]:
        services = ("AIPLATFORM", "STORAGE", "LOGGING", "MONITORING", "CLOUDQUOTAS")
        return {
            "GOOGLE_APPLICATION_CREDENTIALS": str(self._credentials),
            "NO_GCE_CHECK": "true",
            "NO_PROXY": "127.0.0.1",
            **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}": f"{self.url}/" for name in services},
        }

    def _account(self) -> dict[str, str]:
        """A service account's key, as Google writes it: credentials are asked for with a signed request."""
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": _private_key(),
            "client_email": f"deployer@{PROJECT}.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }

    # What tests ask

    def report(self) -> Report:
        """What the judge says of every call so far."""
        with self.lock:
            return judge(self.calls)

    def changes(self, start: int = 0) -> list[str]:
        """Short names of the calls from one on that change something."""
        with self.lock:
            return [
                request.method
                for request in self.requests[start:]
                if request.method.rsplit(".", 1)[-1] not in _READING and request.method != "entries.list"
            ]

    def last(self, method: str) -> Request:
        return next(request for request in reversed(self.requests) if request.method == method)

    def count(self, method: str) -> int:
        with self.lock:
            return sum(request.method == method for request in self.requests)

    def refuse(self, method: str, status: int = 503, message: str = "told to fail", times: int = 1) -> None:
        self.faults[method] += [Fault("refuse", status, message)] * times

    def lose(self, method: str) -> None:
        self.faults[method].append(Fault("lose"))

    def drop(self, method: str) -> None:
        self.faults[method].append(Fault("drop"))

    def slow(self, method: str, seconds: float) -> None:
        self.faults[method].append(Fault("slow", seconds=seconds))

    # The server

    def answer(self, verb: str, target: str, content: bytes, headers: Any) -> Answer | None:
        """The answer to a request; None closes the connection."""
        parts = urlsplit(target)
        if parts.path == "/token":
            token = {"access_token": _TOKEN, "expires_in": 3600, "token_type": "Bearer"}
            return Answer(200, token)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        is_json = "json" in headers.get("Content-Type", "") and not parts.path.startswith("/upload/")
        body = json.loads(content) if content and is_json else None
        # Google's own client looks at operations below `ui`, which the service takes for its version.
        path = re.sub(r"^/ui/", "/v1/", parts.path).lstrip("/")
        call = Call(http_method=verb, path=path, query=query, body=body)
        found = route(verb, call.path)
        wrong = problems(call)
        with self.lock:
            self.calls.append(call)
            self.problems += wrong
        if wrong or found is None:
            return _error(400, "INVALID_ARGUMENT", "; ".join(wrong))
        method, given = found
        request = Request(method.short, call.path, query, given, body, content)
        return self._carry_out(request)

    def _carry_out(self, request: Request) -> Answer | None:
        with self.lock:
            self.requests.append(request)
            fault = self.faults[request.method].pop(0) if self.faults[request.method] else None
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault is not None and fault.kind == "drop":
            return None
        if fault is not None and fault.kind == "refuse":
            return _error(fault.status, "", fault.message)
        handler = self._handlers.get(request.method)
        if handler is None:
            return _error(501, "UNIMPLEMENTED", f"this service has no {request.method}")
        try:
            with self.lock:
                answered = handler(request)
        except RefusedCall as error:
            return _error(error.status, error.code, str(error))
        if fault is not None and fault.kind == "lose":
            return None
        return answered if isinstance(answered, Answer) else Answer(200, answered)


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error": {"code": status, "message": message, "status": code}})


def _handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are two segments: the second one would wait 40 ms for the first one's receipt.
        disable_nagle_algorithm = True

        def _any(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = cloud.answer(self.command, self.path, content, self.headers)
            if answer is None:
                self.close_connection = True
                return
            packed = answer.packed
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(packed)))
            self.end_headers()
            self.wfile.write(packed)

        do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815 - the base class's names

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: pytest's output is for people."""

    return Handler


@functools.cache
def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


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
    cloud.report().check(share=1.0)

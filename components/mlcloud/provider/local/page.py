"""The status page's server: one document, what it shows as JSON, and models' reports, for this machine alone.

What it shows is the monitor's to say. The document is made of `page.html`, the style and the scripts beside
this file; it loads nothing else, from here or elsewhere, and a strict policy holds it to that.
"""

import base64
import hashlib
import json
import math
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import unquote

from typing_extensions import override

from mlcloud.provider.local.server_process import open_listener
from mlcloud.provider.local.serving import HOST

REPORTS: Final = "/reports/"
_SCRIPTS: Final = ("page_words.js", "page_charts.js", "page.js")
# A site elsewhere can let its own name lead here (DNS rebinding); a tunnel's port is not this one.
_HOST_NAMES: Final = (HOST, "localhost", "[::1]")
# A client that sends nothing for so long is let go.
_PATIENCE_S: Final = 10.0
_POLL_S: Final = 0.1
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# A report is static: its own styles and pictures, and no origin of its own.
_REPORT_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

Snapshot = Callable[[], Mapping[str, Any]]
Reports = Callable[[str], Path | None]


class PageServer:
    """Serves the status page until it is closed.

    Answers `GET /` (the page), `/status.json` (what it shows) and `/reports/<label>` (a model's report).
    """

    def __init__(self, snapshot: Snapshot, reports: Reports, *, port: int = 0, any_port: bool = True) -> None:
        """Prepare the page; nothing listens yet.

        Args:
            snapshot: what the page shows, as JSON values; called from threads of this server, each second for
                each open page.
            reports: the HTML file of a version's report by the version's label; None where there is none. It
                is given whatever a client asks for, and must answer with known files only.
            port: TCP port on 127.0.0.1; 0 for a free one.
            any_port: take a free one where that is taken.
        """
        self._snapshot = snapshot
        self._reports = reports
        self._wanted = (port, any_port)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen, and answer in threads of its own.

        Raises:
            ResourceError: the port is taken.
        """
        port, any_port = self._wanted
        self._server = _Server(port, any_port, self._snapshot, self._reports)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The TCP port; 0 while it does not listen."""
        return 0 if self._server is None else int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The page's address, with a slash at the end."""
        return f"http://{HOST}:{self.port}/"

    def close(self) -> None:
        """Free the port. An answer that has begun is still given."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
        self._server = self._thread = None


@cache
def document() -> tuple[bytes, str]:
    """The page, and the policy that a browser holds it to: its own script and style, by their hashes."""
    style, script = _text_of("page.css"), "".join(map(_text_of, _SCRIPTS))
    page = _text_of("page.html").replace("/* page.css */", style).replace("/* page.js */", script)
    policy = {
        "default-src": "'none'",
        "script-src": _hash_source(script),
        "style-src": _hash_source(style),
        "img-src": "data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        # No text becomes markup, whatever the script does by mistake.
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return page.encode(), "; ".join(f"{name} {value}" for name, value in policy.items())


def _text_of(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


class _Server(ThreadingHTTPServer):
    # A client that never finishes does not keep the monitor from ending.
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, any_port: bool, snapshot: Snapshot, reports: Reports) -> None:
        super().__init__((HOST, port), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = open_listener(port, any_port=any_port)
        self.server_address = self.socket.getsockname()
        self.snapshot = snapshot
        self.reports = reports

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone or is slow is no error of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    # HTTP/1.0 closes each connection: an open page asks once a second, and nothing outlives `close`.
    timeout = _PATIENCE_S
    server_version = "mlcloud"
    sys_version = ""
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def do_GET(self) -> None:
        if not _is_local(self.headers.get("Host")):
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, f"Ask for {' or '.join(_HOST_NAMES[:2])}.")
            return
        path = self.path.partition("?")[0]
        if path == "/":
            content, policy = document()
            self._answer(content, "text/html; charset=utf-8", policy)
        elif path == "/status.json":
            self._answer_status()
        elif path.startswith(REPORTS):
            self._answer_report(unquote(path.removeprefix(REPORTS)))
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is / and /status.json.")

    do_HEAD = do_GET  # noqa: N815 - the name that the base class looks for

    def _answer_status(self) -> None:
        try:
            content = _json(cast(_Server, self.server).snapshot())
        except Exception as error:  # noqa: BLE001 - whatever is wrong there, the page says so and goes on
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}")
        else:
            self._answer(content, "application/json", "default-src 'none'")

    def _answer_report(self, label: str) -> None:
        report = cast(_Server, self.server).reports(label)
        try:
            stream = None if report is None else report.open("rb")
        except OSError:
            stream = None
        if stream is None:
            self._refuse(HTTPStatus.NOT_FOUND, "There is no report of this version.")
            return
        with stream:
            self._begin(HTTPStatus.OK, "text/html; charset=utf-8", _REPORT_POLICY)
            if self.command != "HEAD":
                shutil.copyfileobj(stream, self.wfile)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._answer(f"{message}\n".encode(), "text/plain; charset=utf-8", "default-src 'none'", status)

    def _answer(
        self, content: bytes, media_type: str, policy: str, status: HTTPStatus = HTTPStatus.OK
    ) -> None:
        self._begin(status, media_type, policy, {"Content-Length": str(len(content))})
        if self.command != "HEAD":
            self.wfile.write(content)

    def _begin(
        self, status: HTTPStatus, media_type: str, policy: str, more: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        own = {"Content-Type": media_type, "Content-Security-Policy": policy, **(more or {})}
        for name, value in (own | _HEADERS).items():
            self.send_header(name, value)
        self.end_headers()

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """An open page asks each second: that is no news."""


def _is_local(host: str | None) -> bool:
    """Whether a Host header names this machine, whatever the port."""
    if host is None:
        return False
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower() in _HOST_NAMES


def _json(content: Mapping[str, Any]) -> bytes:
    """JSON as browsers read it: what is no number is null."""
    return json.dumps(_finite(content), allow_nan=False, separators=(",", ":")).encode()


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in cast(Mapping[object, object], value).items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in cast(list[object], value)]
    return value

"""A webhook: the alarm as JSON, by POST. Its URL may hold a token, so it is a secret and never told."""

import contextlib
import http.client
import json
import re
import socket
import ssl
import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from mlcloud.provider.local.alarm_history import Outcome

_TIMEOUT_S: Final = 10.0
# After each failure: a receiver that is being started is back in half a minute.
_PAUSES_S: Final = (1.0, 4.0, 15.0)
# RFC 6585, 429: too many requests; RFC 9110, 408: it took too long to send.
_TRY_AGAIN: Final = frozenset({408, 429})


def problem_of(url: str) -> str | None:
    """What is wrong with a webhook's URL, without a word of it; None when nothing is."""
    try:
        parts = urlsplit(url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        return "it is not a URL: give one that starts with `https://` or `http://`."
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_right:
        return "it is not a URL of a webhook: give one that starts with `https://` or `http://`."
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        return "it holds blanks or letters that a URL cannot: write them as %XX."
    if "@" in parts.netloc:
        return "it holds a user's name: give the token in the path or the query, as the receiver asks for it."
    return None


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Where to tell of alarms.

    Attributes:
        url: `http` or `https`; a secret.
        timeout_s: seconds that one try may take, whatever the other side does. Default 10.
        pauses_s: seconds before each further try. Default 1, 4 and 15.
    """

    url: str = field(repr=False)
    timeout_s: float = _TIMEOUT_S
    pauses_s: tuple[float, ...] = _PAUSES_S

    def send(self, message: Mapping[str, Any], stopping: threading.Event) -> Outcome:
        """Post a message; tried again where the receiver may only be busy. Redirects are not followed."""
        body = json.dumps(dict(message)).encode()
        status, failure = self._post(body)
        tries = 1
        for pause_s in self.pauses_s:
            if (status is not None and not _may_pass(status)) or stopping.wait(pause_s):
                break
            status, failure = self._post(body)
            tries += 1
        times = "" if tries == 1 else f" ({tries} tries)"
        if status is None:
            return Outcome(kind="webhook", ok=False, detail=f"no answer: {failure}{times}")
        hint = "; redirects are not followed" if 300 <= status < 400 else ""
        return Outcome(kind="webhook", ok=200 <= status < 300, detail=f"it answered {status}{hint}{times}")

    def _post(self, body: bytes) -> tuple[int | None, str]:
        """One try: the answer's status, or why there is none."""
        parts = urlsplit(self.url)
        target = parts._replace(scheme="", netloc="", fragment="", path=parts.path or "/").geturl()
        headers = {"Content-Type": "application/json", "User-Agent": "mlcloud", "Connection": "close"}
        late = threading.Event()
        connection = _connection(parts, self.timeout_s)
        try:
            with _deadline(connection, self.timeout_s, late):
                connection.request("POST", target, body, headers)
                return connection.getresponse().status, ""
        except (OSError, http.client.HTTPException, ValueError) as error:
            return None, f"not within {self.timeout_s:g} s" if late.is_set() else _reason(error)
        finally:
            connection.close()


def _may_pass(status: int) -> bool:
    return status >= 500 or status in _TRY_AGAIN


def _connection(parts: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    """A direct connection: a proxy of somebody's environment is not asked."""
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=timeout_s)


@contextlib.contextmanager
def _deadline(
    connection: http.client.HTTPConnection, seconds: float, late: threading.Event
) -> Generator[None]:
    """Cut the connection when the whole takes too long: a timeout of sockets begins anew with each byte."""

    def cut() -> None:
        late.set()
        with contextlib.suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _reason(error: Exception) -> str:
    """What went wrong, in the system's words alone: those of libraries may quote the URL."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
        return error.strerror
    return type(error).__name__

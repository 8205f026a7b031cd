"""HTTP/1.1 with what uvicorn leaves open: limits of a head and of connections, and a gentle close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from mlcloud_trainer.serving.settings import ConnectionLimits

# What proxies in front of the platforms allow: 64 KiB of request line and headers.
MAX_HEAD_BYTES = 64 * 1024
# After a refusal the rest of a body is thrown away for this long, so that the client can read the answer:
# closing with unread data makes the system reset the connection, which discards what was sent.
LINGER_S = 2.0
LINGER_BYTES = 8 * 1024 * 1024

_HEAD_TOO_LARGE = (431, f"the request line and headers have more than {MAX_HEAD_BYTES} bytes")


class _Transport(asyncio.Transport):
    """Passes everything on, except `close`, which the protocol decides on."""

    def __init__(self, inner: asyncio.Transport, close: Callable[[], None]) -> None:
        super().__init__()
        self._inner = inner
        self._close = close
        self._closing = False

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._close()

    def is_closing(self) -> bool:
        return self._closing or self._inner.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._inner.write(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._inner.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()

    def abort(self) -> None:
        self._inner.abort()


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        *,
        config: Config,
        server_state: ServerState,
        limits: ConnectionLimits,
        refused: Callable[[], None],
    ) -> None:
        super().__init__(config, server_state, {})
        self._limits = limits
        self._refused = refused
        self._inner: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head_bytes = 0
        self._header_bytes = 0
        self._has_request = False
        self._body_open = False
        self._linger_bytes: int | None = None
        self._refusal = (400, "the request is not valid HTTP/1.1")

    # Connection

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait for a request's head."""
        self._inner = transport
        super().connection_made(_Transport(transport, self._close))
        if len(self.connections) > self._limits.max_connections:
            self._refusal = (503, "too many connections")
            self.send_400_response("")
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._cancel_timer()
        self._cancel_write_timer()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        """The client sends nothing more; a lingering connection has done its work."""
        if self._linger_bytes is not None and self._inner is not None:
            self._inner.close()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, or throw away what comes after a refusal."""
        if self._linger_bytes is not None:
            self._linger_bytes -= len(data)
            if self._linger_bytes < 0 and self._inner is not None:
                self._inner.abort()
            return
        was_in_head = self._in_head
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and was_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refusal = _HEAD_TOO_LARGE
                self.send_400_response("")
                return
        if self._is_idle() and self._timer is None and self.timeout_keep_alive_task is None:
            self._await_head()

    def close_when_idle(self) -> None:
        """Close now if no request is being read or answered, else after the answer."""
        if self._is_idle() and not self._in_head:
            self.transport.close()
        elif self._has_request:
            self.cycle.keep_alive = False

    def _is_idle(self) -> bool:
        return not self._body_open and (not self._has_request or self.cycle.response_complete)

    # Parser callbacks

    def on_message_begin(self) -> None:
        """A request's first line begins."""
        self._in_head = True
        self._head_bytes = self._header_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or one trailer after a chunked body."""
        self._header_bytes += len(name) + len(value)
        self._limit_head(self._header_bytes)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there: the application takes over, with its own time limit for the body."""
        self._cancel_timer()
        self._in_head = False
        self._limit_head(self._header_bytes + len(self.url))
        self._body_open = True
        super().on_headers_complete()
        self._has_request = True

    def on_message_complete(self) -> None:
        """The body is there."""
        self._body_open = False
        super().on_message_complete()

    def _limit_head(self, size: int) -> None:
        if size > MAX_HEAD_BYTES:
            self._refusal = _HEAD_TOO_LARGE
            # Ends the parser's work; it comes back as an invalid request.
            raise ValueError

    # Refusals before there is a request

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not a request; uvicorn calls this for anything its parser rejects."""
        del msg
        status, text = self._refusal
        self._refused()
        body = orjson.dumps({"error": text})
        lines = [STATUS_LINE[status]]
        lines += [name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers]
        if status == 503:
            lines.append(b"retry-after: 1\r\n")
        lines.append(
            b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        )
        self.transport.write(b"".join(lines) + body)
        self._body_open = True
        self.transport.close()

    # Timers

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(self._limits.header_timeout_s, self._head_timed_out)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _head_timed_out(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if not self._in_head:
            self.transport.close()
            return
        self._refusal = (408, "the request's head did not arrive in time")
        self.send_400_response("")

    def pause_writing(self) -> None:
        """The client does not take its answer: give it some time, then the memory back."""
        self._write_timer = self.loop.call_later(self._limits.write_timeout_s, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has taken most of its answer."""
        self._cancel_write_timer()
        super().resume_writing()

    def _cancel_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    # Closing

    def _close(self) -> None:
        """Close, but let a client that is still sending read its answer first."""
        inner = self._inner
        if inner is None or inner.is_closing():
            return
        self._cancel_timer()
        if not self._body_open:
            inner.close()
            return
        self._linger_bytes = LINGER_BYTES
        if inner.can_write_eof():
            inner.write_eof()
        inner.resume_reading()
        self._timer = self.loop.call_later(LINGER_S, inner.abort)


def protocol_factory(
    config: Config, state: ServerState, limits: ConnectionLimits, refused: Callable[[], None]
) -> Callable[[], asyncio.Protocol]:
    """Makes a protocol for each connection.

    Args:
        config: A loaded uvicorn configuration.
        state: Shared by all connections.
        limits: Of connections.
        refused: Called for each connection that is refused before there is a request.
    """

    def create() -> asyncio.Protocol:
        protocol = BoundedHttpProtocol(config=config, server_state=state, limits=limits, refused=refused)
        return cast("asyncio.Protocol", protocol)

    return create

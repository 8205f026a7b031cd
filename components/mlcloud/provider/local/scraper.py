"""Asks servers for their metrics over their private ports, all at once; one that hangs holds up nothing."""

import asyncio
import contextlib
import http.client
import io
from collections.abc import Mapping
from typing import Final

from mlcloud.provider.local.server_metrics import ServerMetrics
from mlcloud.provider.local.serving import HOST

# A server that works on a large request answers late; one that takes longer tells nothing of now.
_TIMEOUT_S: Final = 5.0
_MOST_BYTES: Final = 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024


class Scraper:
    """Looks at servers. A server is asked again when its last answer has come, or has not in time."""

    def __init__(self, timeout_s: float = _TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._asked: dict[str, asyncio.Task[ServerMetrics | None]] = {}

    def ask(self, ports: Mapping[str, int]) -> None:
        """Ask every server that is not being asked already.

        Args:
            ports: private port by the name of the server's process.
        """
        for server, port in ports.items():
            if server not in self._asked:
                self._asked[server] = asyncio.create_task(self._look(port))

    def answers(self) -> dict[str, ServerMetrics]:
        """What has come since the last call; a server that did not answer in time has no answer."""
        done = [server for server, task in self._asked.items() if task.done()]
        found = {server: self._asked.pop(server).result() for server in done}
        return {server: metrics for server, metrics in found.items() if metrics is not None}

    async def settle(self, timeout_s: float) -> None:
        """Give those that are quick the time to answer."""
        if self._asked:
            await asyncio.wait(self._asked.values(), timeout=timeout_s)

    async def close(self) -> None:
        """Ask no longer."""
        for task in self._asked.values():
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)

    async def _look(self, port: int) -> ServerMetrics | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                return ServerMetrics.of(await _get(port))
        except (OSError, http.client.HTTPException, ValueError, OverflowError):
            return None


async def _get(port: int) -> str:
    """The text at `/metrics`, empty where the answer is no good one."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(
            f"GET /metrics HTTP/1.1\r\nHost: {HOST}:{port}\r\nAccept: text/plain\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        received: list[bytes] = []
        while part := await reader.read(_CHUNK_BYTES):
            received.append(part)
            if sum(map(len, received)) > _MOST_BYTES:
                raise ValueError("more than a megabyte of metrics")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return _body_of(b"".join(received))


def _body_of(received: bytes) -> str:
    response = http.client.HTTPResponse(_Received(received))  # type: ignore[arg-type] # it reads a file alone
    response.begin()
    body = response.read()
    return body.decode(errors="replace") if response.status == http.client.OK else ""


class _Received:
    """What came over a connection, as `HTTPResponse` asks for it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, mode: str) -> io.BytesIO:
        """The whole of it."""
        del mode
        return io.BytesIO(self._content)

"""Asking servers for their metrics: those that answer, that do not, or that answer something else."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from mlcloud.provider.local.scraper import Scraper
from mlcloud.provider.local.server_metrics import ServerMetrics
from support.provider_monitors import ready_metrics
from support.waiting import LIMIT_S

TEXT = ready_metrics(capacity=7).render()


class RawServer:
    """Answers each connection with the same bytes, or as it is told."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self.asked: list[bytes] = []
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        try:
            self.asked.append(connection.recv(4096))
            self._answer(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], None]], RawServer]]:
    made: list[RawServer] = []

    def make(answer: Callable[[socket.socket], None]) -> RawServer:
        made.append(RawServer(answer))
        return made[-1]

    yield make
    for server in made:
        server.close()


def sends(content: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(content)


def look(*ports: int, timeout_s: float = LIMIT_S) -> dict[str, ServerMetrics]:
    """What servers say, each under its number; all have answered or are given up."""

    async def run() -> dict[str, ServerMetrics]:
        scraper = Scraper(timeout_s)
        scraper.ask({str(number): port for number, port in enumerate(ports)})
        await scraper.settle(2 * timeout_s)
        found = scraper.answers()
        await scraper.close()
        return found

    return asyncio.run(run())


@pytest.mark.parametrize(
    "head",
    [
        f"HTTP/1.1 200 OK\r\nContent-Length: {len(TEXT)}\r\n\r\n".encode(),
        b"HTTP/1.0 200 OK\r\n\r\n",
    ],
)
def test_a_server_tells_its_metrics(
    serve: Callable[[Callable[[socket.socket], None]], RawServer], head: bytes
) -> None:
    server = serve(sends(head + TEXT))
    assert look(server.port)["0"].capacity == 7
    assert server.asked[0].startswith(b"GET /metrics HTTP/1.1\r\n")
    assert b"Connection: close\r\n" in server.asked[0]


def test_an_answer_in_chunks_is_put_together(
    serve: Callable[[Callable[[socket.socket], None]], RawServer],
) -> None:
    chunks = b"".join(
        f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (TEXT[:100], TEXT[100:], b"")
    )
    server = serve(sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks))
    assert look(server.port)["0"].capacity == 7


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"HTTP/1.1 503 Busy\r\n\r\n" + TEXT,
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + TEXT,
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\nmlcloud_ready 1\nmlcloud_requests_in_flight inf\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3_000_000,
    ],
)
def test_an_answer_that_is_no_metrics_tells_nothing(
    serve: Callable[[Callable[[socket.socket], None]], RawServer], content: bytes
) -> None:
    assert look(serve(sends(content)).port) == {}


def test_a_port_that_nobody_listens_on_tells_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert look(taken.getsockname()[1]) == {}


def test_a_server_that_drips_is_given_up_and_others_are_heard(
    serve: Callable[[Callable[[socket.socket], None]], RawServer],
) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"#")
            time.sleep(0.01)

    quick = serve(sends(b"HTTP/1.0 200 OK\r\n\r\n" + TEXT))
    assert set(look(serve(drip).port, quick.port, timeout_s=3.0)) == {"1"}


def test_a_server_that_is_still_asked_is_not_asked_again(
    serve: Callable[[Callable[[socket.socket], None]], RawServer],
) -> None:
    released = threading.Event()

    def wait(connection: socket.socket) -> None:
        released.wait()
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + TEXT)

    server = serve(wait)

    async def run() -> list[int]:
        scraper, counts = Scraper(LIMIT_S), list[int]()
        for _ in range(5):
            scraper.ask({"one": server.port})
            await scraper.settle(0.05)
            counts.append(len(scraper.answers()))
        released.set()
        await scraper.settle(LIMIT_S)
        counts.append(len(scraper.answers()))
        await scraper.close()
        return counts

    assert asyncio.run(run()) == [0, 0, 0, 0, 0, 1]
    assert len(server.asked) == 1

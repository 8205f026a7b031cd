"""Slow clients and many clients: who holds the server up is cut off, and the others are answered."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from conftest import TestModel
from support.serving_process import ServerProcess, raw_exchange, read_to_end, serving
from support.waiting import LIMIT_S, eventually


def head(path: str, *headers: str, method: str = "POST") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", *headers, "", ""]).encode()


@pytest.fixture(scope="module")
def strict_server(cancer: TestModel) -> Iterator[ServerProcess]:
    """Short times, so that the limits are met quickly."""
    with serving(
        cancer.path,
        MLCLOUD_HEADER_TIMEOUT_S="0.5",
        MLCLOUD_BODY_TIMEOUT_S="0.5",
        MLCLOUD_KEEP_ALIVE_S=1,
    ) as server:
        yield server


def test_a_head_that_does_not_arrive_is_408(strict_server: ServerProcess) -> None:
    with strict_server.connect() as connection:
        assert raw_exchange(connection, b"GET /ping HTT")[0] == 408


def test_a_head_that_drips_is_408_however_often_a_byte_comes(strict_server: ServerProcess) -> None:
    with strict_server.connect() as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\n")
        started = time.monotonic()
        try:
            while time.monotonic() - started < LIMIT_S:
                connection.sendall(b"a: b\r\n")
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() - started < LIMIT_S


def test_a_connection_that_says_nothing_is_closed(strict_server: ServerProcess) -> None:
    with strict_server.connect() as connection:
        assert read_to_end(connection) == (0, b"")


def test_a_kept_connection_that_falls_silent_is_closed(strict_server: ServerProcess) -> None:
    with strict_server.connect() as connection:
        connection.sendall(head("/ping", method="GET"))
        assert read_to_end(connection)[0] == 200
    with strict_server.connect() as connection:
        connection.sendall(head("/ping", method="GET"))
        time.sleep(0.2)
        # Something that is no request line keeps it open no longer.
        connection.sendall(b"\r\n")
        read_to_end(connection)


def test_a_body_that_does_not_arrive_is_408(strict_server: ServerProcess) -> None:
    for headers in (["content-length: 100"], ["transfer-encoding: chunked"]):
        with strict_server.connect() as connection:
            status, received = raw_exchange(connection, head("/invocations", *headers) + b"1\r\n[\r\n")
            assert status == 408
            assert b"connection: close" in received


def test_more_connections_than_allowed_are_503_with_retry_after(cancer: TestModel) -> None:
    limits = {"MLCLOUD_MAX_CONNECTIONS": 8, "MLCLOUD_HEADER_TIMEOUT_S": 200}
    with serving(cancer.path, **limits) as server, contextlib.ExitStack() as held:
        for _ in range(8):
            held.enter_context(server.connect()).sendall(b"GET /ping HTTP/1.1\r\n")
        with server.connect() as one_more:
            status, received = read_to_end(one_more)
            assert status == 503
            assert b"retry-after: 1" in received
        held.close()
        # The server sees only by and by that they are closed.
        eventually(lambda: server.get("/ping").status_code == 200)


def test_bodies_that_together_hold_too_much_memory_are_503(cancer: TestModel) -> None:
    limits = {"MLCLOUD_MAX_BUFFERED_BYTES": 1_000_000, "MLCLOUD_BODY_TIMEOUT_S": 200}
    with serving(cancer.path, **limits) as server, server.connect() as slow:
        slow.sendall(head("/invocations", "content-length: 900000", "connection: close") + b" " * 899_000)
        # Once the server has read that much of it.
        eventually(lambda: server.post("/invocations", b" " * 200_000).status_code == 503)
        answer = server.post("/invocations", b" " * 200_000)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert raw_exchange(slow, b" " * 1000)[0] == 400
        assert server.post("/invocations", b" " * 200_000).status_code == 400


def test_a_client_that_does_not_take_its_answer_is_cut_off(cancer: TestModel) -> None:
    # The systems' buffers take several megabytes, so one answer is not enough.
    body = json.dumps([[0] * len(cancer.values)] * 20_000).encode()
    request = head("/invocations", f"content-length: {len(body)}") + body
    limits = {"MLCLOUD_WRITE_TIMEOUT_S": "0.5", "MLCLOUD_BODY_TIMEOUT_S": 200}
    with serving(cancer.path, **limits) as server, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(LIMIT_S)
        connection.connect(("127.0.0.1", server.port))
        # It never reads, so it is stuck in the middle of a request until the server cuts it off.
        with pytest.raises(ConnectionError):
            for _ in range(50):
                connection.sendall(request)
        assert server.get("/ping").status_code == 200


def test_work_over_the_queue_is_503_with_retry_after_and_the_rest_is_answered(mixed_skops: TestModel) -> None:
    body = json.dumps({"instances": [mixed_skops.values] * 40_000}).encode()
    variables = {"MLCLOUD_MAX_CONCURRENCY": 1, "MLCLOUD_MAX_QUEUE": 1}
    with serving(mixed_skops.path, **variables) as server, concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers: list[httpx.Response] = []

        def refused_some() -> bool:
            """Six at once; on a slow machine they may come one after the other."""
            asked = [pool.submit(server.post, "/invocations", body) for _ in range(6)]
            answers.extend(one.result() for one in asked)
            return any(answer.status_code == 503 for answer in answers)

        eventually(refused_some)
        codes = [answer.status_code for answer in answers]
        assert set(codes) == {200, 503}
        assert codes.count(200) >= 2
        refused = next(answer for answer in answers if answer.status_code == 503)
        assert refused.headers["retry-after"] == "1"
        assert server.post("/invocations", {"instances": [mixed_skops.row]}).status_code == 200


def test_many_small_requests_at_once_all_get_their_own_answer(
    skops_server: ServerProcess, mixed: TestModel
) -> None:
    rows = [{**mixed.row, "area_m2": float(size), "rooms": size % 7} for size in range(20, 180, 4)]
    alone = [skops_server.post("/invocations", {"instances": [row]}).json() for row in rows]
    gate = threading.Barrier(8)

    def ask(start: int) -> list[object]:
        gate.wait()
        with skops_server.client() as client:
            return [client.post("/invocations", json={"instances": [row]}).json() for row in rows[start::8]]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for start, found in enumerate(pool.map(ask, range(8))):
            assert found == alone[start::8]

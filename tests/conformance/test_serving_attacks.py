"""Attacks over HTTP on the running server, each with the refusal it must meet."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import pickle
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import TestModel
from support.processes import cpu_seconds, peak_resident_mib
from support.serving_process import ServerProcess, raw_exchange, read_to_end, serving
from support.waiting import LIMIT_S, eventually

PREDICT_ROUTES = ("/invocations", "/score", "/v2/models/model/infer")


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


# Pickle in a request


@pytest.mark.parametrize(
    "content_type", ["application/x-pickle", "application/octet-stream", "application/x-joblib"]
)
def test_a_pickle_in_a_request_is_refused(
    cancer_server: ServerProcess, tmp_path: Path, content_type: str
) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.mkdir, (tmp_path / "canary",)

    body = pickle.dumps(Payload())
    for path in PREDICT_ROUTES:
        answer = cancer_server.post(path, body, headers={"content-type": content_type})
        assert answer.status_code in (400, 415)
        assert cancer_server.post(path, body).status_code == 400
    assert not (tmp_path / "canary").exists()


# Bodies that are bombs


@pytest.mark.parametrize("path", PREDICT_ROUTES)
def test_a_body_over_the_cap_is_refused_before_it_is_read(cancer_server: ServerProcess, path: str) -> None:
    with cancer_server.connect() as connection:
        started = time.monotonic()
        status, received = raw_exchange(connection, head(path, f"content-length: {10**12}") + b"[1,")
        assert status == 413
        assert b"connection: close" in received
        assert time.monotonic() - started < 20, "a body that does not come is waited for for 30 s"


@pytest.mark.parametrize("length", ["6291457", "9" * 19, "9" * 40])
def test_any_declared_length_over_the_cap_is_refused(cancer_server: ServerProcess, length: str) -> None:
    with cancer_server.connect() as connection:
        status, _ = raw_exchange(connection, head("/score", f"content-length: {length}"))
    assert status in (400, 413)


def test_a_chunked_body_is_refused_once_it_is_over_the_cap(cancer_server: ServerProcess) -> None:
    stream = memoryview((b"10000\r\n" + b" " * 65536 + b"\r\n") * 800)
    sent, received = 0, b""
    with cancer_server.connect() as connection:
        connection.sendall(head("/invocations", "transfer-encoding: chunked"))
        connection.setblocking(False)
        deadline = time.monotonic() + LIMIT_S
        while b"\r\n\r\n" not in received and time.monotonic() < deadline:
            with contextlib.suppress(BlockingIOError):
                sent += connection.send(stream[sent : sent + 65536])
            with contextlib.suppress(BlockingIOError):
                received += connection.recv(4096)
    assert received.startswith(b"HTTP/1.1 413")
    assert sent < 40_000_000


def test_a_client_that_sends_too_much_can_read_why_it_was_refused(cancer_server: ServerProcess) -> None:
    with cancer_server.connect() as connection:
        # All of it is sent before anything is read: a connection that is closed meanwhile loses the answer.
        connection.sendall(head("/invocations", "content-length: 7000000") + b" " * 7_000_000)
        time.sleep(0.3)
        status, received = read_to_end(connection)
    assert status == 413
    assert b"larger than" in received
    assert cancer_server.post("/invocations", b" " * 12_000_000).status_code == 413


BOMBS = {
    "nesting": b"[" * 3_000_000,
    "closed nesting": b'{"instances": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "millions of empty rows": b'{"instances": [' + b"[]," * 1_900_000 + b"[]]}",
    "millions of objects": b"[" + b"{}," * 1_900_000 + b"{}]",
    "millions of values": b'{"instances": [[' + b"1," * 2_500_000 + b"1]]}",
    "rows over the limit": b"[" + b",".join([b"[]"] * 100_001) + b"]",
    "keys": b"{" + b",".join(b'"%d":0' % number for number in range(500_000)) + b"}",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_json_bomb_is_refused_quickly_and_costs_little_memory(cancer: TestModel, bomb: str) -> None:
    body = BOMBS[bomb]
    assert len(body) < 6_291_456
    with serving(cancer.path) as server:
        before = peak_resident_mib(server.process.pid)
        for path in PREDICT_ROUTES:
            began = cpu_seconds(server.process.pid)
            answer = server.post(path, body)
            assert answer.status_code in (400, 413), answer.text
            assert cpu_seconds(server.process.pid) - began < 3
            assert len(answer.text) < 3000
        assert peak_resident_mib(server.process.pid) - before < 160
        assert server.get("/ping").status_code == 200


def test_csv_and_lines_with_millions_of_rows_are_refused(cancer_server: ServerProcess) -> None:
    for content_type, body in (
        ("text/csv", b"1\n" * 2_000_000),
        ("application/jsonlines", b"1\n" * 2_000_000),
    ):
        answer = cancer_server.post("/invocations", body, headers={"content-type": content_type})
        assert answer.status_code == 413
    answer = cancer_server.post("/invocations", b"," * 5_000_000, headers={"content-type": "text/csv"})
    assert answer.status_code == 413


@pytest.mark.parametrize("path", PREDICT_ROUTES)
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip", "zstd"])
def test_compressed_bodies_are_refused(cancer_server: ServerProcess, path: str, encoding: str) -> None:
    answer = cancer_server.post(path, b"\x1f\x8b\x08", headers={"content-encoding": encoding})
    assert answer.status_code == 415
    assert "Content-Encoding" in answer.json()["error"]


# Slow clients, many clients


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


# Malformed HTTP


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"CONNECT evil:443 HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (head("/score", "content-length: 5", "transfer-encoding: chunked") + b"0\r\n\r\n", 400),
        (head("/score", "content-length: 5", "content-length: 6") + b"[]", 400),
        (head("/score", "content-length: -1"), 400),
        (head("/score", "transfer-encoding: chunked") + b"zz\r\n", 400),
        (head("/ping", "a: b\x00c", method="GET"), 400),
        (head("/" + "x" * 70_000, method="GET"), 431),
        (head("/ping", "a: " + "x" * 70_000, method="GET"), 431),
        (head("/ping", *["a: b"] * 40_000, method="GET"), 431),
        (b"GET /ping HTTP/1.1\r\na: " + b"x" * 400_000, 431),
    ],
)
def test_what_is_not_a_request_is_refused_as_json(
    cancer_server: ServerProcess, request_bytes: bytes, status: int
) -> None:
    with cancer_server.connect() as connection:
        found, received = raw_exchange(connection, request_bytes)
    assert found == status
    body = received.partition(b"\r\n\r\n")[2]
    assert "error" in json.loads(body)
    assert cancer_server.get("/ping").status_code == 200


def test_an_upgrade_is_not_taken(cancer_server: ServerProcess) -> None:
    upgrade = head("/ping", "connection: upgrade, close", "upgrade: websocket", method="GET")
    with cancer_server.connect() as connection:
        status, _ = raw_exchange(connection, upgrade)
    assert status in (200, 400)
    assert cancer_server.get("/ping").status_code == 200


# Server-side requests


def test_the_server_fetches_nothing_that_a_request_names(
    mixed_server: ServerProcess, mixed: TestModel
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0.3)
        url = f"http://127.0.0.1:{canary.getsockname()[1]}/x"
        bodies: list[object] = [
            {"instances": [{**mixed.row, "city": url}]},
            {"instances": url},
            {"data": url},
            {"instances": [{"url": url, "uri": url, "b64": url}]},
            {
                "inputs": [
                    {
                        "name": "x",
                        "shape": [1],
                        "datatype": "BYTES",
                        "parameters": {"url": url},
                        "data": [url],
                    }
                ]
            },
        ]
        for body in bodies:
            for path in PREDICT_ROUTES:
                assert mixed_server.post(path, body, headers={"x-forwarded-for": url}).status_code in (
                    200,
                    400,
                )
        with pytest.raises(TimeoutError):
            canary.accept()


# Logs


def test_the_log_is_json_and_holds_nothing_of_a_request_but_what_was_checked(cancer: TestModel) -> None:
    with serving(cancer.path, MLCLOUD_ACCESS_LOG="true") as server:
        secret = "hunter2"
        for request_id in ("fine.id-1", "\x1b[2J", 'x","level":"error', "a" * 65, "a b", "..", "é"):
            server.post(
                f"/invocations?token={secret}",
                {"instances": [{secret: secret}]},
                headers={"x-request-id": request_id.encode(), "authorization": f"Bearer {secret}"},
            )
        server.get(f"/{secret}%0d%0a%7B%22level%22:%22error%22%7D")
        server.post("/invocations", secret.encode())
        server.post("/invocations", f"{secret},\n".encode(), headers={"content-type": "text/csv"})
        assert server.terminate() == 0
    text = b"".join(server.raw)
    assert secret.encode() not in text
    assert b"\x1b" not in text
    ids = [str(line["request_id"]) for line in server.events("request")]
    # The escape sequence was not even HTTP.
    assert len(ids) == 9
    assert ids[0] == "fine.id-1"
    generated = [one for one in ids if one != "fine.id-1"]
    assert all(one.replace("-", "").isalnum() and len(one) < 30 for one in generated)
    assert len(set(ids)) == 9
    assert all({"time", "level", "event", "message"} <= line.keys() for line in server.lines)


def test_the_model_folder_cannot_forge_log_lines(tmp_path: Path) -> None:
    folder = tmp_path / 'x\n{"level":"error"}\x1b[31m'
    folder.mkdir()
    with serving(folder, wait_for=None) as server:
        assert server.wait() == 1
    assert b"\x1b" not in b"".join(server.raw)
    assert [line["event"] for line in server.lines] == ["listening", "startup_failed", "draining", "stopped"]


# What is there


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/redoc",
        "/openapi.json",
        "/admin",
        "/debug",
        "/debug/pprof",
        "/shutdown",
        "/models",
        "/v1/models",
        "/v2/repository/index",
        "/v2/models/model/load",
        "/v2/models/model/unload",
        "/v2/logging",
        "/v2/trace/setting",
        "/execution-parameters",
        "/swagger.json",
        "/.env",
        "/manifest.json",
    ],
)
def test_only_documented_routes_are_there(cancer_server: ServerProcess, path: str) -> None:
    assert cancer_server.get(path).status_code == 404
    assert cancer_server.post(path, {}).status_code == 404


def test_no_answer_names_the_server(cancer_server: ServerProcess) -> None:
    for path in ("/", "/ping", "/nothing", "/metrics", "/v2"):
        answer = cancer_server.get(path)
        assert "server" not in answer.headers
        assert "x-powered-by" not in answer.headers
        assert "uvicorn" not in answer.text.lower()
        assert "date" in answer.headers

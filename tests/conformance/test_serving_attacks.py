"""Attacks over HTTP on the running server, each with the refusal it must meet."""

from __future__ import annotations

import contextlib
import json
import pickle
import socket
import time
from pathlib import Path

import pytest
from conftest import TestModel
from support.processes import cpu_seconds, peak_resident_mib
from support.serving_process import ServerProcess, raw_exchange, read_to_end, serving
from support.waiting import LIMIT_S

PREDICT_ROUTES = ("/invocations", "/score", "/v2/models/model/infer")


def head(path: str, *headers: str, method: str = "POST") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", *headers, "", ""]).encode()


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

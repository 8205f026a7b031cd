"""From the first bound socket to the last answer: readiness, signals, inherited sockets, cold start."""

from __future__ import annotations

import concurrent.futures
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from conftest import TestModel
from support.local_http import get, post
from support.processes import cpu_seconds
from support.serving_process import ServerProcess, read_to_end, serving, startup_failure
from support.waiting import LIMIT_S, eventually

READY_ROUTES = ("/ping", "/v2/health/ready", "/v2/models/model/ready", "/healthz")


def status(server: ServerProcess, path: str) -> int:
    return server.get(path).status_code


T = TypeVar("T")


@contextmanager
def caught_loading(
    model: Path, look: Callable[[ServerProcess], T], **variables: str
) -> Iterator[tuple[ServerProcess, T]]:
    """A server, and what was seen of it while it loaded.

    scikit-learn takes a second to import; where this process is held up for longer, it tries again.
    """
    for _ in range(10):
        with serving(model, wait_for="listening", **variables) as server:
            seen = look(server)
            if not server.events("ready"):
                yield server, seen
                return
    pytest.fail("the model was always loaded too soon to see anything")


def test_the_server_is_live_before_its_model_is_loaded_and_ready_only_after(mixed_skops: TestModel) -> None:
    variables = {"AIP_HEALTH_ROUTE": "/healthz", "AIP_PREDICT_ROUTE": "/predict"}
    prediction_routes = ("/invocations", "/score", "/predict", "/v2/models/model/infer")
    live_routes, closed_routes = ("/v2/health/live", "/"), (*READY_ROUTES, "/v2/models/model")

    def look(server: ServerProcess) -> tuple[dict[str, int], list[httpx.Response], str]:
        with server.client() as client:
            seen = {path: client.get(path).status_code for path in (*live_routes, *closed_routes)}
            body = {"instances": [mixed_skops.row]}
            answers = [client.post(path, json=body) for path in prediction_routes]
            return seen, answers, client.get("/metrics").text

    with caught_loading(mixed_skops.path, look, **variables) as (server, (seen, answers, metrics)):
        assert seen == dict.fromkeys(live_routes, 200) | dict.fromkeys(closed_routes, 503)
        assert [answer.status_code for answer in answers] == [503] * 4
        assert {answer.headers["retry-after"] for answer in answers} == {"1"}
        assert "mlcloud_ready 0" in metrics
        server.wait_for("ready")
        assert {path: status(server, path) for path in READY_ROUTES} == dict.fromkeys(READY_ROUTES, 200)
        assert server.post("/predict", {"instances": [mixed_skops.row]}).status_code == 200
        assert "mlcloud_ready 1" in server.get("/metrics").text


def test_a_stop_while_the_model_is_loaded_is_a_clean_exit(mixed_skops: TestModel) -> None:
    with caught_loading(mixed_skops.path, ServerProcess.terminate) as (server, code):
        assert code == 0
        assert not server.events("drain_timeout")


def test_a_stop_right_after_the_start_is_a_clean_exit(cancer: TestModel) -> None:
    with serving(cancer.path, wait_for=None) as server:
        deadline = time.monotonic() + 90
        # The signal is caught once the process says so; before that it is Python that starts.
        while not catches(server.process.pid, signal.SIGTERM) and time.monotonic() < deadline:
            time.sleep(0.002)
        assert server.terminate() == 0


def catches(pid: int, number: int) -> bool:
    text = Path(f"/proc/{pid}/status").read_text()
    mask = int(next(line for line in text.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(mask >> (number - 1) & 1)


def test_requests_in_flight_finish_after_sigterm_and_the_exit_code_is_0(cancer: TestModel) -> None:
    body = json.dumps({"instances": [cancer.row]}).encode()
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    with serving(cancer.path) as server, server.client() as client, server.connect() as slow:
        assert client.get("/ping").status_code == 200
        slow.sendall(head + body[:10])
        server.wait_for_requests(1, client)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("draining")
        # The connection that was open before tells at once that the server is on its way out.
        answer = client.get("/ping")
        assert (answer.status_code, answer.headers["connection"]) == (503, "close")
        with pytest.raises(OSError, match="refused"):
            server.connect()
        slow.sendall(body[10:])
        code, received = read_to_end(slow)
        assert code == 200
        assert b"connection: close" in received
        assert b'"predictions"' in received
        assert server.wait() == 0
        assert not server.events("drain_timeout")


def test_an_idle_connection_does_not_hold_the_exit_up(cancer: TestModel) -> None:
    with serving(cancer.path) as server, server.client() as client, server.connect():
        client.get("/ping")
        assert server.terminate() == 0
        assert not server.events("drain_timeout")


def test_a_request_that_never_ends_is_given_up_after_the_drain_time(cancer: TestModel) -> None:
    with serving(cancer.path, MLCLOUD_DRAIN_TIMEOUT_S="1.5") as server, server.connect() as slow:
        slow.sendall(b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{")
        server.wait_for_requests(1)
        started = time.monotonic()
        assert server.terminate() == 0
        assert 1 < time.monotonic() - started < 20, "the default is 24 s"
        assert server.events("drain_timeout")


# Sockets that come from a supervisor


@contextmanager
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def test_an_inherited_socket_is_served_instead_of_a_port(cancer: TestModel) -> None:
    with (
        listener() as public,
        serving(cancer.path, pass_fds=[public.fileno()], MLCLOUD_LISTEN_FD=public.fileno()) as server,
    ):
        assert server.port == public.getsockname()[1]
        assert status(server, "/ping") == 200


@contextmanager
def generation(
    model: Path, public: socket.socket, private: socket.socket, version: str
) -> Iterator[ServerProcess]:
    with serving(
        model,
        pass_fds=[public.fileno(), private.fileno()],
        MLCLOUD_LISTEN_FD=public.fileno(),
        MLCLOUD_PRIVATE_FD=private.fileno(),
        MLCLOUD_MODEL_VERSION=version,
    ) as server:
        yield server


def test_the_public_socket_waits_for_the_signal_while_the_private_one_is_served(cancer: TestModel) -> None:
    with (
        listener() as public,
        listener() as private,
        generation(cancer.path, public, private, "one") as server,
    ):
        url = f"http://127.0.0.1:{private.getsockname()[1]}"
        assert get(f"{url}/ping").status_code == 200
        smoke = post(f"{url}/invocations", {"instances": [cancer.row]})
        assert smoke.json()["predictions"][0]["prediction"] == cancer.expected["prediction"]
        with server.connect(public.getsockname()[1], timeout_s=0.3) as waiting:
            waiting.sendall(b"GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            with pytest.raises(TimeoutError):
                waiting.recv(1)
            server.process.send_signal(signal.SIGUSR1)
            waiting.settimeout(LIMIT_S)
            assert read_to_end(waiting)[0] == 200
        server.process.send_signal(signal.SIGUSR1)
        assert get(f"{url}/ping").status_code == 200


def test_one_generation_takes_over_from_another_without_a_failed_request(cancer: TestModel) -> None:
    with listener() as public, listener() as first_private, listener() as second_private:
        url = f"http://127.0.0.1:{public.getsockname()[1]}"
        with (
            generation(cancer.path, public, first_private, "one") as first,
            generation(cancer.path, public, second_private, "two") as second,
            concurrent.futures.ThreadPoolExecutor(4) as pool,
        ):
            first.process.send_signal(signal.SIGUSR1)
            first.wait_for("listening")
            done = threading.Event()
            seen: list[tuple[int, str]] = []

            def ask() -> None:
                # A new connection each time, and one that is kept: both must survive.
                with httpx.Client(trust_env=False, timeout=LIMIT_S) as kept:
                    while not done.is_set():
                        body = {"instances": [cancer.row]}
                        # Not /ping: a generation that drains is not ready, and says so.
                        for answer in (
                            kept.post(f"{url}/invocations", json=body),
                            post(f"{url}/invocations", body),
                        ):
                            seen.append((answer.status_code, answer.headers["x-model-version"]))

            asking = [pool.submit(ask) for _ in range(4)]
            try:
                eventually(lambda: len(seen) >= 8)
                second.process.send_signal(signal.SIGUSR1)
                second.wait_for("listening")
                before = len(seen)
                eventually(lambda: len(seen) >= before + 8)
                assert first.terminate() == 0
                before = len(seen)
                eventually(lambda: len(seen) >= before + 8)
            finally:
                done.set()
            for one in asking:
                one.result()
            assert {code for code, _ in seen} == {200}
            assert {version for _, version in seen} == {"one", "two"}
            assert get(f"{url}/ping").headers["x-model-version"] == "two"


def test_while_draining_the_private_socket_says_not_ready(cancer: TestModel) -> None:
    with (
        listener() as public,
        listener() as private,
        generation(cancer.path, public, private, "one") as server,
    ):
        server.process.send_signal(signal.SIGUSR1)
        server.wait_for("listening")
        with server.connect(public.getsockname()[1]) as slow:
            slow.sendall(b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n[")
            url = f"http://127.0.0.1:{private.getsockname()[1]}"
            with httpx.Client(base_url=url, trust_env=False, timeout=LIMIT_S) as client:
                server.wait_for_requests(1, client)
            server.process.send_signal(signal.SIGTERM)
            server.wait_for("draining")
            assert get(f"{url}/ping").status_code == 503
            assert get(f"{url}/v2/health/live").status_code == 200
            slow.sendall(b"]")
            assert read_to_end(slow)[0] == 200
        assert server.wait() == 0


@pytest.mark.parametrize("variable", ["MLCLOUD_LISTEN_FD", "MLCLOUD_PRIVATE_FD"])
def test_a_descriptor_that_is_no_listening_socket_stops_the_start(cancer: TestModel, variable: str) -> None:
    assert variable in startup_failure(cancer.path, **{variable: 77})


def test_a_taken_port_stops_the_start_and_the_message_says_what_to_set(cancer: TestModel) -> None:
    with listener() as taken:
        message = startup_failure(cancer.path, MLCLOUD_HTTP_PORT=taken.getsockname()[1])
    assert "MLCLOUD_HTTP_PORT" in message
    assert "in use" in message


# Cold start


def test_an_onnx_model_is_served_without_a_training_library(cancer: TestModel) -> None:
    with serving(cancer.path) as server:
        server.post("/invocations", {"instances": [cancer.row]})
        maps = Path(f"/proc/{server.process.pid}/maps").read_text()
        assert "onnxruntime" in maps
        for library in ("sklearn", "pandas", "pyarrow", "matplotlib", "scipy", "skl2onnx", "skops"):
            assert f"/{library}/" not in maps, library


def test_an_onnx_model_is_ready_soon(cancer: TestModel) -> None:
    def is_soon() -> bool:
        """1.5 s is the aim on an idle machine. This one is shared: once is enough."""
        started = time.monotonic()
        with serving(cancer.path) as server:
            return time.monotonic() - started < 6 and cpu_seconds(server.process.pid) < 2.5

    assert any(is_soon() for _ in range(8))


def test_the_slowest_runtime_listens_within_vertex_ais_ten_seconds(mixed_skops: TestModel) -> None:
    def is_in_time() -> bool:
        """Vertex AI tries four times, 10 s apart, and then restarts it (contracts). Once is enough here."""
        started = time.monotonic()
        with serving(mixed_skops.path, wait_for="listening"):
            return time.monotonic() - started < 10

    assert any(is_in_time() for _ in range(5))

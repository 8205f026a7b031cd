"""Connections that a supervisor hands over: taken, answered, and none lost when it changes its mind."""

from __future__ import annotations

import concurrent.futures
import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
from conftest import TestModel
from support.local_http import post
from support.serving_process import ServerProcess, read_to_end, serving, startup_failure
from support.waiting import LIMIT_S, eventually

# The socket between them takes hundreds, and is writable for whoever waits for that up to a quarter of it.
COUNT = 50
PING = b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\n"


@dataclass
class Supervised:
    """A server with the three sockets that a supervisor gives it."""

    server: ServerProcess
    public: socket.socket
    channel: socket.socket

    def take_over(self) -> None:
        before = len(self.server.events("listening"))
        self.server.process.send_signal(signal.SIGUSR1)
        eventually(lambda: len(self.server.events("listening")) > before)

    def hold(self) -> None:
        self.channel.send(b"h")
        assert self.channel.recv(1) == b"h"

    def hand(self, connection: socket.socket) -> None:
        socket.send_fds(self.channel, [b"c"], [connection.fileno()])
        connection.close()

    def connected(self) -> tuple[socket.socket, socket.socket]:
        """A client's end, and the end that is handed over."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname(), timeout=LIMIT_S)
            return client, listener.accept()[0]


@contextmanager
def supervised(model: TestModel, public: socket.socket, version: str = "one") -> Iterator[Supervised]:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as private:
        ours.settimeout(LIMIT_S)
        descriptors = [public.fileno(), private.fileno(), theirs.fileno()]
        with serving(
            model.path,
            pass_fds=descriptors,
            MLCLOUD_LISTEN_FD=descriptors[0],
            MLCLOUD_PRIVATE_FD=descriptors[1],
            MLCLOUD_HANDOFF_FD=descriptors[2],
            MLCLOUD_MODEL_VERSION=version,
        ) as server:
            theirs.close()
            yield Supervised(server, public, ours)


@pytest.fixture
def public() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def test_a_connection_that_is_handed_over_is_answered_and_closed(
    cancer: TestModel, public: socket.socket
) -> None:
    with supervised(cancer, public) as one:
        for _ in range(3):
            client, accepted = one.connected()
            with client:
                client.sendall(PING)
                one.hand(accepted)
                code, answer = read_to_end(client)
                assert (code, b"connection: close" in answer) == (200, True)
        assert not one.server.events("listening")


def test_who_holds_takes_nothing_from_the_public_socket_and_ends_what_is_kept_open_with_an_answer(
    cancer: TestModel, public: socket.socket
) -> None:
    with supervised(cancer, public) as one:
        one.take_over()
        port = public.getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=LIMIT_S) as kept:
            assert "connection" not in kept.get("/ping").headers
            one.hold()
            answer = kept.get("/ping")
            assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        with one.server.connect(port, timeout_s=0.3) as waiting:
            waiting.sendall(PING)
            with pytest.raises(TimeoutError):
                waiting.recv(1)
            one.take_over()
            waiting.settimeout(LIMIT_S)
            assert waiting.recv(12) == b"HTTP/1.1 200"
        assert len(one.server.events("holding")) == 1


def test_connections_that_were_handed_over_before_sigterm_are_answered(
    cancer: TestModel, public: socket.socket
) -> None:
    body = json.dumps({"instances": [cancer.row]}).encode()
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    with supervised(cancer, public) as one:
        pairs = [one.connected() for _ in range(COUNT)]
        # Stopped, so that it finds the signal and all of them at once.
        one.server.process.send_signal(signal.SIGSTOP)
        for client, accepted in pairs:
            client.sendall(head + body)
            one.hand(accepted)
        one.server.process.send_signal(signal.SIGTERM)
        one.server.process.send_signal(signal.SIGCONT)
        codes = []
        for client, _ in pairs:
            with client:
                codes.append(read_to_end(client)[0])
        assert codes == [200] * COUNT
        assert one.server.wait() == 0


def test_without_its_supervisor_a_server_goes_back_to_what_it_did_before(
    cancer: TestModel, public: socket.socket
) -> None:
    with (
        supervised(cancer, public, "old") as old,
        supervised(cancer, public, "new") as new,
    ):
        old.take_over()
        for one in (old, new):
            one.hold()
            one.channel.close()
        eventually(lambda: len(old.server.events("listening")) == 2)
        url = f"http://127.0.0.1:{public.getsockname()[1]}/invocations"
        versions = {post(url, {"instances": [cancer.row]}).headers["x-model-version"] for _ in range(20)}
        assert versions == {"old"}
        assert not new.server.events("listening")


def test_nothing_is_lost_while_the_traffic_goes_back_and_forth(
    cancer: TestModel, public: socket.socket
) -> None:
    url = f"http://127.0.0.1:{public.getsockname()[1]}/invocations"
    body = {"instances": [cancer.row]}
    seen: list[tuple[int, str]] = []
    done = threading.Event()

    def ask() -> None:
        # A new connection each time, and one that is kept: both must survive.
        with httpx.Client(trust_env=False, timeout=LIMIT_S) as kept:
            while not done.is_set():
                for answer in (kept.post(url, json=body), post(url, body)):
                    seen.append((answer.status_code, answer.headers["x-model-version"]))

    with (
        supervised(cancer, public, "one") as first,
        supervised(cancer, public, "two") as second,
        concurrent.futures.ThreadPoolExecutor(3) as pool,
    ):
        first.take_over()
        asking = [pool.submit(ask) for _ in range(3)]
        try:
            for turn in range(8):
                here, there = (first, second) if turn % 2 == 0 else (second, first)
                there.take_over()
                here.hold()
                before, version = len(seen), ("two", "one")[turn % 2]
                eventually(lambda: sum(label == version for _, label in seen[before:]) >= 12)  # noqa: B023
        finally:
            done.set()
        for one in asking:
            one.result()
    assert {code for code, _ in seen} == {200}


@pytest.mark.parametrize("descriptor", ["closed", "listening"])
def test_a_descriptor_that_leads_to_no_supervisor_stops_the_start(
    cancer: TestModel, public: socket.socket, descriptor: str
) -> None:
    number = 77 if descriptor == "closed" else public.fileno()
    pass_fds = [] if descriptor == "closed" else [number]
    assert "MLCLOUD_HANDOFF_FD" in startup_failure(cancer.path, pass_fds=pass_fds, MLCLOUD_HANDOFF_FD=number)

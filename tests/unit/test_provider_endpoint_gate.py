"""Whose turn it is, and connections that are handed over by the gate."""

import itertools
import socket
from collections import Counter
from collections.abc import Iterator

import pytest
from mlcloud.provider.local.gate import Gate, Turns
from support.waiting import LIMIT_S, eventually


class Taker:
    """Takes what it is handed while it can, and lets go of it."""

    def __init__(self) -> None:
        self.count = 0
        self.takes = True

    def hand(self, connection: socket.socket) -> bool:
        self.count += self.takes
        return self.takes


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as made:
        yield made


def connect(listener: socket.socket) -> None:
    """A connection that was accepted, handed over and closed."""
    with socket.create_connection(listener.getsockname(), timeout=LIMIT_S) as client:
        assert client.recv(1) == b""


@pytest.mark.parametrize("weights", [(90, 10), (1, 99), (50, 50), (75, 25), (60, 30, 10), (100,)])
def test_each_round_gives_everybody_exactly_their_share(weights: tuple[int, ...]) -> None:
    turns = Turns(weights)
    for _ in range(3):
        assert Counter(turns.next() for _ in range(100)) == dict(enumerate(weights))


def test_turns_are_spread_as_evenly_as_they_can_be() -> None:
    turns = Turns((90, 10))
    positions = [position for position in range(100) if turns.next() == 1]
    assert {later - earlier for earlier, later in itertools.pairwise(positions)} == {10}


def test_the_gate_hands_connections_over_in_shares_that_change_at_once(listener: socket.socket) -> None:
    old, new = Taker(), Taker()
    gate = Gate(listener, [(old, 75), (new, 25)])
    for _ in range(40):
        connect(listener)
    assert (old.count, new.count) == (30, 10)
    gate.share([(old, 50), (new, 50)])
    for _ in range(40):
        connect(listener)
    assert (old.count, new.count) == (50, 30)
    gate.close()


def test_a_version_that_takes_nothing_is_stood_in_for(listener: socket.socket) -> None:
    old, new = Taker(), Taker()
    new.takes = False
    gate = Gate(listener, [(old, 50), (new, 50)])
    for _ in range(10):
        connect(listener)
    assert (old.count, new.count) == (10, 0)
    gate.close()


def test_a_connection_that_nobody_takes_waits_until_somebody_does(listener: socket.socket) -> None:
    one = Taker()
    one.takes = False
    gate = Gate(listener, [(one, 100)])
    with socket.create_connection(listener.getsockname(), timeout=0.2) as client:
        with pytest.raises(TimeoutError):
            client.recv(1)
        one.takes = True
        client.settimeout(LIMIT_S)
        assert client.recv(1) == b""
    assert one.count == 1
    gate.close()


def test_a_closed_gate_leaves_the_socket_to_others(listener: socket.socket) -> None:
    one = Taker()
    gate = Gate(listener, [(one, 100)])
    connect(listener)
    gate.close()
    with socket.create_connection(listener.getsockname(), timeout=LIMIT_S):
        listener.setblocking(True)
        listener.settimeout(LIMIT_S)
        accepted, _ = listener.accept()
        accepted.close()
    assert one.count == 1


def test_a_client_that_has_gone_meanwhile_stops_nothing(listener: socket.socket) -> None:
    one = Taker()
    gate = Gate(listener, [(one, 100)])
    for _ in range(5):
        socket.create_connection(listener.getsockname(), timeout=LIMIT_S).close()
    connect(listener)
    eventually(lambda: one.count == 6)
    gate.close()

"""What the soak concludes from samples and records: it must be able to say no."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.memory import growth_percent
from support.open_loop import Figures, Request, open_loop

FLAT = [50.0, 90.0, 99.0] + [100.0, 101.0] * 50


def test_memory_that_fills_up_at_first_and_stays_is_flat() -> None:
    assert abs(growth_percent(FLAT)) < 1


def test_memory_that_grows_all_the_time_is_not() -> None:
    assert growth_percent([100.0 + index / 5 for index in range(100)]) > 5


def test_memory_that_is_given_back_has_not_grown() -> None:
    assert growth_percent([*FLAT, *[90.0] * 60]) < 0


def test_figures_count_late_requests_from_when_they_were_due() -> None:
    requests = [
        Request(due=number, sent=number + 2, done=number + 3, version="v", failure="", interrupted=False)
        for number in range(10)
    ]
    figures = Figures.of(requests, 2.0)
    assert (figures.p50_ms, figures.latest_ms) == (3000, 2000)
    assert figures.held_per_s < 1
    assert "the client did not keep its times" in str(figures)


ANSWERS = {
    "right": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nx-model-version: v1\r\n\r\n{}",
    "ill": b"HTTP/1.0 500 Error\r\nContent-Length: 2\r\n\r\n{}",
    "cut": b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\nx-model-version: v1\r\n\r\n{}",
    "none": b"",
}


@pytest.fixture
def server() -> Iterator[tuple[str, list[bytes]]]:
    """Gives one answer after the other; the last one to whoever else asks."""
    answers: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        number = 0
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answers[min(number, len(answers) - 1)])
                number += 1

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", answers
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize("first", ["ill", "cut", "none"])
@pytest.mark.parametrize("retry", [False, True])
def test_what_is_no_whole_answer_is_a_failure_and_only_a_lost_one_is_asked_again(
    server: tuple[str, list[bytes]], tmp_path: Path, first: str, retry: bool
) -> None:
    url, answers = server
    answers.extend([ANSWERS[first], ANSWERS["right"]])
    with open_loop(url, {"instances": []}, 20.0, tmp_path / "records", retry=retry) as client:
        client.wait_for(5)
        client.stop()
    requests = client.requests()
    failed = [one for one in requests if one.failure]
    interrupted = [one for one in requests if one.interrupted]
    is_lost = first != "ill"
    assert len(failed) == (0 if is_lost and retry else 1)
    assert len(interrupted) == (1 if is_lost and retry else 0)
    assert {one.version for one in requests if not one.failure} == {"v1"}
    assert len(requests) == len((tmp_path / "records").read_text().splitlines()) >= 5
    assert json.loads((tmp_path / "records").read_text().splitlines()[0])

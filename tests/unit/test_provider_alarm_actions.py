"""Telling of alarms: webhooks that answer, fail, are slow or hostile, and commands that do the same."""

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
from mlcloud.provider.local.alarm_actions import Actions, Command
from mlcloud.provider.local.alarm_history import KEPT_CHANGES, Change, History, Outcome
from mlcloud.provider.local.alarm_webhook import Webhook, problem_of
from support.processes import number_has_ended
from support.waiting import LIMIT_S, eventually

MESSAGE = {"name": "server-errors", "state": "alarm", "value": 12.5}
TOKEN = "t0k3n"
QUICK = (0.01, 0.01, 0.01)


class Receiver(BaseHTTPRequestHandler):
    statuses: ClassVar[list[int]] = []
    received: ClassVar[list[tuple[str, dict[str, str], Any]]] = []
    drips: ClassVar[bool] = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, dict(self.headers), json.loads(body)))
        status = self.statuses.pop(0) if self.statuses else 204
        if self.drips:
            try:
                while True:
                    self.wfile.write(b"H")
                    self.wfile.flush()
                    time.sleep(0.02)
            except OSError:
                return
        self.send_response(status)
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Receiver, "statuses", [])
    monkeypatch.setattr(Receiver, "received", [])
    monkeypatch.setattr(Receiver, "drips", False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hooks/{TOKEN}?key={TOKEN}"
    server.shutdown()
    server.server_close()
    thread.join()


def send(url: str, **options: Any) -> Outcome:
    outcome = Webhook(url=url, **{"timeout_s": 5.0, "pauses_s": QUICK, **options}).send(
        MESSAGE, threading.Event()
    )
    assert TOKEN not in outcome.detail
    assert TOKEN not in repr(Webhook(url=url))
    return outcome


def test_a_webhook_gets_the_alarm_as_json(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert send(url) == Outcome(kind="webhook", ok=True, detail="it answered 204")
    (path, headers, body), *others = Receiver.received
    assert others == []
    assert path == f"/hooks/{TOKEN}?key={TOKEN}"
    assert headers["Content-Type"] == "application/json"
    assert body == MESSAGE


def test_a_webhook_that_is_busy_is_asked_again(url: str) -> None:
    Receiver.statuses[:] = [503, 429, 500]
    assert send(url) == Outcome(kind="webhook", ok=True, detail="it answered 204 (4 tries)")


def test_a_webhook_that_stays_away_is_given_up(url: str) -> None:
    Receiver.statuses[:] = [500] * 9
    assert send(url) == Outcome(kind="webhook", ok=False, detail="it answered 500 (4 tries)")
    assert len(Receiver.received) == 4


@pytest.mark.parametrize(
    ("status", "detail"),
    [(404, "it answered 404"), (302, "it answered 302; redirects are not followed")],
)
def test_a_webhook_that_refuses_is_not_asked_again_nor_followed(url: str, status: int, detail: str) -> None:
    Receiver.statuses[:] = [status]
    assert send(url) == Outcome(kind="webhook", ok=False, detail=detail)
    assert len(Receiver.received) == 1


def test_a_webhook_that_nobody_answers_is_told_in_the_systems_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets it
        outcome = send(f"http://127.0.0.1:{taken.getsockname()[1]}/{TOKEN}")
    assert outcome.detail == "no answer: Connection refused (4 tries)"


def test_a_webhook_that_speaks_no_http_is_told_without_its_url() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.sendall(f"nonsense {TOKEN}\r\n\r\n".encode())
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        outcome = send(f"https://127.0.0.1:{server.getsockname()[1]}/{TOKEN}", pauses_s=())
    assert not outcome.ok
    assert outcome.detail.startswith("no answer: ")


def test_a_webhook_that_answers_byte_by_byte_is_cut_off(url: str) -> None:
    Receiver.drips = True
    outcome = send(url, timeout_s=0.5, pauses_s=())
    assert outcome == Outcome(kind="webhook", ok=False, detail="no answer: not within 0.5 s")


def test_a_webhook_is_not_waited_for_when_the_monitor_ends(url: str) -> None:
    Receiver.statuses[:] = [500] * 9
    stopping = threading.Event()
    stopping.set()
    outcome = Webhook(url=url, pauses_s=(3600.0,)).send(MESSAGE, stopping)
    assert outcome.detail == "it answered 500"


@pytest.mark.parametrize(
    "url",
    [
        f"ftp://host/{TOKEN}",
        f"file:///etc/{TOKEN}",
        f"//{TOKEN}",
        TOKEN,
        f"http://host:0/{TOKEN}",
        f"http://host:99999/{TOKEN}",
        f"http://[{TOKEN}",
        f"https://host/{TOKEN} x",
        f"https://host/{TOKEN}\r\nX: y",
        f"https://user:{TOKEN}@host/",
    ],
)
def test_a_url_that_is_none_of_a_webhook_is_refused_without_a_word_of_it(url: str) -> None:
    problem = problem_of(url)
    assert problem is not None
    assert TOKEN not in problem


@pytest.mark.parametrize(
    "url", ["https://hooks.example.com/a?b=c", "http://127.0.0.1:8080", "http://[::1]:80/"]
)
def test_a_url_of_a_webhook_is_taken(url: str) -> None:
    assert problem_of(url) is None


def run(tmp_path: Path, script: str, **options: Any) -> Outcome:
    return Command(words=(sys.executable, "-c", script), directory=tmp_path, **options).run(
        MESSAGE, threading.Event()
    )


def test_a_command_gets_the_alarm_on_stdin_and_as_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEBODYS_SECRET", TOKEN)
    script = (
        "import json, os, pathlib, sys\n"
        "pathlib.Path('seen.json').write_text(json.dumps([json.load(sys.stdin), dict(os.environ)]))\n"
        "print('first'); print('told them')"
    )
    assert run(tmp_path, script) == Outcome(kind="command", ok=True, detail="exit code 0: told them")
    message, variables = json.loads((tmp_path / "seen.json").read_text())
    assert message == MESSAGE
    own = {name: value for name, value in variables.items() if name.startswith("MLCLOUD_")}
    assert own == {
        "MLCLOUD_ALARM_NAME": "server-errors",
        "MLCLOUD_ALARM_STATE": "alarm",
        "MLCLOUD_ALARM_VALUE": "12.5",
    }
    assert "SOMEBODYS_SECRET" not in variables


def test_a_command_that_fails_is_told_by_its_last_line(tmp_path: Path) -> None:
    outcome = run(tmp_path, "import sys; print('\\x1b[31mno route'); sys.exit(3)")
    assert outcome == Outcome(
        kind="command", ok=False, detail="exit code 3: \N{REPLACEMENT CHARACTER}[31mno route"
    )


@pytest.mark.parametrize("words", [("/nowhere/at-all",), ("bad\0word",)])
def test_a_command_that_cannot_be_started_is_told(tmp_path: Path, words: tuple[str, ...]) -> None:
    outcome = Command(words=words, directory=tmp_path).run(MESSAGE, threading.Event())
    assert not outcome.ok
    assert outcome.detail.startswith("it cannot be started: ")


def test_a_command_that_takes_too_long_ends_with_all_that_it_has_started(tmp_path: Path) -> None:
    script = "sleep 600 & echo $! > child; echo waiting; wait"
    outcome = Command(words=("sh", "-c", script), directory=tmp_path, timeout_s=3.0).run(
        MESSAGE, threading.Event()
    )
    assert outcome == Outcome(kind="command", ok=False, detail="it was ended after 3 s: waiting")
    child = int((tmp_path / "child").read_text())
    eventually(lambda: number_has_ended(child))


def test_a_command_ends_with_the_monitor(tmp_path: Path) -> None:
    settled = Settled()
    actions = Actions(settled)
    script = "sleep 600 & echo $! > child.new; mv child.new child; wait"
    actions.configure(None, Command(words=("sh", "-c", script), directory=tmp_path, timeout_s=LIMIT_S))
    actions.tell(1, dict(MESSAGE))
    eventually((tmp_path / "child").exists)
    actions.stop()
    eventually(lambda: number_has_ended(int((tmp_path / "child").read_text())))


def test_a_command_that_leaves_something_running_is_not_waited_for(tmp_path: Path) -> None:
    script = "sleep 600 & echo $! > child"
    assert Command(words=("sh", "-c", script), directory=tmp_path).run(MESSAGE, threading.Event()).ok
    eventually(lambda: number_has_ended(int((tmp_path / "child").read_text())))


def test_a_command_that_says_very_much_takes_no_memory(tmp_path: Path) -> None:
    before = psutil.Process().memory_info().rss
    outcome = run(tmp_path, "import sys\nfor _ in range(200): sys.stdout.write('x' * 1_000_000 + '\\n')")
    assert outcome.ok
    assert len(outcome.detail) < 400
    assert psutil.Process().memory_info().rss - before < 100e6


def test_a_command_that_does_not_read_is_no_trouble(tmp_path: Path) -> None:
    message = {"description": "x" * 2000}
    outcome = Command(words=("true",), directory=tmp_path / "gone").run(message, threading.Event())
    assert outcome == Outcome(kind="command", ok=True, detail="exit code 0")


class Settled:
    """Outcomes as they arrive, by number."""

    def __init__(self) -> None:
        self.outcomes: dict[int, Outcome] = {}

    def __call__(self, number: int, outcome: Outcome) -> None:
        self.outcomes[number] = outcome


def test_both_are_told_and_nobody_waits_for_them(url: str, tmp_path: Path) -> None:
    settled = Settled()
    actions = Actions(settled)
    actions.tell(0, dict(MESSAGE))  # nobody is to be told
    actions.configure(
        Webhook(url=url, pauses_s=()),
        Command(
            words=("sh", "-c", "until [ -e go ]; do sleep 0.02; done; exit 1"),
            directory=tmp_path,
        ),
    )
    actions.tell(1, dict(MESSAGE))
    assert settled.outcomes == {}  # it goes on, and this test as well
    (tmp_path / "go").touch()
    eventually(lambda: settled.outcomes != {})
    assert settled.outcomes == {
        1: Outcome(kind="webhook and command", ok=False, detail="it answered 204; exit code 1")
    }
    actions.stop()


def test_a_storm_of_alarms_is_bounded_and_says_what_was_not_told(tmp_path: Path) -> None:
    settled = Settled()
    actions = Actions(settled)
    actions.configure(None, Command(words=("sleep", "60"), directory=tmp_path, timeout_s=LIMIT_S))
    for number in range(200):
        actions.tell(number, dict(MESSAGE))
    assert len(settled.outcomes) >= 200 - 65
    assert {outcome.detail for outcome in settled.outcomes.values()} == {"64 others wait already: not told"}
    actions.stop()


def change(number: int) -> Change:
    return Change(at=float(number), name="server-errors", before="ok", after="alarm", value=2.0)


def test_a_history_has_each_change_and_what_came_of_it(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    number = history.add(change(1))
    history.add(change(2))
    history.save()
    history.settle(number, Outcome(kind="command", ok=True, detail="exit code 0"))
    history.save()
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert lines[0] == {
        "at": 1.0,
        "name": "server-errors",
        "from": "ok",
        "to": "alarm",
        "value": 2.0,
        "action": {"kind": "command", "ok": True, "detail": "exit code 0"},
    }
    assert lines[1]["action"] is None
    assert History(tmp_path / "history.jsonl").latest(9) == lines[::-1]


def test_a_history_is_bounded_and_survives_what_is_wrong_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(b'{"at": 1}\nnonsense\n[1]\n\xff\xfe\n{"at": 2}')
    history = History(path)
    assert [line["at"] for line in history.latest(9)] == [2, 1]
    forgotten = history.add(change(3))
    for number in range(3 * KEPT_CHANGES):
        history.add(change(number))
    history.settle(forgotten, Outcome(kind="command", ok=True, detail=""))
    history.save()
    assert len(path.read_text().splitlines()) == len(history.latest(10_000)) == KEPT_CHANGES


def test_a_history_that_cannot_be_written_is_written_later(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    history = History(folder / "history.jsonl")
    history.add(change(1))
    with pytest.raises(FileNotFoundError):
        history.save()
    folder.mkdir()
    history.save()
    assert [path.name for path in folder.iterdir()] == ["history.jsonl"]

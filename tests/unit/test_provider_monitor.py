"""A monitor as a resource: made, changed in place, killed, repaired, removed; it watches real servers."""

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
from mlcloud.provider.local.claims import Claim, take
from mlcloud.provider.local.monitor_folder import KIND, MonitorFolder, Watched
from support.processes import kill_all, wait_for_end
from support.provider_endpoints import free_port, is_free
from support.provider_monitors import MONITOR, MonitorPlace, load_on, page
from support.provider_plugin import Plugin, RefusedError
from support.waiting import LIMIT_S, eventually

TOKEN = "t0k3n"
QUICK = {"periodS": 2.0, "holdS": 0.0, "leastRequests": 1.0}
SLOW = {"name": "latency-p99", "metric": "latency_p99_ms", "threshold": 100.0, **QUICK}
ERRORS = {"name": "server-errors", "metric": "server_error_percent", "threshold": 1.0, **QUICK}
FAILED = {"name": "failed-training", "metric": "failed_training_runs", "threshold": 0.0, "holdS": 0.0}


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@pytest.fixture
def place(plugin: Plugin, tmp_path: Path) -> Iterator[MonitorPlace]:
    used = MonitorPlace(tmp_path)
    yield used
    used.clear(plugin)


def test_a_server_that_is_really_slow_opens_the_alarm_and_a_quick_one_closes_it(
    plugin: Plugin, place: MonitorPlace
) -> None:
    server = place.serve()
    plugin.resource(MONITOR).create(place.inputs(SLOW))
    with load_on(server):
        place.wait_for("latency-p99", "ok")
        server.slow_s = 0.3
        place.wait_for("latency-p99", "alarm")
        assert place.alarms()["latency-p99"]["value"] > 100
        assert place.alarms()["latency-p99"]["versions"]["v1"]["state"] == "alarm"
        server.slow_s = 0.0
        place.wait_for("latency-p99", "ok")
    place.wait_for("latency-p99", "no-data")
    eventually(lambda: len(place.history()) >= 2)
    assert [line["to"] for line in place.history()][:2] == ["alarm", "ok"]


def test_a_monitor_may_be_there_before_what_it_watches(plugin: Plugin, place: MonitorPlace) -> None:
    outputs = plugin.resource(MONITOR).create(place.inputs(ERRORS, FAILED))
    assert {name: alarm["state"] for name, alarm in place.alarms().items()} == {
        "server-errors": "no-data",
        "failed-training": "no-data",
    }
    assert page(outputs)["endpoint"]["state"] == "down"
    server = place.serve()
    run = place.root / "runs" / "train-1"
    run.mkdir(parents=True)
    (run / ".mlcloud").write_text("{}")
    (run / "run.json").write_text(json.dumps({"status": "failed", "started_at": 5.0, "sha256": ""}))
    server.status = 500
    with load_on(server):
        place.wait_for("server-errors", "alarm")
    place.wait_for("failed-training", "alarm")
    assert page(outputs)["training"] == {"run": "train-1", "status": "failed", "since": 5.0, "report": None}


def test_a_server_that_hangs_holds_up_nothing(plugin: Plugin, place: MonitorPlace) -> None:
    hanging, server = place.serve(), place.serve()
    hanging.hangs = True
    server.status = 500
    plugin.resource(MONITOR).create(place.inputs(ERRORS))
    with load_on(server):
        place.wait_for("server-errors", "alarm")
    for _ in range(3):
        place.wait_for_turn()
    assert 1 <= hanging.looks <= 4


def test_a_restarted_server_is_counted_anew(plugin: Plugin, place: MonitorPlace) -> None:
    server = place.serve()
    outputs = plugin.resource(MONITOR).create(place.inputs(ERRORS))
    eventually(lambda: server.looks > 0)
    for _ in range(40):
        server.metrics.observe("/invocations", 200, 0.01)
    eventually(lambda: page(outputs)["versions"][0]["requests"] == 40)
    place.servers["v1"].remove(server)
    server.end()
    again = place.serve()
    for _ in range(2):
        again.metrics.observe("/invocations", 200, 0.01)
    eventually(lambda: page(outputs)["versions"][0]["requests"] == 42)


def test_a_changed_rule_is_an_update_in_place_of_the_same_process(
    plugin: Plugin, place: MonitorPlace
) -> None:
    monitor = plugin.resource(MONITOR)
    outputs = monitor.create(place.inputs(SLOW))
    process = place.process()
    changed = place.inputs({**SLOW, "threshold": 5.0}, ERRORS, title="other")
    assert set(monitor.kinds(changed).values()) <= {"ADD", "UPDATE"}
    assert monitor.update(changed) == outputs
    assert place.process() == process
    assert place.alarms()["latency-p99"]["threshold"] == 5.0
    assert set(place.alarms()) == {"latency-p99", "server-errors"}
    assert page(outputs)["title"] == "other"
    assert monitor.kinds(changed) == {}


def test_a_preview_knows_all_but_a_port_that_is_still_to_be_chosen(
    plugin: Plugin, place: MonitorPlace
) -> None:
    monitor = plugin.resource(MONITOR)
    planned = monitor.preview(place.inputs(SLOW))
    made = monitor.create(place.inputs(SLOW))
    assert {name: made[name] for name in made if name not in ("port", "url")}.items() <= planned.items()
    changed = place.inputs({**SLOW, "threshold": 5.0})
    assert monitor.preview(changed) == monitor.update(changed) == made


def test_a_killed_monitor_is_noticed_and_the_next_update_starts_it_where_it_was(
    plugin: Plugin, place: MonitorPlace
) -> None:
    monitor = plugin.resource(MONITOR)
    inputs = place.inputs(FAILED)
    run = place.root / "runs" / "train-1"
    run.mkdir(parents=True)
    (run / ".mlcloud").write_text("{}")
    (run / "run.json").write_text(json.dumps({"status": "failed", "started_at": 5.0, "sha256": ""}))
    outputs = monitor.create(inputs)
    place.wait_for("failed-training", "alarm")
    eventually(lambda: len(place.history()) == 1)
    since = place.alarms()["failed-training"]["since"]
    kill_all([place.process()])
    assert monitor.kinds(inputs) == {"status": "UPDATE"}
    with pytest.raises(RefusedError, match="The monitor does not run: the next update starts it"):
        monitor.read()
    assert monitor.update(inputs) == outputs
    assert monitor.read() == outputs
    place.wait_for_turn()
    assert place.alarms()["failed-training"]["since"] == since
    assert len(place.history()) == 1


def test_a_monitor_outlives_the_plugin(place: MonitorPlace) -> None:
    plugin = Plugin()
    plugin.resource(MONITOR).create(place.inputs(SLOW))
    assert plugin.close() == ("", "")
    place.wait_for_turn()
    assert os.getsid(place.process().pid) == place.process().pid != os.getsid(0)


def test_a_monitor_whose_starter_was_killed_before_it_knew_ends_by_itself(place: MonitorPlace) -> None:
    take(place.directory, Claim.new(KIND, "urn"))
    folder = MonitorFolder(path=place.directory)
    folder.logs.mkdir()
    request = {
        "request_id": "one",
        "project": "houses",
        "stack": "dev",
        "title": "",
        **dict.fromkeys(("endpoint_directory", "runs_directory", "registry_directory"), str(place.root)),
        "rules": (),
        "webhook": None,
        "command": None,
        "command_directory": str(place.root),
        "port": 0,
        "any_port": True,
    }
    folder.ask(Watched.of(request))
    (place.directory / "waiting.json").write_text(json.dumps({"pid": 1, "started": "long ago"}))
    command = [sys.executable, "-m", "mlcloud.provider.local.monitor", str(place.directory)]
    assert subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False).returncode == 0
    assert list(place.root.iterdir()) == []


def test_a_monitor_ends_when_its_folder_was_removed_by_hand(plugin: Plugin, place: MonitorPlace) -> None:
    monitor = plugin.resource(MONITOR)
    outputs = monitor.create(place.inputs(SLOW))
    process = place.process()
    shutil.rmtree(place.directory)
    wait_for_end(process)
    assert is_free(int(outputs["port"]))
    assert not place.directory.exists()
    assert monitor.read() is None
    assert monitor.update(place.inputs(SLOW))["port"] == outputs["port"]


def test_a_deleted_monitor_leaves_nothing(plugin: Plugin, place: MonitorPlace) -> None:
    monitor = plugin.resource(MONITOR)
    monitor.create(place.inputs(SLOW))
    process = place.process()
    monitor.delete()
    wait_for_end(process)
    assert list(place.root.iterdir()) == []
    monitor.delete()


def test_a_monitor_whose_creation_was_cut_off_is_ended_by_its_resource_and_by_no_other(
    plugin: Plugin, place: MonitorPlace
) -> None:
    monitor, stranger = plugin.resource(MONITOR), plugin.resource(MONITOR, "two")
    monitor.create(place.inputs(SLOW))
    process = place.process()
    stranger.inputs = monitor.inputs
    stranger.delete()
    assert process.is_running()
    lost = plugin.resource(MONITOR)
    lost.inputs = monitor.inputs
    lost.delete()
    wait_for_end(process)
    assert list(place.root.iterdir()) == []


def test_a_monitor_of_another_resource_is_never_touched(plugin: Plugin, place: MonitorPlace) -> None:
    first = plugin.resource(MONITOR, "first")
    first.create(place.inputs(SLOW))
    with pytest.raises(RefusedError, match=f"belongs to {first.urn}"):
        plugin.resource(MONITOR, "second").create(place.inputs(SLOW))
    place.wait_for_turn()


def test_a_monitor_made_again_in_its_place_goes_on_and_survives_the_deletion_of_the_one_before(
    plugin: Plugin, place: MonitorPlace
) -> None:
    old, new = plugin.resource(MONITOR), plugin.resource(MONITOR)
    outputs = old.create(place.inputs(SLOW))
    process = place.process()
    assert new.create(place.inputs(SLOW)) == outputs
    old.delete()
    place.wait_for_turn()
    assert place.process() == process


def test_a_port_that_is_taken_is_told_and_leaves_nothing_or_what_was(
    plugin: Plugin, place: MonitorPlace
) -> None:
    port = free_port()
    with ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler):
        with pytest.raises(RefusedError, match=f"port: 127.0.0.1:{port} cannot be used"):
            plugin.resource(MONITOR).create(place.inputs(SLOW, port=float(port)))
        assert list(place.root.iterdir()) == []
        monitor = plugin.resource(MONITOR)
        outputs = monitor.create(place.inputs(SLOW))
        with pytest.raises(RefusedError, match=f"port: 127.0.0.1:{port} cannot be used"):
            monitor.update(place.inputs(ERRORS, port=float(port)))
        assert list(place.alarms()) == ["latency-p99"]
        assert page(outputs)["stack"] == "dev"
    moved = monitor.update(place.inputs(ERRORS, port=float(port)))
    assert moved["port"] == port
    assert page(moved)["stack"] == "dev"
    assert is_free(int(outputs["port"]))


def test_rules_that_make_no_sense_are_told_all_at_once(plugin: Plugin, place: MonitorPlace) -> None:
    rules = [{**SLOW, "metric": "cpu"}, {**SLOW, "periodS": 0.0}, {**SLOW, "period": 1.0}]
    found = plugin.resource(MONITOR).check(place.inputs(*rules[:2]))
    assert set(found) == {"rules[0].metric", "rules[1].periodS", "rules[1].name"}
    assert set(plugin.resource(MONITOR).check(place.inputs(rules[2]))) == {"rules[0].period"}


class Receiver(BaseHTTPRequestHandler):
    received: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Receiver, "received", [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{TOKEN}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_alarm_is_told_and_the_webhook_stands_in_no_file(
    plugin: Plugin, place: MonitorPlace, receiver: str
) -> None:
    monitor = plugin.resource(MONITOR)
    server = place.serve()
    inputs = place.inputs({**ERRORS, "description": "It fails."}, webhook=receiver)
    outputs = monitor.create(inputs, secrets=frozenset({"webhook"}))
    server.status = 500
    with load_on(server):
        eventually(lambda: Receiver.received != [])
        eventually(lambda: any(line["action"] for line in place.history()))
    told = Receiver.received[0]
    assert {name: told[name] for name in ("project", "stack", "name", "state", "threshold", "unit")} == {
        "project": "houses",
        "stack": "dev",
        "name": "server-errors",
        "state": "alarm",
        "threshold": 1.0,
        "unit": "percent",
    }
    assert told["description"] == "It fails."
    assert place.history()[0]["action"] == {"kind": "webhook", "ok": True, "detail": "it answered 200"}
    assert TOKEN not in json.dumps(page(outputs))
    assert TOKEN not in json.dumps(outputs)
    assert TOKEN not in " ".join(place.process().cmdline()) + str(place.process().environ())
    for path in place.directory.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path
    assert stat.S_IMODE(place.directory.stat().st_mode) == 0o700
    assert plugin.resource(MONITOR).check({**inputs, "webhook": f"ftp://{TOKEN}"}) == {
        "webhook": "it is not a URL of a webhook: give one that starts with `https://` or `http://`."
    }


def test_a_command_runs_where_it_is_told(plugin: Plugin, place: MonitorPlace) -> None:
    run = place.root / "runs" / "train-1"
    run.mkdir(parents=True)
    (run / ".mlcloud").write_text("{}")
    (run / "run.json").write_text(json.dumps({"status": "failed", "started_at": 5.0, "sha256": ""}))
    command = ["sh", "-c", "cat > told.json"]
    inputs = place.inputs(FAILED, command=command, commandDirectory=str(place.root))
    plugin.resource(MONITOR).create(inputs)
    eventually(lambda: any(line["action"] for line in place.history()))
    assert json.loads((place.root / "told.json").read_text())["name"] == "failed-training"


def test_files_that_cannot_be_written_end_nothing(plugin: Plugin, place: MonitorPlace) -> None:
    """As on a full disk: the page goes on, and the files are written when there is room again."""
    outputs = plugin.resource(MONITOR).create(place.inputs(ERRORS))
    process = place.process()
    limit = psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE)
    psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE, (0, limit[1]))
    written = json.loads((place.directory / "alarms.json").read_text())["written"]
    shown = page(outputs)["written"]
    eventually(lambda: page(outputs)["written"] > shown + 3)
    assert json.loads((place.directory / "alarms.json").read_text())["written"] < written + 3
    psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE, limit)
    place.wait_for_turn()
    assert place.process() == process
    names = {path.name for path in place.directory.iterdir()}
    assert names <= {".mlcloud", "alarms.json", "history.jsonl", "logs", "state.json"}


def test_a_monitor_takes_little_of_the_machine(plugin: Plugin, place: MonitorPlace) -> None:
    place.serve()
    plugin.resource(MONITOR).create(place.inputs(SLOW, ERRORS, FAILED))
    place.wait_for_turn()
    assert place.process().memory_info().rss < 120e6

"""Endpoints over the plugin's gRPC: real processes and sockets, with a stand-in for the trainer's server."""

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from google.protobuf import empty_pb2
from support.provider_models import Model, make_model
from support.provider_plugin import Plugin, RefusedError

ENDPOINT = "mlcloud:local:Endpoint"
FAKE_SERVER = Path(__file__).parents[1] / "support" / "provider_fake_server.py"


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@dataclass
class Place:
    """A folder for endpoints and their models, and the processes that were seen there."""

    root: Path
    seen: dict[int, psutil.Process] = field(default_factory=dict)

    def model(self, prediction: object, **options: Any) -> Model:
        return make_model(self.root / "bucket", prediction, **options)

    def inputs(self, model: Model, **more: Any) -> dict[str, Any]:
        return {
            "name": "tumours",
            "directory": str(self.root / "endpoint"),
            "modelUri": model.uri,
            "modelSha256": model.sha256,
            "command": [sys.executable, str(FAKE_SERVER)],
            "startTimeoutS": 10.0,
            **more,
        }

    def state(self) -> dict[str, Any]:
        content = json.loads((self.root / "endpoint" / "state.json").read_text())
        for ref in (content["supervisor"], *content["servers"]):
            with contextlib.suppress(psutil.NoSuchProcess):
                self.seen.setdefault(ref["pid"], psutil.Process(ref["pid"]))
        return content

    def supervisor(self) -> psutil.Process:
        return self.seen[self.state()["supervisor"]["pid"]]

    def servers(self) -> list[psutil.Process]:
        """Those that run: one that has ended may still be in the state for a moment."""
        pids = [ref["pid"] for ref in self.state()["servers"]]
        return [self.seen[pid] for pid in pids if pid in self.seen and not has_ended(self.seen[pid])]


@pytest.fixture
def place(plugin: Plugin, tmp_path: Path) -> Iterator[Place]:
    used = Place(tmp_path)
    yield used
    leftover = plugin.resource(ENDPOINT)
    directory = str(tmp_path / "endpoint")
    if Path(directory).exists():
        used.state()
        mark = json.loads((tmp_path / "endpoint" / ".mlcloud").read_text())
        leftover.id = f"{directory}#{mark['token']}"
        leftover.outputs = {
            **dict.fromkeys(("name", "url", "modelUri", "modelSha256", "modelVersion", "status", "logs"), ""),
            **{"port": 1.0, "replicas": 1.0, "directory": directory, "drainTimeoutS": 1.0},
        }
        leftover.delete()
    assert all(map(has_ended, used.seen.values()))


def ask(outputs: dict[str, Any], **request: Any) -> httpx.Response:
    return httpx.post(f"{outputs['url']}/invocations", json={"instances": [{"a": 1}], **request}, timeout=10)


def predicted(outputs: dict[str, Any]) -> object:
    answer = ask(outputs)
    assert answer.status_code == 200
    return answer.json()["predictions"][0]["prediction"]


def eventually(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def in_background(work: Callable[[], object]) -> tuple[threading.Thread, list[str]]:
    errors: list[str] = []

    def run() -> None:
        try:
            work()
        except RefusedError as error:
            errors.append(error.message)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_an_endpoint_serves_its_model_and_deleting_it_frees_everything(plugin: Plugin, place: Place) -> None:
    endpoint = plugin.resource(ENDPOINT)
    model = place.model("B")
    inputs = place.inputs(model)
    previewed = endpoint.preview(inputs)
    assert repr(previewed["url"]) == "UNKNOWN"
    assert previewed["modelVersion"] == model.version

    outputs = endpoint.create(inputs)

    assert outputs["url"] == f"http://127.0.0.1:{outputs['port']:g}"
    answer = ask(outputs)
    assert answer.json()["predictions"] == [{"prediction": "B", "probabilities": None}]
    assert answer.headers["x-model-version"] == model.version == outputs["modelVersion"]
    assert endpoint.read() == outputs
    assert endpoint.kinds(inputs) == {}
    assert list(Path(outputs["logs"]).glob("*.log"))
    supervisor, servers = place.supervisor(), place.servers()
    endpoint.delete()
    endpoint.delete()
    assert all(map(has_ended, (supervisor, *servers)))
    assert is_free(int(outputs["port"]))
    assert not Path(inputs["directory"]).exists()


def test_the_endpoint_outlives_the_plugin_and_ctrl_c(place: Place) -> None:
    first = Plugin()
    endpoint = first.resource(ENDPOINT)
    outputs = endpoint.create(place.inputs(place.model("B")))
    assert os.getsid(place.supervisor().pid) == place.supervisor().pid
    first.close()
    place.supervisor().send_signal(signal.SIGINT)
    for server in place.servers():
        server.send_signal(signal.SIGINT)
    assert predicted(outputs) == "B"


def test_the_folder_is_private_because_the_environment_may_hold_secrets(plugin: Plugin, place: Place) -> None:
    inputs = place.inputs(place.model("B"), environment={"TOKEN": "s3cret"})
    plugin.resource(ENDPOINT).create(inputs)
    directory = place.root / "endpoint"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    texts = [path.read_text() for path in directory.rglob("*") if path.is_file()]
    assert not any("s3cret" in text for text in texts)


def test_a_new_model_takes_over_behind_the_same_port_and_no_request_is_lost(
    plugin: Plugin, place: Place
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    old, new = place.model("old"), place.model("new")
    outputs = endpoint.create(place.inputs(old))
    changed = place.inputs(new)
    assert set(endpoint.kinds(changed)) == {"modelUri", "modelSha256"}
    assert not endpoint.diff(changed).replaces
    assert endpoint.preview(changed)["url"] == outputs["url"]

    answers: list[object] = []
    stop = threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                answers.append(predicted(outputs))
            except httpx.HTTPError as error:
                answers.append(error)

    slow: list[httpx.Response] = []
    threads = [threading.Thread(target=keep_asking) for _ in range(3)]
    threads.append(threading.Thread(target=lambda: slow.append(ask(outputs, sleep_s=1.5))))
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    updated = endpoint.update(changed)
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join(timeout=10)

    assert {"old", "new"} == set(answers)
    assert slow[0].json()["predictions"][0]["prediction"] == "old"
    assert updated["url"] == outputs["url"]
    assert updated["modelVersion"] == new.version
    assert predicted(updated) == "new"
    eventually(lambda: len(place.servers()) == 1)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"mode": "refuse"}, r"did not start \(exit code 1\): The model has a type that is not allowed\."),
        ({"mode": "hang"}, r"was not ready within 0\.5 s \(startTimeoutS\)"),
        ({"promised": "M"}, r'smoke prediction: it predicts "B" for a known row, where training gave "M"'),
    ],
)
def test_a_new_version_that_does_not_work_leaves_the_old_one_serving(
    plugin: Plugin, place: Place, broken: dict[str, Any], reason: str
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    good, bad = place.model("good"), place.model("B", **broken)
    inputs = place.inputs(good)
    outputs = endpoint.create(inputs)
    before = [server.pid for server in place.servers()]

    with pytest.raises(RefusedError, match=reason) as refused:
        endpoint.update(place.inputs(bad, startTimeoutS=0.5 if broken.get("mode") == "hang" else 10.0))

    assert f"Version {good.version} keeps serving." in refused.value.message
    assert predicted(outputs) == "good"
    assert [server.pid for server in place.servers()] == before
    assert endpoint.kinds(inputs) == {}
    assert endpoint.read() == outputs


@pytest.mark.parametrize("broken", [{"mode": "refuse"}, {"mode": "hang"}, {"promised": "M"}])
def test_a_first_version_that_does_not_work_leaves_nothing(
    plugin: Plugin, place: Place, broken: dict[str, Any]
) -> None:
    port = free_port()
    inputs = place.inputs(place.model("B", **broken), port=float(port), startTimeoutS=0.8)
    with pytest.raises(RefusedError, match="Version "):
        plugin.resource(ENDPOINT).create(inputs)
    assert not (place.root / "endpoint").exists()
    assert is_free(port)


def test_a_taken_port_is_named_with_its_owner_and_leaves_nothing(plugin: Plugin, place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        inputs = place.inputs(place.model("B"), port=float(port))
        with pytest.raises(RefusedError, match=rf"port: 127\.0\.0\.1:{port} cannot be used: .*{os.getpid()}"):
            plugin.resource(ENDPOINT).create(inputs)
        assert not (place.root / "endpoint").exists()

        endpoint = plugin.resource(ENDPOINT)
        outputs = endpoint.create(place.inputs(place.model("C")))
        with pytest.raises(RefusedError, match="cannot be used"):
            endpoint.update({**endpoint.inputs, "port": float(port)})
        assert predicted(outputs) == "C"


def test_a_changed_port_moves_the_endpoint(plugin: Plugin, place: Place) -> None:
    endpoint = plugin.resource(ENDPOINT)
    outputs = endpoint.create(place.inputs(place.model("B")))
    port = free_port()
    moved = endpoint.update({**endpoint.inputs, "port": float(port)})
    assert moved["url"] == f"http://127.0.0.1:{port}"
    assert predicted(moved) == "B"
    eventually(lambda: is_free(int(outputs["port"])))


def test_a_model_that_is_not_there_or_was_tampered_with_is_never_started(
    plugin: Plugin, place: Place
) -> None:
    model = place.model("B")
    (model.folder / "model.skops").write_text('{"prediction": "evil", "mode": "ok"}')
    with pytest.raises(RefusedError, match=r"modelUri: The file model\.skops"):
        plugin.resource(ENDPOINT).create(place.inputs(model))
    with pytest.raises(RefusedError, match="modelUri: There is no model"):
        plugin.resource(ENDPOINT).create(place.inputs(Model(place.root / "none", model.sha256)))
    assert not (place.root / "endpoint").exists()


def test_a_crashed_server_is_started_again(plugin: Plugin, place: Place) -> None:
    endpoint = plugin.resource(ENDPOINT)
    outputs = endpoint.create(place.inputs(place.model("B", mode="die")))
    (server,) = place.servers()
    ask(outputs, kill=True)
    eventually(lambda: has_ended(server))
    assert predicted(outputs) == "B"
    eventually(lambda: place.state()["ready"] == 1)
    assert [process.pid for process in place.servers()] != [server.pid]
    assert "exit code 9" in (place.root / "endpoint" / "supervisor.log").read_text()


def test_replicas_share_the_port_and_are_changed_by_an_update(plugin: Plugin, place: Place) -> None:
    endpoint = plugin.resource(ENDPOINT)
    outputs = endpoint.create(place.inputs(place.model("B"), replicas=2.0))
    assert outputs["replicas"] == 2
    assert len(place.servers()) == 2
    endpoint.update({**endpoint.inputs, "replicas": 1.0})
    eventually(lambda: len(place.servers()) == 1)
    assert predicted(outputs) == "B"


def test_a_killed_endpoint_is_ill_at_refresh_and_the_next_update_starts_it_on_the_same_port(
    plugin: Plugin, place: Place
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("B"))
    outputs = endpoint.create(inputs)
    supervisor, (server,) = place.supervisor(), place.servers()
    supervisor.kill()
    eventually(lambda: has_ended(supervisor))

    assert endpoint.kinds(inputs) == {"status": "UPDATE"}
    with pytest.raises(RefusedError, match="supervisor does not run") as refused:
        endpoint.read()
    assert refused.value.init_failure is not None
    assert refused.value.init_failure.id == endpoint.id
    assert refused.value.init_failure.properties.fields["url"].string_value == outputs["url"]
    assert list(refused.value.init_failure.reasons)

    assert endpoint.update(inputs) == outputs
    assert has_ended(server)
    assert predicted(outputs) == "B"
    assert endpoint.kinds(inputs) == {}


def test_an_endpoint_whose_folder_is_gone_is_gone(plugin: Plugin, place: Place) -> None:
    endpoint = plugin.resource(ENDPOINT)
    endpoint.create(place.inputs(place.model("B")))
    supervisor, servers = place.supervisor(), place.servers()
    endpoint.delete()
    assert endpoint.read() is None
    assert all(map(has_ended, (supervisor, *servers)))


def test_an_endpoint_of_another_resource_is_never_touched(plugin: Plugin, place: Place) -> None:
    endpoint = plugin.resource(ENDPOINT, "first")
    outputs = endpoint.create(place.inputs(place.model("B")))
    with pytest.raises(RefusedError, match=rf"belongs to {endpoint.urn}"):
        plugin.resource(ENDPOINT, "second").create(place.inputs(place.model("C")))
    assert predicted(outputs) == "B"


def test_an_endpoint_made_again_in_its_place_takes_over_and_survives_the_deletion_of_the_one_before(
    plugin: Plugin, place: Place
) -> None:
    old, new = plugin.resource(ENDPOINT), plugin.resource(ENDPOINT)
    outputs = old.create(place.inputs(place.model("B")))
    supervisor = place.supervisor()
    with pytest.raises(RefusedError, match="did not start"):
        new.create(place.inputs(place.model("x", mode="refuse")))
    assert predicted(outputs) == "B"
    assert new.create(place.inputs(place.model("C")))["url"] == outputs["url"]
    assert place.supervisor() == supervisor
    old.delete()
    assert predicted(outputs) == "C"
    new.delete()
    assert not (place.root / "endpoint").exists()


def test_an_endpoint_ends_when_its_folder_was_removed_by_hand(plugin: Plugin, place: Place) -> None:
    outputs = plugin.resource(ENDPOINT).create(place.inputs(place.model("B")))
    processes = [place.supervisor(), *place.servers()]
    shutil.rmtree(place.root / "endpoint")
    eventually(lambda: all(map(has_ended, processes)), timeout_s=20)
    assert is_free(int(outputs["port"]))
    assert not (place.root / "endpoint").exists()


def test_an_endpoint_whose_engine_was_killed_before_it_served_ends_by_itself(place: Place) -> None:
    plugin = Plugin()
    inputs = place.inputs(place.model("B", mode="hang"), startTimeoutS=60.0)
    thread, errors = in_background(lambda: plugin.resource(ENDPOINT).create(inputs))
    eventually(lambda: (place.root / "endpoint" / "state.json").exists() and bool(place.servers()))
    processes = [place.supervisor(), *place.servers()]
    plugin.process.kill()
    plugin.close()
    thread.join(timeout=10)
    assert errors
    eventually(lambda: all(map(has_ended, processes)), timeout_s=20)
    assert not (place.root / "endpoint").exists()


def test_an_update_that_was_given_up_does_not_go_live_later(place: Place) -> None:
    plugin = Plugin()
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("old"))
    outputs = endpoint.create(inputs)
    slow = place.inputs(place.model("new", mode="late"))
    thread, errors = in_background(lambda: endpoint.update(slow))
    eventually(lambda: len(place.servers()) == 2)
    plugin.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=10)
    assert errors == [f"Stopped, as asked.\nVersion {outputs['modelVersion']} keeps serving."]
    eventually(lambda: len(place.servers()) == 1)
    assert predicted(outputs) == "old"
    assert endpoint.kinds(inputs) == {}
    plugin.close()


@pytest.mark.parametrize("changed", [{"replicas": 2.0}, {"modelVersion": "v2"}])
def test_what_serves_is_compared_with_the_state_whoever_changed_it(
    plugin: Plugin, place: Place, changed: dict[str, Any]
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("B"))
    endpoint.create(inputs)
    known, outputs = endpoint.inputs, endpoint.outputs
    endpoint.update({**inputs, **changed})
    endpoint.inputs, endpoint.outputs = known, outputs
    assert set(endpoint.kinds(inputs)) == set(changed)


def test_a_request_that_makes_no_sense_leaves_the_endpoint_serving(plugin: Plugin, place: Place) -> None:
    outputs = plugin.resource(ENDPOINT).create(place.inputs(place.model("B")))
    supervisor = place.supervisor()
    for request in ({"request_id": "old", "port": 1}, {"request_id": "odd", "port": [], "more": 1}):
        (place.root / "endpoint" / "request.json").write_text(json.dumps(request))
        supervisor.send_signal(signal.SIGHUP)
        eventually(lambda: place.state()["answered"] == request["request_id"])  # noqa: B023
        assert "another version of mlcloud" in place.state()["error"]
    assert predicted(outputs) == "B"
    assert place.supervisor() == supervisor


def test_a_model_without_a_whole_smoke_prediction_is_refused_before_anything_starts(
    plugin: Plugin, place: Place
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    outputs = endpoint.create(place.inputs(place.model("B")))
    for smoke in ({"prediction": "B"}, [1]):
        with pytest.raises(RefusedError, match="a `smoke` without `instance` and `prediction`"):
            endpoint.update(place.inputs(place.model("B", smoke=smoke)))
    assert predicted(outputs) == "B"


def test_logs_of_a_new_supervisor_are_newer_than_those_of_the_one_before(
    plugin: Plugin, place: Place
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("B"))
    outputs = endpoint.create(inputs)
    for number in range(2, 6):
        (Path(outputs["logs"]) / f"{number:04d}-before.log").write_text("x")
    for process in (place.supervisor(), *place.servers()):
        process.kill()
    eventually(lambda: all(map(has_ended, place.seen.values())))
    endpoint.update(inputs)
    names = sorted(path.name for path in Path(outputs["logs"]).iterdir())
    assert names == ["0004-before.log", "0005-before.log", f"0006-{outputs['modelVersion']}.log"]


def test_servers_of_a_killed_supervisor_end_with_the_endpoint(plugin: Plugin, place: Place) -> None:
    endpoint = plugin.resource(ENDPOINT)
    outputs = endpoint.create(place.inputs(place.model("B")))
    supervisor, servers = place.supervisor(), place.servers()
    state = json.loads((place.root / "endpoint" / "state.json").read_text())
    supervisor.kill()
    # As if it had been killed before it could note its servers.
    (place.root / "endpoint" / "state.json").write_text(json.dumps({**state, "servers": []}))
    endpoint.delete()
    assert all(map(has_ended, servers))
    assert is_free(int(outputs["port"]))


@pytest.mark.parametrize("content", ["", "{}", '{"supervisor": 1, "servers": []}', '{"pid": "x"}'])
def test_files_that_hold_something_else_neither_stop_the_endpoint_nor_its_end(
    plugin: Plugin, place: Place, content: str
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("B"))
    outputs = endpoint.create(inputs)
    processes = [place.supervisor(), *place.servers()]
    for name in ("state.json", "waiting.json"):
        (place.root / "endpoint" / name).write_text(content)
    processes[0].send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert predicted(outputs) == "B"
    assert endpoint.kinds(inputs) == {"status": "UPDATE"}
    endpoint.delete()
    assert all(map(has_ended, processes))
    assert not (place.root / "endpoint").exists()


def test_names_that_servers_cannot_have_are_refused(plugin: Plugin, place: Place) -> None:
    inputs = place.inputs(place.model("B"))
    check = plugin.resource(ENDPOINT).check
    problems = check({**inputs, "modelVersion": "../../up", "environment": {"A=B": "x", "C": "\0"}})
    assert set(problems) == {"modelVersion", "environment"}
    assert "'A=B', 'C'" in problems["environment"]
    problems = check({**inputs, "environment": {"MLCLOUD_MODEL_SHA256": "x"}, "command": ["a", "\0"]})
    assert problems["environment"] == "MLCLOUD_MODEL_SHA256: the endpoint sets it by itself, remove it."
    assert "null character" in problems["command"]


def test_another_folder_replaces_the_endpoint_after_the_old_one_has_ended(
    plugin: Plugin, place: Place
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("B"))
    endpoint.create(inputs)
    found = endpoint.diff({**inputs, "directory": str(place.root / "other")})
    assert list(found.replaces) == ["directory"]
    assert found.deleteBeforeReplace


def test_numbers_out_of_range_are_refused_together(plugin: Plugin, place: Place) -> None:
    problems = plugin.resource(ENDPOINT).check(
        place.inputs(Model(place.root, "abc"), port=80.0, replicas=0.0, startTimeoutS=0.0)
    )
    assert set(problems) == {"modelSha256", "port", "replicas", "startTimeoutS"}
    assert problems["port"] == "80 is not a port from 1024 to 65535."

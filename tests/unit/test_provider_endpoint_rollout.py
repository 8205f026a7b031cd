"""Two versions share the traffic of an endpoint of this machine, and the ways back when that goes wrong."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import empty_pb2
from support.processes import kill_all, wait_for_end
from support.provider_endpoints import (
    ENDPOINT,
    EndpointPlace,
    ask,
    free_port,
    in_background,
    is_free,
    predicted,
    tally,
)
from support.provider_models import Model
from support.provider_plugin import Plugin, RefusedError, ResourceClient
from support.waiting import LIMIT_S, eventually

# Longer than any test: what is to end a rollout is something else.
FOR_EVER_S = 3600.0


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@pytest.fixture
def place(plugin: Plugin, tmp_path: Path) -> Iterator[EndpointPlace]:
    used = EndpointPlace(tmp_path)
    yield used
    used.clear(plugin)


class Rollout:
    """An endpoint that serves an old model, and an update to a new one that stops at its first share."""

    def __init__(
        self, plugin: Plugin, place: EndpointPlace, *, mode: str = "ok", share: int = 10, **more: Any
    ) -> None:
        self.place = place
        self.old, self.new = place.model("old"), place.model("new", mode=mode)
        self.endpoint: ResourceClient = plugin.resource(ENDPOINT)
        self.before = place.inputs(self.old, replicas=more.get("replicas", 1.0))
        self.outputs = self.endpoint.create(self.before)
        self.inputs = place.inputs(self.new, canaryPercent=float(share), waitS=FOR_EVER_S, **more)
        self.thread, self.errors = in_background(lambda: self.endpoint.update(self.inputs))

    def reach(self, share: int = 10) -> "Rollout":
        eventually(lambda: self.place.weights() == {self.old.version: 100 - share, self.new.version: share})
        return self

    def failure(self) -> str:
        self.thread.join(timeout=LIMIT_S)
        (error,) = self.errors
        return error

    def assert_old_serves_alone(self) -> None:
        eventually(lambda: self.place.weights() == {self.old.version: 100})
        assert tally(self.outputs, 20) == {self.old.version: 20}


def test_a_canary_has_exactly_its_share_of_the_requests_and_ctrl_c_takes_it_back(
    place: EndpointPlace,
) -> None:
    plugin = Plugin()
    rollout = Rollout(plugin, place).reach(10)
    assert tally(rollout.outputs, 500) == {rollout.old.version: 450, rollout.new.version: 50}
    plugin.call("Cancel", empty_pb2.Empty())
    assert rollout.failure() == f"Stopped, as asked.\nVersion {rollout.old.version} keeps serving."
    rollout.assert_old_serves_alone()
    assert rollout.endpoint.kinds(rollout.before) == {}
    plugin.close()


def test_replicas_of_both_versions_take_their_turns(plugin: Plugin, place: EndpointPlace) -> None:
    rollout = Rollout(plugin, place, share=50, replicas=2.0).reach(50)
    counted = tally(rollout.outputs, 40, "x-pid")
    assert set(counted.values()) == {10}
    assert len(counted) == 4
    # A crashed one comes back into its place, and is stood in for until then.
    first = next(process for process in place.servers() if str(process.pid) in counted)
    kill_all([first])
    assert sum(tally(rollout.outputs, 20).values()) == 20
    stop(rollout, place)


def stop(rollout: Rollout, place: EndpointPlace) -> None:
    """End a rollout as an engine does that is killed: nobody waits any more."""
    (place.root / "endpoint" / "waiting.json").unlink(missing_ok=True)
    rollout.thread.join(timeout=LIMIT_S)
    assert rollout.errors


@pytest.mark.parametrize(
    ("way", "shares"),
    [
        ({"canaryPercent": 20.0}, [20, 100]),
        ({"linearStepPercent": 50.0}, [50, 100]),
        ({"linearStepPercent": 40.0}, [40, 80, 100]),
        ({}, [100]),
    ],
)
def test_the_new_version_takes_share_after_share_and_no_request_is_lost(
    plugin: Plugin, place: EndpointPlace, way: dict[str, float], shares: list[int]
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    old, new = place.model("old"), place.model("new")
    outputs = endpoint.create(place.inputs(old))
    done, answered = threading.Event(), [0, 0]

    def keep_asking(who: int) -> None:
        while not done.is_set():
            assert ask(outputs).status_code == 200
            answered[who] += 1

    askers = [threading.Thread(target=keep_asking, args=(who,)) for who in range(2)]
    for asker in askers:
        asker.start()
    try:
        updated = endpoint.update(place.inputs(new, waitS=0.5, **way))
    finally:
        done.set()
        for asker in askers:
            asker.join(timeout=LIMIT_S)
    assert min(answered) > 0
    assert updated["modelVersion"] == new.version
    said = (place.root / "endpoint" / "supervisor.log").read_text()
    told = [int(line.split()[3]) for line in said.splitlines() if line.endswith("% of the traffic")]
    assert told == shares
    eventually(lambda: place.weights() == {new.version: 100})
    assert tally(updated, 10) == {new.version: 10}


def test_an_alarm_of_the_new_version_takes_it_back_and_the_next_preview_says_what_differs(
    plugin: Plugin, place: EndpointPlace
) -> None:
    alarms = place.write_alarms("another", "alarm")
    rollout = Rollout(plugin, place, alarms=str(alarms)).reach()
    place.write_alarms(rollout.new.version, "alarm")
    message = rollout.failure()
    assert (
        f"Version {rollout.new.version} was taken back: the alert latency-p99 (812.5 ms, allowed: 250 ms)"
        in message
    )
    assert message.endswith(f"Version {rollout.old.version} keeps serving.")
    rollout.assert_old_serves_alone()
    assert rollout.endpoint.kinds(rollout.before) == {}
    assert {"modelUri", "modelSha256"} <= set(rollout.endpoint.kinds(rollout.inputs))


@pytest.mark.parametrize("written", [None, 0.0])
def test_an_alarm_file_that_nobody_writes_is_told_and_stops_nothing(
    plugin: Plugin, place: EndpointPlace, written: float | None
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    endpoint.create(place.inputs(place.model("old")))
    new = place.model("new")
    path = place.root / "alarms.json"
    if written is not None:
        place.write_alarms(new.version, "alarm", written=written)
    before = len(plugin.engine.entries)
    assert endpoint.update(place.inputs(new, alarms=str(path)))["modelVersion"] == new.version
    said = [entry.message for entry in plugin.engine.entries[before:] if "alarms.json" in entry.message]
    assert len(said) == 1
    assert "health and its smoke prediction alone" in said[0]


@pytest.mark.parametrize("metric", ["client_error_percent", "saturation_percent", "latency_p50_ms"])
def test_an_alarm_of_what_is_no_versions_fault_stops_nothing(
    plugin: Plugin, place: EndpointPlace, metric: str
) -> None:
    endpoint, new = plugin.resource(ENDPOINT), place.model("new")
    endpoint.create(place.inputs(place.model("old")))
    alarms = place.write_alarms("another", "alarm", metric=metric)
    inputs = place.inputs(new, canaryPercent=10.0, waitS=1.0, alarms=str(alarms))
    thread, errors = in_background(lambda: endpoint.update(inputs))
    eventually(lambda: new.version in place.weights())
    place.write_alarms(new.version, "alarm", metric=metric, since=200.0)
    thread.join(timeout=LIMIT_S)
    assert errors == []


def test_an_alarm_that_was_on_before_stops_nothing(plugin: Plugin, place: EndpointPlace) -> None:
    endpoint = plugin.resource(ENDPOINT)
    model = place.model("same")
    endpoint.create(place.inputs(model))
    alarms = place.write_alarms(model.version, "alarm")
    changed = place.inputs(model, environment={"A": "b"}, alarms=str(alarms))
    assert predicted(endpoint.update(changed)) == "same"


def test_an_alarm_that_the_old_version_has_too_is_told_and_stops_nothing(
    plugin: Plugin, place: EndpointPlace
) -> None:
    """As when all are saturated: else nothing could be rolled out until that is over."""
    endpoint, old, new = plugin.resource(ENDPOINT), place.model("old"), place.model("new")
    endpoint.create(place.inputs(old))
    alarms = place.write_alarms(old.version, "alarm")
    inputs = place.inputs(new, canaryPercent=10.0, waitS=2.0, alarms=str(alarms))
    before = len(plugin.engine.entries)
    thread, errors = in_background(lambda: endpoint.update(inputs))
    eventually(lambda: new.version in place.weights())
    place.write_alarms(new.version, "alarm", since=200.0)
    thread.join(timeout=LIMIT_S)
    assert errors == []
    said = [entry.message for entry in plugin.engine.entries[before:] if "is open already" in entry.message]
    assert len(said) == 1


def test_an_alarm_of_an_earlier_try_does_not_hide_that_the_next_one_is_bad(
    plugin: Plugin, place: EndpointPlace
) -> None:
    endpoint, old, new = plugin.resource(ENDPOINT), place.model("old"), place.model("new")
    endpoint.create(place.inputs(old))
    alarms = place.write_alarms(new.version, "alarm", since=100.0)
    inputs = place.inputs(new, canaryPercent=10.0, waitS=FOR_EVER_S, alarms=str(alarms))
    thread, errors = in_background(lambda: endpoint.update(inputs))
    eventually(lambda: place.weights() == {old.version: 90, new.version: 10})
    place.write_alarms(new.version, "alarm", since=200.0)
    thread.join(timeout=LIMIT_S)
    assert f"Version {new.version} was taken back: the alert latency-p99" in errors[0]
    eventually(lambda: place.weights() == {old.version: 100})


@pytest.mark.parametrize("way", [{}, {"canaryPercent": 50.0}])
@pytest.mark.parametrize(
    ("mode", "reason"),
    [("short", "a server ended (exit code 9)"), ("ill", "it is not healthy: it answers 503")],
)
def test_a_version_that_fails_in_its_first_seconds_goes_back(
    plugin: Plugin, place: EndpointPlace, mode: str, reason: str, way: dict[str, float]
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    old = place.model("old")
    inputs = place.inputs(old)
    outputs = endpoint.create(inputs)
    before = [server.pid for server in place.servers()]
    done = threading.Event()

    def keep_asking() -> None:  # a version that shares is changed by what it is asked
        while not done.wait(0.02):
            connect_and_go(outputs)

    asker = threading.Thread(target=keep_asking)
    asker.start()
    try:
        with pytest.raises(RefusedError) as refused:
            endpoint.update(place.inputs(place.model("new", mode=mode), waitS=60.0, **way))
    finally:
        done.set()
        asker.join(timeout=LIMIT_S)
    assert reason in refused.value.message
    assert f"Version {old.version} keeps serving." in refused.value.message
    eventually(lambda: place.weights() == {old.version: 100})
    assert tally(outputs, 10) == {old.version: 10}
    assert [server.pid for server in place.servers()] == before
    assert endpoint.kinds(inputs) == {}


def connect_and_go(outputs: dict[str, Any]) -> None:
    """A client that does not care for its answer."""
    socket.create_connection(("127.0.0.1", int(outputs["port"])), timeout=LIMIT_S).close()


def test_a_killed_engine_leaves_the_old_version_with_all_the_traffic(place: EndpointPlace) -> None:
    plugin = Plugin()
    rollout = Rollout(plugin, place).reach()
    (newest,) = (one["servers"] for one in place.state()["generations"] if one["weight"] == 10)
    plugin.process.kill()
    plugin.close()
    assert rollout.failure()
    rollout.assert_old_serves_alone()
    wait_for_end(place.seen[newest[0]["process"]["pid"]])
    assert "nobody waits for it any more" in place.state()["failure"]


def test_a_killed_supervisor_leaves_the_old_version_serving_and_the_next_update_goes_on(
    plugin: Plugin, place: EndpointPlace
) -> None:
    rollout = Rollout(plugin, place).reach()
    kill_all([place.supervisor()])
    assert "The endpoint's supervisor has ended: the next update starts it again." in rollout.failure()
    assert tally(rollout.outputs, 20) == {rollout.old.version: 20}
    assert rollout.endpoint.kinds(rollout.before) == {"status": "UPDATE"}

    updated = rollout.endpoint.update({**rollout.inputs, "waitS": 0.0})
    assert updated["url"] == rollout.outputs["url"]
    assert tally(updated, 10) == {rollout.new.version: 10}
    left = living(place)
    wait_for_end(*(process for pid, process in place.seen.items() if pid not in left))
    said = (place.root / "endpoint" / "supervisor.log").read_text()
    assert said.count(f"version {rollout.new.version}: 10 % of the traffic") == 2


def living(place: EndpointPlace) -> set[int]:
    eventually(lambda: len(place.weights()) == 1)
    state = place.state()
    return {state["supervisor"]["pid"], *(server["pid"] for server in state["servers"])}


def test_a_port_that_changes_with_a_new_version_moves_at_once_and_the_old_port_stands_by(
    plugin: Plugin, place: EndpointPlace
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    outputs = endpoint.create(place.inputs(place.model("old")))
    port = free_port()
    bad = place.inputs(place.model("bad", mode="ill"), port=float(port), canaryPercent=10.0, waitS=60.0)
    with pytest.raises(RefusedError, match="is not healthy"):
        endpoint.update(bad)
    assert predicted(outputs) == "old"
    eventually(lambda: is_free(port))

    new = place.inputs(place.model("new"), port=float(port), canaryPercent=10.0)
    moved = endpoint.update(new)
    assert moved["port"] == port
    assert predicted(moved) == "new"
    eventually(lambda: is_free(int(outputs["port"])))
    assert any("two ports share no traffic" in entry.message for entry in plugin.engine.entries)


def test_how_the_next_version_takes_over_is_changed_without_touching_what_serves(
    plugin: Plugin, place: EndpointPlace
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("B"))
    endpoint.create(inputs)
    before = [server.pid for server in place.servers()]
    changed = {**inputs, "canaryPercent": 5.0, "waitS": 60.0, "alarms": str(place.root / "alarms.json")}
    assert set(endpoint.kinds(changed)) == {"canaryPercent", "waitS", "alarms"}
    endpoint.update(changed)
    assert [server.pid for server in place.servers()] == before
    assert endpoint.kinds(changed) == {}


def test_two_ways_to_move_traffic_are_refused(plugin: Plugin, place: EndpointPlace) -> None:
    inputs = place.inputs(Model(place.root, "a" * 64), canaryPercent=10.0, linearStepPercent=10.0)
    problems = plugin.resource(ENDPOINT).check(inputs)
    assert problems == {
        "linearStepPercent": "`canaryPercent` and `linearStepPercent` are two ways to move traffic: give one."
    }

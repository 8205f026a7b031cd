"""An endpoint's processes when something ends, is killed, removed, interrupted or shared."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import empty_pb2
from support.processes import has_ended, kill_all, wait_for_end
from support.provider_endpoints import (
    ENDPOINT,
    EndpointPlace,
    ask,
    in_background,
    is_free,
    predicted,
)
from support.provider_plugin import Plugin, RefusedError
from support.waiting import LIMIT_S, eventually


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


def test_an_endpoint_of_another_resource_is_never_touched(plugin: Plugin, place: EndpointPlace) -> None:
    endpoint = plugin.resource(ENDPOINT, "first")
    outputs = endpoint.create(place.inputs(place.model("B")))
    with pytest.raises(RefusedError, match=rf"belongs to {endpoint.urn}"):
        plugin.resource(ENDPOINT, "second").create(place.inputs(place.model("C")))
    assert predicted(outputs) == "B"


def test_an_endpoint_made_again_in_its_place_takes_over_and_survives_the_deletion_of_the_one_before(
    plugin: Plugin, place: EndpointPlace
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


def test_an_endpoint_ends_when_its_folder_was_removed_by_hand(plugin: Plugin, place: EndpointPlace) -> None:
    outputs = plugin.resource(ENDPOINT).create(place.inputs(place.model("B")))
    processes = [place.supervisor(), *place.servers()]
    shutil.rmtree(place.root / "endpoint")
    wait_for_end(*processes)
    assert is_free(int(outputs["port"]))
    assert not (place.root / "endpoint").exists()


def test_an_endpoint_whose_engine_was_killed_before_it_served_ends_by_itself(place: EndpointPlace) -> None:
    plugin = Plugin()
    inputs = place.inputs(place.model("B", mode="hang"), startTimeoutS=60.0)
    thread, errors = in_background(lambda: plugin.resource(ENDPOINT).create(inputs))
    eventually(lambda: (place.root / "endpoint" / "state.json").exists() and bool(place.servers()))
    processes = [place.supervisor(), *place.servers()]
    plugin.process.kill()
    plugin.close()
    thread.join(timeout=90)
    assert errors
    wait_for_end(*processes)
    assert not (place.root / "endpoint").exists()


def test_an_update_that_was_given_up_does_not_go_live_later(place: EndpointPlace) -> None:
    plugin = Plugin()
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("old"))
    outputs = endpoint.create(inputs)
    slow = place.inputs(place.model("new", mode="late"))
    thread, errors = in_background(lambda: endpoint.update(slow))
    eventually(lambda: len(place.servers()) == 2)
    plugin.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=90)
    assert errors == [f"Stopped, as asked.\nVersion {outputs['modelVersion']} keeps serving."]
    eventually(lambda: len(place.servers()) == 1)
    assert predicted(outputs) == "old"
    assert endpoint.kinds(inputs) == {}
    plugin.close()


@pytest.mark.parametrize("changed", [{"replicas": 2.0}, {"modelVersion": "v2"}])
def test_what_serves_is_compared_with_the_state_whoever_changed_it(
    plugin: Plugin, place: EndpointPlace, changed: dict[str, Any]
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("B"))
    endpoint.create(inputs)
    known, outputs = endpoint.inputs, endpoint.outputs
    endpoint.update({**inputs, **changed})
    endpoint.inputs, endpoint.outputs = known, outputs
    assert set(endpoint.kinds(inputs)) == set(changed)


def test_a_request_that_makes_no_sense_leaves_the_endpoint_serving(
    plugin: Plugin, place: EndpointPlace
) -> None:
    outputs = plugin.resource(ENDPOINT).create(place.inputs(place.model("B")))
    supervisor = place.supervisor()
    for request in ({"request_id": "old", "port": 1}, {"request_id": "odd", "port": [], "more": 1}):
        (place.root / "endpoint" / "request.json").write_text(json.dumps(request))
        supervisor.send_signal(signal.SIGHUP)
        eventually(lambda: place.state()["answered"] == request["request_id"])  # noqa: B023
        assert "another version of mlcloud" in place.state()["error"]
    assert predicted(outputs) == "B"
    assert place.supervisor() == supervisor


def test_logs_of_a_new_supervisor_are_newer_than_those_of_the_one_before(
    plugin: Plugin, place: EndpointPlace
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("B"))
    outputs = endpoint.create(inputs)
    for number in range(2, 6):
        (Path(outputs["logs"]) / f"{number:04d}-before.log").write_text("x")
    kill_all((place.supervisor(), *place.servers()))
    wait_for_end(*place.seen.values())
    endpoint.update(inputs)
    names = sorted(path.name for path in Path(outputs["logs"]).iterdir())
    assert names == ["0004-before.log", "0005-before.log", f"0006-{outputs['modelVersion']}.log"]


def test_servers_of_a_killed_supervisor_end_with_the_endpoint(plugin: Plugin, place: EndpointPlace) -> None:
    endpoint = plugin.resource(ENDPOINT)
    outputs = endpoint.create(place.inputs(place.model("B")))
    supervisor, servers = place.supervisor(), place.servers()
    state = json.loads((place.root / "endpoint" / "state.json").read_text())
    kill_all([supervisor])
    # As if it had been killed before it could note its servers.
    (place.root / "endpoint" / "state.json").write_text(json.dumps({**state, "servers": []}))
    endpoint.delete()
    assert all(map(has_ended, servers))
    assert is_free(int(outputs["port"]))


@pytest.mark.parametrize("content", ["", "{}", '{"supervisor": 1, "servers": []}', '{"pid": "x"}'])
def test_files_that_hold_something_else_neither_stop_the_endpoint_nor_its_end(
    plugin: Plugin, place: EndpointPlace, content: str
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


def test_a_killed_endpoint_is_ill_at_refresh_and_the_next_update_starts_it_on_the_same_port(
    plugin: Plugin, place: EndpointPlace
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("B"))
    outputs = endpoint.create(inputs)
    supervisor, (server,) = place.supervisor(), place.servers()
    kill_all([supervisor])

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


def test_a_crashed_server_is_started_again(plugin: Plugin, place: EndpointPlace) -> None:
    endpoint = plugin.resource(ENDPOINT)
    outputs = endpoint.create(place.inputs(place.model("B", mode="die")))
    (server,) = place.servers()
    ask(outputs, kill=True)
    wait_for_end(server)
    assert predicted(outputs) == "B"
    eventually(lambda: place.state()["ready"] == 1)
    assert [process.pid for process in place.servers()] != [server.pid]
    assert "exit code 9" in (place.root / "endpoint" / "supervisor.log").read_text()


def test_the_endpoint_outlives_the_plugin_and_ctrl_c(place: EndpointPlace) -> None:
    first = Plugin()
    endpoint = first.resource(ENDPOINT)
    outputs = endpoint.create(place.inputs(place.model("B")))
    assert os.getsid(place.supervisor().pid) == place.supervisor().pid
    first.close()
    place.supervisor().send_signal(signal.SIGINT)
    for server in place.servers():
        server.send_signal(signal.SIGINT)
    assert predicted(outputs) == "B"


@pytest.mark.parametrize("made_again", [False, True])
def test_an_update_that_finds_the_supervisor_on_its_way_out_starts_another(
    plugin: Plugin, place: EndpointPlace, made_again: bool
) -> None:
    endpoint, model = plugin.resource(ENDPOINT), place.model("M")
    outputs = endpoint.create(place.inputs(place.model("B")))
    leaving = place.supervisor()
    leaving.suspend()
    leaving.terminate()  # it hears of that when it goes on
    work = endpoint.create if made_again else endpoint.update
    thread, errors = in_background(lambda: work(place.inputs(model)))
    eventually((place.root / "endpoint" / "request.json").exists)
    leaving.resume()
    thread.join(timeout=LIMIT_S)
    assert errors == []
    assert place.supervisor().pid != leaving.pid
    assert predicted(outputs) == "M"

"""More servers and fewer, a server that the supervisor cannot move traffic with, and too little memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local import memory
from support.provider_endpoints import ENDPOINT, EndpointPlace, ask, in_background, predicted, tally
from support.provider_plugin import Plugin, RefusedError
from support.waiting import LIMIT_S, eventually

MIB = 1024 * 1024


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


def test_another_number_of_servers_keeps_those_that_serve_and_what_they_have_begun(
    plugin: Plugin, place: EndpointPlace
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("B"), replicas=1.0)
    outputs = endpoint.create(inputs)
    (first,) = [server.pid for server in place.servers()]
    endpoint.update({**inputs, "replicas": 3.0})
    now = [server.pid for server in place.servers()]
    assert (now[0], len(now)) == (first, 3)
    assert len(list(Path(outputs["logs"]).glob("*.log"))) == 1

    begun = place.root / "begun"
    slow, errors = in_background(lambda: [ask(outputs, sleep_s=1.0, begun=str(begun)) for _ in range(2)])
    eventually(begun.exists)
    endpoint.update({**inputs, "replicas": 1.0})
    assert sum(tally(outputs, 20).values()) == 20
    slow.join(timeout=LIMIT_S)
    assert not errors
    eventually(lambda: [server.pid for server in place.servers()] == [first])
    assert place.state()["replicas"] == 1
    assert endpoint.kinds({**inputs, "replicas": 1.0}) == {}


def test_more_servers_than_start_leave_the_number_as_it_was(plugin: Plugin, place: EndpointPlace) -> None:
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("B", mode="single"))
    outputs = endpoint.create(inputs)
    before = [server.pid for server in place.servers()]
    with pytest.raises(RefusedError, match=r"did not start \(exit code 1\)"):
        endpoint.update({**inputs, "replicas": 2.0})
    assert predicted(outputs) == "B"
    assert [server.pid for server in place.servers()] == before
    assert endpoint.kinds(inputs) == {}


def test_a_server_that_does_not_listen_to_its_supervisor_is_refused(
    plugin: Plugin, place: EndpointPlace
) -> None:
    with pytest.raises(RefusedError, match="command: the server does not answer over MLCLOUD_HANDOFF_FD"):
        plugin.resource(ENDPOINT).create(place.inputs(place.model("B", mode="deaf")))
    assert not (place.root / "endpoint").exists()


def test_a_server_that_the_system_kills_is_told_with_the_memory_that_there_is(
    plugin: Plugin, place: EndpointPlace
) -> None:
    with pytest.raises(RefusedError, match=r"killed, as the system does when memory runs out: \d+ MiB are"):
        plugin.resource(ENDPOINT).create(place.inputs(place.model("B", mode="killed")))
    assert not (place.root / "endpoint").exists()


def test_servers_that_have_no_room_beside_those_that_run_are_not_started() -> None:
    memory.check(2, [100 * MIB, 150 * MIB], 300 * MIB)
    memory.check(2, [], 1)
    memory.check(0, [100 * MIB], 1)
    with pytest.raises(ResourceError) as refused:
        memory.check(3, [100 * MIB, 150 * MIB], 300 * MIB)
    assert str(refused.value) == (
        "Too little memory: 3 more servers beside those that run need about 450 MiB, and 300 MiB are "
        "available. Set fewer `replicas`, or end what else uses memory."
    )


def test_what_is_available_is_told_in_whole_mebibytes() -> None:
    assert memory.available_bytes() > MIB
    assert memory.available_text().endswith(" MiB are available")

"""An endpoint whose servers come and go with its load, and loses no request by that."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.generations import Generation
from mlcloud.provider.local.load import Meter
from mlcloud.provider.local.server_metrics import ServerMetrics
from mlcloud.provider.local.serving import Deployment, EndpointFolder
from mlcloud.provider.local.versions import Loop, Versions
from support.provider_endpoints import ENDPOINT, EndpointPlace, ask
from support.provider_plugin import Plugin, running
from support.waiting import LIMIT_S, eventually


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    yield from running()


@pytest.fixture
def place(plugin: Plugin, tmp_path: Path) -> Iterator[EndpointPlace]:
    made = EndpointPlace(tmp_path)
    yield made
    made.clear(plugin)


class Clients:
    """People that ask all the time, each for an answer that takes a while."""

    def __init__(self, outputs: dict[str, Any], count: int) -> None:
        self._outputs = outputs
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(count)
        self._work = [self._pool.submit(self._ask) for _ in range(count)]

    def _ask(self) -> list[int]:
        answers: list[int] = []
        while not self._ended.is_set():
            answers.append(ask(self._outputs, sleep_s=0.1).status_code)
        return answers

    def end(self) -> set[int]:
        """What was answered."""
        self._ended.set()
        answers = [status for work in self._work for status in work.result()]
        self._pool.shutdown()
        assert answers
        return set(answers)


def scaled(place: EndpointPlace, **more: Any) -> dict[str, Any]:
    model = place.model("B")
    return place.inputs(model, replicas=1, maxReplicas=3, targetInFlight=1.0, scaleInAfterS=2.0, **more)


def servers(place: EndpointPlace) -> tuple[int, int]:
    """How many there are to be, and how many take requests."""
    state = place.state()
    return state["replicas"], state["ready"]


def test_servers_come_with_the_load_and_go_without_it_and_no_request_is_lost(
    plugin: Plugin, place: EndpointPlace
) -> None:
    endpoint, inputs = plugin.resource(ENDPOINT), scaled(place)
    outputs = endpoint.create(inputs)
    assert servers(place) == (1, 1)
    clients = Clients(outputs, 6)
    eventually(lambda: servers(place) == (3, 3))
    assert endpoint.kinds(inputs) == {}
    assert clients.end() == {200}

    eventually(lambda: servers(place) == (1, 1))
    eventually(lambda: len(place.servers()) == 1)
    assert endpoint.kinds(inputs) == {}
    assert ask(outputs).status_code == 200


def test_an_update_keeps_the_servers_that_the_load_has_called(plugin: Plugin, place: EndpointPlace) -> None:
    endpoint, inputs = plugin.resource(ENDPOINT), {**scaled(place), "scaleInAfterS": 600.0}
    outputs = endpoint.create(inputs)
    clients = Clients(outputs, 6)
    eventually(lambda: servers(place) == (3, 3))
    other = place.model("M")
    endpoint.update({**inputs, "modelUri": other.uri, "modelSha256": other.sha256})
    assert servers(place) == (3, 3)
    assert clients.end() == {200}
    assert ask(outputs).json()["predictions"][0]["prediction"] == "M"


def test_another_limit_takes_hold_without_a_new_server_where_none_is_needed(
    plugin: Plugin, place: EndpointPlace
) -> None:
    endpoint, inputs = plugin.resource(ENDPOINT), scaled(place)
    outputs = endpoint.create(inputs)
    before = {server.pid for server in place.servers()}
    endpoint.update({**inputs, "maxReplicas": 2})
    assert {server.pid for server in place.servers()} == before
    clients = Clients(outputs, 6)
    eventually(lambda: servers(place) == (2, 2))
    endpoint.update({**inputs, "replicas": 1, "maxReplicas": None})
    assert clients.end() == {200}
    eventually(lambda: servers(place) == (1, 1))


def test_a_most_below_the_fewest_is_refused(place: EndpointPlace, plugin: Plugin) -> None:
    inputs = {**scaled(place), "replicas": 4, "targetInFlight": 0.0}
    assert plugin.resource(ENDPOINT).check(inputs) == {"targetInFlight": "0 is not above 0 and at most 1000."}
    del inputs["targetInFlight"]
    assert plugin.resource(ENDPOINT).check(inputs) == {"maxReplicas": "3 is less than `replicas`, 4."}


class Serving:
    """The servers of a generation, as far as their load is asked for."""

    def __init__(self, *servers: SimpleNamespace) -> None:
        self._servers = servers

    def servers(self) -> list[SimpleNamespace]:
        return list(self._servers)


def test_the_load_of_a_version_that_is_tried_counts_for_it_will_carry_all(tmp_path: Path) -> None:
    def server(port: int, *, ready: bool = True) -> SimpleNamespace:
        return SimpleNamespace(ref=port, private_port=port, ready=ready)

    versions = Versions(EndpointFolder(path=tmp_path), Loop(say=print, save=lambda: None, pause=lambda: None))
    assert versions.private_ports() == {}
    versions.current = cast(Any, Serving(server(1), server(2, ready=False)))
    assert versions.private_ports() == {"1": 1}
    versions.candidate = cast(Any, Serving(server(3)))
    assert versions.private_ports() == {"1": 1, "3": 3}


class Starting(Generation):
    """A generation whose servers start, as many as are allowed, and are ready at the second look."""

    def __init__(self, deployment: Deployment, allowed: int, tmp_path: Path) -> None:
        super().__init__(deployment, cast(Any, None), tmp_path / "log", print)
        self._allowed = allowed
        self.start()

    def _new_server(self) -> Any:
        if len(self.replicas) == self._allowed:
            raise ResourceError("command: the server cannot be started: no more descriptors.")
        return SimpleNamespace(
            exit_code=None, ready=False, looks=0, drain=lambda: None, memory_bytes=lambda: None, ref=None
        )

    def admit(self, server: Any) -> bool:
        server.looks += 1
        server.ready = server.looks > 1
        return server.ready


def deployment(replicas: int) -> Deployment:
    known = {field.name: None for field in fields(Deployment)}
    numbers = {
        "replicas": replicas,
        "least": replicas,
        "most": 9,
        "start_timeout_s": LIMIT_S,
        "drain_timeout_s": 1,
    }
    return Deployment(**cast(Any, {**known, **numbers}))


def test_servers_that_started_are_known_where_the_next_does_not(tmp_path: Path) -> None:
    generation = Starting(deployment(1), 3, tmp_path)
    with pytest.raises(ResourceError):
        generation.resize(5)
    assert len(generation.servers()) == generation.deployment.replicas == 3


def test_servers_that_an_update_waits_for_do_not_leave_as_the_load_goes(tmp_path: Path) -> None:
    loop = Loop(say=print, save=lambda: None, pause=lambda: versions.scale(1))
    versions = Versions(EndpointFolder(path=tmp_path), loop)
    versions.current = Starting(deployment(1), 9, tmp_path)
    versions.deploy(deployment(3))
    assert len(versions.current.servers()) == 3
    versions.scale(2)
    assert len(versions.current.servers()) == 2


def look(busy_s: float, in_flight: int = 0) -> ServerMetrics:
    text = f"mlcloud_ready 1\nmlcloud_requests_in_flight {in_flight + 1}\n"
    text += f'mlcloud_request_duration_seconds_sum{{route="/invocations"}} {busy_s}\n'
    text += 'mlcloud_request_duration_seconds_sum{route="/ping"} 1000\n'
    found = ServerMetrics.of(text)
    assert found is not None
    return found


class TestTheLoadOfAServer:
    def test_is_the_share_of_time_that_it_answered(self) -> None:
        meter, asked = Meter(), {"one": 1}
        assert meter.loads(10, asked, {"one": look(5)}) == [0]
        assert meter.loads(12, asked, {"one": look(6.5)}) == [0.75]

    def test_is_what_it_answers_now_where_that_is_more(self) -> None:
        assert Meter().loads(10, {"one": 1}, {"one": look(5, in_flight=3)}) == [3]

    def test_begins_anew_with_a_server_that_was_started_again(self) -> None:
        meter, asked = Meter(), {"one": 1}
        meter.loads(10, asked, {"one": look(500)})
        assert meter.loads(11, asked, {"one": look(0.5)}) == [0]

    def test_is_one_where_it_does_not_answer_in_time(self) -> None:
        assert Meter().loads(10, {"one": 1, "two": 2}, {"one": look(0)}) == [0, 1]

    def test_is_forgotten_with_the_server(self) -> None:
        meter = Meter()
        meter.loads(10, {"one": 1}, {"one": look(5)})
        meter.loads(11, {}, {})
        assert meter.loads(12, {"one": 1}, {"one": look(7)}) == [0]

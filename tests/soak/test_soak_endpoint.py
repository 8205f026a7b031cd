"""Minutes of traffic on real servers that are swapped and killed: no request is lost, and no memory either.

`make soak` runs it; `SOAK_MINUTES=1 make soak` for a look. Two endpoints share the traffic. One is restless:
its versions are swapped and its servers killed in an order that is the same each time. The other is steady:
its servers live as long as the test, so that what they hold can be compared.

A request is lost when its client has no answer in the end. One that was in flight at a server when that was
killed is interrupted: nobody can answer it any more. Its client sees the connection break and asks once more,
as it may, for a prediction changes nothing; these are counted apart.
"""

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.memory import watched
from support.open_loop import Figures, open_loop
from support.processes import kill_all
from support.provider_endpoints import ENDPOINT, EndpointPlace
from support.provider_models import Model
from support.provider_monitors import MONITOR, MonitorPlace
from support.provider_plugin import Plugin
from support.swaps import Swap, during, misplaced, swap
from support.waiting import LIMIT_S, eventually

MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
RESTLESS_PER_S, STEADY_PER_S = 200.0, 50.0
REPLICAS = 2
MOST_GROWTH_PERCENT = 5.0
# Of four disturbances one is a kill of one server, one a kill of all, and two are swaps.
DISTURBANCES = ("swap", "kill one", "swap", "kill all")

pytestmark = [pytest.mark.soak, pytest.mark.timeout(MINUTES * 60 + 20 * LIMIT_S)]


@pytest.fixture
def plugin() -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@pytest.fixture
def places(plugin: Plugin, tmp_path: Path) -> Iterator[tuple[EndpointPlace, EndpointPlace]]:
    made = EndpointPlace(tmp_path / "restless"), EndpointPlace(tmp_path / "steady")
    yield made
    for place in made:
        place.clear(plugin)


def inputs(place: EndpointPlace, model: Model, version: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "mlcloud_trainer"]
    return place.inputs(model, modelVersion=version, replicas=REPLICAS, command=command)


def all_ready(place: EndpointPlace) -> bool:
    return place.state()["ready"] == REPLICAS == len(place.servers())


def test_no_request_is_lost_and_memory_stays_flat_through_swaps_and_kills(
    plugin: Plugin, places: tuple[EndpointPlace, EndpointPlace], trained: Model, tmp_path: Path
) -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    restless, steady = places
    endpoints = [plugin.resource(ENDPOINT, name) for name in ("restless", "steady")]
    urls = [
        endpoint.create(inputs(place, trained, "v0"))["url"]
        for endpoint, place in zip(endpoints, places, strict=True)
    ]
    watch = MonitorPlace(restless.root)
    monitor = plugin.resource(MONITOR, "restless")
    monitor.create(
        watch.inputs({"name": "server-errors", "metric": "server_error_percent", "threshold": 1.0})
    )
    body = {"instances": [json.loads((trained.folder / "manifest.json").read_text())["smoke"]["instance"]]}
    swaps: list[Swap] = []
    killed = 0
    processes = {
        "supervisor of the restless": restless.supervisor(),
        "supervisor of the steady": steady.supervisor(),
        "monitor of the restless": watch.process(),
    }
    processes |= {f"server {number} of the steady": one for number, one in enumerate(steady.servers())}
    with (
        open_loop(urls[0], body, RESTLESS_PER_S, tmp_path / "restless.jsonl", retry=True) as restless_client,
        open_loop(urls[1], body, STEADY_PER_S, tmp_path / "steady.jsonl", retry=True) as steady_client,
        watched(processes) as memory,
    ):
        end = time.monotonic() + 60 * MINUTES
        for disturbance in _until(end):
            if disturbance == "swap":
                wanted = inputs(restless, trained, f"v{len(swaps) + 1}")
                swaps.append(swap(endpoints[0], restless, wanted))
            else:
                victims = restless.servers()
                victims = victims if disturbance == "kill all" else [chance.choice(victims)]
                kill_all(victims)
                killed += len(victims)
                eventually(lambda: all_ready(restless))
            time.sleep(chance.uniform(1.0, 4.0))
        restless_client.stop()
        steady_client.stop()
    requests = restless_client.requests(), steady_client.requests()
    figures = Figures.of(requests[0], RESTLESS_PER_S), Figures.of(requests[1], STEADY_PER_S)
    within = Figures.of(during(requests[0], swaps), RESTLESS_PER_S)
    for line in (
        f"{MINUTES:g} minutes, {len(swaps)} swaps, {killed} servers killed",
        f"restless: {figures[0]}",
        f"{within.sent} of these during swaps: p50 {within.p50_ms:.1f} ms, p99 {within.p99_ms:.1f} ms",
        f"steady: {figures[1]}",
        str(memory),
    ):
        print(line)  # noqa: T201 - what was measured is what it is run for
    assert len(swaps) >= MINUTES
    assert killed >= MINUTES
    assert [one.failure for one in (*requests[0], *requests[1]) if one.failure] == []
    for figure, rate in zip(figures, (RESTLESS_PER_S, STEADY_PER_S), strict=True):
        assert figure.answered >= 0.9 * 60 * MINUTES * rate, "the client did not keep its rate"
    assert figures[1].interrupted == 0
    assert misplaced(requests[0], "v0", swaps) == []
    assert {one.version for one in requests[1]} == {"v0"}
    assert memory.failure == ""
    assert {
        name: grown for name, grown in memory.growth_percent().items() if grown > MOST_GROWTH_PERCENT
    } == {}


def _until(end: float) -> Iterator[str]:
    """The disturbances, in turn, until a time in monotonic seconds."""
    number = 0
    while time.monotonic() < end:
        yield DISTURBANCES[number % len(DISTURBANCES)]
        number += 1

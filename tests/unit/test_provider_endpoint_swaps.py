"""New versions swap in under traffic: no request fails, and each is answered by a version of its time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.open_loop import Figures, Request, open_loop
from support.provider_endpoints import ENDPOINT, EndpointPlace
from support.provider_plugin import Plugin
from support.swaps import Swap, during, misplaced, swap

RATE_PER_S = 200.0
SWAPS = 20
ROW = {"instances": [{"a": 1}]}


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


def test_twenty_versions_swap_in_under_200_requests_a_second_and_none_fails(
    plugin: Plugin, place: EndpointPlace, tmp_path: Path, record_property: Any
) -> None:
    endpoint = plugin.resource(ENDPOINT)
    inputs = place.inputs(place.model("B"), modelVersion="v0", replicas=2)
    outputs = endpoint.create(inputs)
    swaps: list[Swap] = []
    with open_loop(outputs["url"], ROW, RATE_PER_S, tmp_path / "requests.jsonl", retry=False) as client:
        client.wait_for(int(RATE_PER_S) // 2)
        for number in range(1, SWAPS + 1):
            swaps.append(swap(endpoint, place, {**inputs, "modelVersion": f"v{number}"}))
            # As many as are due in a second: a slow client lengthens the test, and does not thin it out.
            client.wait_for(int(RATE_PER_S))
        client.stop()
    requests = client.requests()
    figures = Figures.of(requests, RATE_PER_S)
    within = Figures.of(during(requests, swaps), RATE_PER_S)
    told = (
        f"{figures}\n{within.sent} of these during swaps: p50 {within.p50_ms:.1f}, p99 {within.p99_ms:.1f} ms"
    )
    record_property("figures", told)
    print(told)  # noqa: T201 - what was measured, for whoever runs this with -s
    assert [one.failure for one in requests if one.failure] == []
    assert figures.answered == figures.sent >= SWAPS * RATE_PER_S
    assert misplaced(requests, "v0", swaps) == []
    assert {one.version for one in requests} == {f"v{number}" for number in range(SWAPS + 1)}


def request(sent: float, version: str) -> Request:
    return Request(due=sent, sent=sent, done=sent + 1, version=version, failure="", interrupted=False)


SWAPPED = [Swap(version="v1", began=10, settled=20), Swap(version="v2", began=30, settled=40)]


@pytest.mark.parametrize(
    ("sent", "version"),
    [(0, "v0"), (9.5, "v1"), (15, "v0"), (15, "v1"), (25, "v1"), (29.5, "v2"), (45, "v2")],
)
def test_a_version_of_its_time_is_in_its_place(sent: float, version: str) -> None:
    assert misplaced([request(sent, version)], "v0", SWAPPED) == []


@pytest.mark.parametrize(
    ("sent", "version"), [(0, "v1"), (8, "v1"), (15, "v2"), (20.5, "v0"), (25, "v2"), (45, "v1"), (45, "")]
)
def test_a_version_of_another_time_is_misplaced(sent: float, version: str) -> None:
    assert misplaced([request(sent, version)], "v0", SWAPPED) == [request(sent, version)]

"""Waits for grants over the plugin's gRPC: once for each new one, and never for one that goes."""

import time
from collections.abc import Iterator

import pytest
from google.protobuf import empty_pb2
from support.provider_gcp_resources import in_background
from support.provider_plugin import LIMIT_S, Plugin, running

WAIT = "mlcloud:gcp:IamPropagation"
# Who has to see the grants, by token.
WAITS = {WAIT: "Google's services", "mlcloud:azure:RolePropagation": "Azure's services"}
LONG_S = 600


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    yield from running()


@pytest.mark.parametrize("token", WAITS)
def test_new_grants_are_waited_for_and_told(plugin: Plugin, token: str) -> None:
    wait, started = plugin.resource(token, "new"), time.monotonic()
    given = {"grants": ["key/agent"], "waitS": 1}
    assert wait.preview(given)["seen"] == ["key/agent"]
    assert wait.create(given)["seen"] == ["key/agent"]
    assert time.monotonic() - started >= 1
    plugin.engine.wait_for(f"Waiting until {WAITS[token]} see 1 new grants")
    assert wait.read() == {"seen": ["key/agent"]}
    assert wait.kinds(given) == {}


def test_a_further_grant_is_waited_for_and_is_no_replacement(plugin: Plugin) -> None:
    wait = plugin.resource(WAIT, "further")
    wait.create({"grants": ["one"], "waitS": 0})
    more = {"grants": ["one", "two"], "waitS": 1}
    assert set(wait.kinds(more).values()) <= {"UPDATE", "ADD"}
    started = time.monotonic()
    assert wait.update(more)["seen"] == ["one", "two"]
    assert time.monotonic() - started >= 1


def test_a_grant_that_goes_and_another_time_are_not_waited_for(plugin: Plugin) -> None:
    wait = plugin.resource(WAIT, "goes")
    wait.create({"grants": ["one", "two"], "waitS": 0})
    # Were it waited for, the call would run into the test's own limit.
    assert wait.update({"grants": ["one"], "waitS": LONG_S})["seen"] == ["one"]
    wait.delete()


def test_waiting_is_cancelled() -> None:
    first = Plugin()
    given = {"grants": ["one"], "waitS": LONG_S}
    thread, errors = in_background(lambda: first.resource(WAIT, "cancelled").create(given))
    first.engine.wait_for("Waiting until Google's services see")
    first.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=LIMIT_S)
    assert not thread.is_alive()
    assert "Stopped, as asked" in errors[0].message
    first.close()


def test_a_time_that_is_no_time_is_refused(plugin: Plugin) -> None:
    problems = plugin.resource(WAIT).check({"grants": ["one"], "waitS": 3601})
    assert list(problems) == ["waitS"]

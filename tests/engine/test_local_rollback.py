"""A rollout that the stack's own alarms take back, the monitor, the supervisor and the engine all real."""

import contextlib
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pulumi
import pytest
from mlcloud.local.resources import Endpoint, Monitor
from mlcloud.provider.local.alarms import Rule
from support.engine import Stack
from support.local_http import post
from support.provider_endpoints import FAKE_SERVER
from support.provider_models import Model, make_model
from support.provider_plugin import PLUGIN
from support.waiting import LIMIT_S, eventually

RULES = [
    Rule(name=name, metric=metric, threshold=threshold, period_s=3.0, hold_s=0.0, least_requests=3)
    for name, metric, threshold in (
        ("server-errors", "server_error_percent", 1.0),
        ("latency-p99", "latency_p99_ms", 250.0),
    )
]


class RolledOut:
    """A stack that serves a model through a canary, watched by alarms."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stack = Stack(root, provider=None, plugins={"mlcloud": PLUGIN})
        self.model = self.make("A")
        self.wait_s = LIMIT_S

    def make(self, prediction: str, mode: str = "ok") -> Model:
        return make_model(self.root / "bucket", prediction, mode=mode)

    def program(self) -> None:
        cloud = self.root / "cloud"
        monitor = Monitor(
            "monitor",
            name="tumours",
            project="houses",
            stack="dev",
            directory=str(cloud / "monitor"),
            endpoint_directory=str(cloud / "endpoint"),
            runs_directory=str(cloud / "runs"),
            registry_directory=str(cloud / "registry"),
            rules=RULES,
        )
        endpoint = Endpoint(
            "endpoint",
            name="tumours",
            directory=str(cloud / "endpoint"),
            model_uri=self.model.uri,
            model_sha256=self.model.sha256,
            command=[sys.executable, str(FAKE_SERVER)],
            start_timeout_s=LIMIT_S,
            canary_percent=50,
            wait_s=self.wait_s,
            alarms=monitor.alarms,
        )
        pulumi.export("url", endpoint.url)


@pytest.fixture
def rolled(tmp_path: Path) -> Iterator[RolledOut]:
    made = RolledOut(tmp_path)
    yield made
    assert made.stack.destroy().ok, made.stack.errors


@contextlib.contextmanager
def asked(url: str) -> Iterator[Counter[tuple[int, str]]]:
    """People who ask all the time: how often which version answered with which status."""
    ended, seen = threading.Event(), Counter[tuple[int, str]]()

    def ask() -> None:
        while not ended.is_set():
            answer = post(f"{url}/invocations", {"instances": [{"a": 1}]})
            seen[answer.status_code, answer.headers["x-model-version"]] += 1
            ended.wait(0.02)

    people = [threading.Thread(target=ask) for _ in range(3)]
    for one in people:
        one.start()
    try:
        yield seen
    finally:
        ended.set()
        for one in people:
            one.join()


@pytest.mark.parametrize(("mode", "alarm"), [("slows", "latency-p99"), ("breaks", "server-errors")])
def test_a_new_version_that_is_slow_or_fails_is_taken_back_by_the_stacks_own_alarm(
    rolled: RolledOut, mode: str, alarm: str
) -> None:
    first = rolled.stack.up(rolled.program)
    assert first.ok, rolled.stack.errors
    old = rolled.model
    with asked(first.outputs["url"]) as seen:
        eventually(lambda: seen[200, old.version] > 30)
        rolled.model = rolled.make("B", mode)
        failed = rolled.stack.up(rolled.program)
        assert not failed.ok
        assert any(alarm in error and "keeps serving" in error for error in rolled.stack.errors), (
            rolled.stack.errors
        )
        taken = sum(count for (_, version), count in seen.items() if version == rolled.model.version)
        assert taken > 0
        seen.clear()
        eventually(lambda: seen[200, old.version] > 30)
        # One that was under way may have been counted after the look.
        assert sum(seen.values()) - seen[200, old.version] <= 3

    rolled.model = old
    assert rolled.stack.up(rolled.program).ok, rolled.stack.errors


def test_a_new_version_that_is_well_takes_all_the_traffic(rolled: RolledOut) -> None:
    rolled.wait_s = 2.0
    first = rolled.stack.up(rolled.program)
    rolled.model = rolled.make("B")
    with asked(first.outputs["url"]) as seen:
        assert rolled.stack.up(rolled.program).ok, rolled.stack.errors
        seen.clear()
        eventually(lambda: seen[200, rolled.model.version] > 30)
        assert set(seen) == {(200, rolled.model.version)}

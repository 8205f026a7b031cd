"""A real local stack, trained and served, whose update is killed: engine, provider plugin, or both."""

import contextlib
import os
import random
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from mlcloud.provider.local.registry import entries
from support.faults_cloud import FaultyStack, no_providers
from support.faults_local import Whole, local_cloud, running, tree
from support.local_http import post
from support.processes import has_ended
from support.provider_plugin import PLUGIN
from support.waiting import eventually

SEED = int(os.environ.get("MLCLOUD_FAULT_SEED", "7"))
TOGETHER, APART = (24, 6) if "MLCLOUD_TEST_FAULTS" in os.environ else (6, 2)
"""Kills of engine and provider as one process, and of the engine, the plugin or both where they are two: the
200 of test_faults_kills.py take milliseconds each, these seconds. `make test-faults` has more of them."""
EDITIONS = ("one", "two", "three")


def check(stack: FaultyStack, wanted: Whole, about: str) -> None:
    """What is there is what an undisturbed stack has, it answers, and there is nothing more to do."""
    outputs = {item.name: item.outputs for item in stack.snapshot.resources}
    answer = post(f"{outputs['endpoint']['url']}/invocations", {"instances": [{"a": 1}]})
    assert answer.json()["predictions"][0]["prediction"] == wanted.edition, about
    assert answer.headers["x-model-version"] == outputs["version"]["version"], about
    found = entries(stack.cloud / "registry").values()
    assert [one.version for one in found if one.until is None] == [outputs["version"]["version"]], about
    # Versions that others have followed stay for a rollback, as long as their models do.
    assert all(one.stage == "kept" and one.is_there for one in found if one.until is not None), about
    runs = {path.name for path in (stack.cloud / "runs").iterdir() if not path.name.startswith(".")}
    assert runs == {outputs["run"]["runName"]}, about
    # Names of unfinished files and folders end in a number and a hash.
    assert [item for item in tree(stack.cloud) if len(item.rpartition(".")[2]) == 32] == [], about
    # A supervisor and one server: nothing else runs for this stack.
    eventually(lambda: len(running(stack.folder)) == 2)
    assert stack.snapshot.pending_operations == [], about
    assert set(stack.up(wanted).summary) == {"same"}, about


def trainings(stack: FaultyStack) -> Counter[str]:
    counted = {path.name: path.read_text().split() for path in stack.folder.glob("trainings-*")}
    return Counter({name: len(lines) for name, lines in counted.items()})


def finish(stack: FaultyStack) -> None:
    assert stack.destroy().ok, stack.errors()
    assert tree(stack.cloud) == set()
    eventually(lambda: running(stack.folder) == [])


@pytest.mark.timeout(1200)
def test_kills_of_engine_and_provider_together(tmp_path: Path) -> None:
    source = random.Random(SEED)  # noqa: S311 - which moments, not a secret
    stack = FaultyStack(tmp_path, local_cloud)
    kills, cut, span_s = 0, Counter[str](), 1.0
    while kills < TOGETHER:
        about = f"kill {kills} of MLCLOUD_FAULT_SEED={SEED}"
        before = trainings(stack)
        wanted = Whole(tmp_path, source.choice(EDITIONS))
        update = stack.start(wanted)
        began = time.monotonic()
        if not update.kill_after(source.uniform(0, span_s)):
            span_s = 0.5 * (span_s + time.monotonic() - began)
            continue
        kills += 1
        span_s *= 1.1
        pending = [item for item in stack.snapshot.pending_operations if item.resource.custom]
        cut.update(item.resource.type.rpartition(":")[2] for item in pending)
        # What is wanted next may be something else: what was begun for the first is to end.
        again = wanted if source.random() < 0.6 else Whole(tmp_path, source.choice(EDITIONS))
        assert stack.up(again).ok, (about, stack.errors())
        told = {item.urn for item in stack.warnings() if "was cut off while it was" in item.message}
        assert told == {
            item.resource.urn for item in pending if not item.resource.type.startswith("pulumi:")
        }, about
        check(stack, again, about)
        # The update that was cut off may have begun one training, and the next may have had to begin another.
        more = trainings(stack) - before
        assert set(more.values()) <= {1}, (about, more)
        assert set(more) <= {f"trainings-{item.edition}" for item in (wanted, again)}, (about, more)
    assert cut, "no kill fell into an operation"
    finish(stack)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("whom", ["engine", "plugin", "both"])
def test_kills_where_the_provider_is_a_plugin(tmp_path: Path, whom: str) -> None:
    source = random.Random(SEED)  # noqa: S311 - which moments, not a secret
    stack = FaultyStack(tmp_path, no_providers, plugins={"mlcloud": PLUGIN})
    together = FaultyStack(tmp_path, local_cloud)
    landed, number, span_s = 0, 0, 2.0
    while landed < APART:
        number += 1
        about = f"kill {landed} of {whom}, MLCLOUD_FAULT_SEED={SEED}"
        wanted = Whole(tmp_path, EDITIONS[number % 3])
        update = stack.start(wanted)
        engine = psutil.Process(update.process.pid or 0)
        plugins: list[psutil.Process] = []
        while not plugins and not has_ended(engine):
            plugins = [item for item in engine.children() if str(PLUGIN) in item.cmdline()]
        time.sleep(source.uniform(0, span_s))
        doomed = {"engine": [engine], "plugin": plugins, "both": [engine, *plugins]}[whom]
        before = [process for process in doomed if not has_ended(process)]
        for process in before:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        update.process.join(200)
        assert update.process.exitcode is not None
        # One that was at its end has done all of its work.
        landed += len(before) == len(doomed) and update.process.exitcode != 0
        span_s *= 1.1 if before else 0.7
        # A plugin whose engine has ended ends by itself, and what goes on until then does no harm.
        assert together.up(wanted).ok, (about, together.errors())
        eventually(lambda plugins=plugins: all(map(has_ended, plugins)))
        check(together, wanted, about)
    finish(together)

"""Training runs that an update starts and does not wait for: the next update takes their result."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import wait_for_end
from support.provider_plugin import Plugin, RefusedError, ResourceClient, running
from support.provider_runs import RUN, RunPlace, make_place
from support.waiting import eventually


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    yield from running()


@pytest.fixture
def place(plugin: Plugin, tmp_path: Path) -> RunPlace:
    return make_place(plugin, tmp_path)


@pytest.fixture
def inputs(place: RunPlace) -> dict[str, Any]:
    """Of a run that goes on until it is told to end, and is not waited for."""
    return {**place.with_parameters(mode="slow", go=str(place.root / "go")), "wait": False}


def submit(run: ResourceClient, inputs: dict[str, Any]) -> str:
    """Start a run; returns what people are told."""
    with pytest.raises(RefusedError) as refused:
        run.create(inputs)
    run.adopt(inputs, refused.value)
    return refused.value.message


def let_it_end(place: RunPlace) -> None:
    trainer = place.trainer()
    (place.root / "go").touch()
    wait_for_end(trainer)


def test_a_run_is_started_and_says_that_it_is_in_progress(
    plugin: Plugin, place: RunPlace, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    told = submit(run, inputs)
    assert "is in progress; what was served before keeps serving" in told
    assert run.outputs["status"] == "in-progress"
    assert run.outputs["runName"] in run.id
    assert "modelUri" not in run.outputs
    assert "status" in run.kinds(inputs)
    with pytest.raises(RefusedError, match="the next update takes it"):
        run.read()
    trainer = place.trainer()
    run.delete()
    wait_for_end(trainer)
    assert not Path(run.outputs["runDirectory"]).exists()


def test_an_update_while_it_trains_says_so_again_and_starts_nothing(
    plugin: Plugin, place: RunPlace, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    submit(run, inputs)
    with pytest.raises(RefusedError, match="is in progress"):
        run.update(inputs)
    let_it_end(place)
    run.update(inputs)
    assert place.trainings == 1


@pytest.mark.parametrize("wait", [False, True])
def test_the_next_update_takes_the_result_and_trains_once(
    plugin: Plugin, place: RunPlace, inputs: dict[str, Any], wait: bool
) -> None:
    run = plugin.resource(RUN)
    submit(run, inputs)
    let_it_end(place)
    outputs = run.update({**inputs, "wait": wait})
    assert outputs["status"] == "published"
    assert place.models() == [outputs["modelSha256"]]
    assert run.kinds(run.inputs) == {}
    assert place.trainings == 1


def test_an_update_that_waits_follows_a_run_that_was_not_waited_for(
    plugin: Plugin, place: RunPlace, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    submit(run, inputs)
    place.trainer()
    (place.root / "go").touch()
    assert run.update({**inputs, "wait": True})["status"] == "published"
    assert place.trainings == 1


def test_a_failure_that_nobody_saw_is_told_by_the_next_update_and_the_one_after_trains_again(
    plugin: Plugin, place: RunPlace, inputs: dict[str, Any]
) -> None:
    told_to_fail = place.with_parameters(mode="fail", go=str(place.root / "go"))
    run, failing = plugin.resource(RUN), {**told_to_fail, "wait": False}
    submit(run, failing)
    let_it_end(place)
    assert "is not in the data" in refused_update(run, failing)
    assert place.trainings == 1
    (place.root / "go").unlink()
    assert "in progress" in refused_update(run, failing)
    eventually(lambda: place.trainings == 2)
    run.delete()


def refused_update(run: ResourceClient, inputs: dict[str, Any]) -> str:
    with pytest.raises(RefusedError) as refused:
        run.update(inputs)
    return refused.value.message


def test_a_run_over_its_time_is_ended_by_the_next_update(
    plugin: Plugin, place: RunPlace, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    submit(run, inputs)
    trainer = place.trainer()
    assert "took longer than 0.001 s" in refused_update(run, {**inputs, "timeoutS": 0.001})
    wait_for_end(trainer)


def test_a_model_below_its_gate_fails_the_update_that_takes_it(
    plugin: Plugin, place: RunPlace, inputs: dict[str, Any]
) -> None:
    run, strict = plugin.resource(RUN), {**inputs, "gate": {"accuracy": 0.99}}
    submit(run, strict)
    let_it_end(place)
    assert "accuracy" in refused_update(run, strict)
    assert run.update(inputs)["status"] == "published"
    assert place.trainings == 1


def test_a_run_whose_folder_was_removed_is_gone(
    plugin: Plugin, place: RunPlace, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    submit(run, inputs)
    other = plugin.resource(RUN)
    other.id, other.inputs, other.outputs = run.id, run.inputs, {**run.outputs}
    trainer = place.trainer()
    run.delete()
    wait_for_end(trainer)
    assert other.read() is None

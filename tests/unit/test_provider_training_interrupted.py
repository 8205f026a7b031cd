"""Training runs whose engine ends, is cancelled or is killed, and runs that are shared."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import empty_pb2
from support.processes import has_ended, kill_all, wait_for_end
from support.provider_plugin import Plugin, RefusedError
from support.provider_runs import RUN, RunPlace, creating, make_place


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@pytest.fixture
def place(plugin: Plugin, tmp_path: Path) -> RunPlace:
    return make_place(plugin, tmp_path)


def test_cancel_ends_the_trainer(place: RunPlace) -> None:
    plugin = Plugin()
    thread, errors = creating(plugin.resource(RUN), place.with_parameters(mode="slow", go="/never"))
    trainer = place.trainer()
    plugin.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=90)
    assert not thread.is_alive()
    assert [error.message for error in errors] == ["Stopped, as asked."]
    assert has_ended(trainer)
    plugin.close()


def test_an_interrupted_update_finds_its_run_again_and_trains_once(place: RunPlace) -> None:
    inputs = place.with_parameters(mode="slow", go=str(place.root / "go"))
    first = Plugin()
    thread, errors = creating(first.resource(RUN), inputs)
    trainer = place.trainer()
    first.process.send_signal(signal.SIGKILL)
    first.close()
    thread.join(timeout=90)
    assert errors
    assert trainer.is_running()

    second = Plugin()
    run = second.resource(RUN)
    thread, errors = creating(run, inputs)
    second.engine.wait_for("was started before: following it")
    (place.root / "go").touch()
    thread.join(timeout=90)
    assert errors == []
    assert run.outputs["status"] == "published"
    assert place.trainings == 1
    second.close()


def test_a_run_that_ended_while_nobody_followed_it_is_taken(place: RunPlace) -> None:
    inputs = place.with_parameters(mode="slow", go=str(place.root / "go"))
    first = Plugin()
    thread, _ = creating(first.resource(RUN), inputs)
    trainer = place.trainer()
    first.process.send_signal(signal.SIGKILL)
    first.close()
    thread.join(timeout=90)
    (place.root / "go").touch()
    wait_for_end(trainer)

    second = Plugin()
    assert second.resource(RUN).create(inputs)["status"] == "published"
    assert place.trainings == 1
    second.close()


def test_a_run_that_was_killed_half_way_is_trained_again(place: RunPlace) -> None:
    inputs = place.with_parameters(mode="slow", go=str(place.root / "go"))
    first = Plugin()
    thread, _ = creating(first.resource(RUN), inputs)
    trainer = place.trainer()
    first.process.send_signal(signal.SIGKILL)
    first.close()
    thread.join(timeout=90)
    kill_all([trainer])
    (place.root / "go").touch()

    second = Plugin()
    assert second.resource(RUN).create(inputs)["status"] == "published"
    assert place.trainings == 2
    second.close()


@pytest.mark.parametrize("ended", [False, True])
def test_a_trainer_that_was_started_and_never_noted_down_is_followed(place: RunPlace, ended: bool) -> None:
    inputs = place.with_parameters(mode="slow", go=str(place.root / "go"))
    first = Plugin()
    thread, _ = creating(first.resource(RUN), inputs)
    trainer = place.trainer()
    first.process.send_signal(signal.SIGKILL)
    first.close()
    thread.join(timeout=90)
    (record,) = (place.root / "runs").glob("*/run.json")
    record.unlink()
    if ended:
        (place.root / "go").touch()
        wait_for_end(trainer)

    second = Plugin()
    run = second.resource(RUN)
    thread, errors = creating(run, inputs)
    second.engine.wait_for("was started before: following it")
    (place.root / "go").touch()
    thread.join(timeout=90)
    assert errors == []
    assert run.outputs["status"] == "published"
    assert run.outputs["durationS"] > 0
    assert place.trainings == 1
    second.close()


@pytest.mark.parametrize("moved", [False, True])
def test_a_run_that_was_interrupted_while_its_model_moved_is_taken(
    plugin: Plugin, place: RunPlace, moved: bool
) -> None:
    outputs = plugin.resource(RUN).create(place.inputs)
    record = Path(outputs["runDirectory"]) / "run.json"
    record.write_text(record.read_text().replace('"published"', '"finished"'))
    if not moved:
        model = place.root / "models" / "models" / outputs["modelSha256"]
        model.rename(Path(outputs["runDirectory"]) / "model")
    assert plugin.resource(RUN).create(place.inputs) == outputs
    assert plugin.resource(RUN).create(place.inputs) == outputs
    assert place.trainings == 1


def test_one_run_of_two_resources_trains_once_and_goes_with_the_last(place: RunPlace) -> None:
    inputs = place.with_parameters(mode="slow", go=str(place.root / "go"))
    plugins = [Plugin(), Plugin()]
    runs = [plugin.resource(RUN, name) for plugin, name in zip(plugins, ("one", "two"), strict=True)]
    threads = [creating(run, inputs) for run in runs]
    place.trainer()
    time.sleep(0.3)
    (place.root / "go").touch()
    for thread, errors in threads:
        thread.join(timeout=90)
        assert errors == []
    assert place.trainings == 1
    assert runs[0].outputs == runs[1].outputs
    folder = Path(runs[0].outputs["runDirectory"])
    mark = json.loads((folder / ".mlcloud").read_text())
    last = next(run for run in runs if run.urn == mark["urn"])
    next(run for run in runs if run is not last).delete()
    assert folder.exists()
    last.delete()
    assert not (place.root / "runs").exists()
    for plugin in plugins:
        plugin.close()


def test_a_bucket_of_runs_takes_with_it_what_failed_and_what_still_trains(place: RunPlace) -> None:
    plugin = Plugin()
    runs = plugin.resource("mlcloud:local:Bucket", "runs")
    runs.create({"directory": str(place.root / "runs"), "forceDestroy": True})
    with pytest.raises(RefusedError, match="does not pass its gate"):
        plugin.resource(RUN).create({**place.inputs, "gate": {"accuracy": 0.95}})
    thread, _ = creating(plugin.resource(RUN), place.with_parameters(mode="slow", go="/never"))
    trainer = place.trainer()
    plugin.process.send_signal(signal.SIGKILL)
    plugin.close()
    thread.join(timeout=90)

    second = Plugin()
    again = second.resource("mlcloud:local:Bucket", "runs")
    again.id, again.inputs, again.outputs = runs.id, runs.inputs, runs.outputs
    again.delete()
    assert has_ended(trainer)
    assert not (place.root / "runs").exists()
    second.close()

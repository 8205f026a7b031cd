"""Training runs over the plugin's gRPC, with a real process that stands in for the trainer."""

import dataclasses
import hashlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from google.protobuf import empty_pb2
from support.provider_plugin import Plugin, RefusedError, ResourceClient

RUN = "mlcloud:local:TrainingRun"
FAKE_TRAINER = Path(__file__).parents[1] / "support" / "provider_fake_trainer.py"


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@dataclasses.dataclass(frozen=True)
class Place:
    """A data object, a bucket for models, and inputs of a run on them."""

    root: Path
    inputs: dict[str, Any]

    def with_parameters(self, **parameters: str) -> dict[str, Any]:
        changed = {f"estimator.{name}": value for name, value in parameters.items()}
        return {**self.inputs, "hyperparameters": {**self.inputs["hyperparameters"], **changed}}

    @property
    def trainings(self) -> int:
        counted = self.root / "trainings"
        return len(counted.read_text().splitlines()) if counted.exists() else 0

    def models(self) -> list[str]:
        folder = self.root / "models" / "models"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def trainer(self) -> psutil.Process:
        """The trainer of the only run that is in progress."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for record in (self.root / "runs").glob("*/run.json"):
                content = json.loads(record.read_text())
                if content["status"] == "running" and self.trainings:
                    return psutil.Process(content["pid"])
            time.sleep(0.02)
        raise AssertionError("no run in progress")


@pytest.fixture
def place(plugin: Plugin, tmp_path: Path) -> Place:
    data = tmp_path / "rows.csv"
    data.write_text("a,target\n1,yes\n")
    plugin.resource("mlcloud:local:Bucket").create({"directory": str(tmp_path / "models")})
    inputs = {
        "name": "train",
        "dataUri": data.as_uri(),
        "dataSha256": hashlib.sha256(data.read_bytes()).hexdigest(),
        "hyperparameters": {
            "estimator": "logistic_regression",
            "target": "target",
            "estimator.mode": "ok",
            "estimator.accuracy": "0.9",
            "estimator.trainings": str(tmp_path / "trainings"),
        },
        "modelsBucket": str(tmp_path / "models"),
        "runsDirectory": str(tmp_path / "runs"),
        "gate": {"accuracy": 0.8},
        "command": [sys.executable, str(FAKE_TRAINER)],
    }
    return Place(tmp_path, inputs)


def test_a_run_trains_and_puts_a_content_addressed_model_into_the_bucket(
    plugin: Plugin, place: Place
) -> None:
    run = plugin.resource(RUN, "trains")
    outputs = run.create(place.inputs)

    sha256 = outputs["modelSha256"]
    model = place.root / "models" / "models" / sha256
    assert hashlib.sha256((model / "manifest.json").read_bytes()).hexdigest() == sha256
    assert outputs["modelUri"] == f"{model.as_uri()}/"
    assert outputs["report"] == str(model / "report.html")
    assert outputs["metrics"] == {"accuracy": 0.9, "log_loss": pytest.approx(0.1)}
    assert outputs["status"] == "published"
    assert outputs["durationS"] >= 0
    assert run.id.startswith(f"{outputs['runName']}#")
    assert list(Path(outputs["logs"]).glob("*.log"))
    assert run.read() == outputs
    assert run.kinds(place.inputs) == {}


def test_progress_and_metrics_show_in_the_resources_row_while_it_trains(plugin: Plugin, place: Place) -> None:
    run = plugin.resource(RUN, "shows")
    run.create(place.inputs)
    plugin.engine.wait_for("accuracy = 0.9")
    shown = [entry for entry in plugin.engine.entries if entry.urn == run.urn]
    assert [entry.message for entry in shown][:2] == ["[1/2] reading", "[2/2] fitting"]
    assert all(entry.ephemeral for entry in shown)


def test_before_training_the_runs_name_is_known_and_the_model_is_not(plugin: Plugin, place: Place) -> None:
    run = plugin.resource(RUN)
    previewed = run.preview(place.inputs)
    outputs = run.create(place.inputs)
    assert previewed["runName"] == outputs["runName"]
    assert previewed["runDirectory"] == outputs["runDirectory"]
    assert repr(previewed["modelUri"]) == "UNKNOWN"


def test_a_model_below_its_gate_fails_and_is_not_trained_again_until_it_passes(
    plugin: Plugin, place: Place
) -> None:
    run = plugin.resource(RUN)
    below = {**place.inputs, "gate": {"accuracy": 0.95, "log_loss": 0.05}}
    for _ in range(2):
        with pytest.raises(
            RefusedError, match=r"accuracy is 0\.9, the gate demands at least 0\.95"
        ) as refused:
            run.create(below)
        assert "log_loss is 0.1, the gate demands at most 0.05" in refused.value.message
        report = Path(refused.value.message.rsplit("Report: ", 1)[1])
        assert report.read_text() == "<h1>report</h1>"
    assert place.trainings == 1
    assert place.models() == []

    outputs = run.create({**place.inputs, "gate": {"accuracy": 0.9}})
    assert place.trainings == 1
    assert place.models() == [outputs["modelSha256"]]


def test_a_changed_gate_is_asked_again_without_training(plugin: Plugin, place: Place) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(place.inputs)
    raised = {**place.inputs, "gate": {"accuracy": 0.85}}
    assert run.kinds(raised) == {"gate.accuracy": "UPDATE"}
    assert run.preview(raised) == outputs
    assert run.update(raised) == outputs
    with pytest.raises(RefusedError, match=r"demands at least 0\.99"):
        run.update({**place.inputs, "gate": {"accuracy": 0.99}})
    assert place.trainings == 1
    assert place.models() == [outputs["modelSha256"]]


def test_a_gate_on_a_metric_that_was_not_measured_fails_by_name(plugin: Plugin, place: Place) -> None:
    with pytest.raises(RefusedError, match=r"f1 was not measured \(there are accuracy, log_loss\)"):
        plugin.resource(RUN).create({**place.inputs, "gate": {"f1": 0.5}})


def test_a_gate_that_this_training_cannot_have_is_refused_before_anything_is_made(
    plugin: Plugin, place: Place
) -> None:
    problems = plugin.resource(RUN).check({**place.inputs, "gate": {"acuracy": 0.9, "rmse": 1.0}})
    assert set(problems) == {"gate.acuracy", "gate.rmse"}
    assert "did you mean `accuracy`?" in problems["gate.acuracy"]
    assert "`rmse` is a metric of regression" in problems["gate.rmse"]
    assert not (place.root / "runs").exists()


def test_changed_hyperparameters_or_data_make_a_new_run_first(plugin: Plugin, place: Place) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(place.inputs)
    changed = place.with_parameters(accuracy="0.91")
    found = run.diff(changed)
    assert dict.fromkeys(found.detailedDiff) == {'hyperparameters["estimator.accuracy"]': None}
    assert list(found.replaces) == ["hyperparameters"]
    assert not found.deleteBeforeReplace
    assert list(run.diff({**place.inputs, "dataSha256": "0" * 64}).replaces) == ["dataSha256"]

    successor = plugin.resource(RUN)
    new = successor.create(changed)
    run.delete()
    assert new["modelSha256"] != outputs["modelSha256"]
    assert place.models() == sorted([new["modelSha256"], outputs["modelSha256"]])
    assert not Path(outputs["runDirectory"]).exists()
    assert Path(new["runDirectory"]).exists()


def test_another_trainer_or_time_limit_or_place_of_the_same_data_never_trains_again(
    plugin: Plugin, place: Place
) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(place.inputs)
    moved = (place.root / "rows.csv").rename(place.root / "moved.csv")
    changed = {**place.inputs, "command": ["/other/trainer"], "timeoutS": 5.0, "dataUri": moved.as_uri()}
    assert not run.diff(changed).replaces
    assert run.update(changed) == outputs
    assert place.trainings == 1


def test_a_failed_training_says_why_and_the_next_update_trains_again(plugin: Plugin, place: Place) -> None:
    run = plugin.resource(RUN)
    for attempt in (1, 2):
        with pytest.raises(
            RefusedError, match=r"failed \(exit code 1\): The column `target` is not in the data"
        ):
            run.create(place.with_parameters(mode="fail"))
        assert place.trainings == attempt
    with pytest.raises(RefusedError, match=r"failed \(exit code 3\): reading\nSegmentation fault") as refused:
        run.create(place.with_parameters(mode="crash"))
    assert "training.log" in refused.value.message
    assert "Traceback" not in refused.value.message


def test_a_trainer_that_cannot_be_started_leaves_nothing(plugin: Plugin, place: Place) -> None:
    with pytest.raises(RefusedError, match="the trainer cannot be started"):
        plugin.resource(RUN).create({**place.inputs, "command": ["/no/such/trainer"]})
    assert not (place.root / "runs").exists()


def test_metrics_that_are_no_numbers_never_pass_a_gate(plugin: Plugin, place: Place) -> None:
    undefined = place.with_parameters(mode="undefined")
    for gate in ({"accuracy": 0.5}, {"log_loss": 1.0}, {"f1": 0.5}):
        with pytest.raises(RefusedError, match=rf"{next(iter(gate))} was not measured \(no metric was\)"):
            plugin.resource(RUN).create({**undefined, "gate": gate})
    run = plugin.resource(RUN)
    assert run.create({**undefined, "gate": {}})["metrics"] == {}
    assert run.read() == run.outputs


def test_a_trainer_that_was_killed_says_by_what(plugin: Plugin, place: Place) -> None:
    with pytest.raises(RefusedError, match=r"failed \(ended by SIGKILL, as the system does where memory"):
        plugin.resource(RUN).create(place.with_parameters(mode="killed"))


def test_a_model_that_is_not_what_its_manifest_says_fails_the_run(plugin: Plugin, place: Place) -> None:
    with pytest.raises(RefusedError, match=r"left no whole model: The file model\.skops"):
        plugin.resource(RUN).create(place.with_parameters(mode="unlisted"))
    assert place.models() == []


def test_garbage_on_stdout_is_neither_shown_nor_harmful(plugin: Plugin, place: Place) -> None:
    run = plugin.resource(RUN, "garbage")
    assert run.create(place.with_parameters(mode="garbage"))["status"] == "published"
    shown = [entry.message for entry in plugin.engine.entries if entry.urn == run.urn]
    assert "[1/1] \N{REPLACEMENT CHARACTER}[31mred" in shown
    assert all(character.isprintable() for message in shown for character in message)


def test_a_flood_of_output_neither_slows_the_run_nor_fills_memory_or_disk(
    plugin: Plugin, place: Place
) -> None:
    run = plugin.resource(RUN, "flood")
    before = psutil.Process(plugin.process.pid).memory_info().rss
    outputs = run.create(place.with_parameters(mode="flood"))
    assert psutil.Process(plugin.process.pid).memory_info().rss - before < 64 * 1024 * 1024
    assert sum(path.stat().st_size for path in Path(outputs["logs"]).iterdir()) < 48 * 1024 * 1024
    assert len([entry for entry in plugin.engine.entries if entry.urn == run.urn]) < 5000


def test_what_a_trainer_leaves_running_ends_with_it(plugin: Plugin, place: Place) -> None:
    inputs = place.with_parameters(mode="child", child=str(place.root / "child"))
    plugin.resource(RUN).create(inputs)
    pid = int((place.root / "child").read_text())
    assert not psutil.pid_exists(pid) or has_ended(psutil.Process(pid))


def test_data_that_is_not_what_its_hash_says_is_refused(plugin: Plugin, place: Place) -> None:
    with pytest.raises(RefusedError, match="it is other data"):
        plugin.resource(RUN).create({**place.inputs, "dataSha256": "0" * 64})
    with pytest.raises(RefusedError, match=r"dataUri: .* is not a file"):
        plugin.resource(RUN).create({**place.inputs, "dataUri": "file:///no/such/rows.csv"})
    assert (
        "this machine only" in plugin.resource(RUN).check({**place.inputs, "dataUri": "s3://b/k"})["dataUri"]
    )
    assert not (place.root / "runs").exists()


def test_a_run_that_takes_too_long_is_ended(plugin: Plugin, place: Place) -> None:
    inputs = {**place.with_parameters(mode="slow", go=str(place.root / "never")), "timeoutS": 0.5}
    with pytest.raises(RefusedError, match=r"took longer than 0\.5 s \(timeoutS\)"):
        plugin.resource(RUN).create(inputs)
    (record,) = (place.root / "runs").glob("*/run.json")
    assert not psutil.pid_exists(json.loads(record.read_text())["pid"])


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def wait_for_end(process: psutil.Process) -> None:
    deadline = time.monotonic() + 10
    while not has_ended(process):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def creating(run: ResourceClient, inputs: dict[str, Any]) -> tuple[threading.Thread, list[RefusedError]]:
    errors: list[RefusedError] = []

    def create() -> None:
        try:
            run.create(inputs)
        except RefusedError as error:
            errors.append(error)

    thread = threading.Thread(target=create)
    thread.start()
    return thread, errors


def test_cancel_ends_the_trainer(place: Place) -> None:
    plugin = Plugin()
    thread, errors = creating(plugin.resource(RUN), place.with_parameters(mode="slow", go="/never"))
    trainer = place.trainer()
    plugin.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert [error.message for error in errors] == ["Stopped, as asked."]
    assert has_ended(trainer)
    plugin.close()


def test_an_interrupted_update_finds_its_run_again_and_trains_once(place: Place) -> None:
    inputs = place.with_parameters(mode="slow", go=str(place.root / "go"))
    first = Plugin()
    thread, errors = creating(first.resource(RUN), inputs)
    trainer = place.trainer()
    first.process.send_signal(signal.SIGKILL)
    first.close()
    thread.join(timeout=10)
    assert errors
    assert trainer.is_running()

    second = Plugin()
    run = second.resource(RUN)
    thread, errors = creating(run, inputs)
    second.engine.wait_for("was started before: following it")
    (place.root / "go").touch()
    thread.join(timeout=10)
    assert errors == []
    assert run.outputs["status"] == "published"
    assert place.trainings == 1
    second.close()


def test_a_run_that_ended_while_nobody_followed_it_is_taken(place: Place) -> None:
    inputs = place.with_parameters(mode="slow", go=str(place.root / "go"))
    first = Plugin()
    thread, _ = creating(first.resource(RUN), inputs)
    trainer = place.trainer()
    first.process.send_signal(signal.SIGKILL)
    first.close()
    thread.join(timeout=10)
    (place.root / "go").touch()
    wait_for_end(trainer)

    second = Plugin()
    assert second.resource(RUN).create(inputs)["status"] == "published"
    assert place.trainings == 1
    second.close()


def test_a_run_that_was_killed_half_way_is_trained_again(place: Place) -> None:
    inputs = place.with_parameters(mode="slow", go=str(place.root / "go"))
    first = Plugin()
    thread, _ = creating(first.resource(RUN), inputs)
    trainer = place.trainer()
    first.process.send_signal(signal.SIGKILL)
    first.close()
    thread.join(timeout=10)
    os.kill(trainer.pid, signal.SIGKILL)
    wait_for_end(trainer)
    (place.root / "go").touch()

    second = Plugin()
    assert second.resource(RUN).create(inputs)["status"] == "published"
    assert place.trainings == 2
    second.close()


def test_a_trainer_that_was_started_and_never_noted_down_ends_before_another_starts(place: Place) -> None:
    inputs = place.with_parameters(mode="slow", go=str(place.root / "go"))
    first = Plugin()
    thread, _ = creating(first.resource(RUN), inputs)
    trainer = place.trainer()
    first.process.send_signal(signal.SIGKILL)
    first.close()
    thread.join(timeout=10)
    (record,) = (place.root / "runs").glob("*/run.json")
    record.unlink()

    second = Plugin()
    thread, errors = creating(second.resource(RUN), inputs)
    wait_for_end(trainer)
    (place.root / "go").touch()
    thread.join(timeout=10)
    assert errors == []
    assert place.trainings == 2
    second.close()


@pytest.mark.parametrize("moved", [False, True])
def test_a_run_that_was_interrupted_while_its_model_moved_is_taken(
    plugin: Plugin, place: Place, moved: bool
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


def test_one_run_of_two_resources_trains_once_and_goes_with_the_last(place: Place) -> None:
    inputs = place.with_parameters(mode="slow", go=str(place.root / "go"))
    plugins = [Plugin(), Plugin()]
    runs = [plugin.resource(RUN, name) for plugin, name in zip(plugins, ("one", "two"), strict=True)]
    threads = [creating(run, inputs) for run in runs]
    place.trainer()
    time.sleep(0.3)
    (place.root / "go").touch()
    for thread, errors in threads:
        thread.join(timeout=20)
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


def test_a_run_made_again_in_its_place_survives_the_deletion_of_the_one_before(
    plugin: Plugin, place: Place
) -> None:
    old, new = plugin.resource(RUN), plugin.resource(RUN)
    old.create(place.inputs)
    outputs = new.create(place.inputs)
    old.delete()
    assert Path(outputs["logs"]).is_dir()
    assert place.trainings == 1


def test_a_bucket_of_runs_takes_with_it_what_failed_and_what_still_trains(place: Place) -> None:
    plugin = Plugin()
    runs = plugin.resource("mlcloud:local:Bucket", "runs")
    runs.create({"directory": str(place.root / "runs"), "forceDestroy": True})
    with pytest.raises(RefusedError, match="does not pass its gate"):
        plugin.resource(RUN).create({**place.inputs, "gate": {"accuracy": 0.95}})
    thread, _ = creating(plugin.resource(RUN), place.with_parameters(mode="slow", go="/never"))
    trainer = place.trainer()
    plugin.process.send_signal(signal.SIGKILL)
    plugin.close()
    thread.join(timeout=10)

    second = Plugin()
    again = second.resource("mlcloud:local:Bucket", "runs")
    again.id, again.inputs, again.outputs = runs.id, runs.inputs, runs.outputs
    again.delete()
    assert has_ended(trainer)
    assert not (place.root / "runs").exists()
    second.close()


def test_deleting_a_run_ends_its_trainer_and_keeps_the_models(plugin: Plugin, place: Place) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(place.inputs)
    run.delete()
    run.delete()
    assert not Path(outputs["runDirectory"]).exists()
    assert place.models() == [outputs["modelSha256"]]


def test_a_model_removed_by_hand_is_gone_at_refresh_and_trained_again_by_the_next_update(
    plugin: Plugin, place: Place
) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(place.inputs)
    (place.root / "models" / "models" / outputs["modelSha256"] / "manifest.json").unlink()
    assert run.read() is None
    assert run.kinds(place.inputs) == {"modelUri": "UPDATE"}
    again = run.update(place.inputs)
    assert again["modelSha256"] == outputs["modelSha256"]
    assert place.trainings == 2
    assert place.models() == [outputs["modelSha256"]]

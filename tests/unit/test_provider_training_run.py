"""Training runs over the plugin's gRPC, with a real process that stands in for the trainer."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.processes import number_has_ended
from support.provider_plugin import Plugin, RefusedError
from support.provider_runs import RUN, RunPlace, make_place
from support.waiting import eventually


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@pytest.fixture
def place(plugin: Plugin, tmp_path: Path) -> RunPlace:
    return make_place(plugin, tmp_path)


def test_a_run_trains_and_puts_a_content_addressed_model_into_the_bucket(
    plugin: Plugin, place: RunPlace
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


def test_progress_and_metrics_show_in_the_resources_row_while_it_trains(
    plugin: Plugin, place: RunPlace
) -> None:
    run = plugin.resource(RUN, "shows")
    run.create(place.inputs)
    plugin.engine.wait_for("accuracy = 0.9")
    shown = [entry for entry in plugin.engine.entries if entry.urn == run.urn]
    assert [entry.message for entry in shown][:2] == ["[1/2] reading", "[2/2] fitting"]
    assert all(entry.ephemeral for entry in shown)


def test_progress_shows_where_a_proxy_is_set_for_the_internet(
    place: RunPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    behind = Plugin()
    behind.resource(RUN).create(place.inputs)
    behind.engine.wait_for("accuracy = 0.9", 20)
    assert behind.close() == ("", "")


def test_before_training_the_runs_name_is_known_and_the_model_is_not(plugin: Plugin, place: RunPlace) -> None:
    run = plugin.resource(RUN)
    previewed = run.preview(place.inputs)
    outputs = run.create(place.inputs)
    assert previewed["runName"] == outputs["runName"]
    assert previewed["runDirectory"] == outputs["runDirectory"]
    assert repr(previewed["modelUri"]) == "UNKNOWN"


def test_a_model_below_its_gate_fails_and_is_not_trained_again_until_it_passes(
    plugin: Plugin, place: RunPlace
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


def test_a_changed_gate_is_asked_again_without_training(plugin: Plugin, place: RunPlace) -> None:
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


def test_a_gate_on_a_metric_that_was_not_measured_fails_by_name(plugin: Plugin, place: RunPlace) -> None:
    with pytest.raises(RefusedError, match=r"f1 was not measured \(there are accuracy, log_loss\)"):
        plugin.resource(RUN).create({**place.inputs, "gate": {"f1": 0.5}})


def test_a_gate_that_this_training_cannot_have_is_refused_before_anything_is_made(
    plugin: Plugin, place: RunPlace
) -> None:
    problems = plugin.resource(RUN).check({**place.inputs, "gate": {"acuracy": 0.9, "rmse": 1.0}})
    assert set(problems) == {"gate.acuracy", "gate.rmse"}
    assert "did you mean `accuracy`?" in problems["gate.acuracy"]
    assert "`rmse` is a metric of regression" in problems["gate.rmse"]
    assert not (place.root / "runs").exists()


def test_changed_hyperparameters_or_data_make_a_new_run_first(plugin: Plugin, place: RunPlace) -> None:
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
    plugin: Plugin, place: RunPlace
) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(place.inputs)
    moved = (place.root / "rows.csv").rename(place.root / "moved.csv")
    changed = {**place.inputs, "command": ["/other/trainer"], "timeoutS": 5.0, "dataUri": moved.as_uri()}
    assert not run.diff(changed).replaces
    assert run.update(changed) == outputs
    assert place.trainings == 1


def test_a_failed_training_says_why_and_the_next_update_trains_again(plugin: Plugin, place: RunPlace) -> None:
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


def test_a_trainer_that_cannot_be_started_leaves_nothing(plugin: Plugin, place: RunPlace) -> None:
    with pytest.raises(RefusedError, match="the trainer cannot be started"):
        plugin.resource(RUN).create({**place.inputs, "command": ["/no/such/trainer"]})
    assert not (place.root / "runs").exists()


def test_metrics_that_are_no_numbers_never_pass_a_gate(plugin: Plugin, place: RunPlace) -> None:
    undefined = place.with_parameters(mode="undefined")
    for gate in ({"accuracy": 0.5}, {"log_loss": 1.0}, {"f1": 0.5}):
        with pytest.raises(RefusedError, match=rf"{next(iter(gate))} was not measured \(no metric was\)"):
            plugin.resource(RUN).create({**undefined, "gate": gate})
    run = plugin.resource(RUN)
    assert run.create({**undefined, "gate": {}})["metrics"] == {}
    assert run.read() == run.outputs


def test_a_trainer_that_was_killed_says_by_what(plugin: Plugin, place: RunPlace) -> None:
    with pytest.raises(RefusedError, match=r"failed \(ended by SIGKILL, as the system does where memory"):
        plugin.resource(RUN).create(place.with_parameters(mode="killed"))


def test_a_model_that_is_not_what_its_manifest_says_fails_the_run(plugin: Plugin, place: RunPlace) -> None:
    with pytest.raises(RefusedError, match=r"left no whole model: The file model\.skops"):
        plugin.resource(RUN).create(place.with_parameters(mode="unlisted"))
    assert place.models() == []


def test_garbage_on_stdout_is_neither_shown_nor_harmful(plugin: Plugin, place: RunPlace) -> None:
    run = plugin.resource(RUN, "garbage")
    assert run.create(place.with_parameters(mode="garbage"))["status"] == "published"
    shown = [entry.message for entry in plugin.engine.entries if entry.urn == run.urn]
    assert "[1/1] \N{REPLACEMENT CHARACTER}[31mred" in shown
    assert all(character.isprintable() for message in shown for character in message)


def test_a_flood_of_output_neither_slows_the_run_nor_fills_memory_or_disk(
    plugin: Plugin, place: RunPlace
) -> None:
    run = plugin.resource(RUN, "flood")
    before = psutil.Process(plugin.process.pid).memory_info().rss
    outputs = run.create(place.with_parameters(mode="flood"))
    assert psutil.Process(plugin.process.pid).memory_info().rss - before < 64 * 1024 * 1024
    assert sum(path.stat().st_size for path in Path(outputs["logs"]).iterdir()) < 48 * 1024 * 1024
    assert len([entry for entry in plugin.engine.entries if entry.urn == run.urn]) < 5000


def test_what_a_trainer_leaves_running_ends_with_it(plugin: Plugin, place: RunPlace) -> None:
    inputs = place.with_parameters(mode="child", child=str(place.root / "child"))
    plugin.resource(RUN).create(inputs)
    pid = int((place.root / "child").read_text())
    eventually(lambda: number_has_ended(pid))


def test_data_that_is_not_what_its_hash_says_is_refused(plugin: Plugin, place: RunPlace) -> None:
    with pytest.raises(RefusedError, match="it is other data"):
        plugin.resource(RUN).create({**place.inputs, "dataSha256": "0" * 64})
    with pytest.raises(RefusedError, match=r"dataUri: .* is not a file"):
        plugin.resource(RUN).create({**place.inputs, "dataUri": "file:///no/such/rows.csv"})
    assert (
        "this machine only" in plugin.resource(RUN).check({**place.inputs, "dataUri": "s3://b/k"})["dataUri"]
    )
    assert not (place.root / "runs").exists()


def test_a_run_that_takes_too_long_is_ended(plugin: Plugin, place: RunPlace) -> None:
    inputs = {**place.with_parameters(mode="slow", go=str(place.root / "never")), "timeoutS": 0.5}
    with pytest.raises(RefusedError, match=r"took longer than 0\.5 s \(timeoutS\)"):
        plugin.resource(RUN).create(inputs)
    (record,) = (place.root / "runs").glob("*/run.json")
    assert number_has_ended(json.loads(record.read_text())["pid"])


def test_a_run_made_again_in_its_place_survives_the_deletion_of_the_one_before(
    plugin: Plugin, place: RunPlace
) -> None:
    old, new = plugin.resource(RUN), plugin.resource(RUN)
    old.create(place.inputs)
    outputs = new.create(place.inputs)
    old.delete()
    assert Path(outputs["logs"]).is_dir()
    assert place.trainings == 1


def test_deleting_a_run_ends_its_trainer_and_keeps_the_models(plugin: Plugin, place: RunPlace) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(place.inputs)
    run.delete()
    run.delete()
    assert not Path(outputs["runDirectory"]).exists()
    assert place.models() == [outputs["modelSha256"]]


def test_a_model_removed_by_hand_is_gone_at_refresh_and_trained_again_by_the_next_update(
    plugin: Plugin, place: RunPlace
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

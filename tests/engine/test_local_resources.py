"""The local cloud's resources on the embedded engine, the provider a real plugin: from data to prediction."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pulumi
import pytest
from mlcloud.embedded.engine.engine import Result
from mlcloud.local.resources import Bucket, BucketObject, Endpoint, ModelVersion, TrainingRun
from support.engine import Stack
from support.local_http import get, post
from support.processes import has_ended, kill_all
from support.provider_plugin import PLUGIN
from support.waiting import eventually

SUPPORT = Path(__file__).parents[1] / "support"
REAL_DATA = Path(__file__).parents[2] / "stacks" / "data" / "breast-cancer-wisconsin.csv"


@dataclass
class LocalStack:
    """A stack from data file to endpoint; its settings are edited between updates."""

    root: Path
    stack: Stack
    data: Path
    hyperparameters: dict[str, str]
    trainer: list[str] | None = None
    server: list[str] | None = None
    gate: dict[str, float] = field(default_factory=lambda: {"accuracy": 0.8})
    wait: bool = True
    pin: Path | None = None

    def program(self) -> None:
        if self.pin is not None:
            self.serve_pinned(self.pin)
            return
        buckets = {
            name: Bucket(name, directory=str(self.root / name), force_destroy=True)
            for name in ("data", "models", "runs")
        }
        digest = hashlib.sha256(self.data.read_bytes()).hexdigest()
        rows = BucketObject("rows", bucket=buckets["data"].directory, source=str(self.data), sha256=digest)
        run = TrainingRun(
            "run",
            name="train",
            data_uri=rows.uri,
            data_sha256=rows.sha256,
            hyperparameters=self.hyperparameters,
            models_bucket=buckets["models"].directory,
            runs_directory=buckets["runs"].directory,
            gate=self.gate,
            wait=self.wait,
            command=self.trainer,
        )
        version = ModelVersion(
            "version",
            name="tumours",
            registry_directory=str(self.root / "registry"),
            model_uri=run.model_uri,
            model_sha256=run.model_sha256,
            metrics=run.metrics,
        )
        endpoint = Endpoint(
            "endpoint",
            name="tumours",
            directory=str(self.root / "endpoint"),
            model_uri=version.uri,
            model_sha256=version.sha256,
            model_version=version.version,
            command=self.server,
        )
        for name, value in {
            "url": endpoint.url,
            "port": endpoint.port,
            "version": endpoint.model_version,
            "metrics": run.metrics,
            "report": run.report,
        }.items():
            pulumi.export(name, value)

    def serve_pinned(self, model: Path) -> None:
        file = model / "manifest.json" if model.is_dir() else model
        version = ModelVersion(
            "version",
            name="tumours",
            registry_directory=str(self.root / "registry"),
            model_uri=model.as_uri(),
            model_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            version="v2024.1",
        )
        endpoint = Endpoint(
            "endpoint",
            name="tumours",
            directory=str(self.root / "endpoint"),
            model_uri=version.uri,
            model_sha256=version.sha256,
            model_version=version.version,
        )
        pulumi.export("url", endpoint.url)

    def up(self) -> Result:
        return self.stack.up(self.program)

    def changed(self) -> list[tuple[str, str]]:
        """What the last update did, but for what stayed the same."""
        return [(op, name) for op, name in self.stack.ops if op != "same" and not name.startswith("default")]

    def trainings(self) -> int:
        return len((self.root / "trainings").read_text().splitlines())

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for this stack."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter(["cmdline", "environ"]):
            words = [*(process.info["cmdline"] or ()), *(process.info["environ"] or {}).values()]
            if any(str(self.root) in word for word in words) and not has_ended(process):
                found.append(process)
        return found


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Callable[..., LocalStack]]:
    made: list[LocalStack] = []

    def make(**settings: Any) -> LocalStack:
        stack = Stack(tmp_path, provider=None, plugins={"mlcloud": PLUGIN})
        made.append(LocalStack(tmp_path / "local", stack, **settings))
        made[-1].root.mkdir()
        return made[-1]

    yield make
    for stack in made:
        assert stack.stack.destroy().ok, stack.stack.errors
        eventually(lambda stack=stack: stack.processes() == [])


@pytest.fixture
def fake(local: Callable[..., LocalStack], tmp_path: Path) -> LocalStack:
    data = tmp_path / "rows.csv"
    data.write_text("a,target\n1,B\n")
    return local(
        data=data,
        hyperparameters={
            "estimator": "logistic_regression",
            "target": "target",
            "estimator.mode": "ok",
            "estimator.accuracy": "0.9",
            "estimator.trainings": str(tmp_path / "local" / "trainings"),
        },
        trainer=[sys.executable, str(SUPPORT / "provider_fake_trainer.py")],
        server=[sys.executable, str(SUPPORT / "provider_fake_server.py")],
    )


def trained_model(place: Path) -> Path:
    """A model of the real trainer, outside any bucket."""
    config, data = place / "input" / "config", place / "input" / "data" / "train"
    for folder in (config, data):
        folder.mkdir(parents=True)
    settings = {"estimator": "logistic_regression", "target": "diagnosis"}
    (config / "hyperparameters.json").write_text(json.dumps(settings))
    shutil.copy(REAL_DATA, data)
    command = [sys.executable, "-m", "mlcloud_trainer", "train", "--prefix", str(place)]
    subprocess.run(command, check=True, capture_output=True, timeout=200)
    return place / "model"


def predict(outputs: dict[str, Any], instance: dict[str, Any]) -> tuple[Any, str]:
    answer = post(f"{outputs['url']}/invocations", {"instances": [instance]})
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"][0]["prediction"], answer.headers["x-model-version"]


def test_a_second_update_changes_nothing(fake: LocalStack) -> None:
    first = fake.up()
    assert first.ok, fake.stack.errors
    assert predict(first.outputs, {"a": 1}) == ("B", first.outputs["version"])
    assert isinstance(first.outputs["port"], int)

    second = fake.up()

    assert second.ok
    assert fake.changed() == []
    assert second.outputs == first.outputs
    assert fake.trainings() == 1


def test_a_preview_makes_nothing_and_names_what_it_cannot_know(fake: LocalStack) -> None:
    plan = fake.stack.preview(fake.program)
    assert plan.ok, plan.diagnostics
    assert list(fake.root.iterdir()) == []
    planned = {item.name: item for item in plan.resources}
    assert planned["endpoint"].op == "create"
    assert planned["rows"].outputs["uri"].startswith("file://")


@pytest.mark.parametrize("edited", ["hyperparameter", "data"])
def test_an_edit_trains_a_new_model_and_the_same_url_serves_it(fake: LocalStack, edited: str) -> None:
    first = fake.up()
    if edited == "hyperparameter":
        fake.hyperparameters["estimator.prediction"] = "M"
    else:
        fake.data.write_text("a,target\n1,B\n2,B\n")

    second = fake.up()

    assert second.ok, fake.stack.errors
    assert second.outputs["url"] == first.outputs["url"]
    assert second.outputs["version"] != first.outputs["version"]
    expected = "M" if edited == "hyperparameter" else "B"
    assert predict(second.outputs, {"a": 1}) == (expected, second.outputs["version"])
    assert fake.trainings() == 2
    assert {name for _, name in fake.changed()} >= {"run", "version", "endpoint"}
    assert fake.up().ok
    assert fake.changed() == []


def test_a_model_below_its_gate_fails_the_update_and_the_old_one_keeps_serving(fake: LocalStack) -> None:
    first = fake.up()
    fake.hyperparameters["estimator.accuracy"] = "0.7"
    for _ in range(2):
        failed = fake.up()
        assert not failed.ok
        assert any("accuracy is 0.7, the gate demands at least 0.8" in text for text in fake.stack.errors)
        assert predict(first.outputs, {"a": 1}) == ("B", first.outputs["version"])
    assert fake.trainings() == 2

    fake.gate = {"accuracy": 0.65}
    passed = fake.up()
    assert passed.ok, fake.stack.errors
    assert passed.outputs["version"] != first.outputs["version"]
    assert predict(passed.outputs, {"a": 1})[1] == passed.outputs["version"]
    assert fake.trainings() == 2


def test_going_back_after_a_failed_gate_changes_nothing(fake: LocalStack) -> None:
    fake.up()
    fake.hyperparameters["estimator.accuracy"] = "0.7"
    assert not fake.up().ok
    fake.hyperparameters["estimator.accuracy"] = "0.9"
    assert fake.up().ok
    assert fake.changed() == []
    assert fake.trainings() == 2


def test_a_run_that_is_not_waited_for_reaches_the_endpoint_with_a_later_update(fake: LocalStack) -> None:
    first, go = fake.up(), fake.root / "go"
    fake.wait = False
    fake.hyperparameters |= {"estimator.mode": "slow", "estimator.go": str(go), "estimator.prediction": "M"}
    for _ in range(2):
        assert not fake.up().ok
        assert any("is in progress" in text for text in fake.stack.errors), fake.stack.errors
        assert predict(first.outputs, {"a": 1}) == ("B", first.outputs["version"])
    eventually(lambda: fake.trainings() == 2)
    go.touch()
    eventually(lambda: fake.up().ok)
    assert predict(first.outputs, {"a": 1})[0] == "M"
    assert fake.up().ok
    assert fake.changed() == []
    assert fake.trainings() == 2


def test_an_endpoint_that_was_killed_is_repaired_by_the_next_update_without_training(
    fake: LocalStack,
) -> None:
    first = fake.up()
    kill_all(fake.processes())
    again = fake.up()
    assert again.ok, fake.stack.errors
    assert fake.changed() == [("update", "endpoint")]
    assert again.outputs["url"] == first.outputs["url"]
    assert predict(again.outputs, {"a": 1}) == ("B", first.outputs["version"])
    assert fake.trainings() == 1


def test_a_refresh_of_what_runs_changes_nothing_and_finds_what_is_gone(fake: LocalStack) -> None:
    fake.up()
    assert fake.stack.refresh().ok, fake.stack.errors
    assert fake.up().ok
    assert fake.changed() == []
    (entry,) = (fake.root / "registry").rglob("*.json")
    entry.unlink()
    fake.stack.refresh()
    assert "version" not in fake.stack.resources
    assert fake.up().ok, fake.stack.errors
    assert ("create", "version") in fake.changed()


@pytest.mark.parametrize("archived", [False, True])
def test_a_pinned_model_is_served_under_its_label_as_a_folder_and_as_an_archive(
    local: Callable[..., LocalStack], tmp_path: Path, archived: bool
) -> None:
    folder = trained_model(tmp_path / "elsewhere")
    pinned = folder
    if archived:
        pinned = tmp_path / "elsewhere" / "model.tar.gz"
        with tarfile.open(pinned, "w:gz") as archive:
            archive.add(folder, arcname=".")
    stack = local(data=REAL_DATA, hyperparameters={})
    stack.pin = pinned
    first = stack.up()
    assert first.ok, stack.stack.errors
    smoke = json.loads((folder / "manifest.json").read_text())["smoke"]
    assert predict(first.outputs, smoke["instance"]) == (smoke["prediction"], "v2024.1")
    assert stack.up().ok
    assert stack.changed() == []
    assert stack.stack.refresh().ok, stack.stack.errors
    assert stack.up().ok
    assert stack.changed() == []
    (entry,) = (stack.root / "registry").rglob("*.json")
    assert entry.name == "v2024.1.json"


def test_destroy_ends_every_process_frees_the_port_and_removes_the_files(fake: LocalStack) -> None:
    outputs = fake.up().outputs
    assert fake.processes()
    assert fake.stack.destroy().ok, fake.stack.errors
    assert fake.processes() == []
    with pytest.raises(httpx.ConnectError):
        get(outputs["url"])
    assert list(fake.root.rglob("*")) == [fake.root / "trainings"]


def test_destroy_takes_with_it_what_runs_below_their_gate_have_left(fake: LocalStack) -> None:
    fake.gate = {"accuracy": 0.95}
    assert not fake.up().ok
    assert list((fake.root / "runs").rglob("manifest.json"))
    assert fake.stack.destroy().ok, fake.stack.errors
    assert list(fake.root.rglob("*")) == [fake.root / "trainings"]


def test_the_real_trainer_trains_on_real_data_and_its_server_answers(
    local: Callable[..., LocalStack],
) -> None:
    stack = local(
        data=REAL_DATA,
        hyperparameters={"estimator": "logistic_regression", "target": "diagnosis"},
        gate={"accuracy": 0.9, "log_loss": 0.3},
    )
    first = stack.up()
    assert first.ok, stack.stack.errors
    assert first.outputs["metrics"]["accuracy"] > 0.9
    assert Path(first.outputs["report"]).is_file()
    header, row = (line.split(",") for line in REAL_DATA.read_text().splitlines()[:2])
    values = dict(zip(header, row, strict=True))
    diagnosis = values.pop("diagnosis")
    instance = {name: float(value) for name, value in values.items()}
    assert predict(first.outputs, instance) == (diagnosis, first.outputs["version"])

    stack.hyperparameters["estimator.C"] = "0.5"
    second = stack.up()
    assert second.ok, stack.stack.errors
    assert second.outputs["url"] == first.outputs["url"]
    assert predict(second.outputs, instance) == (diagnosis, second.outputs["version"])
    assert second.outputs["version"] != first.outputs["version"]

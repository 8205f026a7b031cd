"""The main job through the command line: a CSV is trained, served, changed, refused, and all of it ends.

The tests of a class share one stack and build on each other, in their order: xdist must keep them together,
which `--dist loadscope` of the Makefile sees to.
"""

import json
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import yaml
from support.local_http import get, post
from support.processes import kill_all
from support.stack_project import STACK, StackProject
from support.waiting import eventually

TRAINING = {"estimator": "logistic_regression", "target": "bought", "gate": {"accuracy": 0.7}}


def csv(rows: int = 120, seed: int = 1) -> str:
    """Whether somebody bought depends on age and city; a few cells are missing."""
    source = random.Random(seed)  # noqa: S311 - data, not a secret
    lines = ["age,city,visits,bought"]
    for _ in range(rows):
        age, city, visits = source.randint(18, 80), source.choice(["Ulm", "Bern"]), source.randint(0, 9)
        bought = "yes" if age + (20 if city == "Ulm" else 0) + source.gauss(0, 4) > 58 else "no"
        lines.append(f"{age if source.random() > 0.05 else ''},{city},{visits},{bought}")
    return "\n".join(lines) + "\n"


def config(**changes: Any) -> dict[str, Any]:
    return {"cloud": "local", "data": {"path": "data.csv"}, "training": {**TRAINING, **changes}}


@pytest.fixture(scope="class")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProject]:
    made = StackProject.make(tmp_path_factory.mktemp("stack"), config(), csv())
    yield made
    made.run("destroy", STACK, "--yes")
    eventually(lambda: made.processes() == [])


def served(project: StackProject) -> str:
    """The version that answers over HTTP now."""
    row = {"age": 44, "city": "Ulm", "visits": None}
    answer = post(f"{project.outputs()['endpoint_url']}/invocations", {"instances": [row]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["prediction"] in ("yes", "no")
    return answer.headers["x-model-version"]


@pytest.mark.timeout(600)
class TestALocalStack:
    def test_a_preview_plans_every_resource_and_makes_nothing(self, project: StackProject) -> None:
        plan = json.loads(project.done("preview", STACK, "--json"))
        assert plan["summary"] == {"create": 14}
        assert {entry["type"].rsplit(":", 1)[-1] for entry in plan["resources"] if entry["custom"]} == {
            "Bucket",
            "BucketObject",
            "TrainingRun",
            "ModelVersion",
            "Endpoint",
            "Monitor",
        }
        assert not (project.state_home / "local").exists()

    def test_the_first_update_trains_and_serves(self, project: StackProject) -> None:
        printed = project.done("up", STACK, "--yes")
        assert "training-run: [4/8] Fitting logistic_regression" in printed
        outputs = project.outputs()
        assert served(project) == outputs["model_version"] == outputs["model_sha256"][:12]
        assert outputs["model_sha256"] in outputs["model_uri"]
        assert outputs["metrics"]["accuracy"] >= 0.7
        assert Path(outputs["report"]).read_text("utf-8").startswith("<!doctype html>")

    def test_the_second_update_changes_nothing_and_says_so(self, project: StackProject) -> None:
        before = project.outputs()
        assert "Nothing changed: 8 resources are as declared." in project.done("up", STACK, "--yes")
        assert project.outputs() == before

    def test_the_data_of_people_is_predicted_from_a_file_and_from_the_command_line(
        self, project: StackProject, tmp_path: Path
    ) -> None:
        rows = tmp_path / "rows.csv"
        rows.write_text("age,city,visits\n20,Bern,3\n,Ulm,1\n")
        found = json.loads(project.done("predict", STACK, "--file", str(rows), "--json"))
        assert len(found["predictions"]) == 2
        one = project.done("predict", STACK, "--data", '{"age": 70, "city": "Ulm", "visits": 2}')
        assert "prediction" in one
        refused = project.run("predict", STACK, "--data", '{"age": 70, "town": "Ulm", "visits": 2}')
        assert refused.returncode == 1
        assert "city" in refused.stderr

    def test_a_held_out_row_is_predicted_as_in_the_evaluation(self, project: StackProject) -> None:
        assert "evaluation" in project.done("predict", STACK, "--sample")

    def test_status_and_logs_speak_of_what_runs(self, project: StackProject) -> None:
        status = json.loads(project.done("status", STACK, "--json"))["endpoint"]
        assert (status["state"], status["replicas"], status["errors"]) == ("serving", 1, 0)
        assert status["requests"] >= 4
        assert "Fitting logistic_regression" in project.done("logs", STACK, "--training")
        log = project.done("logs", STACK, "--lines", "2")
        assert log.count("\n") == 2
        assert '"status":400' in log
        assert "Ulm" not in log, "what people send is not logged"

    def test_a_changed_limit_is_watched_and_nothing_is_started_again(self, project: StackProject) -> None:
        before, processes = project.outputs(), {process.pid for process in project.processes()}
        limits = {"error_percent": 7, "webhook": "https://hooks.example.com/t0k3n"}
        project.configure({**config(), "monitoring": limits})
        printed = project.done("up", STACK, "--yes")
        assert "Fitting" not in printed
        assert project.outputs() == before
        assert {process.pid for process in project.processes()} == processes
        watched = json.loads(Path(before["alarms"]).read_text())["alarms"]
        assert {alarm["name"]: alarm["threshold"] for alarm in watched}["server-errors"] == 7
        told = [printed, project.done("status", STACK), *map(str, project.outputs().values())]
        assert "t0k3n" not in "".join(told)
        # The history of updates holds the stack file's own text: whoever encrypts it there has it so here.
        files = [
            path for path in project.state_home.rglob("*") if path.is_file() and "history" not in path.parts
        ]
        assert [path for path in files if b"t0k3n" in path.read_bytes()] == []

    def test_the_status_page_says_what_status_says(self, project: StackProject) -> None:
        page = get(f"{project.outputs()['status_page']}status.json").json()
        assert (page["endpoint"]["state"], page["endpoint"]["url"]) == (
            "serving",
            project.outputs()["endpoint_url"],
        )
        assert [version["label"] for version in page["versions"]] == [served(project)]
        assert page["training"]["status"] == "published"
        assert "alarms      none" in project.done("status", STACK)

    def test_a_changed_hyperparameter_reaches_the_endpoint_as_a_new_version(
        self, project: StackProject
    ) -> None:
        before = project.outputs()
        project.configure(config(hyperparameters={"C": 0.05}))
        project.done("up", STACK, "--yes")
        after = project.outputs()
        assert after["training_run"] != before["training_run"]
        assert after["model_uri"] != before["model_uri"]
        assert after["endpoint_url"] == before["endpoint_url"]
        assert served(project) == after["model_version"] != before["model_version"]

    def test_the_versions_are_listed_with_their_metrics_and_the_live_one(self, project: StackProject) -> None:
        versions = json.loads(project.done("models", STACK, "--json"))
        assert len(versions) == 2
        assert [version["label"] for version in versions if version["is_live"]] == [served(project)]
        assert all("accuracy" in version["metrics"] for version in versions)
        told = project.done("models", STACK)
        assert f"live  {served(project)}" in told

    def test_changed_data_reaches_the_endpoint_as_a_new_version(self, project: StackProject) -> None:
        before = project.outputs()
        (project.root / "data.csv").write_text(csv(seed=2))
        project.done("up", STACK, "--yes")
        assert served(project) == project.outputs()["model_version"] != before["model_version"]

    def test_a_model_below_its_gate_fails_the_update_and_the_old_one_keeps_serving(
        self, project: StackProject
    ) -> None:
        before = project.outputs()
        project.configure(config(hyperparameters={"C": 0.2}, gate={"accuracy": 0.9999}))
        first = project.run("up", STACK, "--yes")
        assert first.returncode == 1
        assert "accuracy is 0." in first.stdout + first.stderr
        assert "0.9999" in first.stdout + first.stderr
        assert "Traceback" not in first.stdout + first.stderr
        assert served(project) == before["model_version"]
        again = project.run("up", STACK, "--yes")
        assert again.returncode == 1
        assert "Fitting" not in again.stdout, "the same run must not be trained twice"

    def test_a_lowered_gate_lets_the_same_run_pass_without_training_again(
        self, project: StackProject
    ) -> None:
        before = project.outputs()
        project.configure(config(hyperparameters={"C": 0.2}, gate={"accuracy": 0.6}))
        assert "Fitting" not in project.done("up", STACK, "--yes")
        assert served(project) == project.outputs()["model_version"] != before["model_version"]

    def test_a_pinned_version_is_served_whatever_the_run_produced(self, project: StackProject) -> None:
        before = project.outputs()
        pin = {
            "name": "buyers",
            "uri": before["model_uri"],
            "sha256": before["model_sha256"],
            "version": "v1",
        }
        lowered = config(hyperparameters={"C": 0.01}, gate={"accuracy": 0.6})
        project.configure({**lowered, "model": pin})
        project.done("up", STACK, "--yes")
        after = project.outputs()
        assert after["training_run"] != before["training_run"]
        assert (served(project), after["model_sha256"]) == ("v1", before["model_sha256"])
        project.configure({**lowered, "model": {**pin, "sha256": "0" * 64}})
        refused = project.run("up", STACK, "--yes")
        assert refused.returncode == 1
        assert "0" * 64 in refused.stdout + refused.stderr
        assert served(project) == "v1"
        project.configure({**lowered, "model": pin})
        project.done("up", STACK, "--yes")

    def test_an_endpoint_that_was_killed_is_noticed_and_repaired(self, project: StackProject) -> None:
        before = project.outputs()
        kill_all(project.processes())
        assert project.run("status", STACK).returncode == 1
        project.done("refresh", STACK, "--yes")
        project.done("up", STACK, "--yes")
        assert served(project) == before["model_version"]

    def test_destroy_ends_processes_ports_and_files(self, project: StackProject) -> None:
        port = urlsplit(project.outputs()["endpoint_url"]).port
        assert port is not None
        project.done("destroy", STACK, "--yes")
        assert project.processes() == []
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
        assert [path for path in (project.state_home / "local").rglob("*") if path.is_file()] == []
        outside = {path.name for path in project.root.iterdir()}
        assert outside == {"Pulumi.yaml", "stacks", "data.csv", ".state"}


def is_monitor(process: psutil.Process) -> bool:
    """What was made before the training is kept, and goes on: a monitor tells of runs that fail."""
    try:
        return "mlcloud.provider.local.monitor" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def test_ctrl_c_ends_a_training_run_in_good_order(tmp_path: Path) -> None:
    slow = config(estimator="gradient_boosting", hyperparameters={"n_estimators": 5000}, gate={})
    project = StackProject.make(tmp_path / "project", slow, csv(rows=3000))
    update = subprocess.Popen(
        [sys.executable, "-m", "mlcloud.cli", "up", STACK, "--yes"],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert update.stdout is not None
        assert any("Fitting" in line for line in update.stdout)
        update.send_signal(signal.SIGINT)
        rest, errors = update.communicate(timeout=200)
    finally:
        update.kill()
        update.wait()
    assert update.returncode == 130
    assert "Cancelling" in rest
    assert errors.endswith("The update was cancelled.\n")
    assert "Traceback" not in rest + errors
    eventually(lambda: all(is_monitor(process) for process in project.processes()))
    assert "to destroy" not in project.done("destroy", STACK, "--yes")
    assert "Nothing to destroy: test is not up." in project.done("destroy", STACK, "--yes")
    assert project.processes() == []


class TestWhatIsRefusedBeforeAnythingIsMade:
    @pytest.fixture
    def project(self, tmp_path: Path) -> StackProject:
        return StackProject.make(tmp_path / "project", config(), csv())

    def refused(self, project: StackProject) -> str:
        result = project.run("up", STACK, "--yes")
        assert result.returncode == 1
        assert "Traceback" not in result.stdout + result.stderr
        assert not (project.state_home / "local").exists()
        return result.stdout + result.stderr

    def test_a_data_file_without_the_target_column(self, project: StackProject) -> None:
        (project.root / "data.csv").write_text(csv().replace("bought", "bougth"))
        assert "write `bougth` instead of `bought`" in self.refused(project)

    def test_an_empty_data_file(self, project: StackProject) -> None:
        (project.root / "data.csv").write_text("")
        assert "the file is empty" in self.refused(project)

    def test_a_regression_on_a_column_of_words(self, project: StackProject) -> None:
        project.configure(config(estimator="linear_regression", gate={}))
        assert "number" in self.refused(project)

    def test_every_wrong_key_is_told_at_once(self, project: StackProject) -> None:
        project.configure({**config(estimater="svm", test_size=2), "enviroment": "dev"})
        told = self.refused(project)
        assert "mlcloud:training.estimater" in told
        assert "mlcloud:training.test_size" in told
        assert "mlcloud:enviroment" in told


class TestACloudStack:
    @pytest.fixture
    def project(self, tmp_path: Path) -> StackProject:
        return StackProject.make(tmp_path / "project", {**config(), "cloud": "gcp"}, csv())

    def told(self, project: StackProject, command: str) -> list[str]:
        result = project.run(command, STACK, "--yes")
        assert result.returncode == 1
        return [line.strip() for line in result.stderr.splitlines()]

    def test_an_update_is_left_to_pulumi_with_the_commands_to_type(self, project: StackProject) -> None:
        project.environ["PATH"] = str(project.root)
        lines = self.told(project, "up")
        assert lines.index("curl -fsSL https://get.pulumi.com | sh") < lines.index(
            f"pulumi stack select {STACK} --create"
        )
        assert f"pulumi config set gcp:project MY-PROJECT --stack {STACK}" in lines
        assert lines[-2] == f"pulumi up --stack {STACK}"

    def test_pulumi_that_is_there_is_not_to_be_installed(self, project: StackProject) -> None:
        (project.root / "pulumi").write_text("#!/bin/sh\necho v3.300.0\n")
        (project.root / "pulumi").chmod(0o755)
        project.environ.update(PATH=str(project.root), GOOGLE_PROJECT="mine")
        lines = self.told(project, "destroy")
        assert "It is installed (3.300.0" in lines[1]
        assert lines[2:4] == [f"pulumi stack select {STACK}", f"pulumi destroy --stack {STACK}"]

    def test_its_cloud_is_known_whatever_the_project_is_called(self, project: StackProject) -> None:
        document = yaml.safe_load((project.root / "Pulumi.yaml").read_text())
        del document["config"]
        (project.root / "Pulumi.yaml").write_text(yaml.safe_dump({**document, "name": "houses"}))
        assert f"pulumi up --stack {STACK}" in self.told(project, "up")


def test_without_a_terminal_an_update_asks_for_yes(tmp_path: Path) -> None:
    project = StackProject.make(tmp_path / "project", config(), csv())
    result = project.run("up", STACK)
    assert result.returncode == 1
    assert "--yes" in result.stderr


def test_an_unknown_stack_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    project = StackProject.make(tmp_path / "project", config(), csv())
    result = project.run("preview", "prod")
    assert result.returncode == 1
    assert f"Stacks: {STACK}" in result.stderr

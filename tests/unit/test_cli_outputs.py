"""How outputs are shown to people, and read from the state alone."""

from pathlib import Path

import pytest
from mlcloud.cli.outputs import first_outputs, near_path, told
from mlcloud.embedded.project.outputs import stack_outputs
from mlcloud.embedded.project.project import Project, ProjectError


def test_metrics_are_told_by_name_with_the_digits_that_tell_something() -> None:
    assert told({"accuracy": 0.9646017699115044, "r2": 1, "rmse": 46.0667396371384}) == (
        "accuracy 0.9646, r2 1, rmse 46.0667"
    )


def test_a_path_below_the_working_directory_is_told_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert near_path(str(tmp_path / ".state" / "report.html")) == ".state/report.html"
    assert near_path("/elsewhere/report.html") == "/elsewhere/report.html"
    assert near_path("http://127.0.0.1:8080") == "http://127.0.0.1:8080"


def test_after_an_update_people_see_what_they_look_for() -> None:
    values = {"cloud": "local", "endpoint_url": "http://h:1", "model_sha256": "f" * 64, "report": "/r.html"}
    assert first_outputs(values, 80) == [("endpoint_url  ", "http://h:1"), ("report        ", "/r.html")]


def test_a_stack_with_other_outputs_shows_them_all() -> None:
    assert first_outputs({"b": [1], "a": True}, 80) == [("a  ", "true"), ("b  ", "[1]")]


def test_metrics_that_need_a_second_line_go_on_below_the_first() -> None:
    values = {"metrics": {"accuracy": 0.9, "precision": 0.8}, "report": "/a path/" + "x" * 60}
    assert first_outputs(values, 32) == [
        ("metrics  ", "accuracy 0.9000,\n         precision 0.8000"),
        ("report   ", "/a path/" + "x" * 60),
    ]


class TestStackOutputs:
    @pytest.fixture
    def project(self, tmp_path: Path) -> Project:
        (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
        return Project.load(tmp_path)

    def test_a_broken_stack_file_does_not_hide_what_is_up(self, project: Project) -> None:
        (project.root / "Pulumi.dev.yaml").write_text("config: [")
        assert stack_outputs(project, "dev", project.root / ".state") == {}

    def test_a_stack_that_is_neither_declared_nor_up_is_refused(self, project: Project) -> None:
        (project.root / "Pulumi.dev.yaml").write_text("config: {}\n")
        with pytest.raises(ProjectError, match=r"There is no stack 'dve'.*Stacks: dev"):
            stack_outputs(project, "dve", project.root / ".state")

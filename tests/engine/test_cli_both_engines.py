"""The real Pulumi CLI and the embedded engine, in turn on one local stack: 0 changes in each other's work."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.local_http import post
from support.stack_project import STACK, StackProject

pytestmark = [
    pytest.mark.skipif(
        shutil.which("pulumi") is None,
        reason="pulumi is not on PATH: nothing recorded stands for a whole stack",
    ),
    pytest.mark.timeout(600),
]

ROWS = "age,bought\n" + "".join(f"{age},{'yes' if age > 40 else 'no'}\n" for age in range(20, 80))
CONFIG = {
    "cloud": "local",
    "data": {"path": "data.csv"},
    "training": {"estimator": "decision_tree", "target": "bought"},
}


@pytest.fixture(scope="class")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProject]:
    made = StackProject.make(tmp_path_factory.mktemp("both"), CONFIG, ROWS)
    made.done("env")
    yield made
    made.run("destroy", STACK, "--yes")
    assert made.processes() == []


def pulumi(project: StackProject, *arguments: str) -> str:
    """Run the CLI with the two exports of the README."""
    home = project.state_home
    result = subprocess.run(
        ["pulumi", *arguments, "--non-interactive", "--color", "never"],
        cwd=project.root,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(project.root / "pulumi"),
            "PULUMI_HOME": str(project.root / "pulumi"),
            "PULUMI_BACKEND_URL": home.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(home / "passphrase"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


class TestOneStackTwoEngines:
    def test_pulumi_makes_the_stack(self, project: StackProject) -> None:
        pulumi(project, "stack", "select", STACK, "--create")
        assert "14 created" in pulumi(project, "up", "--yes", "--skip-preview")
        url = project.outputs()["endpoint_url"]
        answer = post(f"{url}/invocations", {"instances": [{"age": 70}]})
        assert answer.json()["predictions"][0]["prediction"] == "yes"

    def test_the_embedded_engine_sees_no_change_in_it(self, project: StackProject) -> None:
        assert "Nothing changed: 8 resources" in project.done("up", STACK, "--yes")

    def test_pulumi_sees_no_change_after_the_embedded_engine(self, project: StackProject) -> None:
        pulumi(project, "up", "--yes", "--skip-preview", "--expect-no-changes")

    def test_an_edit_by_one_is_whole_for_the_other(self, project: StackProject) -> None:
        stack_file = project.root / "stacks" / f"Pulumi.{STACK}.yaml"
        salt = [line for line in stack_file.read_text().splitlines() if line.startswith("encryptionsalt")]
        training = {**CONFIG["training"], "hyperparameters": {"max_depth": 2}}  # type: ignore[dict-item]
        project.configure({**CONFIG, "training": training})
        stack_file.write_text(stack_file.read_text() + "\n".join(salt) + "\n")
        before = project.outputs()["model_version"]
        project.done("up", STACK, "--yes")
        pulumi(project, "up", "--yes", "--skip-preview", "--expect-no-changes")
        assert project.outputs()["model_version"] != before

    def test_a_refresh_by_pulumi_finds_everything_as_it_is(self, project: StackProject) -> None:
        pulumi(project, "refresh", "--yes", "--expect-no-changes")

    def test_pulumi_destroys_what_both_made(self, project: StackProject) -> None:
        assert "14 deleted" in pulumi(project, "destroy", "--yes", "--skip-preview")
        assert project.processes() == []
        assert [path for path in (Path(project.state_home) / "local").rglob("*") if path.is_file()] == []

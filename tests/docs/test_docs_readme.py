"""The README keeps its word: its commands exist, its config loads, its links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from mlcloud.cli.arguments import parser
from support.markdown import ROOT, blocks, links, markdown_files
from support.stack_project import STACK, StackProject

README = ROOT / "README.md"
SHELL_LINES = [
    line.split(" #")[0].strip()
    for block in blocks(README)
    if block.language == "sh"
    for line in block.text.splitlines()
    if line.strip()
]


@pytest.mark.parametrize("line", [line for line in SHELL_LINES if line.startswith(".venv/bin/mlcloud")])
def test_every_command_of_the_readme_is_one(line: str) -> None:
    parser().parse_args(shlex.split(line)[1:])


def test_the_readme_shows_commands() -> None:
    assert len([line for line in SHELL_LINES if line.startswith(".venv/bin/mlcloud")]) >= 8


@pytest.mark.parametrize("line", [line for line in SHELL_LINES if line.startswith("make ")])
def test_every_make_target_of_the_readme_is_one(line: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(rf"^{re.escape(line.split()[1])}:", makefile, re.MULTILINE)


def test_ci_runs_the_checks_and_the_tests_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    commands = [line for line in script if line.startswith("make ")]
    assert commands == ["make check", "make test"]
    assert set(commands) <= set(SHELL_LINES)


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(path: Path) -> None:
    inside = [target.split("#")[0] for target in links(path) if not re.match(r"https?:", target)]
    assert [target for target in inside if target and not (path.parent / target).exists()] == []


def test_the_two_lines_for_ones_own_csv_are_a_whole_config(tmp_path: Path) -> None:
    (block,) = [
        block for block in blocks(README) if block.heading == "Your own CSV" and block.language == "yaml"
    ]
    lines = [line for line in block.text.splitlines() if line.strip()]
    assert len(lines) == 2
    text = block.text.replace("path/to/your.csv", "data.csv").replace("the_column_to_predict", "bought")
    config = {key.removeprefix("mlcloud:"): value for key, value in yaml.safe_load(text).items()}
    rows = "\n".join(f"{age},{'yes' if age > 40 else 'no'}" for age in range(20, 60))
    project = StackProject.make(tmp_path / "project", config, f"age,bought\n{rows}\n")
    assert "8 created" in project.done("preview", STACK)


def test_the_two_exports_are_those_that_the_command_prints(tmp_path: Path) -> None:
    project = StackProject.make(tmp_path / "project", {}, "")
    printed = project.done("env").replace(str(project.root), "$PWD").splitlines()
    assert [line for line in SHELL_LINES if line.startswith("export ")] == printed
    assert (project.state_home / "passphrase").stat().st_mode & 0o777 == 0o600

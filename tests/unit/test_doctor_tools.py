"""`mlcloud doctor` on Pulumi and Docker: each state once, with programs of our own on a PATH of our own."""

from pathlib import Path

import pytest
from mlcloud.doctor import tools
from mlcloud.doctor.check import Check
from mlcloud.doctor.tools import TESTED_PULUMI, docker, pulumi

DOCKER = """
case "$1" in
  version) {server} ;;
  buildx) {buildx} ;;
esac
"""
TOLD = "echo 29.1.0"
REFUSED = "echo Cannot connect to the Docker daemon >&2; exit 1"


def path_with(folder: Path, **programs: str) -> dict[str, str]:
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    return {"PATH": str(tmp_path)}


def test_the_pulumi_that_was_tested_is_ok(tmp_path: Path) -> None:
    check = pulumi(path_with(tmp_path, pulumi=f"echo v{TESTED_PULUMI}"))
    assert (check.state, check.found) == ("ok", f"{TESTED_PULUMI}, {tmp_path / 'pulumi'}")


def test_the_pulumi_that_was_tested_is_the_one_whose_answers_are_recorded() -> None:
    golden = Path(__file__).parents[1] / "engine" / "golden"
    assert list(golden.glob(f"*{TESTED_PULUMI}*"))


def test_an_older_pulumi_is_a_warning(tmp_path: Path) -> None:
    check = pulumi(path_with(tmp_path, pulumi="echo v3.100.2"))
    assert (check.state, check.found.split(",")[0]) == ("warning", "3.100.2")
    assert "get.pulumi.com" in check.fix


def test_no_pulumi_is_missing_with_how_to_install_it(empty: dict[str, str]) -> None:
    check = pulumi(empty)
    assert (check.state, check.found) == ("missing", "not on PATH")
    assert "get.pulumi.com" in check.fix


def test_a_pulumi_that_does_not_run_is_missing_with_what_it_said(tmp_path: Path) -> None:
    check = pulumi(path_with(tmp_path, pulumi="echo 'cannot execute' >&2; exit 126"))
    assert check.state == "missing"
    assert "cannot execute" in check.found


def test_a_program_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "_LIMIT_S", 0.5)
    check = pulumi(path_with(tmp_path, pulumi="exec sleep 600"))
    assert (check.state, "no answer in 0.5 s" in check.found) == ("missing", True)


def states(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


def test_docker_that_answers_is_ok(tmp_path: Path) -> None:
    found = docker(path_with(tmp_path, docker=DOCKER.format(server=TOLD, buildx="echo buildx v0.30")))
    assert states(found) == {"Docker": "ok", "buildx": "ok"}
    assert found[0].found.startswith("29.1.0, ")


def test_docker_without_its_server_is_missing(tmp_path: Path) -> None:
    found = docker(path_with(tmp_path, docker=DOCKER.format(server=REFUSED, buildx="echo buildx v0.30")))
    assert states(found) == {"Docker": "missing", "buildx": "ok"}
    assert "Cannot connect" in found[0].found
    assert found[0].fix


def test_docker_without_buildx_is_a_warning(tmp_path: Path) -> None:
    found = docker(path_with(tmp_path, docker=DOCKER.format(server=TOLD, buildx="exit 1")))
    assert states(found) == {"Docker": "ok", "buildx": "warning"}


def test_docker_without_buildx_is_told_in_its_words_not_in_its_hint(
    tmp_path: Path,
) -> None:
    words = "docker: unknown command: docker buildx\n\nRun 'docker --help' for more information"
    buildx = f'echo "{words}" >&2; exit 1'
    found = docker(path_with(tmp_path, docker=DOCKER.format(server=TOLD, buildx=buildx)))
    assert found[-1].found == "docker: unknown command: docker buildx"


def test_no_docker_is_missing_unless_the_image_is_named_by_its_digest(empty: dict[str, str]) -> None:
    assert states(docker(empty)) == {"Docker": "missing"}
    assert "mlcloud:image" in docker(empty)[0].fix
    assert states(docker(empty, builds=False)) == {"Docker": "ok"}

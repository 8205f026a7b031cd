"""`mlcloud doctor`: what it looks for, how it tells it, and its exit status."""

import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlcloud.cli.__main__ import main

DIGEST = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/trainer@sha256:{'0' * 64}"


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project, in a home without credentials and on a PATH without Pulumi and Docker."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "ARM_", "GOOGLE_", "CLOUDSDK_", "MLCLOUD_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "Pulumi.yaml").write_text("name: houses\nruntime: python\n")
    stack_file("here", cloud="local")
    stack_file("there", cloud="aws", region="eu-central-1")


def stack_file(stack: str, **config: Any) -> None:
    values = {f"mlcloud:{key}": value for key, value in config.items()}
    Path(f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": values}))


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit status, and each section's states by name."""
    status = main(["doctor", *words, "--json"])
    found = json.loads(capsys.readouterr().out)["sections"]
    return status, {
        section["title"]: {check["name"]: check["state"] for check in section["checks"]} for section in found
    }


def test_without_a_stack_everything_is_looked_for_and_local_stacks_alone_count(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, found = told(capsys)
    assert list(found) == ["all stacks", "local", "clouds", "aws", "gcp", "azure"]
    assert found["clouds"]["Pulumi CLI"] == found["aws"]["credentials"] == "missing"
    assert status == 0


def test_a_local_stack_needs_no_cloud(capsys: pytest.CaptureFixture[str]) -> None:
    # Bound and not listened on: free for whoever listens, and nobody else is given it.
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        number = held.getsockname()[1]
        stack_file("here", cloud="local", endpoint={"port": number})
        status, found = told(capsys, "here")
    assert list(found) == ["all stacks", "local"]
    assert (status, found["local"][f"port {number}"]) == (0, "ok")


def test_a_stack_on_a_cloud_needs_pulumi_and_that_cloud_alone(capsys: pytest.CaptureFixture[str]) -> None:
    status, found = told(capsys, "there")
    assert list(found) == ["all stacks", "clouds", "aws"]
    assert (status, found["clouds"]["Docker"]) == (1, "missing")


def test_a_stack_whose_image_has_a_digest_needs_no_docker(capsys: pytest.CaptureFixture[str]) -> None:
    stack_file("there", cloud="aws", region="eu-central-1", image=DIGEST)
    _, found = told(capsys, "there")
    assert found["clouds"]["Docker"] == "ok"


def test_a_taken_port_is_in_the_way_of_a_local_stack(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        stack_file("here", cloud="local", endpoint={"port": number})
        status, found = told(capsys, "here")
    assert (status, found["local"][f"port {number}"]) == (1, "missing")


def test_all_that_a_cloud_needs_is_status_0(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, text in (("pulumi", "echo v3.260.0"), ("docker", "echo 29.1.0")):
        (tmp_path / "bin" / name).write_text(f"#!{shutil.which('sh', path='/bin:/usr/bin')}\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "home" / ".aws").mkdir(parents=True)
    (tmp_path / "home" / ".aws" / "config").write_text("[default]\nsso_session = work\n")
    status, found = told(capsys, "there")
    assert (status, {*found["clouds"].values(), *found["aws"].values()}) == (0, {"ok"})


def test_people_read_a_line_a_check_with_its_fix_below(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "there"])
    lines = capsys.readouterr().out.splitlines()
    (number,) = [
        number for number, line in enumerate(lines) if line.split()[:2] == ["missing", "credentials"]
    ]
    assert lines[number + 1].strip() == "fix: aws configure sso, then: export AWS_PROFILE=NAME"
    assert lines[-1] == "Ready: all stacks. Something is missing for: clouds, aws."


def test_a_stack_file_that_cannot_be_read_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    Path("Pulumi.broken.yaml").write_text("config: [")
    status, found = told(capsys)
    assert (status, found["local"]["stack broken"]) == (0, "warning")


def test_an_unknown_stack_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "hree"]) == 1
    assert "Stacks: here, there" in capsys.readouterr().err


def test_outside_of_a_project_the_machine_is_looked_at_and_a_stack_is_refused(
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    status, found = told(capsys)
    assert (status, list(found["local"])) == (0, ["memory"])
    assert main(["doctor", "here"]) == 1
    assert "There is no Pulumi.yaml" in capsys.readouterr().err

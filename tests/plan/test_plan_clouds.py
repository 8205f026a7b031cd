"""Plans of cloud stacks: all that an apply would send, the same from any folder, and without a network."""

import json
import shutil
import socket
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from mlcloud.cli.__main__ import main
from support.project_copy import ROOT, copy_project
from support.stack_plan import plan_text, plan_text_of_a_new_process

STACKS = sorted(
    path.name.split(".")[1]
    for path in (ROOT / "stacks").glob("Pulumi.*.yaml")
    if not path.name.startswith("Pulumi.local-")
)
TRAINING = [
    stack for stack in STACKS if "mlcloud:training:" in (ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text()
]


def test_there_are_cloud_stacks() -> None:
    assert {"aws-dev", "aws-prod"} <= set(STACKS)
    assert "aws-dev" in TRAINING


@pytest.fixture(scope="module")
def checkouts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The project in two folders, at different depths."""
    places = [tmp_path_factory.mktemp("a") / "checkout", tmp_path_factory.mktemp("b") / "some" / "where"]
    return [copy_project(place) for place in places]


@cache
def planned(stack: str, root: Path) -> str:
    with TemporaryDirectory() as home:
        text = plan_text(stack, Path(home), root=root)
        assert home not in text
    return text


@pytest.mark.parametrize("stack", STACKS)
def test_two_checkouts_give_the_same_plan_without_a_folder_of_the_machine(
    stack: str, checkouts: list[Path], tmp_path: Path
) -> None:
    first = planned(stack, checkouts[0])
    assert first == plan_text_of_a_new_process(stack, tmp_path, root=checkouts[1])
    for place in (*map(str, (*checkouts, tmp_path, ROOT)), sys.prefix):
        assert place not in first


@pytest.mark.parametrize("stack", TRAINING)
def test_a_stack_that_trains_has_another_plan_for_other_data(
    stack: str, checkouts: list[Path], tmp_path: Path
) -> None:
    shutil.copytree(checkouts[0], tmp_path, dirs_exist_ok=True)
    for file in (tmp_path / "stacks" / "data").iterdir():
        rows = file.read_text().splitlines()
        file.write_text("\n".join([*rows, rows[-1]]) + "\n")
    assert planned(stack, tmp_path) != planned(stack, checkouts[0])


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Sockets that refuse; what was tried."""
    tried: list[Any] = []

    def refuse(*arguments: Any, **_options: Any) -> None:
        tried.append(arguments)
        raise OSError("there is no network here")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield tried


@pytest.mark.parametrize("stack", STACKS)
def test_a_preview_opens_no_connection_and_knows_every_input(
    stack: str,
    no_network: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MLCLOUD_HOME", str(tmp_path))
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert main(["preview", stack, "--json"]) == 0
    assert no_network == []
    plan = json.loads(capsys.readouterr().out)
    unknown = [entry["name"] for entry in plan["resources"] if "[unknown]" in json.dumps(entry["inputs"])]
    assert unknown == []
    assert "[unknown]" not in json.dumps(plan["outputs"])


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("command", ["up", "refresh", "destroy"])
def test_a_cloud_is_changed_by_pulumi_alone(
    command: str,
    stack: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MLCLOUD_HOME", str(tmp_path))
    assert main([command, stack, "--yes"]) == 1
    told = capsys.readouterr().err
    assert "clouds are changed by Pulumi itself" in told
    assert f"pulumi {command} --stack {stack}" in told
    assert list(tmp_path.rglob("*.json")) == [], "nothing was done"


@pytest.mark.parametrize("stack", STACKS)
def test_what_our_own_resources_give_out_reaches_what_comes_after(stack: str, checkouts: list[Path]) -> None:
    plan = json.loads(planned(stack, checkouts[0]))
    own = [entry for entry in plan["resources"] if entry["type"].startswith("mlcloud:") and entry["custom"]]
    assert own
    assert "[unknown]" not in json.dumps([entry["outputs"] for entry in own])
    for run in (entry for entry in own if entry["type"].endswith(":TrainingRun")):
        later = json.dumps([entry["inputs"] for entry in plan["resources"] if entry is not run])
        outputs = run["outputs"]
        assert outputs["modelUri"] in later
        assert outputs["modelSha256"] in later
        assert plan["outputs"]["metrics"] == outputs["metrics"] != {}
        gate = run["inputs"]["gate"]
        assert {name: outputs["metrics"][name] for name in gate} == gate

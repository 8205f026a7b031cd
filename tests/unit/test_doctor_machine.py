"""`mlcloud doctor` on disk, memory and ports: each state once."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlcloud.doctor.machine import DISK_BYTES, LEAST_DISK_BYTES, MEMORY_BYTES, disk, memory, port


@pytest.mark.parametrize(
    ("free", "state"),
    [(DISK_BYTES, "ok"), (DISK_BYTES - 1, "warning"), (LEAST_DISK_BYTES - 1, "missing")],
)
def test_a_disk_is_judged_by_its_room(free: int, state: str, tmp_path: Path) -> None:
    check = disk(tmp_path, free=lambda _: free)
    assert check.state == state
    assert ("MLCLOUD_HOME" in check.fix) == (state != "ok")


def test_the_disk_is_that_of_the_state_folder_which_need_not_be_there(tmp_path: Path) -> None:
    asked: list[Path] = []
    disk(tmp_path / "not" / "there", free=lambda folder: asked.append(folder) or DISK_BYTES)
    assert asked == [tmp_path]


@pytest.mark.parametrize(("free", "state"), [(MEMORY_BYTES, "ok"), (MEMORY_BYTES - 1, "warning")])
def test_memory_is_judged_by_what_is_available(free: int, state: str) -> None:
    assert memory(lambda: free).state == state


def test_the_real_disk_and_memory_are_read(tmp_path: Path) -> None:
    assert "free for" in disk(tmp_path).found
    assert "available" in memory().found


LISTENS = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def listener(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """A process that listens, as port and id; its command line names the folder that it is asked to."""
    word = str(tmp_path / request.param)
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENS, word], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield int(process.stdout.readline()), process.pid
    process.kill()
    process.communicate()


@pytest.mark.parametrize("listener", ["elsewhere"], indirect=True)
def test_a_taken_port_is_missing_with_who_has_it(listener: tuple[int, int], tmp_path: Path) -> None:
    number, process = listener
    check = port("dev", "endpoint.port", number, Path("Pulumi.dev.yaml"), tmp_path / ".state")
    assert check.state == "missing"
    assert f"process {process}" in check.found
    assert "`endpoint.port` in Pulumi.dev.yaml" in check.fix


@pytest.mark.parametrize("listener", [".state/local/endpoint"], indirect=True)
def test_a_port_of_the_projects_own_endpoint_is_ok(listener: tuple[int, int], tmp_path: Path) -> None:
    number, process = listener
    check = port("dev", "endpoint.port", number, Path("Pulumi.dev.yaml"), tmp_path / ".state")
    assert (check.state, f"process {process}" in check.found) == ("ok", True)


def test_a_free_port_is_ok(tmp_path: Path) -> None:
    # Bound and not listened on: free for whoever listens, and nobody else is given it.
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        check = port("dev", "endpoint.port", held.getsockname()[1], Path("Pulumi.dev.yaml"), tmp_path)
    assert (check.state, check.found) == ("ok", "free for dev")

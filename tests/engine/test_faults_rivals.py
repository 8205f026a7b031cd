"""Two updates at once through the command line, and an update after one that was killed."""

import getpass
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.faults_project import SlowProject, read_until
from support.processes import kill_all
from support.waiting import LIMIT_S, eventually


@pytest.fixture
def project(tmp_path: Path) -> SlowProject:
    made = SlowProject(tmp_path / "project")
    made.write("first = Thing('first')\nslow = Thing('slow', pulumi.ResourceOptions(depends_on=[first]))\n")
    return made


@pytest.fixture
def update(project: SlowProject) -> "Iterator[subprocess.Popen[str]]":
    """An update that is at work on the thing ``slow``."""
    process = project.start("up", "dev", "--yes")
    try:
        read_until(process.stdout, "working on slow")
        yield process
    finally:
        process.kill()
        process.communicate(timeout=LIMIT_S)


@pytest.mark.parametrize("command", ["up", "refresh", "destroy"])
def test_the_second_is_refused_with_who_holds_the_stack_and_the_first_is_not_disturbed(
    project: SlowProject, update: "subprocess.Popen[str]", command: str
) -> None:
    [lock] = project.locks()
    second = project.run(command, "dev", "--yes")
    assert second.returncode == 1
    who = f"{getpass.getuser()}@{socket.gethostname()} (process {update.pid}) since 20"
    assert f"error: The stack dev is in use by another update:\n  {who}" in second.stderr
    assert str(lock) in second.stderr
    assert "Traceback" not in second.stdout + second.stderr
    assert project.locks() == [lock]
    assert update.poll() is None

    (project.root / "go").touch()
    output, errors = update.communicate(timeout=LIMIT_S)
    assert update.returncode == 0, output + errors
    assert project.names() == {"first", "slow"}
    assert project.locks() == []


def test_a_preview_does_not_wait_for_an_update(project: SlowProject, update: "subprocess.Popen[str]") -> None:
    result = project.run("preview", "dev")
    assert result.returncode == 0, result.stderr
    assert update.poll() is None


def test_the_lock_of_a_killed_update_is_taken_over_with_a_word_about_what_it_did(
    project: SlowProject, update: "subprocess.Popen[str]"
) -> None:
    update.send_signal(signal.SIGKILL)
    update.wait(LIMIT_S)
    [lock] = project.locks()
    (project.root / "go").touch()
    result = project.run("up", "dev", "--yes")
    assert result.returncode == 0, result.stdout + result.stderr
    told = " ".join(result.stdout.split())
    assert f"A run before this one was cut off: {getpass.getuser()}@{socket.gethostname()} (process " in told
    assert f"(process {update.pid}) since 20" in told
    assert "slow: A run was cut off while it was making this resource" in told
    assert not lock.exists()
    assert project.names() == {"first", "slow"}
    assert project.snapshot.pending_operations == []


def test_a_killed_plugin_fails_the_update_which_ends_in_good_order(
    project: SlowProject, update: "subprocess.Popen[str]"
) -> None:
    kill_all(psutil.Process(update.pid).children(recursive=True))
    output, errors = update.communicate(timeout=LIMIT_S)
    assert update.returncode == 1
    assert "the provider plugin 'test' ended while it was working" in errors
    assert "Traceback" not in output + errors
    assert project.names() == {"first"}
    assert [item.resource.name for item in project.snapshot.pending_operations] == ["slow"]
    assert project.locks() == []
    (project.root / "go").touch()
    again = project.run("up", "dev", "--yes")
    assert again.returncode == 0, again.stderr
    assert project.names() == {"first", "slow"}


def test_a_killed_update_leaves_no_plugin_behind(
    project: SlowProject, update: "subprocess.Popen[str]"
) -> None:
    plugins = psutil.Process(update.pid).children(recursive=True)
    assert plugins
    os.kill(update.pid, signal.SIGKILL)
    eventually(lambda: not any(plugin.is_running() for plugin in plugins))

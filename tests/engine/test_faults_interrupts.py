"""Ctrl-C, once and more often, on the real command line: told, ended, saved; and what follows goes on."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.faults_project import SlowProject, interrupt, read_until
from support.processes import wait_for_end
from support.waiting import LIMIT_S

PROGRAM = """
first = Thing("first")
slow = Thing({name!r}, pulumi.ResourceOptions(depends_on=[first]))
Thing("after", pulumi.ResourceOptions(depends_on=[slow]))
"""


def project_with(folder: Path, name: str) -> SlowProject:
    made = SlowProject(folder / "project")
    made.write(PROGRAM.format(name=name))
    return made


@pytest.fixture
def started() -> "Iterator[list[subprocess.Popen[str]]]":
    """Processes of the test, which end with it."""
    found: list[subprocess.Popen[str]] = []
    yield found
    for process in found:
        process.kill()
        process.communicate(timeout=LIMIT_S)


def assert_readable(project: SlowProject, names: set[str], pending: list[str]) -> None:
    assert project.names() == names
    assert [item.resource.name for item in project.snapshot.pending_operations] == pending
    assert project.locks() == []
    assert list((project.home / ".pulumi" / "stacks").rglob(".*")) == []


def assert_goes_on(project: SlowProject, name: str) -> None:
    (project.root / "go").touch()
    again = project.run("up", "dev", "--yes")
    assert again.returncode == 0, again.stdout + again.stderr
    assert project.names() == {"first", name, "after"}
    assert project.snapshot.pending_operations == []
    assert "Nothing changed" in project.run("up", "dev", "--yes").stdout


def test_the_first_tells_the_provider_and_ends_the_update_in_good_order(
    tmp_path: Path, started: "list[subprocess.Popen[str]]"
) -> None:
    project = project_with(tmp_path, "slow")
    update = project.start("up", "dev", "--yes")
    started.append(update)
    read_until(update.stdout, "working on slow")
    plugins = psutil.Process(update.pid).children(recursive=True)
    interrupt(update)
    output, errors = update.communicate(timeout=LIMIT_S)
    assert update.returncode == 130
    assert (project.root / "told").exists(), "the provider was told"
    assert "Cancelling: what runs is told to end." in output
    assert "ended because the run was cancelled" in errors
    assert errors.endswith("The update was cancelled.\n")
    assert "Traceback" not in output + errors
    wait_for_end(*plugins)
    assert_readable(project, {"first"}, [])
    assert_goes_on(project, "slow")


@pytest.mark.parametrize("presses", [2, 5])
def test_more_of_them_end_a_provider_that_does_not_listen_and_leave_a_readable_state(
    tmp_path: Path, started: "list[subprocess.Popen[str]]", presses: int
) -> None:
    project = project_with(tmp_path, "stubborn")
    update = project.start("up", "dev", "--yes")
    started.append(update)
    read_until(update.stdout, "working on stubborn")
    plugins = psutil.Process(update.pid).children(recursive=True)
    interrupt(update)
    read_until(update.stdout, "Cancelling")
    interrupt(update)
    if presses > 2:
        read_until(update.stdout, "Ending the providers")
        for _ in range(presses - 2):
            if update.poll() is None:
                interrupt(update)
    output, errors = update.communicate(timeout=LIMIT_S)
    assert update.returncode == 130, output + errors
    assert "Traceback" not in output + errors
    wait_for_end(*plugins)
    assert_readable(project, {"first"}, ["stubborn"])
    assert_goes_on(project, "stubborn")


def test_in_a_terminal_it_is_the_key_itself(tmp_path: Path, started: "list[subprocess.Popen[str]]") -> None:
    project = project_with(tmp_path, "slow")
    ours, theirs = pty.openpty()
    update = subprocess.Popen(
        [sys.executable, "-c", CONTROLLED, sys.executable, "-m", "mlcloud.cli", "up", "dev", "--yes"],
        cwd=project.root,
        env={**os.environ, "PULUMI_CONFIG_PASSPHRASE": "open", "TERM": "xterm", "COLUMNS": "100"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        text=True,
    )
    started.append(update)
    os.close(theirs)
    shown = read_terminal(ours, "working on slow")
    os.write(ours, b"\x03")
    shown += read_terminal(ours, None)
    assert update.wait(LIMIT_S) == 130, shown
    assert "Cancelling" in shown
    assert "The update was cancelled." in shown
    assert_readable(project, {"first"}, [])
    assert_goes_on(project, "slow")


# The terminal that Ctrl-C comes from has to be the one that controls the session.
CONTROLLED = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def read_terminal(descriptor: int, text: str | None) -> str:
    """Read until a text was shown, or until the other side has closed."""
    shown = ""
    while text is None or text not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown):
        try:
            read = os.read(descriptor, 65536)
        except OSError:
            break
        if not read:
            break
        shown += read.decode(errors="replace")
    else:
        return shown
    assert text is None, shown
    return shown


def test_while_a_resource_has_failed_what_runs_is_finished_and_saved(
    tmp_path: Path, started: "list[subprocess.Popen[str]]"
) -> None:
    project = SlowProject(tmp_path / "project")
    project.write(
        "slow = Thing('slow')\nThing('leak-refused')\n"
        "Thing('after', pulumi.ResourceOptions(depends_on=[slow]))\n"
    )
    update = project.start("up", "dev", "--yes")
    started.append(update)
    read_until(update.stdout, "leak-refused       Thing         creating failed")
    assert update.poll() is None, "what runs is not ended"
    (project.root / "go").touch()
    _, errors = update.communicate(timeout=LIMIT_S)
    assert update.returncode == 1
    assert "will not take" in errors
    assert errors.endswith("The update failed.\n")
    assert_readable(project, {"slow"}, [])

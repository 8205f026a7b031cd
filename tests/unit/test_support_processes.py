"""The helper by which tests tell that a process has ended."""

import subprocess
import sys

import psutil
import pytest
from support.processes import has_ended

IDLE = [sys.executable, "-c", "import sys; sys.stdin.read()"]


def test_a_running_process_has_not_ended_until_it_is_reaped() -> None:
    with subprocess.Popen(IDLE, stdin=subprocess.PIPE) as child:
        process = psutil.Process(child.pid)
        assert not has_ended(process)
        child.kill()
        child.wait()
        assert has_ended(process)


def test_a_process_that_goes_between_two_looks_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(IDLE, stdin=subprocess.PIPE) as child:
        process = psutil.Process(child.pid)
        child.kill()
        child.wait()
        monkeypatch.setattr(process, "is_running", lambda: True)
        assert has_ended(process)

"""What tests ask of operating-system processes."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

import psutil

from support.waiting import eventually


def has_ended(process: psutil.Process) -> bool:
    """Whether the process is gone, or ended and only waits for its parent.

    It may go between two looks at it: that, too, is an end.
    """
    try:
        return process.status() == psutil.STATUS_ZOMBIE or not process.is_running()
    except psutil.NoSuchProcess:
        return True


def number_has_ended(pid: int) -> bool:
    """The same of a process number."""
    try:
        return has_ended(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


def wait_for_end(*processes: psutil.Process) -> None:
    """Wait until all of them have ended."""
    eventually(lambda: all(map(has_ended, processes)))


def kill_all(processes: Iterable[psutil.Process]) -> None:
    """Kill processes, of which some may end by themselves when others go, and see them ended."""
    killed = list(processes)
    for process in killed:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    wait_for_end(*killed)


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, which other work on the machine does not lengthen."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def peak_resident_mib(pid: int) -> float:
    """The most memory that a process has held so far."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024

"""Processes that outlive the plugin: known by pid and start time, so that a reused pid is never mistaken."""

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_POLL_S: Final = 0.05
# What a child needs of this environment; the rest would make its result depend on the caller.
_INHERITED: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
)


@dataclass(frozen=True, kw_only=True)
class ProcessRef:
    """One process, not whatever has its pid later.

    Attributes:
        pid: its process id; it leads a process group of the same id.
        started: a token for its start, comparable only on the machine that made it.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "ProcessRef | None":
        """The process that has this pid now; None when there is none, or only its unreaped remains."""
        started = _start_token(pid)
        return None if started is None else cls(pid=pid, started=started)

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return _start_token(self.pid) == self.started

    def end(self, grace_s: float) -> None:
        """End the process and its group: SIGTERM, and SIGKILL after `grace_s` seconds."""
        if not self.is_alive():
            return
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        while self.is_alive():
            if time.monotonic() > deadline:
                self._signal(signal.SIGKILL)
                deadline = float("inf")
            time.sleep(_POLL_S)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)


def _start_token(pid: int) -> str | None:
    """When a process started, in the kernel's terms: the wall clock may be set at any time."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # proc_pid_stat(5): after the name in parentheses come field 3, the state, ... and 22, the start.
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return None if fields[0] in "ZX" else f"{fields[19]}@{boot}"
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """A clean environment for a child: what it needs of ours, and what is given."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, "PYTHONUNBUFFERED": "1", **extra}

"""Processes that outlive the plugin: known by pid and start time, so that a reused pid is never mistaken."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import mlcloud

_POLL_S: Final = 0.05
# After SIGKILL a process ends as soon as the kernel can; one that hangs in the kernel is not waited for.
_KILLED_S: Final = 10.0
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
        pid: its process id; where it leads a process group, that of the group.
        started: a token for its start, comparable only on the machine that made it.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "ProcessRef | None":
        """The process that has this pid now, or has left unreaped remains; None when there is none."""
        start = _start_of(pid)
        return None if start is None else cls(pid=pid, started=start[0])

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return _start_of(self.pid) == (self.started, True)

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to this very process; False when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "linux":
                # The descriptor stays with the process that has the pid now, whatever happens next.
                descriptor = os.pidfd_open(self.pid)
                try:
                    if self.is_alive():
                        signal.pidfd_send_signal(descriptor, number)
                        return True
                finally:
                    os.close(descriptor)
            elif self.is_alive():
                os.kill(self.pid, number)
                return True
        return False

    def end(self, grace_s: float) -> None:
        """End the process and what is left of its group: SIGTERM, and SIGKILL after `grace_s` seconds."""
        number, deadline = signal.SIGTERM, time.monotonic() + grace_s
        running = self._running()
        for process in running:
            process.signal(number)
        while running:
            if time.monotonic() > deadline:
                if number == signal.SIGKILL:
                    return
                number, deadline = signal.SIGKILL, time.monotonic() + _KILLED_S
            if number == signal.SIGKILL:
                for process in running:
                    process.signal(number)
            time.sleep(_POLL_S)
            running = self._running()

    def _running(self) -> "Sequence[ProcessRef]":
        """This process, if it runs, and the others of the group that it leads or has led."""
        found: list[ProcessRef] = [self] if self.is_alive() else []
        if not self._owns_group():
            return found
        import psutil

        for pid in psutil.pids():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if pid != self.pid and os.getpgid(pid) == self.pid:
                    member = ProcessRef.of(pid)
                    if member is not None and member.is_alive():
                        found.append(member)
        return found

    def _owns_group(self) -> bool:
        """Whether the group with this pid is this process's.

        The kernel gives no new process the number of a group that still has members: while no other process
        has the pid, and the machine has not been started anew, a group of this number is ours.
        """
        start = _start_of(self.pid)
        if start is not None:
            return start[0] == self.started
        boot = _boot_id()
        return boot is not None and self.started.endswith(f"@{boot}")


def _boot_id() -> str | None:
    """Names this start of the machine; None where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _start_of(pid: int) -> tuple[str, bool] | None:
    """When a process started, in the kernel's terms (a clock may be set), and whether it still runs."""
    if Path("/proc/self/stat").exists():
        try:
            # proc_pid_stat(5): after the name in parentheses come field 3, the state, ... and 22, the start.
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = stat.rpartition(")")[2].split()
        return f"{fields[19]}@{_boot_id()}", fields[0] not in "ZX"
    import psutil

    try:
        process = psutil.Process(pid)
        return f"{process.create_time():.2f}", process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None


def processes_with(*words: str) -> list[ProcessRef]:
    """The running processes that have these words next to each other on their command line."""
    import psutil

    found: list[ProcessRef] = []
    for process in psutil.process_iter(["cmdline"]):
        line: list[str] = process.info["cmdline"] or []
        if any(tuple(line[index : index + len(words)]) == words for index in range(len(line))):
            ref = ProcessRef.of(process.pid)
            if ref is not None and ref.is_alive():
                found.append(ref)
    return found


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """A clean environment for a child: what it needs of ours, and what is given."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, "PYTHONUNBUFFERED": "1", **extra}


def start_module(module: str, folder: Path, log: Path) -> ProcessRef | None:
    """Start a module of this package as a process that outlives this one, in a session of its own.

    Neither Ctrl-C nor the plugin's end reaches it.

    Args:
        module: the module's name; its argument is the folder.
        folder: its folder, and its working directory.
        log: takes what it writes.

    Returns:
        None where it has ended at once.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(folder)],
            cwd=folder,
            env=environment({"PYTHONPATH": str(Path(mlcloud.__file__).parents[1])}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    ref = ProcessRef.of(process.pid)
    # Whoever ends it: while this process lives, it is the parent that must take note.
    threading.Thread(target=process.wait, daemon=True).start()
    return ref

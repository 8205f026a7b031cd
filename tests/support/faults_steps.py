"""Steps that a process takes on files: each can be made its last, or made to fail as on a full disk."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_STEPS = frozenset(
    {"open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.chmod", "subprocess.Popen"}
)
_NEED_ROOM = frozenset({"open", "os.mkdir", "os.rename", "os.link"})
_WRITING = os.O_WRONLY | os.O_RDWR


class Steps:
    """Counts steps below a folder, in this process, and acts on one of them.

    Python tells an audit hook of each before it happens (PEP 578): the hook may kill the process, or raise.
    """

    def __init__(self, below: Path, except_below: Path | None = None) -> None:
        self.count = 0
        self._below, self._except_below = str(below), None if except_below is None else str(except_below)
        self._at: int | None = None
        self._act: Callable[[], None] = lambda: None
        self._kinds = _STEPS
        self._lock = threading.Lock()

    def kill_at(self, number: int) -> None:
        """Let this process kill itself at a step: 0 is the first."""
        self._begin(number, lambda: os.kill(os.getpid(), signal.SIGKILL), _STEPS)

    def count_only(self) -> None:
        """Count the steps."""
        self._begin(None, lambda: None, _STEPS)

    @contextmanager
    def no_room(self, number: int | None, then: int = 1) -> Generator[None]:
        """Let some steps in a row fail, from a number on, as where the disk is full."""

        def refuse() -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        real = os.fsync

        def fsync(descriptor: int) -> None:
            # Where a file system allocates late, a full disk shows only now.
            self._step(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
            real(descriptor)

        self._then = then
        os.fsync = fsync
        try:
            self._begin(number, refuse, _NEED_ROOM)
            yield
        finally:
            os.fsync = real
            _hook.steps = None

    def _begin(self, number: int | None, act: Callable[[], None], kinds: frozenset[str]) -> None:
        self.count, self._at, self._act, self._kinds = 0, number, act, kinds
        _hook.install()
        _hook.steps = self

    def on(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in self._kinds:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
            return
        path = arguments[0]
        if event == "subprocess.Popen":
            path = " ".join(map(str, arguments[1]))
        self._step(os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else "")

    def _step(self, path: str) -> None:
        if self._below not in path or (self._except_below is not None and self._except_below in path):
            return
        with self._lock:
            number = self.count
            self.count += 1
        if self._at is not None and self._at <= number < self._at + getattr(self, "_then", 1):
            self._act()


class _Hook:
    """The audit hook, which a process never gets rid of."""

    def __init__(self) -> None:
        self.steps: Steps | None = None
        self._installed = False

    def install(self) -> None:
        if not self._installed:
            self._installed = True
            sys.addaudithook(self._on)

    def _on(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.steps is not None:
            self.steps.on(event, arguments)


_hook = _Hook()

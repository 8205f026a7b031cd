"""The lock of a stack, as Pulumi's file backend keeps it: one JSON file a holder in the stack's lock folder.

Whoever finds no other file, writes its own and still finds no other one holds the lock (pulumi/pulumi,
pkg/backend/diy/lock.go), so either engine keeps the other one out. This engine also holds its file with
flock, which ends with the process, however that ends: neither a process number that was given again nor a
changed clock makes a living holder look dead, or a dead one alive.
"""

import fcntl
import getpass
import json
import os
import random
import socket
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from mlcloud.embedded.errors import EngineError
from mlcloud.embedded.state.records import timestamp

ATTEMPTS = 8
"""How often two that write their files at the same moment step back and try again."""
LONGEST_PAUSE_S = 0.1


class LockedError(EngineError):
    """The stack is in use; the message says by whom and since when."""


@dataclass(frozen=True, kw_only=True)
class LockHolder:
    """Who holds a lock, as the lock file says."""

    path: Path
    pid: int | None
    """None where the file cannot be read: then nobody knows whether its writer lives."""
    username: str
    hostname: str
    timestamp: str
    flock: bool = False
    """True where this engine wrote the file, and so holds it with flock as long as it lives."""

    def is_gone(self) -> bool:
        """Tell whether the holder was a process of this machine that has ended."""
        if self.pid is None or self.hostname != socket.gethostname():
            return False
        try:
            if not self.flock:
                return psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
            with self.path.open("rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
        except (psutil.NoSuchProcess, FileNotFoundError):
            return True
        except (psutil.Error, OSError):
            return False

    def __str__(self) -> str:
        """Say it to people."""
        if self.pid is None:
            return f"an unreadable lock file, {self.path}"
        return f"{self.username}@{self.hostname} (process {self.pid}) since {self.timestamp}, {self.path}"


@contextmanager
def hold_lock(folder: Path, name: str) -> Generator[list[LockHolder]]:
    """Hold the lock of one stack.

    Args:
        folder: The stack's lock folder; made when absent.
        name: The stack's name for messages.

    Yields:
        The holders whose locks were taken over because their processes have ended: they were cut off.

    Raises:
        LockedError: Somebody else holds the lock.
    """
    own = folder / f"{uuid.uuid4()}.json"
    taken_over: list[LockHolder] = []
    _sweep(folder.parent)
    for attempt in range(ATTEMPTS):
        _refuse(name, _others(folder, own, taken_over))
        with _write(own):
            try:
                rivals = _others(folder, own, taken_over)
                if not rivals:
                    yield taken_over
                    return
            finally:
                own.unlink(missing_ok=True)
        if attempt == ATTEMPTS - 1:
            _refuse(name, rivals)
        time.sleep(random.uniform(0, LONGEST_PAUSE_S))  # noqa: S311 - a pause, not a secret


def _refuse(name: str, others: list[LockHolder]) -> None:
    if others:
        lines = "\n  ".join(str(holder) for holder in others)
        raise LockedError(
            f"The stack {name} is in use by another update:\n  {lines}\n"
            "Wait until it has ended. If it has ended for certain, delete the lock file."
        )


def _others(folder: Path, own: Path, taken_over: list[LockHolder]) -> list[LockHolder]:
    others: list[LockHolder] = []
    for holder in _holders(folder):
        if holder.path == own:
            continue
        if holder.is_gone():
            holder.path.unlink(missing_ok=True)
            taken_over.append(holder)
        else:
            others.append(holder)
    return others


def _holders(folder: Path) -> list[LockHolder]:
    holders: list[LockHolder] = []
    for path in sorted(folder.glob("*.json")):
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            holders.append(
                LockHolder(
                    path=path,
                    pid=int(content["pid"]),
                    username=str(content["username"]),
                    hostname=str(content["hostname"]),
                    timestamp=str(content["timestamp"]),
                    flock=content.get("flock") is True,
                )
            )
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError, OSError):
            holders.append(LockHolder(path=path, pid=None, username="", hostname="", timestamp=""))
    return holders


def _sweep(folder: Path) -> None:
    """Remove the unfinished lock files of processes that were killed while they wrote them."""
    for path in folder.glob(".*-*.json"):
        number = path.name[1:].partition("-")[0]
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            path.unlink(missing_ok=True)


def _write(path: Path) -> IO[bytes]:
    """Write a lock file in one step, flock held: a half-written one would look damaged to the others."""
    content = {
        "pid": os.getpid(),
        "username": _user_name(),
        "hostname": socket.gethostname(),
        "timestamp": timestamp(),
        "flock": True,
    }
    # Pulumi takes every file in the folder for a lock, so the unfinished one lies above it.
    temporary = path.parent.parent / f".{os.getpid()}-{path.name}"
    stream: IO[bytes] | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = temporary.open("wb", buffering=0)
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.write(json.dumps(content).encode())
        temporary.replace(path)
        return stream
    except OSError as error:
        if stream is not None:
            stream.close()
        with suppress(OSError):
            temporary.unlink()
        raise LockedError(f"The lock {path} could not be written: {error.strerror}.") from error


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container's user may have a number only.
        return str(os.getuid())

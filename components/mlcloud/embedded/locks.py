"""The lock of a stack, as Pulumi's file backend keeps it: one JSON file a holder in the stack's lock folder.

Whoever finds no other file, writes its own and still finds no other one holds the lock (pulumi/pulumi,
pkg/backend/diy/lock.go). So either engine keeps the other one out.
"""

import getpass
import json
import os
import random
import socket
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from mlcloud.embedded.records import EngineError

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

    def is_gone(self) -> bool:
        """Tell whether the holder was a process of this machine that has ended."""
        if self.pid is None or self.hostname != socket.gethostname():
            return False
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            # A process that began after the lock was written only inherited the number (1 s: clock ticks).
            return process.create_time() > datetime.fromisoformat(self.timestamp).timestamp() + 1
        except psutil.NoSuchProcess:
            return True
        except (psutil.Error, ValueError):
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
    for attempt in range(ATTEMPTS):
        _refuse(name, _others(folder, own, taken_over))
        _write(own)
        rivals = _others(folder, own, taken_over)
        if not rivals:
            break
        own.unlink()
        if attempt == ATTEMPTS - 1:
            _refuse(name, rivals)
        time.sleep(random.uniform(0, LONGEST_PAUSE_S))  # noqa: S311 - a pause, not a secret
    try:
        yield taken_over
    finally:
        own.unlink(missing_ok=True)


def break_locks(folder: Path) -> list[LockHolder]:
    """Remove every lock of a stack, as `pulumi cancel` does, and return who held them."""
    holders = _holders(folder)
    for holder in holders:
        holder.path.unlink(missing_ok=True)
    return holders


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
                )
            )
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError, OSError):
            holders.append(LockHolder(path=path, pid=None, username="", hostname="", timestamp=""))
    return holders


def _write(path: Path) -> None:
    """Write a lock file in one step: a half-written one would look like a damaged lock to the others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "pid": os.getpid(),
        "username": getpass.getuser(),
        "hostname": socket.gethostname(),
        "timestamp": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
    }
    # Pulumi takes every file in the folder for a lock, so the unfinished one lies above it.
    temporary = path.parent.parent / f".{path.name}"
    try:
        temporary.write_text(json.dumps(content), encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

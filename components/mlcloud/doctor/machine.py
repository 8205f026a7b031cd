"""The machine: disk, memory, and the ports that stack files ask for."""

import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

from mlcloud.doctor.check import Check

DISK_BYTES: Final = 1024**3
"""Room for some runs with their models; less is a warning."""
LEAST_DISK_BYTES: Final = 100 * 1024**2
"""Less than this is refused: a run and its model need it."""
MEMORY_BYTES: Final = 1024**3
"""What training on a small file and one server behind an endpoint take, with room; less is a warning."""

_HOST: Final = "127.0.0.1"


def _free_disk(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _free_memory() -> int:
    return int(psutil.virtual_memory().available)


def disk(home: Path, *, free: Callable[[Path], int] = _free_disk) -> Check:
    """Look for room where stacks keep what they make.

    Args:
        home: The state folder, which need not be there yet.
        free: Returns the free bytes of the disk that holds a folder.
    """
    there = next(folder for folder in (home, *home.parents) if folder.is_dir())
    found = free(there)
    told = f"{_size(found)} free for {home}"
    fix = "free some, or keep the state on another disk: export MLCLOUD_HOME=/path/to/folder"
    if found < LEAST_DISK_BYTES:
        return Check(name="disk", state="missing", found=told, fix=fix)
    if found < DISK_BYTES:
        return Check(name="disk", state="warning", found=told, fix=fix)
    return Check(name="disk", state="ok", found=told)


def memory(free: Callable[[], int] = _free_memory) -> Check:
    """Look for memory for a training run and a server."""
    found = free()
    told = f"{_size(found)} available"
    if found < MEMORY_BYTES:
        fix = "end other programs, or ask for fewer of `mlcloud:endpoint` `capacity`"
        return Check(name="memory", state="warning", found=told, fix=fix)
    return Check(name="memory", state="ok", found=told)


def port(stack: str, key: str, number: int, stack_file: Path, home: Path) -> Check:
    """Look whether a port that a stack file asks for is free, or is the stack's own already.

    Args:
        stack: The stack.
        key: The key that asks, such as `endpoint.port`.
        number: What it asks for.
        stack_file: Where it stands.
        home: The state folder: whatever runs below it is of the project's stacks.
    """
    name = f"port {number}"
    if _is_free(number):
        return Check(name=name, state="ok", found=f"free for {stack}")
    holder = _listener(number)
    if holder is not None and any(str(home) in word for word in _words(holder)):
        return Check(name=name, state="ok", found=f"in use by the project's own process {holder.pid}")
    taken = "taken" if holder is None else f"taken by process {holder.pid} ({_name(holder)})"
    fix = f"choose another `{key}` in {stack_file}, or leave it out: a free one is chosen and kept"
    return Check(name=name, state="missing", found=f"{taken}; {stack} asks for it", fix=fix)


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, number))
        except OSError:
            return False
    return True


def _listener(number: int) -> psutil.Process | None:
    """The process that listens; None where this user may not see it."""
    for process in psutil.process_iter():
        try:
            found = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        if any(item.status == psutil.CONN_LISTEN and item.laddr.port == number for item in found):
            return process
    return None


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return "ended"


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB" if count >= 1024**3 else f"{count / 1024**2:.0f} MiB"

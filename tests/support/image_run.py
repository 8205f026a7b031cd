"""Run an image's unpacked root as a container engine would, with nothing but Linux: mounts, chroot, user.

This process becomes the container's: it keeps its process id, its standard streams and its inherited sockets.
What it mounts, only it sees, and it ends with it. It needs root. `--help` shows the options.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PLATFORM_VARIABLES = (
    *("MLCLOUD_", "AIP_", "AZUREML_", "SM_", "CLUSTER_SPEC"),
    *("AWS_", "AZURE_STORAGE_", "STORAGE_EMULATOR_HOST"),
)
"""How variables begin that platforms set; the second line's lead to object storage."""
_NEW_MOUNTS, _NEW_NETWORK = 0x00020000, 0x40000000
_READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1


def _call(name: str, *arguments: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}", *[str(a) for a in arguments[1:2]])


def _mount(source: str, target: Path, kind: str | None, flags: int) -> None:
    kind_bytes = kind.encode() if kind else None
    _call("mount", source.encode(), str(target).encode(), kind_bytes, ctypes.c_ulong(flags), None)


def _bind(source: Path, target: Path, *, read_only: bool = False) -> None:
    target.mkdir(parents=True, exist_ok=True)
    _mount(str(source), target, None, _BIND | _RECURSIVE)
    if read_only:
        _mount("none", target, None, _BIND | _REMOUNT | _READ_ONLY)


def _only_loopback() -> None:
    """A network of its own with the loopback interface alone, as engines make for `--network none`."""
    _call("unshare", _NEW_NETWORK)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = fcntl.ioctl(control, _GET_FLAGS, struct.pack("16sh14x", b"lo", 0))
        (flags,) = struct.unpack_from("h", request, 16)
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def environment(config: Mapping[str, Any], own: Mapping[str, str], user: int) -> dict[str, str]:
    """The image's variables and the platform's. A user without an account gets `/` as home, as engines do."""
    stated = dict(pair.split("=", 1) for pair in config.get("Env", []))
    platform = {key: value for key, value in own.items() if key.startswith(PLATFORM_VARIABLES)}
    return {"HOME": "/root" if user == 0 else "/", **stated, **platform}


def run(bundle: Path, arguments: Sequence[str], binds: Sequence[str], *, network: bool) -> None:
    """Become the container; returns only by an exception.

    Args:
        bundle: A JSON file: `root`, the unpacked root, and `config`, the image's configuration.
        arguments: What the platform appends to the entry point.
        binds: `SOURCE:TARGET` or `SOURCE:TARGET:ro`.
        network: Whether there is more than the loopback interface.
    """
    described = json.loads(bundle.read_text())
    root, config = Path(described["root"]), described["config"]
    user, group = (int(part) for part in config["User"].split(":"))
    if not network:
        _only_loopback()
    _call("unshare", _NEW_MOUNTS)
    _mount("none", Path("/"), None, _RECURSIVE | _PRIVATE)
    _mount("proc", root / "proc", "proc", 0)
    _bind(Path("/dev"), root / "dev")
    for bind in binds:
        source, target, *options = bind.split(":")
        _bind(Path(source), root / target.lstrip("/"), read_only=options == ["ro"])
    os.chroot(root)
    os.chdir(config.get("WorkingDir") or "/")
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
    command = [*config["Entrypoint"], *arguments]
    os.execvpe(command[0], command, environment(config, os.environ, user))  # noqa: S606 - becomes it


def main() -> int:
    """The command line; the exit code is the container's, or 125 where it could not be started."""
    parser = argparse.ArgumentParser(description="Run an image's unpacked root.")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--bind", action="append", default=[], metavar="SOURCE:TARGET[:ro]")
    parser.add_argument("--no-network", action="store_true")
    parser.add_argument("arguments", nargs="*")
    given = parser.parse_args()
    try:
        run(given.bundle, given.arguments, given.bind, network=not given.no_network)
    except OSError as error:
        sys.stderr.write(f"The image could not be started: {error}\n")
    return 125


if __name__ == "__main__":
    sys.exit(main())

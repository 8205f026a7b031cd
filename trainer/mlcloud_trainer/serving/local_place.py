"""Finds a model in a file system: what a platform mounts, or a folder of this machine."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from mlcloud_trainer.manifest import MANIFEST_NAME
from mlcloud_trainer.serving.archive import is_archive_name
from mlcloud_trainer.serving.errors import StartupError
from mlcloud_trainer.serving.places import MAX_MANIFEST_BYTES, Archive, Folder, several_models, unknown_format


def find_local(path: Path, variable: str) -> Folder | Archive:
    """Find the model at `path`.

    Args:
        path: A folder with `manifest.json`, an archive of such a folder, or a folder that holds one of these
            and nothing else of the kind (as Azure ML mounts a registered model).
        variable: Where `path` came from, for messages.

    Raises:
        StartupError: There is no model, or several.
    """
    found = _locate(path, variable)
    if found.is_dir():
        return Folder(
            place=str(found),
            manifest=_read_file(found / MANIFEST_NAME, MAX_MANIFEST_BYTES),
            read=lambda name, most: _read_file(found / name, most),
        )
    return Archive(place=str(found), name=found.name, read=lambda most: _read_file(found, most))


def _read_file(path: Path, most: int) -> bytes:
    """At most `most` bytes of a regular file; opened once, so that what is hashed is what is loaded."""
    try:
        # Without O_NONBLOCK a named pipe in the folder would hang the server.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = (
            "is missing"
            if error.errno == errno.ENOENT
            else f"cannot be opened ({os.strerror(error.errno or 0)})"
        )
        raise StartupError([f"{path}: {reason}"]) from None
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StartupError([f"{path}: is not a regular file"])
        content = stream.read(most + 1)
    if len(content) > most:
        raise StartupError([f"{path}: has more than the {most} bytes that are allowed or declared"])
    return content


def _locate(path: Path, variable: str) -> Path:
    if not path.exists():
        raise StartupError(
            [
                f"no model at {path} ({variable}); "
                "set MLCLOUD_MODEL_URI to a model folder or a .tar.gz archive of one"
            ]
        )
    if not path.is_dir():
        if not is_archive_name(path.name):
            raise StartupError([unknown_format(str(path), [path.name])])
        return path
    if (path / MANIFEST_NAME).exists():
        return path
    entries = sorted(path.iterdir())
    candidates = [
        entry
        for entry in entries
        if (entry.is_file() and is_archive_name(entry.name)) or (entry / MANIFEST_NAME).exists()
    ]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise StartupError([several_models(str(path), variable, [entry.name for entry in candidates])])
    raise StartupError([unknown_format(str(path), [entry.name for entry in entries])])

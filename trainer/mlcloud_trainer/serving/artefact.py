"""Finds the model, checks its hash before anything in it is read, and brings its files into memory."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlcloud_trainer.manifest import MANIFEST_NAME, Manifest, ManifestError, model_hash, parse_manifest
from mlcloud_trainer.serving.archive import is_archive_name, read_archive
from mlcloud_trainer.serving.errors import StartupError

MAX_MANIFEST_BYTES = 4 * 1024 * 1024

_PICKLES = (".pkl", ".pickle", ".joblib", ".sav", ".npy", ".pt", ".pth", ".h5")


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """A model whose bytes are known to be the expected ones.

    Attributes:
        manifest: What the model is.
        sha256: Of `manifest.json`, or of the archive.
        content: The bytes of the file that the runtime loads.
    """

    manifest: Manifest
    sha256: str
    content: bytes


def read_artefact(path: Path, *, variable: str, expected_sha256: str | None, max_bytes: int) -> Artefact:
    """Read the model at `path`.

    Args:
        path: A folder with `manifest.json`, an archive of such a folder, or a folder that holds one of these
            and nothing else of the kind (as Azure ML mounts a registered model).
        variable: Where `path` came from, for messages.
        expected_sha256: The hash to demand; `None` accepts any.
        max_bytes: Most bytes that the model's files may have together.

    Raises:
        StartupError: There is no model, it is of another format, or its hash is another.
    """
    found = _locate(path, variable)
    if found.is_dir():
        manifest_bytes = _read_file(found / MANIFEST_NAME, MAX_MANIFEST_BYTES)
        sha256 = model_hash(manifest_bytes)
        _demand(sha256, expected_sha256, f"{found / MANIFEST_NAME}")
        return _artefact(manifest_bytes, sha256, max_bytes, lambda name, size: _read_file(found / name, size))
    archive = _read_file(found, max_bytes)
    sha256 = hashlib.sha256(archive).hexdigest()
    _demand(sha256, expected_sha256, str(found))
    files = read_archive(archive, name=found.name, max_bytes=max_bytes)
    if MANIFEST_NAME not in files:
        raise StartupError(
            [f"{found}: holds no {MANIFEST_NAME}, so it is not a model of this server's format"]
        )
    return _artefact(files[MANIFEST_NAME], sha256, max_bytes, _from_archive(files))


def _demand(found: str, expected: str | None, what: str) -> None:
    if expected is not None and found != expected:
        raise StartupError(
            [
                f"{what}: has SHA-256 {found}, but MLCLOUD_MODEL_SHA256 demands {expected}; "
                "this is another model, or it was changed after training: nothing of it was loaded"
            ]
        )


def _artefact(
    manifest_bytes: bytes, sha256: str, max_bytes: int, read: Callable[[str, int], bytes]
) -> Artefact:
    """Check every file that the manifest names; keep the one that the runtime loads."""
    try:
        manifest = parse_manifest(manifest_bytes)
    except ManifestError as error:
        raise StartupError(error.problems) from None
    total = sum(entry.bytes for entry in manifest.files.values())
    if total > max_bytes:
        raise StartupError([f"the model has {total} bytes, more than MLCLOUD_MAX_MODEL_BYTES = {max_bytes}"])
    kept, problems = b"", list[str]()
    for name, entry in sorted(manifest.files.items()):
        try:
            content = read(name, entry.bytes)
        except StartupError as error:
            problems += error.problems
            continue
        if len(content) != entry.bytes or hashlib.sha256(content).hexdigest() != entry.sha256:
            problems.append(
                f"{name}: is not the file that {MANIFEST_NAME} names; it was changed after training"
            )
        elif name == f"model.{manifest.runtime}":
            kept = content
    if problems:
        raise StartupError(problems)
    return Artefact(manifest=manifest, sha256=sha256, content=kept)


def _from_archive(files: Mapping[str, bytes]) -> Callable[[str, int], bytes]:
    def read(name: str, size: int) -> bytes:
        del size  # the archive's reader has its own limits
        if name not in files:
            raise StartupError([f"{name}: is named by {MANIFEST_NAME} but is not in the archive"])
        return files[name]

    return read


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
            raise StartupError([_unknown_format(path, [path.name])])
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
        names = ", ".join(entry.name for entry in candidates)
        raise StartupError(
            [f"{path} ({variable}) holds several models: {names}; set MLCLOUD_MODEL_URI to one"]
        )
    raise StartupError([_unknown_format(path, [entry.name for entry in entries])])


def _unknown_format(path: Path, names: list[str]) -> str:
    pickles = [name for name in names if name.endswith(_PICKLES)]
    if pickles:
        return (
            f"{path}: {', '.join(pickles)} is in a format that can run code when it is loaded, "
            "so it is never loaded; train the model with `mlcloud-trainer train`, "
            f"which writes {MANIFEST_NAME} with safe files"
        )
    found = ", ".join(names[:10]) or "nothing"
    return f"{path}: is not a model of this server's format: no {MANIFEST_NAME}; found {found}"

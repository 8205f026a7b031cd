"""Checks the model's hash before anything in it is read, and brings its files into memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlcloud_trainer.manifest import MANIFEST_NAME, Manifest, ManifestError, model_hash, parse_manifest
from mlcloud_trainer.serving.archive import read_archive
from mlcloud_trainer.serving.errors import StartupError
from mlcloud_trainer.serving.places import Archive, Folder


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


def read_artefact(found: Folder | Archive, *, expected_sha256: str | None, max_bytes: int) -> Artefact:
    """Read a model from its place.

    Args:
        found: The folder or the archive.
        expected_sha256: The hash to demand; `None` accepts any.
        max_bytes: Most bytes that the model's files may have together.

    Raises:
        StartupError: It is of another format, cannot be read, or its hash is another.
    """
    if isinstance(found, Folder):
        manifest_bytes = found.manifest
        sha256 = model_hash(manifest_bytes)
        _demand(sha256, expected_sha256, f"{found.place}/{MANIFEST_NAME}")
        return _artefact(manifest_bytes, sha256, max_bytes, found.read)
    archive = found.read(max_bytes)
    sha256 = hashlib.sha256(archive).hexdigest()
    _demand(sha256, expected_sha256, found.place)
    files = read_archive(archive, name=found.name, max_bytes=max_bytes)
    if MANIFEST_NAME not in files:
        raise StartupError(
            [f"{found.place}: holds no {MANIFEST_NAME}, so it is not a model of this server's format"]
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

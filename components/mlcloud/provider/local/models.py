"""Model folders in a bucket: content-addressed by the SHA-256 of their manifest."""

import contextlib
import errno
import hashlib
import json
import math
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.files import sha256_of, sweep, unfinished

MANIFEST: Final = "manifest.json"
REPORT: Final = "report.html"
_MANIFEST_BYTES: Final = 16 * 1024 * 1024


def model_sha256(model: Path) -> str | None:
    """A model's hash: of its manifest's exact bytes, or of the archive file. None when there is no model."""
    if model.is_file():
        return sha256_of(model)
    try:
        return hashlib.sha256((model / MANIFEST).read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def verify_model(model: Path, sha256: str) -> dict[str, Any]:
    """Check a model against its hash, a folder file by file; returns the manifest.

    Raises:
        ResourceError: the model is not there, or not the one that the hash names.
    """
    found = model_sha256(model)
    if found is None:
        raise ResourceError(f"There is no model at {model.as_uri()} (expected SHA-256 {sha256}).")
    if found != sha256:
        raise ResourceError(
            f"The model at {model.as_uri()} has SHA-256 {found}, not {sha256}: it is another one."
        )
    if model.is_file():
        return _manifest(_archived_manifest(model), model)
    manifest = _manifest((model / MANIFEST).read_bytes(), model)
    for name, entry in cast(dict[str, object], manifest["files"]).items():
        file = model / name
        if file.parent != model or not file.is_file():
            raise ResourceError(
                f"The model at {model.as_uri()} lacks the file {name} that its manifest names."
            )
        expected = cast(dict[str, object], entry).get("sha256") if isinstance(entry, dict) else None
        if sha256_of(file) != expected:
            raise ResourceError(
                f"The file {name} of the model at {model.as_uri()} is not the one in its manifest."
            )
    return manifest


def metrics_of(manifest: Mapping[str, Any]) -> dict[str, float]:
    """The metrics on held-out rows that a manifest tells, by name."""
    metrics = manifest.get("metrics")
    if not isinstance(metrics, dict):
        return {}
    return {
        name: float(value)
        for name, value in cast("dict[str, Any]", metrics).items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def is_whole(model: Path, sha256: str) -> bool:
    """Whether a model is there, with every file as its manifest says."""
    try:
        verify_model(model, sha256)
    except ResourceError:
        return False
    return True


def _archived_manifest(archive: Path) -> bytes:
    """The manifest inside an archive, read in memory: nothing is unpacked."""
    try:
        with tarfile.open(archive) as members:
            for member in members:
                if (
                    member.isfile()
                    and member.name.removeprefix("./") == MANIFEST
                    and member.size <= _MANIFEST_BYTES
                ):
                    stream = members.extractfile(member)
                    return b"" if stream is None else stream.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ResourceError(f"The model at {archive.as_uri()} is not an archive: {error}.") from None
    raise ResourceError(f"The model at {archive.as_uri()} has no {MANIFEST} at its top.")


def _manifest(content: bytes, model: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ResourceError(
            f"The {MANIFEST} of the model at {model.as_uri()} is not JSON: {error}."
        ) from None
    if not isinstance(manifest, dict) or not isinstance(cast(dict[str, Any], manifest).get("files"), dict):
        raise ResourceError(f"The {MANIFEST} of the model at {model.as_uri()} names no files.")
    return cast(dict[str, Any], manifest)


def model_folder(bucket: Path, sha256: str) -> Path:
    """Where a bucket keeps a model."""
    return bucket / "models" / sha256


def publish_model(source: Path, bucket: Path, sha256: str) -> None:
    """Move a whole model into a bucket, in one step where both lie on one file system."""
    target = model_folder(bucket, sha256)
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent)
    if is_whole(target, sha256):
        shutil.rmtree(source)
        return
    if target.exists():  # remains of a model that somebody has changed
        shutil.rmtree(target)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        staged = unfinished(target)
        try:
            shutil.copytree(source, staged)
            staged.rename(target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(staged)
        shutil.rmtree(source)

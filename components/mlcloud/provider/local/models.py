"""Model folders in a bucket: content-addressed by the SHA-256 of their manifest."""

import contextlib
import hashlib
import json
import shutil
import uuid
from pathlib import Path
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.files import sha256_of

MANIFEST: Final = "manifest.json"
REPORT: Final = "report.html"


def model_sha256(folder: Path) -> str | None:
    """A model's hash: that of its manifest's exact bytes. None when there is no manifest."""
    try:
        return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a model folder.

    Raises:
        ResourceError: it is missing or is not one.
    """
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise ResourceError(f"{folder} holds no model: {MANIFEST} is missing.") from None
    except ValueError as error:
        raise ResourceError(f"{folder / MANIFEST} is not a manifest: {error}.") from None
    if not isinstance(content, dict) or not isinstance(cast(dict[str, Any], content).get("files"), dict):
        raise ResourceError(f"{folder / MANIFEST} is not a manifest: it names no files.")
    return cast(dict[str, Any], content)


def verify_model(folder: Path, sha256: str) -> dict[str, Any]:
    """Check a model folder against its hash, file by file; returns the manifest.

    Raises:
        ResourceError: the model is not there, or not the one that the hash names.
    """
    found = model_sha256(folder)
    if found is None:
        raise ResourceError(f"There is no model at {folder.as_uri()} (expected SHA-256 {sha256}).")
    if found != sha256:
        raise ResourceError(
            f"The model at {folder.as_uri()} has SHA-256 {found}, not {sha256}: it is another model."
        )
    manifest = read_manifest(folder)
    for name, entry in cast(dict[str, dict[str, Any]], manifest["files"]).items():
        file = folder / name
        if file.parent != folder or not file.is_file():
            raise ResourceError(
                f"The model at {folder.as_uri()} lacks the file {name} that its manifest names."
            )
        if sha256_of(file) != entry.get("sha256"):
            raise ResourceError(
                f"The file {name} of the model at {folder.as_uri()} is not the one in its manifest."
            )
    return manifest


def model_folder(bucket: Path, sha256: str) -> Path:
    """Where a bucket keeps a model."""
    return bucket / "models" / sha256


def publish_model(source: Path, bucket: Path) -> tuple[Path, str]:
    """Move a model folder into a bucket, whole or not at all; returns its place and hash.

    Raises:
        ResourceError: the folder is not a whole model.
    """
    sha256 = model_sha256(source)
    if sha256 is None:
        raise ResourceError(f"{source} holds no model: {MANIFEST} is missing.")
    verify_model(source, sha256)
    target = model_folder(bucket, sha256)
    target.parent.mkdir(parents=True, exist_ok=True)
    if model_sha256(target) == sha256:
        shutil.rmtree(source)
        return target, sha256
    staged = target.with_name(f".{sha256}.{uuid.uuid4().hex}")
    try:
        shutil.move(source, staged)
        if target.exists():  # remains of a model that lost its manifest
            shutil.rmtree(target)
        staged.rename(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(staged)
    return target, sha256

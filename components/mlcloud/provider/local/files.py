"""Files of the local cloud: hashes, whole-or-nothing writes, copies and marker files."""

import hashlib
import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError

MARKER: Final = ".mlcloud"
_CHUNK_BYTES: Final = 1024 * 1024


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(path: Path, content: object) -> None:
    """Write a JSON file so that a reader sees the old or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object from a file; None when there is no such file or it holds none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return cast(dict[str, Any], content) if isinstance(content, dict) else None


def place_file(source: Path, target: Path) -> str:
    """Copy a file so that the target appears whole or not at all; returns the SHA-256 of what was copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    digest = hashlib.sha256()
    try:
        with source.open("rb") as reader, temporary.open("xb") as writer:
            while chunk := reader.read(_CHUNK_BYTES):
                digest.update(chunk)
                writer.write(chunk)
            writer.flush()
            os.fsync(writer.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return digest.hexdigest()


def path_of(uri: str) -> Path:
    """The path behind a `file://` URI or an absolute path."""
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if not parts.scheme and uri.startswith("/"):
        return Path(uri)
    raise ResourceError(
        f"{uri} is no `file://` URI or absolute path: the local cloud reads from this machine only."
    )


def claim(directory: Path, kind: str) -> None:
    """Make a directory and mark it as made by this provider for one kind of resource.

    Raises:
        ResourceError: something else lies there already.
    """
    marker = directory / MARKER
    if directory.exists():
        if not directory.is_dir():
            raise ResourceError(f"{directory} is a file: choose another directory, or remove it.")
        if read_json(marker) == {"kind": kind}:
            return
        if any(directory.iterdir()):
            raise ResourceError(
                f"{directory} exists and was not made by this resource ({kind}): "
                "choose another directory, or move its contents away."
            )
    directory.mkdir(parents=True, exist_ok=True)
    write_json(marker, {"kind": kind})


def is_claimed(directory: Path, kind: str) -> bool:
    """Whether a directory is there and was made for this kind of resource."""
    return read_json(directory / MARKER) == {"kind": kind}


def remove_claimed(directory: Path, kind: str) -> None:
    """Remove a directory that was made for this kind of resource; one that is gone already is no error.

    Raises:
        ResourceError: the directory does not carry the marker, so that it is not ours to remove.
    """
    if not directory.exists():
        return
    if directory.is_symlink() or not is_claimed(directory, kind):
        raise ResourceError(
            f"{directory} carries no marker of this resource ({kind}), so it stays: remove it by hand."
        )
    # Renamed first: what is half removed never looks like a whole one.
    doomed = directory.with_name(f".{directory.name}.{uuid.uuid4().hex}.removed")
    directory.replace(doomed)
    shutil.rmtree(doomed)

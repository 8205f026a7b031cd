"""Files of the local cloud: hashes, whole-or-nothing writes and copies."""

import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError

_CHUNK_BYTES: Final = 1024 * 1024
_READ_ONLY: Final = 0o444


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


class OtherContentError(Exception):
    """A file does not hold what its SHA-256 says.

    Attributes:
        found: the SHA-256 that it has.
    """

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


def place_file(source: Path, target: Path, sha256: str) -> None:
    """Copy a file into an existing folder, so that the target appears whole and right or not at all.

    Raises:
        OtherContentError: the content is not what the SHA-256 says.
    """
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    digest = hashlib.sha256()
    try:
        with source.open("rb") as reader, temporary.open("xb") as writer:
            while chunk := reader.read(_CHUNK_BYTES):
                digest.update(chunk)
                writer.write(chunk)
            writer.flush()
            os.fsync(writer.fileno())
        if digest.hexdigest() != sha256:
            raise OtherContentError(digest.hexdigest())
        temporary.chmod(_READ_ONLY)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def path_of(uri: str) -> Path:
    """The path behind a `file://` URI or an absolute path."""
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return Path(unquote(parts.path))
    if not parts.scheme and uri.startswith("/"):
        return Path(uri)
    raise ResourceError(
        f"{uri} is no `file://` URI or absolute path: the local cloud reads from this machine only."
    )

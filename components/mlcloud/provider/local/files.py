"""Files of the local cloud: hashes, whole-or-nothing writes and copies."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import uuid
from pathlib import Path
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError

_CHUNK_BYTES: Final = 1024 * 1024
_READ_ONLY: Final = 0o444
_OWNER_ONLY: Final = 0o600
_UNFINISHED: Final = re.compile(r"\..+\.([1-9]\d*)\.[0-9a-f]{32}", re.DOTALL)


def unfinished(path: Path) -> Path:
    """A name beside `path` for what is not whole yet, or any more; it tells who works on it."""
    return path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex}")


def is_left_over(path: Path) -> bool:
    """Whether a file or folder is the unfinished work of a process that has ended."""
    found = _UNFINISHED.fullmatch(path.name)
    if found is None:
        return False
    try:
        os.kill(int(found[1]), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False


def sweep(folder: Path) -> None:
    """Remove what processes that were killed at work have left in a folder."""
    try:
        left = [path for path in folder.iterdir() if is_left_over(path)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in left:
        with contextlib.suppress(FileNotFoundError):  # somebody else sweeps, too
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(path: Path, content: object, *, private: bool = False) -> None:
    """Write a JSON file so that a reader sees the old or the new one, never a part.

    Args:
        path: the file.
        content: what it is to hold.
        private: whether its owner alone may read it.
    """
    temporary = unfinished(path)
    try:
        if private:
            temporary.touch(mode=_OWNER_ONLY)
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
    temporary = unfinished(target)
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

"""Reads a model archive (.tar or .tar.gz of a model folder) into memory, and only what is expected in it."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from gzip import BadGzipFile, GzipFile
from typing import IO, cast

from mlcloud_trainer.serving.errors import StartupError

# A model folder has four files and, as tar writes it, one entry for the folder itself.
MAX_MEMBERS = 16
# What deflate reaches on models (large forests) stays under 50; a bomb goes to 1000.
MAX_RATIO = 200
# Below this size any ratio is harmless.
RATIO_FREE_BYTES = 16 * 1024 * 1024

MODEL_FILES = frozenset({"manifest.json", "model.onnx", "model.skops", "report.html"})

_GZIP_MAGIC = b"\x1f\x8b"


def is_archive_name(name: str) -> bool:
    """Whether a file's name says that it is an archive this module reads."""
    return name.endswith((".tar", ".tar.gz", ".tgz"))


@dataclass
class _CountedStream(io.RawIOBase):
    """A forward-only stream that fails once more than `most` bytes were read from it."""

    stream: IO[bytes]
    most: int
    limit: str
    done: int = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        # One byte more than is allowed is enough to know, whatever size the archive's headers ask for.
        allowed = self.most + 1 - self.done
        data = self.stream.read(allowed if size < 0 else min(size, allowed))
        self.done += len(data)
        if self.done > self.most:
            raise StartupError([f"the model archive unpacks to more than {self.most} bytes ({self.limit})"])
        return data


def read_archive(content: bytes, *, name: str, max_bytes: int) -> Mapping[str, bytes]:
    """The files of a model archive by name.

    The caller has checked the archive's hash. Members are read one after the other into memory; nothing is
    written to disk, so names, links and owners of the archive have nothing to act on.

    Args:
        content: The archive's bytes.
        name: The archive's name, which says whether it is compressed.
        max_bytes: Most bytes that it may unpack to.

    Raises:
        StartupError: It is no such archive, holds anything but the regular files of a model folder, holds one
            twice, or unpacks to more than it may.
    """
    compressed = name.endswith(("gz", ".tgz"))
    if compressed != content.startswith(_GZIP_MAGIC):
        kind = "gzip-compressed" if compressed else "uncompressed"
        raise StartupError(
            [f"{name}: its content is not a {kind} tar archive; models come as .tar or .tar.gz"]
        )
    by_ratio = max(RATIO_FREE_BYTES, len(content) * MAX_RATIO)
    limit = "MLCLOUD_MAX_MODEL_BYTES" if max_bytes <= by_ratio else f"{MAX_RATIO} times its size"
    raw = io.BytesIO(content)
    plain = cast("IO[bytes]", GzipFile(fileobj=raw)) if compressed else raw
    stream = _CountedStream(stream=plain, most=min(max_bytes, by_ratio), limit=limit)
    try:
        with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as archive:
            return _members(archive)
    except (tarfile.TarError, BadGzipFile, zlib.error, EOFError, ValueError, OverflowError) as error:
        raise StartupError([f"{name}: is not a readable tar archive ({type(error).__name__})"]) from None


def _members(archive: tarfile.TarFile) -> Mapping[str, bytes]:
    files: dict[str, bytes] = {}
    for count, member in enumerate(archive, start=1):
        if count > MAX_MEMBERS:
            raise StartupError([f"the model archive has more than {MAX_MEMBERS} members"])
        if member.isdir() and member.name in (".", "./"):
            continue
        name = member.name.removeprefix("./")
        # isreg() is also true for sparse files, whose size says nothing about the bytes behind it.
        if not member.isreg() or member.issparse():
            raise StartupError(
                [
                    f"the model archive holds {member.name!r}, "
                    "which is not a regular file but a link, folder or device"
                ]
            )
        if name not in MODEL_FILES:
            raise StartupError(
                [
                    f"the model archive holds {member.name!r}; "
                    f"it may hold {', '.join(sorted(MODEL_FILES))} at its top"
                ]
            )
        if name in files:
            raise StartupError([f"the model archive holds {name!r} twice"])
        stream = archive.extractfile(member)
        files[name] = b"" if stream is None else stream.read()
    return files

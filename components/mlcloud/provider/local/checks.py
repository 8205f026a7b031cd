"""Checks that several resources of the local cloud share, one value each."""

import re
from pathlib import Path
from typing import Final

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.files import path_of

NAME_PATTERN: Final = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"


def absolute_path(value: str) -> str | None:
    """An absolute path without `..`."""
    path = Path(value)
    if not path.is_absolute() or ".." in path.parts:
        return f'"{value}" is not an absolute path: give one that starts with `/` and has no `..`.'
    return None


def sha256(value: str) -> str | None:
    """A SHA-256 in lower-case hexadecimal."""
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        return f'"{value}" is not a SHA-256: 64 lower-case hexadecimal digits.'
    return None


def name(value: str) -> str | None:
    """A name that works as a folder, a label and a part of a URL."""
    if not re.fullmatch(NAME_PATTERN, value):
        return f'"{value}" is not a name: 1 to 63 of a-z, 0-9 and -, a letter first, no - at the end.'
    return None


def local_uri(value: str) -> str | None:
    """A `file://` URI or an absolute path."""
    try:
        path_of(value)
    except ResourceError as error:
        return str(error)
    return None


def positive(value: float) -> str | None:
    """A number above 0."""
    return None if value > 0 else f"{value:g} is not above 0."


def port(value: int) -> str | None:
    """A TCP port that needs no privileges."""
    return None if 1024 <= value <= 65535 else f"{value} is not a port from 1024 to 65535."

"""Checks that several resources of the local cloud share, one value each."""

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.files import path_of

NAME_PATTERN: Final = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
LABEL_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"


def absolute_path(value: str) -> str | None:
    """An absolute path without `..`."""
    path = Path(value)
    if not path.is_absolute() or ".." in path.parts or "\0" in value:
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
        path = path_of(value)
    except ResourceError as error:
        return str(error)
    return absolute_path(str(path))


def seconds(value: float) -> str | None:
    """A duration above 0 that ends."""
    return None if 0 < value < math.inf else f"{value:g} is not a number of seconds above 0."


def between(lowest: float, highest: float) -> Callable[[float], str | None]:
    """A number in a range, both ends allowed."""

    def check(value: float) -> str | None:
        return None if lowest <= value <= highest else f"{value:g} is not from {lowest:g} to {highest:g}."

    return check


def label(value: str) -> str | None:
    """A label of a version, as the server takes it and a file name may hold it."""
    if not re.fullmatch(LABEL_PATTERN, value):
        return (
            f'"{value}" is not a label: 1 to 63 letters, digits, dots, dashes or underscores, '
            "a letter or digit first."
        )
    return None


def command(value: Sequence[str]) -> str | None:
    """A command that can be started, as far as its words tell."""
    if not value or not value[0] or any("\0" in word for word in value):
        return "a command has at least one word, and no word holds a null character."
    return None


def port(value: int) -> str | None:
    """A TCP port that needs no privileges."""
    return None if 1024 <= value <= 65535 else f"{value} is not a port from 1024 to 65535."

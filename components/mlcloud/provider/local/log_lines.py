"""Logs of the trainer and the server: JSON objects line by line, with plain text between them.

A log is written by programs that may write anything, and as much as they like: it is read in parts of bounded
size, and what is shown of it holds no control characters.
"""

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Final, cast

# A line longer than this is cut: nobody reads on.
_LINE_CHARACTERS: Final = 2000
_TAIL_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
_CAP_BYTES: Final = 16 * 1024 * 1024


def printable(text: str) -> str:
    """A text without characters that do something to a terminal, at most as long as a line may be."""
    cut = text if len(text) <= _LINE_CHARACTERS else text[:_LINE_CHARACTERS] + "..."
    return "".join(
        character if character.isprintable() or character in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for character in cut
    )


def event_of(line: str) -> dict[str, Any] | None:
    """A line as an event; None when it is plain text."""
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], event) if isinstance(event, dict) else None


def message_of(line: str) -> str:
    """What a line says to people."""
    event = event_of(line)
    return printable(line.strip() if event is None else str(event.get("message", "")).strip())


def last_lines(path: Path) -> list[str]:
    """The last lines of a log, as far as they fit into 64 KiB; none when it is not there."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return log.read(_TAIL_BYTES).decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def tail(path: Path, count: int) -> str:
    """The last lines of a log, messages only."""
    return "\n".join(text for text in map(message_of, last_lines(path)[-count:]) if text)


def last_error(path: Path, count: int) -> str:
    """The last line that is marked as an error, or else the end of the log."""
    for line in reversed(last_lines(path)):
        event = event_of(line)
        if event is not None and str(event.get("level", "")).lower() in ("error", "critical"):
            return message_of(line)
    return tail(path, count)


def cap(log: Path) -> bool:
    """Keep a log below 16 MiB: its content moves to `.1`, and whoever appends goes on from the start.

    Returns:
        Whether it was cut.
    """
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _CAP_BYTES:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)
            return True
    return False


class LogFollower:
    """Reads what is added to a log: whole lines, and of a flood only the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""

    def lines(self) -> list[str]:
        """The lines that were completed since the last call; one that is not whole yet waits for its end."""
        try:
            with self._path.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                if size < self._offset:
                    self._offset, self._rest = 0, b""
                if size - self._offset > _CHUNK_BYTES:
                    self._offset, self._rest = size - _CHUNK_BYTES, b""
                log.seek(self._offset)
                content = log.read(_CHUNK_BYTES)
        except FileNotFoundError:
            return []
        self._offset += len(content)
        *whole, self._rest = (self._rest + content).split(b"\n")
        self._rest = self._rest[:_CHUNK_BYTES]
        if cap(self._path):
            self._offset = 0
        return [line.decode(errors="replace") for line in whole]

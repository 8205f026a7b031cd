"""Logs of the trainer and the server: JSON objects line by line, with plain text between them."""

import json
from pathlib import Path
from typing import Any, cast


def event_of(line: str) -> dict[str, Any] | None:
    """A line as an event; None when it is plain text."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return cast(dict[str, Any], event) if isinstance(event, dict) else None


def message_of(line: str) -> str:
    """What a line says to people."""
    event = event_of(line)
    return line.strip() if event is None else str(event.get("message", "")).strip()


def read_lines(path: Path) -> list[str]:
    """All lines of a log; none when it is not there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def tail(path: Path, count: int) -> str:
    """The last lines of a log, messages only."""
    return "\n".join(text for text in map(message_of, read_lines(path)[-count:]) if text)


def last_error(path: Path, count: int) -> str:
    """The last line that is marked as an error, or else the end of the log."""
    for line in reversed(read_lines(path)):
        event = event_of(line)
        if event is not None and str(event.get("level", "")).lower() in ("error", "critical"):
            return message_of(line)
    return tail(path, count)

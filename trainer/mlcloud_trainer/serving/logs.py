"""The server's log: one JSON object a line, without control characters, without anything of a body."""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, TypeAlias

import orjson

Level: TypeAlias = Literal["info", "warning", "error"]

MAX_TEXT_CHARACTERS = 2000

# C0 and C1 controls, line and paragraph separators, bidirectional overrides and zero-width characters: what
# can forge a line or hide text in a terminal.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def clean(text: str) -> str:
    """The text without control characters, cut to `MAX_TEXT_CHARACTERS`."""
    return _UNSAFE.sub(" ", text[:MAX_TEXT_CHARACTERS])


def accepted_request_id(value: bytes | None) -> str | None:
    """A client's request id when it is 1 to 64 letters, digits, dots, dashes or underscores; else `None`."""
    text = value.decode("latin-1") if value else ""
    return text if _REQUEST_ID.fullmatch(text) else None


class JsonLog:
    """Writes `{"time", "level", "event", "message", ...}` lines."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = sys.stdout.buffer if stream is None else stream

    def write(self, level: Level, event: str, message: str, **fields: object) -> None:
        """Write one line.

        Args:
            level: `info`, `warning` or `error`.
            event: A word that alarms and tests match on.
            message: Text for people.
            fields: Further keys: text, numbers, booleans, `None`, or lists of text.
        """
        record: dict[str, object] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": level,
            "event": event,
            "message": clean(message),
        }
        record.update(
            {key: clean(value) if isinstance(value, str) else value for key, value in fields.items()}
        )
        self._stream.write(orjson.dumps(record, default=repr) + b"\n")
        self._stream.flush()

    def info(self, event: str, message: str, **fields: object) -> None:
        """Something that goes as it should."""
        self.write("info", event, message, **fields)

    def warning(self, event: str, message: str, **fields: object) -> None:
        """Something that a person may want to change."""
        self.write("warning", event, message, **fields)

    def error(self, event: str, message: str, **fields: object) -> None:
        """Something that keeps the server from its work."""
        self.write("error", event, message, **fields)

    def exception(self, event: str, message: str, error: BaseException, **fields: object) -> None:
        """An unexpected error: its type and where it arose; not its text, which may quote a request."""
        self.error(event, message, error_type=type(error).__name__, stack=stack_of(error), **fields)


def stack_of(error: BaseException) -> list[str]:
    """Where an error arose, outermost first: `file.py:line function`."""
    frames: list[str] = []
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return frames


class LibraryLogHandler(logging.Handler):
    """Brings the HTTP library's own messages into the JSON log, without their stack traces."""

    def __init__(self, log: JsonLog) -> None:
        super().__init__(level=logging.ERROR)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one library message."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            self._log.error("http_library", record.getMessage())
        else:
            self._log.exception("http_library", record.getMessage(), error)

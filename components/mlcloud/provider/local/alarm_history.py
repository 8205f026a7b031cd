"""What alarms there were: one line of JSON a change, the latest few hundred."""

import itertools
import json
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from mlcloud.provider.local.files import unfinished

KEPT_CHANGES: Final = 500


@dataclass(frozen=True, kw_only=True)
class Change:
    """An alarm that opened or closed.

    Attributes:
        at: when, in Unix seconds.
        name: the alarm.
        before: the state that it left.
        after: the state that it has since.
        value: the value that made it so; None where there was none.
    """

    at: float
    name: str
    before: str
    after: str
    value: float | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of telling somebody.

    Attributes:
        kind: `webhook`, `command`, or both.
        ok: whether all of it worked.
        detail: what the other side said, for people; never an address, which may hold a secret.
    """

    kind: str
    ok: bool
    detail: str


class History:
    """The changes, oldest first, in memory and in a file that is always whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = itertools.count()
        self._lines: deque[tuple[int, dict[str, Any]]] = deque(maxlen=KEPT_CHANGES)
        self._lines.extend((next(self._numbers), line) for line in _lines_in(path))
        self._saved = True

    def add(self, change: Change) -> int:
        """Note a change; returns a number under which its outcome is noted later."""
        number = next(self._numbers)
        line = {
            "at": change.at,
            "name": change.name,
            "from": change.before,
            "to": change.after,
            "value": change.value,
            "action": None,
        }
        self._lines.append((number, line))
        self._saved = False
        return number

    def settle(self, number: int, outcome: Outcome) -> None:
        """Note what came of a change; one that has been forgotten meanwhile stays so."""
        action = {"kind": outcome.kind, "ok": outcome.ok, "detail": outcome.detail}
        for index, (known, line) in enumerate(self._lines):
            if known == number:
                self._lines[index] = (number, {**line, "action": action})
                self._saved = False

    def latest(self, count: int) -> list[dict[str, Any]]:
        """The last changes, the latest first."""
        return [line for _, line in itertools.islice(reversed(self._lines), count)]

    def save(self) -> None:
        """Write the file where something is new; where that fails, the next call tries again.

        Raises:
            OSError: it cannot be written, as on a full disk.
        """
        if self._saved:
            return
        temporary = unfinished(self._path)
        try:
            with temporary.open("w", encoding="utf-8") as stream:
                stream.writelines(json.dumps(line, sort_keys=True) + "\n" for _, line in self._lines)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(self._path)
        finally:
            temporary.unlink(missing_ok=True)
        self._saved = True


def _lines_in(path: Path) -> list[dict[str, Any]]:
    """The lines of a file that can be read."""
    found: list[dict[str, Any]] = []
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    for line in text.splitlines()[-KEPT_CHANGES:]:
        try:
            content: object = json.loads(line)
        except ValueError:
            continue
        if isinstance(content, dict):
            found.append(cast(dict[str, Any], content))
    return found

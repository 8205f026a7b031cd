"""Failures on demand: a simulated provider can be told to fail at a resource, once or always."""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass

FAIL_VARIABLE = "MLCLOUD_SIMULATED_FAIL"
"""Names where simulated providers fail, as :meth:`FailAt.parse` reads it."""

OPERATIONS = ("create", "update", "read", "delete")


@dataclass(frozen=True, kw_only=True)
class FailAt:
    """Where a simulated provider fails.

    Attributes:
        target: A resource's name or its type token.
        operation: One of :data:`OPERATIONS`; ``None`` means each of them.
        once: True when only the first time counts.
    """

    target: str
    operation: str | None = None
    once: bool = False

    @classmethod
    def parse(cls, text: str) -> "list[FailAt]":
        """Read ``[OPERATION] TARGET [once]``, several separated by commas: ``create models once, key``.

        Raises:
            ValueError: when the text is anything else.
        """
        found: list[FailAt] = []
        for clause in filter(None, (part.strip() for part in text.split(","))):
            words = clause.split()
            operation = words.pop(0) if words[0] in OPERATIONS else None
            once = len(words) == 2 and words[1] == "once"
            if len(words) != 1 + once:
                raise ValueError(
                    f"{clause!r} does not say where to fail: write `[OPERATION] TARGET [once]`, with a "
                    f"resource's name or type as the target; operations are {', '.join(OPERATIONS)}."
                )
            found.append(cls(target=words[0], operation=operation, once=once))
        return found


def told_to_fail() -> list[FailAt]:
    """Where the environment says to fail.

    Raises:
        ValueError: when it cannot be read.
    """
    return FailAt.parse(os.environ.get(FAIL_VARIABLE, ""))


class Failures:
    """Remembers which failures have happened."""

    def __init__(self, wanted: Sequence[FailAt]) -> None:
        self._left = list(wanted)
        self._lock = threading.Lock()

    def due(self, operation: str, *, name: str, token: str) -> bool:
        """Whether this operation is to fail now."""
        with self._lock:
            for wanted in self._left:
                if wanted.target in (name, token) and wanted.operation in (None, operation):
                    if wanted.once:
                        self._left.remove(wanted)
                    return True
        return False

"""One thing that was looked for: what was found, and what to do."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "warning", "missing"]
"""`missing` keeps a stack from coming up, `warning` may."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What was found of one thing.

    Attributes:
        name: The thing.
        state: Whether it is as it has to be.
        found: What is there, in a line.
        fix: A command, or what to do; empty where nothing is to be done.
    """

    name: str
    state: State
    found: str
    fix: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """What one kind of stack needs.

    Attributes:
        title: `local`, or the cloud's name.
        needed: Whether what is missing here is in the way of what was asked for.
        checks: What was looked for.
    """

    title: str
    needed: bool
    checks: Sequence[Check]

    @property
    def is_ready(self) -> bool:
        """Whether nothing is missing."""
        return all(check.state != "missing" for check in self.checks)

    def plain(self) -> dict[str, Any]:
        """Return it for tools."""
        return {
            "title": self.title,
            "needed": self.needed,
            "checks": [asdict(check) for check in self.checks],
        }

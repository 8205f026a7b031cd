"""Errors for people: every problem at once, each with its path, its value, what is allowed and the fix."""

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

_LONGEST_VALUE_SHOWN: Final = 80


class Absent(Enum):
    """Marks a value that is not there, where `None` would be a value."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong, told so that its reader can correct it.

    Attributes:
        path: Where it is: a config key (`mlcloud:training.target`), an argument's path or a place in a file.
        value: What was given; `ABSENT` when nothing was.
        allowed: What would be right: the range, the choices or the form.
        fix: What to do, as an instruction.
    """

    path: str
    value: object = ABSENT
    allowed: str
    fix: str

    def __str__(self) -> str:
        given = "is missing" if self.value is ABSENT else f"= {shown(self.value)}"
        return f"{self.path} {given}\n    allowed: {self.allowed}\n    fix:     {self.fix}"


class UserError(Exception):
    """An error for people: its message says what is wrong and what to do, and no traceback is shown."""


class ProblemsError(UserError):
    """Something cannot be used as it was given; `problems` names all reasons.

    Args:
        problems: At least one problem.
        title: What has the problems, as the beginning of a sentence; None for the class's own words.
    """

    title = "The input"

    def __init__(self, problems: Iterable[Problem], *, title: str | None = None) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        count = "one problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        head = f"{title or self.title}: {count}. Nothing was changed."
        super().__init__("\n\n".join([head, *(f"  {problem}" for problem in self.problems)]))


class ConfigError(ProblemsError):
    """The stack's config cannot be used."""

    title = "The stack's config"


class ArgsError(ProblemsError):
    """A component's arguments cannot be used."""

    title = "The arguments"


class DataError(ProblemsError):
    """A data file cannot be used for training."""

    title = "The data file"


def shown(value: object) -> str:
    """Return a value as people read it in an error: JSON, without control characters, cut short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE_SHOWN else f"{text[: _LONGEST_VALUE_SHOWN - 3]}..."


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name that was probably meant, or None where none is near.

    Case, hyphens and underscores do not count; a name that the given one begins or ends is near, too.
    """

    def plain(text: str) -> str:
        return text.lower().replace("-", "").replace("_", "")

    by_plain = {plain(candidate): candidate for candidate in sorted(valid, reverse=True)}
    wanted = plain(name)
    close = difflib.get_close_matches(wanted, sorted(by_plain), n=1, cutoff=0.6)
    if close:
        return by_plain[close[0]]
    part = [key for key in sorted(by_plain) if len(wanted) >= 3 and (wanted in key or key in wanted)]
    return by_plain[part[0]] if part else None


def unknown(path: str, value: object, name: str, valid: Sequence[str]) -> Problem:
    """Return the problem of a name that is not one of the valid ones, with the nearest of them as the fix."""
    near = nearest(name, valid)
    choices = ", ".join(valid)
    fix = f"write `{near}` instead of `{name}`" if near else f"use one of: {choices}"
    return Problem(path=path, value=value, allowed=choices, fix=fix)

"""The one error that training raises on purpose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class TrainingError(Exception):
    """Training cannot go on. Each of `problems` is a message for people: what is wrong, and how to fix it."""

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


def nearest(name: str, allowed: Iterable[str]) -> str:
    """A hint such as ` Did you mean "target"?`, or the empty string when no allowed name is near."""
    choices = {choice.lower(): choice for choice in allowed}
    matches = get_close_matches(name.lower(), choices, n=1, cutoff=0.6)
    return f' Did you mean "{choices[matches[0]]}"?' if matches else ""


def listing(names: Iterable[str], limit: int = 20) -> str:
    """Names for a message: all of them, or the first `limit` and how many more there are."""
    known = list(names)
    more = f" and {len(known) - limit} more" if len(known) > limit else ""
    return ", ".join(known[:limit]) + more

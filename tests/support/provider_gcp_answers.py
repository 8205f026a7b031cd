"""Answers of the fake GCP."""

import json
import re
from dataclasses import dataclass
from typing import Any


@dataclass
class Answer:
    """An HTTP answer: an object, or a content as it is."""

    status: int
    content: Any
    content_type: str = "application/json"

    @property
    def packed(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


class RefusedCall(Exception):  # noqa: N818 - an answer, not a fault
    """The service refuses a call."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def missing(name: str) -> RefusedCall:
    return RefusedCall(404, "NOT_FOUND", f"{name} is not found.")


def not_now(message: str) -> RefusedCall:
    return RefusedCall(400, "FAILED_PRECONDITION", message)


def filter_of(given: str | None, form: str) -> re.Match[str] | None:
    """What a filter says; None without one. One of another form is refused: it would find everything."""
    if given is None:
        return None
    match = re.fullmatch(form, given)
    if match is None:
        raise RefusedCall(400, "INVALID_ARGUMENT", f"The filter {given!r} cannot be read.")
    return match

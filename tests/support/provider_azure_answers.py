"""Answers of the fake Azure."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    """A request that arrived: its method by the client's own name, and what its path names."""

    method: str
    http_method: str
    path: str
    query: dict[str, str]
    given: dict[str, str]
    body: Any
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Answer:
    """An HTTP answer: an object, or a content as it is."""

    status: int
    content: Any
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

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
    return RefusedCall(404, "ResourceNotFound", f"{name} is not found.")


def not_now(message: str) -> RefusedCall:
    return RefusedCall(409, "Conflict", message)


def user_error(message: str) -> RefusedCall:
    return RefusedCall(400, "UserError", message)

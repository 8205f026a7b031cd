"""Reads a request's body within its limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, cast

from mlcloud_trainer.serving.errors import (
    BadRequestError,
    ClientGoneError,
    ReadTimeoutError,
    TooLargeError,
    UnavailableError,
    UnsupportedMediaTypeError,
)
from mlcloud_trainer.serving.settings import RequestLimits

_UTF8 = ("utf-8", "utf8", "us-ascii")


def refuse_encoding(headers: Mapping[bytes, bytes]) -> None:
    """Refuse compressed bodies: a small one can unpack to any size."""
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity"):
        raise UnsupportedMediaTypeError(
            "compressed bodies are not read; send the request without Content-Encoding"
        )


def read_content_type(value: bytes | None) -> tuple[str, Mapping[str, str]]:
    """The media type in lower case, and its parameters; both empty where the client sent none."""
    if not value:
        return "", {}
    media_type, *rest = value.decode("latin-1").split(";")
    parameters: dict[str, str] = {}
    for part in rest:
        name, _, held = part.partition("=")
        parameters[name.strip().lower()] = held.strip().strip('"').lower()
    charset = parameters.get("charset")
    if charset is not None and charset not in _UTF8:
        raise UnsupportedMediaTypeError(f"the charset is {charset[:40]!r}; bodies are read as UTF-8")
    return media_type.strip().lower(), parameters


class BodyBudget:
    """The memory that the bodies of all requests may have together."""

    def __init__(self, most_bytes: int) -> None:
        self._free = most_bytes

    def take(self, size: int) -> None:
        """Reserve some of it.

        Raises:
            UnavailableError: There is not enough left.
        """
        if size > self._free:
            raise UnavailableError("the server is busy with other requests; try again")
        self._free -= size

    def give_back(self, size: int) -> None:
        """End a reservation."""
        self._free += size


async def read_body(
    headers: Mapping[bytes, bytes],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    limits: RequestLimits,
    budget: BodyBudget,
) -> bytes:
    """The whole body. The caller gives its size back to the budget when it is done with it.

    Raises:
        UnavailableError: Other requests hold too much memory.
        TooLargeError: It is larger than it may be; raised before the rest is read.
        ReadTimeoutError: It did not arrive in time.
        ClientGoneError: The client closed the connection.
    """
    too_large = TooLargeError(f"the body is larger than {limits.max_body_bytes} bytes")
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > limits.max_body_bytes:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                part = cast("bytes", message.get("body", b""))
                if size + len(part) > limits.max_body_bytes:
                    raise too_large
                budget.take(len(part))
                size += len(part)
                parts.append(part)
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        budget.give_back(size)
        raise ReadTimeoutError(f"the body did not arrive within {limits.body_timeout_s:g} s") from None
    except BaseException:
        budget.give_back(size)
        raise
    body = parts[0] if len(parts) == 1 else b"".join(parts)
    if not body:
        raise BadRequestError("the body is empty")
    return body

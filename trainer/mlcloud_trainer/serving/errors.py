"""Errors that carry what the outside sees: a status and a text, or reasons why the server cannot start."""

from __future__ import annotations

from collections.abc import Sequence


class RequestError(Exception):
    """A request that is refused.

    Attributes:
        status: The HTTP status.
        message: Text for the client; never written to the log, as it may quote the request.
        headers: Further response headers.
    """

    status = 400

    def __init__(self, message: str, *, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.headers = tuple(headers)


class BadRequestError(RequestError):
    """The body is not what this route reads."""


class NotFoundError(RequestError):
    """No such route or model."""

    status = 404


class MethodNotAllowedError(RequestError):
    """The route exists, the method does not."""

    status = 405

    def __init__(self, allowed: Sequence[str]) -> None:
        methods = ", ".join(sorted(allowed))
        super().__init__(f"this route allows {methods}", headers=((b"allow", methods.encode()),))


class NotAcceptableError(RequestError):
    """The client accepts no form that this route answers in."""

    status = 406


class ReadTimeoutError(RequestError):
    """The client sent its body too slowly."""

    status = 408


class TooLargeError(RequestError):
    """The body, or the number of values in it, is over a limit."""

    status = 413


class UnsupportedMediaTypeError(RequestError):
    """A content type or encoding that this route does not read."""

    status = 415


class UnavailableError(RequestError):
    """The server cannot answer now: not ready, or busy. The same request may succeed later."""

    status = 503

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message, headers=((b"retry-after", str(retry_after_s).encode()),))


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete; there is nobody to answer."""


class StartupError(Exception):
    """The server cannot serve with this environment or this model; `problems` are for people."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def joined(problems: Sequence[str], *, most: int = 10) -> str:
    """Several problems as one text: the first `most` of them, and how many were left out."""
    shown = "; ".join(problems[:most])
    left_out = len(problems) - most
    return f"{shown}; and {left_out} more" if left_out > 0 else shown

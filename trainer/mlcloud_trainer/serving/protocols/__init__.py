"""Thin adapters: each turns one platform's request into a batch, and a prediction into its response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from mlcloud_trainer.serving.model import ServedModel
from mlcloud_trainer.serving.prediction import Prediction
from mlcloud_trainer.serving.rows import Batch

JSON = b"application/json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A prediction request whose body was read whole.

    Attributes:
        body: The body.
        content_type: The media type without parameters, lower case; empty where the client sent none.
        content_parameters: The media type's parameters, such as `header` of `text/csv`.
        headers: All headers by lower-case name; the last one where a name repeats.
    """

    body: bytes
    content_type: str
    content_parameters: Mapping[str, str]
    headers: Mapping[bytes, bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """What goes back.

    Attributes:
        body: The body.
        status: The HTTP status.
        content_type: The body's media type.
        headers: Further headers.
    """

    body: bytes
    status: int = 200
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A parsed request: the rows, and how their answer is written."""

    batch: Batch
    render: Callable[[Prediction], Response]


class Adapter(Protocol):
    """One platform's way to ask for predictions."""

    content_types: frozenset[str]
    """Media types that it reads; the empty text stands for a request without one."""

    def parse(self, request: Request, model: ServedModel) -> Call:
        """Read a request.

        Raises:
            RequestError: The request is refused.
        """
        ...

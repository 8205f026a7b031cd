"""What the command line does with a stack that is up: predict, look at its state, read its logs.

Each cloud has an ``operations`` module with the functions of :class:`StackOperations`. They read a stack's
outputs and talk to the cloud through its own SDK and default credentials. Only the chosen cloud's module is
imported.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol, cast

from mlcloud.core.errors import UserError
from mlcloud.core.lineage import Lineage

CLOUDS_WITH_OPERATIONS = ("local", "aws", "gcp", "azure")


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The answer of a served model."""

    predictions: list[Any]
    """One a row, in the order of the rows."""
    model_version: str
    """The version that answered: the first 12 characters of the model's hash."""
    duration_ms: float
    """From the request's first byte to the answer's last, in milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A real row that the model has not seen in training."""

    instance: dict[str, Any]
    expected: Any
    """What the model answered when it was evaluated."""


@dataclass(frozen=True, kw_only=True)
class EndpointStatus:
    """What an endpoint says of itself."""

    state: str
    """``serving``, ``starting`` or ``down``; on this machine also ``rolling-out`` and ``unsupervised``."""
    url: str
    model_version: str
    replicas: int
    requests: int
    """Answered since the serving generation started."""
    errors: int
    """Answers with a status of 500 or above, since then."""
    detail: str = ""
    """Why it does not serve, and what to do."""
    more: Mapping[str, str] = field(default_factory=dict[str, str])
    """What this cloud can say beyond that, as label and text."""


@dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """A version of a stack's model that is there."""

    label: str
    """As predictions answer it."""
    stage: str
    """What the registry says of it, in the cloud's own word."""
    sha256: str
    uri: str
    created: datetime
    """When it was registered or, on this machine, made: with its time zone."""
    is_live: bool
    """Whether it is the one that the stack serves."""
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    """On held-out rows, by name; empty where none are known."""
    lineage: Lineage | None = None
    """Where it comes from; None where its manifest could not be read."""
    refusal: str = ""
    """Why the registry does not let it be served: rejected, failed, archived; empty where it does."""


class StackOperations(Protocol):
    """The functions of a cloud's ``operations`` module."""

    def sample(self, outputs: Mapping[str, Any]) -> Sample:
        """Return a held-out row of the live model."""
        ...

    def predict(self, outputs: Mapping[str, Any], body: bytes, *, content_type: str) -> Prediction:
        """Ask the stack's endpoint for predictions, with rows as JSON (`instances`) or CSV."""
        ...

    def status(self, outputs: Mapping[str, Any]) -> EndpointStatus:
        """Look at the stack's endpoint."""
        ...

    def models(self, outputs: Mapping[str, Any]) -> Sequence[ModelVersion]:
        """Return the versions of the stack's model that are there, the latest first."""
        ...

    def logs(self, outputs: Mapping[str, Any], *, source: str, lines: int, follow: bool) -> Iterator[str]:
        """Yield the last lines of a log, and with ``follow`` those to come."""
        ...


def predictions_in(answer: bytes | object) -> list[Any]:
    """Return the predictions of an endpoint's answer, one for each row.

    Args:
        answer: The answer's bytes, or what they were read as.

    Raises:
        UserError: it has none: what answers is not mlcloud's server.
    """
    found: object = answer
    if isinstance(answer, bytes):
        try:
            found = json.loads(answer)
        except ValueError:
            found = None
    inside = cast("Mapping[str, object]", found).get("predictions") if isinstance(found, Mapping) else None
    if not isinstance(inside, list):
        raise UserError(
            "The endpoint's answer has no `predictions`: what serves there is not mlcloud's trainer. "
            "Look at the endpoint's image; the next update puts the stack's back."
        )
    return cast("list[Any]", inside)


def operations_of(outputs: Mapping[str, Any]) -> StackOperations:
    """Return the operations of the cloud that a stack runs on, by its output ``cloud``.

    Raises:
        UserError: the stack is not up, or its cloud has none.
    """
    cloud = outputs.get("cloud")
    if cloud is None:
        raise UserError("The stack has no outputs: it is not up. Run `mlcloud up STACK` first.")
    if cloud not in CLOUDS_WITH_OPERATIONS:
        raise UserError(
            f"The cloud {cloud!r} has no such operation; those that do: {', '.join(CLOUDS_WITH_OPERATIONS)}."
        )
    return cast("StackOperations", import_module(f"mlcloud.{cloud}.operations"))

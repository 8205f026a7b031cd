"""What a resource reports to people: problems of properties, failures, resources that are there but ill."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with an input.

    Attributes:
        path: the property's path as the user wrote it (`hyperparameters["estimator.C"]`).
        reason: value, what is allowed and how to fix it, for people.
    """

    path: str
    reason: str


class ResourceError(Exception):
    """An operation failed; the message is for people and says what to do. Nothing half-made is left."""


class Unhealthy(ResourceError):  # noqa: N818 - it names the resource's condition, as Pulumi does
    """The resource exists but does not work: it stays in the state, and the next update repairs it.

    Attributes:
        identifier: its identifier.
        outputs: its outputs, an instance of the resource's outputs dataclass.
        reasons: what is wrong, one line each.
    """

    def __init__(self, identifier: str, outputs: object, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.identifier = identifier
        self.outputs = outputs
        self.reasons = tuple(reasons)


class Cancelled(ResourceError):  # noqa: N818 - a request, not a fault
    """The engine asked to stop."""

"""The interface of a resource: typed inputs and outputs, and what to do with them."""

import dataclasses
import time
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

from mlcloud.provider.errors import Cancelled, Problem

Inputs = TypeVar("Inputs")
Outputs = TypeVar("Outputs")
Severity = Literal["debug", "info", "warning", "error"]


class Log(Protocol):
    """Where a resource's messages go: the engine's display, in the row of that resource."""

    def __call__(self, message: str, *, severity: Severity = "info", ephemeral: bool = False) -> None:
        """Show a message; an ephemeral one is replaced by the next and not kept."""
        ...


class Cancellation(Protocol):
    """Whether the engine asked to stop (`threading.Event`)."""

    def is_set(self) -> bool:
        """Whether it asked."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it, at most `timeout` seconds."""
        ...


class _Never:
    """A cancellation that never comes."""

    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float | None = None) -> bool:
        time.sleep(timeout or 0)
        return False


@dataclass(frozen=True, kw_only=True)
class Context:
    """What an operation knows besides its resource.

    Attributes:
        urn: the resource's name in the stack.
        log: shows progress to people.
        cancellation: set when the engine asks to stop.
        timeout_s: the resource's custom timeout for this operation, None when none is set.
    """

    urn: str
    log: Log
    cancellation: Cancellation
    timeout_s: float | None = None

    def pause(self, seconds: float) -> None:
        """Sleep, or raise `Cancelled` as soon as the engine asks to stop."""
        if self.cancellation.wait(seconds):
            raise Cancelled("Stopped, as asked.")

    def steady(self) -> "Context":
        """The same operation, not to be stopped any more: a way back is gone to its end."""
        return dataclasses.replace(self, cancellation=_Never())


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What a resource class declares about itself."""

    token: str
    inputs: type[Any]
    outputs: type[Any]
    delete_before_replace: bool


class Resource(ABC, Generic[Inputs, Outputs]):
    """A kind of resource: `class Bucket(Resource[BucketInputs, BucketOutputs], token="pkg:module:Bucket")`.

    Inputs and outputs are frozen, keyword-only dataclasses; the framework has checked and converted them.
    Every method may raise `ResourceError` with a message for people. An instance holds no state: one serves
    all resources of its kind, from several threads at once.
    """

    definition: typing.ClassVar[Definition]

    def __init_subclass__(cls, *, token: str, delete_before_replace: bool = False) -> None:
        """Take the token and the types of inputs and outputs from the class statement."""
        (base,) = cls.__orig_bases__  # type: ignore[attr-defined] # set by typing.Generic on every subclass
        inputs, outputs = typing.get_args(base)
        cls.definition = Definition(
            token=token, inputs=inputs, outputs=outputs, delete_before_replace=delete_before_replace
        )

    def check(self, old: Inputs | None, new: Inputs) -> Sequence[Problem]:
        """What is wrong with inputs that are right one by one; asked only when all of them are known."""
        del old, new
        return ()

    def preview(self, new: Inputs, old: Outputs | None) -> Mapping[str, object]:
        """Outputs (Python names) that are certain beforehand; asked only when all inputs are known."""
        del new, old
        return {}

    def drift(self, identifier: str, outputs: Outputs) -> Sequence[str]:
        """Outputs (Python names) that do not hold any more, looked up cheaply: an update repairs them."""
        del identifier, outputs
        return ()

    @abstractmethod
    def create(self, context: Context, new: Inputs) -> tuple[str, Outputs]:
        """Make it; returns its identifier and outputs."""

    @abstractmethod
    def read(self, context: Context, identifier: str, inputs: Inputs, outputs: Outputs) -> Outputs | None:
        """Look at it; None when it is gone. Raises `Unhealthy` when it is there and does not work."""

    @abstractmethod
    def update(
        self, context: Context, identifier: str, old: Inputs, outputs: Outputs, new: Inputs
    ) -> Outputs:
        """Change it in place, and make good what has drifted."""

    def abandon(self, context: Context, inputs: Inputs) -> None:
        """Remove what a creation that was cut off may have left: nobody knows its identifier, or whether.

        Only the embedded engine asks for it, of resources that mark what they make as theirs.
        """
        del context, inputs

    @abstractmethod
    def delete(self, context: Context, identifier: str, outputs: Outputs) -> None:
        """Remove it; one that is gone already is no error. Outputs hold all that this needs."""

"""What happens while the engine works, told as it happens: the material of a tree, a log, or a test."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class PropertyChange:
    """One property that differs between what is and what is wanted."""

    path: str
    kind: str
    """``add``, ``update`` or ``delete``."""
    forces_replacement: bool = False
    old: Any = None
    """Fit to be shown: a secret is ``[secret]``, a value not known yet ``[unknown]``."""
    new: Any = None


@dataclass(frozen=True, kw_only=True)
class ResourceEvent:
    """What is common to the events of one resource."""

    op: str
    """Pulumi's own words: same, create, update, delete, refresh, discard; a replacement is ``replace`` in a
    preview, else ``create-replacement`` and ``delete-replaced``, in the order in which they happen; where the
    deletion came first and nothing is made any more, ``remove-pending-replace`` takes the record away."""
    urn: str
    type: str
    name: str
    parent: str = ""
    changes: tuple[PropertyChange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ResourceStarted(ResourceEvent):
    """An operation on a resource began."""


@dataclass(frozen=True, kw_only=True)
class ResourceEnded(ResourceEvent):
    """An operation on a resource succeeded."""

    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ResourceFailed(ResourceEvent):
    """An operation on a resource failed; a :class:`Diagnostic` with the same message was sent too."""

    message: str
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A line that a provider shows while it works on a resource; each takes the place of the one before."""

    urn: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """A message that stays: of the engine, of a provider, or of the program."""

    severity: str
    """``info``, ``warning`` or ``error``."""
    message: str
    urn: str = ""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The end of the run."""

    ok: bool
    counts: dict[str, int] = field(default_factory=dict[str, int])
    duration_s: float = 0.0


Event = ResourceStarted | ResourceEnded | ResourceFailed | Progress | Diagnostic | Summary
OnEvent = Callable[[Event], None]
"""Called from several threads, one call at a time."""

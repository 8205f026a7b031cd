"""What a scenario is: the updates of a stack, what happens between them, and what must come of each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from mlcloud.embedded.state.records import ResourceRecord, Snapshot

from support.scenarios.provider import ScenarioProvider

Program = Callable[[], Any]
Op = tuple[str, str]
Ops = list[Op | set[Op]]


class Side(Protocol):
    """A stack under one of the engines. What a run tells is the same from both, and fit for JSON."""

    provider: ScenarioProvider
    output: str
    """What the last run said, for the message of a test that fails."""

    @property
    def snapshot(self) -> Snapshot: ...
    @property
    def resources(self) -> dict[str, ResourceRecord]: ...
    def preview(self, program: Program) -> dict[str, Any]: ...
    def run(self, kind: str, program: Program) -> dict[str, Any]:
        """Run ``up``, ``refresh`` or ``destroy``."""
        ...

    def interrupt(self) -> None:
        """Ctrl-C for the run that is on its way."""
        ...


@dataclass(frozen=True, kw_only=True)
class Update:
    """One update of a stack: the program, and what comes of it."""

    program: Program
    ops: Ops
    """Operations in order; those in a set may come in any order. What stays as it is, or is merely looked at,
    is left out."""
    state: dict[str, dict[str, Any]]
    """Name of every thing in the state afterwards, to some of its inputs."""
    fails: str = ""
    """Part of the message with which the update fails."""
    before: Callable[[Side], None] = lambda _side: None
    """What happens outside before the update."""
    refresh: Ops | None = None
    """Operations of a refresh before the update."""
    kind: str = "up"
    """``up``, or ``destroy``, to which the program is nothing."""
    shows: dict[str, Any] | None = None
    """What a preview says that the stack will export."""
    foreseen: dict[str, int] | None = None
    """How many operations a preview counts, where it cannot know all that will happen."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A stack's life."""

    name: str
    updates: list[Update] = field(default_factory=list)
    retained: int = 0
    """How many things are left when the stack is destroyed, because the program wants them retained."""

    @property
    def slug(self) -> str:
        """The name, fit for a command line."""
        return self.name.replace(",", "").replace(" ", "-")

"""A scenario's stack under the embedded engine, in the test's process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlcloud.embedded.engine.plan import PlannedResource
from mlcloud.embedded.events import ResourceEnded, ResourceFailed
from mlcloud.embedded.state.records import ResourceRecord, Snapshot

from support.engine import MemoryState, Stack
from support.scenarios.provider import ScenarioProvider
from support.scenarios.scenario import Program
from support.scenarios.words import LOOKS, STACK, asked, told_changes, urn_of


class EmbeddedSide:
    """A stack whose state lies in memory, or where it is said to."""

    def __init__(self, folder: Path, provider: ScenarioProvider | None = None, state: Any = None) -> None:
        self.folder = folder
        self.provider = provider or ScenarioProvider()
        self._stack = Stack(folder, provider=self.provider, state=state or MemoryState())

    @property
    def snapshot(self) -> Snapshot:
        return self._stack.state.read()

    @property
    def resources(self) -> dict[str, ResourceRecord]:
        return {record.name: record for record in self.snapshot.resources}

    @property
    def output(self) -> str:
        return "\n".join(map(str, self._stack.events))

    @property
    def errors(self) -> list[str]:
        """The errors of the last run."""
        return self._stack.errors

    def interrupt(self) -> None:
        assert self._stack.engine is not None
        self._stack.engine.cancel()

    def preview(self, program: Program) -> dict[str, Any]:
        plan = self._stack.preview(program)
        changed = [item for item in plan.resources if item.op != "same" and item.urn != STACK]
        return {
            "ok": plan.ok,
            "counts": plan.summary,
            "outputs": plan.outputs,
            "resources": sorted(map(_planned, changed), key=lambda told: (told["urn"], told["op"])),
        }

    def run(self, kind: str, program: Program) -> dict[str, Any]:
        self.provider.calls.clear()
        engine = self._stack.open(program)
        ok = getattr(engine, kind)().ok
        of_things = [event for event in self._stack.events if getattr(event, "urn", STACK) != STACK]
        ended = [event for event in of_things if isinstance(event, ResourceEnded)]
        failed = [event for event in of_things if isinstance(event, ResourceFailed)]
        return {
            "ok": ok,
            "ops": [f"{item.op} {urn_of(item.urn)}" for item in ended if item.op not in LOOKS],
            "failed": sorted(f"{item.op} {urn_of(item.urn)}" for item in failed),
            "counts": self._stack.counts,
            "asked": asked(self.provider),
        }


def _planned(item: PlannedResource) -> Mapping[str, Any]:
    told: dict[str, Any] = {"op": item.op, "urn": urn_of(item.urn)}
    if item.op in ("create", "update", "replace"):
        told |= {"inputs": item.inputs, "outputs": item.outputs}
    if item.op in ("update", "replace"):
        forced = {change.path for change in item.changes if change.forces_replacement}
        told |= told_changes({change.path for change in item.changes}, forced)
    return told

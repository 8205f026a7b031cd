"""Decides what a registered resource needs, in the order of Pulumi's step generator.

Source: pulumi/pulumi, pkg/resource/deploy/step_generator.go.
"""

from dataclasses import dataclass, replace

from mlcloud.embedded.engine.changes import describe_failures, property_changes, resolve_diff
from mlcloud.embedded.engine.run import Run
from mlcloud.embedded.errors import EngineError
from mlcloud.embedded.events import PropertyChange
from mlcloud.embedded.program.goals import Goal
from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.marks import UNKNOWN, Properties
from mlcloud.embedded.providers.clients import Diff
from mlcloud.embedded.state.records import ResourceRecord, reference_urn

UNPROTECT = "Take protect=True from the resource in the program first, or undo the change that replaces it."


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a registered resource needs."""

    goal: Goal
    op: str
    """``same``, ``create``, ``update`` or ``replace``."""
    new: ResourceRecord
    old: ResourceRecord | None = None
    changes: tuple[PropertyChange, ...] = ()
    create_first: bool = False
    """For a replacement: the old resource lives until everything else is done."""


class Decider:
    """Compares what the program asks for with what is there."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def decide(self, goal: Goal, old: ResourceRecord | None, *, recreated: bool) -> Decision:
        """Say what a resource needs; the decision's new record has its inputs.

        Args:
            goal: What the program asks for.
            old: The record in the state.
            recreated: True when the resource was deleted in this run: it could not outlive another one.

        Raises:
            EngineError: when the inputs are not accepted, or the resource is protected.
        """
        new, asked = replace(goal.record), goal.record.inputs
        if old is None:
            new.inputs = self._check(new, {}, asked)
            return Decision(goal=goal, op="create", new=new)
        new.created, new.modified = old.created, old.modified
        if recreated or old.external:
            new.inputs = self._check(new, {}, asked)
            # What was only read so far is left alone; what is made now belongs to this stack.
            return Decision(goal=goal, op="replace", new=new, old=old, create_first=old.external)
        inputs = asked
        for path in new.ignore_changes:
            inputs = values.restore(inputs, old.inputs, path)
        new.inputs = self._check(new, old.inputs, inputs)
        diff = resolve_diff(self._diff(old, new), old, new)
        changes = property_changes(diff, old, new)
        if old.pending_replacement or diff.replaces:
            self._refuse_protected(old, new, diff)
            # Defaults are computed anew: a generated name of the old resource does not hold for the new one.
            new.inputs = self._check(new, {}, asked)
            delete_first = goal.delete_before_replace
            if delete_first is None:
                delete_first = diff.delete_before_replace
            create_first = not (delete_first or old.pending_replacement)
            return Decision(
                goal=goal, op="replace", new=new, old=old, changes=changes, create_first=create_first
            )
        # A resource that did not become ready is tried again, changed or not.
        op = "update" if diff.changed or old.init_errors else "same"
        return Decision(goal=goal, op=op, new=new, old=old, changes=changes)

    def _check(self, new: ResourceRecord, olds: Properties, news: Properties) -> Properties:
        manager = self._run.instances.manager(new)
        if manager is None:
            return news
        inputs, failures = manager.check(new.urn, olds, news, preview=self._run.journal.preview)
        if failures:
            raise EngineError(describe_failures(failures, news))
        return inputs

    def _diff(self, old: ResourceRecord, new: ResourceRecord) -> Diff:
        manager = self._run.instances.manager(new)
        if manager is None:
            return Diff(changed=None)
        if self._run.instances.replaced_by(old.provider, new.provider):
            return Diff(changed=True, replaces=("provider",))
        return manager.diff(old, new)

    def _refuse_protected(self, old: ResourceRecord, new: ResourceRecord, diff: Diff) -> None:
        if new.protect and old.protect:
            why = f" ({', '.join(diff.replaces)})" if diff.replaces else ""
            message = f"{new.name} must be replaced{why}, but it is protected. {UNPROTECT}"
            if not self._run.journal.preview:
                raise EngineError(message)
            self._run.journal.fail(message, new.urn)

    def replaced_dependents(self, root: ResourceRecord, seen: set[str]) -> list[ResourceRecord]:
        """What depends on a resource, directly or not, and cannot outlive it; in dependency order.

        Args:
            root: The resource that is deleted before its replacement is made.
            seen: The URNs that were registered already: those do not depend on it any more.

        Raises:
            EngineError: when one of them is protected.
        """
        replaced, found = {root.urn}, list[ResourceRecord]()
        for record in self._run.ledger.remaining():
            if record.urn in seen or record.delete or not record.custom or record.external:
                continue
            if reference_urn(record.provider) in replaced or self._would_be_replaced(record, replaced):
                if record.protect:
                    why = f"{record.name} must be replaced because {root.name} is, but it is protected."
                    raise EngineError(f"{why} {UNPROTECT}")
                replaced.add(record.urn)
                found.append(record)
        return found

    def _would_be_replaced(self, record: ResourceRecord, replaced: set[str]) -> bool:
        unknown = {key for key, urns in record.property_dependencies.items() if replaced & set(urns)}
        manager = self._run.instances.manager(record)
        if manager is None or not unknown & set(record.inputs):
            return False
        inputs = {key: UNKNOWN if key in unknown else value for key, value in record.inputs.items()}
        new = replace(record, inputs=inputs)
        return bool(resolve_diff(manager.diff(record, new), record, new).replaces)

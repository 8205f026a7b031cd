"""Decides what a registered resource needs, in the order of Pulumi's step generator.

Source: pulumi/pulumi, pkg/resource/deploy/step_generator.go.
"""

from dataclasses import replace

from mlcloud.embedded.engine.changes import Decision, describe_failures, property_changes, resolve_diff
from mlcloud.embedded.engine.instances import ProviderInstances
from mlcloud.embedded.engine.journal import Journal
from mlcloud.embedded.engine.ledger import Ledger
from mlcloud.embedded.errors import EngineError
from mlcloud.embedded.program.goals import Goal
from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.marks import UNKNOWN, Properties
from mlcloud.embedded.providers.clients import Diff, ProviderClient
from mlcloud.embedded.state.records import ResourceRecord, is_provider, reference_urn

Manager = ProviderClient | ProviderInstances
"""What makes, changes and ends a custom resource."""

UNPROTECT = "Take protect=True from the resource in the program first, or undo the change that replaces it."


class Decider:
    """Compares what the program asks for with what is there."""

    def __init__(self, *, ledger: Ledger, instances: ProviderInstances, journal: Journal) -> None:
        self._ledger = ledger
        self._instances = instances
        self._journal = journal

    def manager(self, record: ResourceRecord) -> Manager | None:
        """What manages a resource; ``None`` for a component."""
        if not record.custom:
            return None
        if is_provider(record.type):
            return self._instances
        return self._instances.client(record.provider, needed_by=record.urn)

    def decide(
        self, goal: Goal, new: ResourceRecord, old: ResourceRecord | None, *, recreated: bool
    ) -> Decision:
        """Complete the new record's inputs, and say what it needs.

        Args:
            goal: What the program asks for.
            new: The record of it.
            old: The record in the state.
            recreated: True when the resource was deleted in this run: it could not outlive another one.

        Raises:
            EngineError: when the inputs are not accepted, or the resource is protected.
        """
        manager = self.manager(new)
        if old is None or recreated or old.external:
            new.inputs = self._check(manager, new.urn, {}, goal.inputs)
            if old is None:
                return Decision(op="create", new=new)
            # What was only read so far is left alone; what is made now belongs to this stack.
            return Decision(op="replace", new=new, old=old, create_first=old.external)
        inputs = goal.inputs
        for path in goal.ignore_changes:
            inputs = values.restore(inputs, old.inputs, path)
        new.inputs = self._check(manager, new.urn, old.inputs, inputs)
        diff = resolve_diff(self._diff(manager, old, new, goal), old, new, goal)
        changes = property_changes(diff, old, new)
        if old.pending_replacement or diff.replaces:
            self._refuse_protected(old, new, diff)
            # Defaults are computed anew: a generated name of the old resource does not hold for the new one.
            new.inputs = self._check(manager, new.urn, {}, goal.inputs)
            delete_first = diff.delete_before_replace
            if goal.delete_before_replace is not None:
                delete_first = goal.delete_before_replace
            create_first = not (delete_first or old.pending_replacement)
            return Decision(op="replace", new=new, old=old, changes=changes, create_first=create_first)
        # A resource that did not become ready is tried again, changed or not.
        op = "update" if diff.changed or old.init_errors else "same"
        return Decision(op=op, new=new, old=old, changes=changes)

    def _check(self, manager: Manager | None, urn: str, olds: Properties, news: Properties) -> Properties:
        if manager is None:
            return news
        inputs, failures = manager.check(urn, olds, news, preview=self._journal.preview)
        if failures:
            raise EngineError(describe_failures(failures, news))
        return inputs

    def _diff(self, manager: Manager | None, old: ResourceRecord, new: ResourceRecord, goal: Goal) -> Diff:
        if manager is None:
            return Diff(changed=None)
        if self._instances.replaced_by(old.provider, new.provider):
            return Diff(changed=True, replaces=("provider",))
        return manager.diff(new.urn, old, new.inputs, goal.ignore_changes)

    def _refuse_protected(self, old: ResourceRecord, new: ResourceRecord, diff: Diff) -> None:
        if new.protect and old.protect:
            why = f" ({', '.join(diff.replaces)})" if diff.replaces else ""
            message = f"{new.name} must be replaced{why}, but it is protected. {UNPROTECT}"
            if not self._journal.preview:
                raise EngineError(message)
            self._journal.fail(message, new.urn)

    def replaced_dependents(self, root: ResourceRecord, seen: set[str]) -> list[ResourceRecord]:
        """What depends on a resource, directly or not, and cannot outlive it; in dependency order.

        Args:
            root: The resource that is deleted before its replacement is made.
            seen: The URNs that were registered already: those do not depend on it any more.

        Raises:
            EngineError: when one of them is protected.
        """
        replaced, found = {root.urn}, list[ResourceRecord]()
        for record in self._ledger.remaining():
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
        inputs = {key: UNKNOWN if key in unknown else value for key, value in record.inputs.items()}
        manager = self.manager(record)
        if manager is None or not unknown & set(inputs):
            return False
        diff = manager.diff(record.urn, record, inputs, record.ignore_changes)
        paths = record.extra.get("replaceOnChanges", [])
        goal = Goal(type=record.type, name=record.name, custom=True, inputs=inputs, replace_on_changes=paths)
        return bool(resolve_diff(diff, record, replace(record, inputs=inputs), goal).replaces)

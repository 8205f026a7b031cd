"""One run over the resources of a stack: what the program registers is brought about, the rest is deleted."""

import threading
from collections.abc import Callable

from mlcloud.embedded.engine.decisions import Decider, Decision
from mlcloud.embedded.engine.deletions import Deleter, deletion_op
from mlcloud.embedded.engine.interrupted import Interrupted
from mlcloud.embedded.engine.plan import PlannedResource
from mlcloud.embedded.engine.run import Run
from mlcloud.embedded.errors import EngineError
from mlcloud.embedded.program.goals import Goal, alias_urns
from mlcloud.embedded.properties.marks import Properties
from mlcloud.embedded.properties.masking import mark_outputs
from mlcloud.embedded.providers.clients import LostProviderError, Made
from mlcloud.embedded.state.records import (
    STACK_TYPE,
    ResourceRecord,
    is_default_provider,
    is_provider,
    timestamp,
)


class Deployment:
    """One run. The program's registrations arrive in several threads."""

    def __init__(self, run: Run) -> None:
        self.exports: Properties | None = None
        """What the program exports; ``None`` until it has ended."""
        self._stack_urn = ""
        self.run = run
        self._journal = run.journal
        self._ledger = run.ledger
        self._decider = Decider(run)
        self._deleter = Deleter(run)
        self.interrupted = Interrupted(run)
        # Decisions are made one at a time: each may depend on those before. What they lead to runs at once.
        self._deciding = threading.RLock()
        self._seen: set[str] = set()
        self._renamed: dict[str, str] = {}
        self._deleted_early: set[str] = set()
        self._decided: list[tuple[Decision, list[str]]] = []
        self._left_over: list[ResourceRecord] = []

    def register(self, goal: Goal) -> ResourceRecord:
        """Bring a resource to what the program asks for, and return what it is then.

        Raises:
            StoppedError: when the run has failed or was cancelled, now or before.
        """
        urn = goal.record.urn
        self._journal.mask.learn(goal.record.inputs)
        with self._deciding:
            self._journal.refuse_when_stopped()
            with self._journal.failing(urn):
                decision = self._decide(urn, goal)
        self._carry_out(decision)
        return decision.new

    def set_outputs(self, urn: str, outputs: Properties) -> None:
        """Take the outputs that a component registers at its end; those of the stack wait for the end."""
        record = self._ledger.find(urn)
        if record is not None and record.type == STACK_TYPE:
            self._stack_urn, self.exports = urn, outputs
        else:
            self._ledger.set_outputs(urn, outputs)

    def complete(self) -> None:
        """The program has ended well: take what it exports, and delete what it no longer asks for."""
        self._ledger.set_outputs(self._stack_urn, self.exports or {})
        self.delete_leftovers()

    def delete_leftovers(self) -> None:
        """Delete what was not registered, and the old halves of replacements."""
        self.interrupted.abandon_unwanted(self._seen)
        remaining = self._ledger.remaining()
        self._left_over = [item for item in remaining if item.delete or item.urn not in self._seen]
        self._deleter.delete_all(self._left_over)

    def planned(self) -> list[PlannedResource]:
        """What the run decided, as records of a plan."""
        planned = [
            PlannedResource.of(
                decision.new,
                decision.op,
                version=decision.goal.version,
                delete_before_replace=decision.goal.delete_before_replace,
                aliases=aliases,
                changes=decision.changes,
            )
            for decision, aliases in self._decided
            if not is_default_provider(decision.new)
        ]
        left_over = [item for item in self._left_over if not is_default_provider(item)]
        return planned + [PlannedResource.of(item, deletion_op(item)) for item in left_over]

    def _decide(self, urn: str, goal: Goal) -> Decision:
        if urn in self._seen:
            raise EngineError(f"Two resources have the same URN {urn}: give one of them another name.")
        self._seen.add(urn)
        aliases = alias_urns(goal, self._renamed)
        old = self._find_old(goal.record, aliases)
        decision = self._decider.decide(goal, old, recreated=urn in self._deleted_early)
        if self.interrupted.abandon(decision.new):
            # What was in the way, or stood in the place of what the state knows, is gone.
            decision = self._decider.decide(goal, old, recreated=urn in self._deleted_early)
        if decision.op == "replace" and not decision.create_first and old is not None:
            self._delete_before(old)
        self._decided.append((decision, aliases))
        return decision

    def _find_old(self, wanted: ResourceRecord, aliases: list[str]) -> ResourceRecord | None:
        urn, olds = wanted.urn, self._ledger.olds
        for alias in () if urn in olds else aliases:
            if alias in olds:
                if alias in self._seen:
                    raise EngineError(f"{urn} has the alias {alias}, which is a resource of the program too.")
                self._renamed[urn] = alias
                self._ledger.rename(olds[alias], urn, wanted.type)
                break
        return olds.get(urn)

    def _delete_before(self, old: ResourceRecord) -> None:
        """Delete a resource, and first what cannot outlive it: that is made anew when it registers."""
        if old.urn in self._deleted_early or old.pending_replacement:
            return
        dependents = self._decider.replaced_dependents(old, self._seen)
        self._deleted_early.update(record.urn for record in dependents)
        for record in [*reversed(dependents), old]:
            if self._journal.preview:
                record.pending_replacement = True
            elif not record.pending_replacement:
                self._deleter.delete(record, "delete-replaced", keep_record=True)
            # A cancelled run, or one that failed elsewhere, goes no further: the next one makes the rest.
            self._journal.refuse_when_stopped()

    def _carry_out(self, decision: Decision) -> None:
        old, new = decision.old, decision.new
        if decision.op == "same" and old is not None:
            new.id, new.outputs = old.id, mark_secrets(new, old.outputs)
            with self._journal.failing(new.urn):
                if is_provider(new.type):
                    self.run.instances.same(new, old.inputs)
            self._ledger.register(new, old)
            self._journal.tell("same", new)
            return
        replacing = decision.op == "replace" and not self._journal.preview
        shown = "create-replacement" if replacing else decision.op
        with self._journal.operation(shown, new, decision.changes):
            self._perform(decision, self._work(decision))
        self._journal.count(decision.op, new)

    def _work(self, decision: Decision) -> Callable[[], Made]:
        """What the resource's provider is to do."""
        old, new, preview = decision.old, decision.new, self._journal.preview
        manager = self.run.instances.manager(new)
        updated = old if decision.op == "update" else None
        if manager is None:
            return lambda: Made(id="", outputs=updated.outputs if updated else {})
        if updated is None:
            return lambda: manager.create(new, preview=preview)
        return lambda: manager.update(updated, new, preview=preview)

    def _perform(self, decision: Decision, work: Callable[[], Made]) -> None:
        old, new, updating = decision.old, decision.new, decision.op == "update"
        if updating and old is not None:
            new.id = old.id
        operation = self._ledger.begin("updating" if updating else "creating", new)
        try:
            made = work()
        except LostProviderError:
            # It may have been made all the same: the operation stays on record.
            raise
        except BaseException:
            self._ledger.end(operation)
            raise
        self._journal.mask.learn(made.outputs)

        def settle() -> None:
            new.id = made.id
            new.outputs = mark_secrets(new, made.outputs)
            new.init_errors = list(map(self._journal.mask, made.init_errors))
            if made.init_errors and old is not None and updating:
                # It does not work with the new inputs: the next update is to try them again.
                new.inputs = old.inputs
            new.modified = timestamp()
            if not updating:
                new.created = new.modified
            if old is not None and decision.create_first and not self._journal.preview:
                old.delete = True
                self._ledger.register(new, None)
            else:
                self._ledger.register(new, old)

        self._ledger.end(operation, settle)
        if made.init_errors:
            raise EngineError("\n".join(made.init_errors))


def mark_secrets(record: ResourceRecord, outputs: Properties) -> Properties:
    """The outputs of a resource, with its secrets marked."""
    return mark_outputs(outputs, record.inputs, record.additional_secret_outputs)

"""One run over the resources of a stack: what the program registers is brought about, the rest is deleted."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from mlcloud.embedded.engine.changes import Decision, property_changes
from mlcloud.embedded.engine.decisions import Decider
from mlcloud.embedded.engine.deletions import PARALLEL, Deleter, deletion_op
from mlcloud.embedded.engine.instances import ProviderInstances
from mlcloud.embedded.engine.journal import Journal
from mlcloud.embedded.engine.ledger import Ledger
from mlcloud.embedded.engine.plan import PlannedResource
from mlcloud.embedded.errors import EngineError, StoppedError
from mlcloud.embedded.events import Diagnostic
from mlcloud.embedded.program.goals import Goal, alias_urns, make_urn
from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.marks import Properties
from mlcloud.embedded.providers.clients import Diff, LostProviderError, Made
from mlcloud.embedded.state.records import ResourceRecord, is_default_provider, is_provider, timestamp


class Deployment:
    """One run. The program's registrations arrive in several threads."""

    def __init__(
        self, *, project: str, stack: str, ledger: Ledger, instances: ProviderInstances, journal: Journal
    ) -> None:
        self.project = project
        self.stack = stack
        self.journal = journal
        self._ledger = ledger
        self._instances = instances
        self._decider = Decider(ledger=ledger, instances=instances, journal=journal)
        self._deleter = Deleter(ledger=ledger, decider=self._decider, journal=journal)
        # Decisions are made one at a time: each may depend on those before. What they lead to runs at once.
        self._deciding = threading.RLock()
        self._seen: set[str] = set()
        self._renamed: dict[str, str] = {}
        self._deleted_early: set[str] = set()
        self._decided: list[tuple[Decision, Goal, list[str]]] = []
        self._left_over: list[ResourceRecord] = []

    def register(self, goal: Goal) -> ResourceRecord:
        """Bring a resource to what the program asks for, and return what it is then.

        Raises:
            StoppedError: when the run has failed or was cancelled, now or before.
        """
        urn = make_urn(
            stack=self.stack, project=self.project, parent=goal.parent, type_=goal.type, name=goal.name
        )
        with self._deciding:
            self.journal.refuse_when_stopped()
            with self.journal.failing(urn):
                decision = self._decide(urn, goal)
        self._carry_out(decision, goal)
        return decision.new

    def set_outputs(self, urn: str, outputs: Properties) -> None:
        """Take the outputs that a component registers at its end."""
        record = self._ledger.find(urn)
        if record is not None and record.outputs != outputs:
            self._ledger.change(lambda: setattr(record, "outputs", outputs))

    def delete_leftovers(self) -> None:
        """Delete what was not registered, and the old halves of replacements."""
        remaining = self._ledger.remaining()
        self._left_over = [item for item in remaining if item.delete or item.urn not in self._seen]
        self._deleter.delete_all(self._left_over)

    def planned(self) -> list[PlannedResource]:
        """What the run decided, as records of a plan."""
        planned = [
            _planned(
                decision.new,
                decision.op,
                version=goal.version,
                delete_before_replace=goal.delete_before_replace,
                aliases=aliases,
                changes=decision.changes,
            )
            for decision, goal, aliases in self._decided
            if not is_default_provider(decision.new)
        ]
        left_over = [item for item in self._left_over if not is_default_provider(item)]
        return planned + [_planned(item, deletion_op(item)) for item in left_over]

    def _decide(self, urn: str, goal: Goal) -> Decision:
        if urn in self._seen:
            raise EngineError(f"Two resources have the same URN {urn}: give one of them another name.")
        self._seen.add(urn)
        aliases = alias_urns(goal, stack=self.stack, project=self.project, renamed=self._renamed)
        old = self._find_old(urn, goal, aliases)
        new = _record(urn, goal, old)
        decision = self._decider.decide(goal, new, old, recreated=urn in self._deleted_early)
        if decision.op == "replace" and not decision.create_first and old is not None:
            self._delete_before(old)
        self._decided.append((decision, goal, aliases))
        return decision

    def _find_old(self, urn: str, goal: Goal, aliases: list[str]) -> ResourceRecord | None:
        olds = self._ledger.olds
        for alias in () if urn in olds else aliases:
            if alias in olds:
                if alias in self._seen:
                    raise EngineError(f"{urn} has the alias {alias}, which is a resource of the program too.")
                self._renamed[urn] = alias
                self._ledger.rename(olds[alias], urn, goal.type)
                break
        return olds.get(urn)

    def _delete_before(self, old: ResourceRecord) -> None:
        """Delete a resource, and first what cannot outlive it: that is made anew when it registers."""
        if old.urn in self._deleted_early or old.pending_replacement:
            return
        dependents = self._decider.replaced_dependents(old, self._seen)
        self._deleted_early.update(record.urn for record in dependents)
        for record in [*reversed(dependents), old]:
            if self.journal.preview:
                record.pending_replacement = True
            elif not record.pending_replacement:
                self._deleter.delete(record, "delete-replaced", keep_record=True)

    def _carry_out(self, decision: Decision, goal: Goal) -> None:
        old, new = decision.old, decision.new
        if decision.op == "same" and old is not None:
            new.id, new.outputs = old.id, _mark_secrets(new, old.outputs)
            with self.journal.failing(new.urn):
                if is_provider(new.type):
                    self._instances.same(new, old.inputs)
            self._ledger.register(new, old)
            self.journal.tell("same", new)
            return
        updating = decision.op == "update"
        kind = "updating" if updating else "creating"
        replacing = decision.op == "replace" and not self.journal.preview
        shown = "create-replacement" if replacing else decision.op
        with self.journal.operation(shown, new, decision.changes):
            work = self._updating(decision, goal) if updating else self._creating(decision, goal)
            self._perform(kind, work, decision)
        self.journal.count(decision.op, new)

    def _creating(self, decision: Decision, goal: Goal) -> Callable[[], Made]:
        new, manager = decision.new, self._decider.manager(decision.new)
        if manager is None:
            return lambda: Made(id="", outputs={})
        timeout_s = goal.timeouts_s.get("create", 0.0)
        preview = self.journal.preview
        return lambda: manager.create(new.urn, new.inputs, timeout_s=timeout_s, preview=preview)

    def _updating(self, decision: Decision, goal: Goal) -> Callable[[], Made]:
        new, old, manager = decision.new, decision.old, self._decider.manager(decision.new)
        if manager is None or old is None:
            return lambda: Made(id="", outputs=old.outputs if old else {})
        return lambda: manager.update(
            new.urn,
            old,
            new.inputs,
            goal.ignore_changes,
            timeout_s=goal.timeouts_s.get("update", 0.0),
            preview=self.journal.preview,
        )

    def _perform(self, kind: str, work: Callable[[], Made], decision: Decision) -> None:
        old, new = decision.old, decision.new
        operation = self._ledger.begin(kind, new)
        try:
            made = work()
        except LostProviderError:
            # It may have been made all the same: the operation stays on record.
            raise
        except BaseException:
            self._ledger.end(operation)
            raise

        def settle() -> None:
            new.id = made.id
            new.outputs = _mark_secrets(new, made.outputs)
            new.init_errors = list(made.init_errors)
            if made.init_errors and old is not None and kind == "updating":
                # It does not work with the new inputs: the next update is to try them again.
                new.inputs = old.inputs
            new.modified = timestamp()
            if kind == "creating":
                new.created = new.modified
            if old is not None and decision.create_first and not self.journal.preview:
                old.delete = True
                self._ledger.register(new, None)
            else:
                self._ledger.register(new, old)

        self._ledger.end(operation, settle)
        if made.init_errors:
            raise EngineError("\n".join(made.init_errors))

    def refresh(self) -> None:
        """Look at every resource as it is, and take that into the state."""
        with ThreadPoolExecutor(PARALLEL, "mlcloud-refresh") as pool:
            list(pool.map(self._refresh_one, self._ledger.remaining()))
        self._ledger.forget_vanished()

    def _refresh_one(self, record: ResourceRecord) -> None:
        if not record.custom or is_provider(record.type) or record.pending_replacement:
            self.journal.count("same", record)
            return
        if self.journal.stopped:
            return
        try:
            with self.journal.operation("refresh", record):
                found = self._instances.client(record.provider, needed_by=record.urn).read(record)
        except StoppedError:
            return
        if found is None:
            self._ledger.drop(record)
            self.journal.tell("delete", record)
            return
        new = replace(
            record,
            id=found.id,
            inputs=record.inputs if found.inputs is None else found.inputs,
            outputs=_mark_secrets(record, found.outputs),
            init_errors=list(found.init_errors),
        )
        for reason in new.init_errors:
            told = f"is there, but does not work: {reason}"
            self.journal.emit(Diagnostic(severity="warning", message=told, urn=record.urn))
        if new == record:
            self.journal.count("same", record)
            return
        before, after = replace(record, inputs=record.outputs), replace(new, inputs=new.outputs)
        new.modified = timestamp()
        self._ledger.replace(record, new)
        self.journal.tell("update", new, property_changes(Diff(changed=True), before, after))


def _mark_secrets(record: ResourceRecord, outputs: Properties) -> Properties:
    """The outputs, where those that the program names, and those whose input is a secret, are secrets."""
    names = {*record.additional_secret_outputs}
    names |= {key for key, value in record.inputs.items() if values.is_secret(value)}
    return {
        key: values.make_secret(value) if key in names and not values.is_secret(value) else value
        for key, value in outputs.items()
    }


def _record(urn: str, goal: Goal, old: ResourceRecord | None) -> ResourceRecord:
    extra: dict[str, Any] = {}
    if goal.timeouts_s:
        extra["customTimeouts"] = goal.timeouts_s
    if goal.replace_on_changes:
        extra["replaceOnChanges"] = goal.replace_on_changes
    return ResourceRecord(
        urn=urn,
        type=goal.type,
        custom=goal.custom,
        parent=goal.parent,
        provider=goal.provider,
        dependencies=goal.dependencies,
        property_dependencies=goal.property_dependencies,
        protect=bool(goal.protect),
        retain_on_delete=bool(goal.retain_on_delete),
        ignore_changes=goal.ignore_changes,
        additional_secret_outputs=goal.additional_secret_outputs,
        created=old.created if old else "",
        modified=old.modified if old else "",
        extra=extra,
    )


def _planned(record: ResourceRecord, op: str, **more: Any) -> PlannedResource:
    return PlannedResource(
        urn=record.urn,
        type=record.type,
        name=record.name,
        custom=record.custom,
        op=op,
        inputs=values.shown(record.inputs),
        outputs=values.shown(record.outputs),
        parent=record.parent,
        provider=record.provider,
        dependencies=record.dependencies,
        protect=record.protect,
        retain_on_delete=record.retain_on_delete,
        ignore_changes=record.ignore_changes,
        **more,
    )

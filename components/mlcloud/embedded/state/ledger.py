"""The state while it changes: what is done, what is still as it was, what is under way; always saved."""

import threading
from collections.abc import Callable

from mlcloud.embedded.properties.marks import Properties
from mlcloud.embedded.state.records import PendingOperation, ResourceRecord, Snapshot, reference_urn

Write = Callable[[Snapshot], None]


class Ledger:
    """One run's view of the state. Every method may be called from any thread."""

    def __init__(self, snapshot: Snapshot, write: Write | None) -> None:
        self._lock = threading.RLock()
        self._write = write
        self.snapshot = snapshot
        self._news: list[ResourceRecord] = []
        self._base = list(snapshot.resources)
        # What was under way when a run was cut off stays on record until it is settled.
        self._pending = list(snapshot.pending_operations)
        self.interrupted = tuple(snapshot.pending_operations)
        """What an earlier run was doing when it was cut off."""
        self._unsaved = False
        self.olds = {record.urn: record for record in self._base if not record.delete}

    def remaining(self) -> list[ResourceRecord]:
        """What is still as it was before this run."""
        with self._lock:
            return list(self._base)

    def current(self) -> list[ResourceRecord]:
        """Everything that exists now, in dependency order."""
        with self._lock:
            return [*self._news, *self._base]

    def find(self, urn: str) -> ResourceRecord | None:
        """The resource as this run registered it."""
        with self._lock:
            return next((record for record in self._news if record.urn == urn), None)

    def begin(self, kind: str, record: ResourceRecord) -> PendingOperation:
        """Put an operation on record before it starts."""
        operation = PendingOperation(type=kind, resource=record)
        with self._lock:
            before, self._pending = self._pending, [*self._pending, operation]
            try:
                self._save()
            except BaseException:
                # It does not start, so nobody is to look for what it did.
                self._pending = before
                raise
        return operation

    def forget(self, operation: PendingOperation) -> None:
        """What an interrupted operation did is known now: take it off the record."""
        with self._lock:
            self._pending = [item for item in self._pending if item is not operation]
            self._unsaved = True

    def end(self, operation: PendingOperation, change: Callable[[], None] = lambda: None) -> None:
        """Apply what the operation did, and take it off the record."""
        with self._lock:
            change()
            self._pending = [item for item in self._pending if item is not operation]
            self._save()

    def register(self, new: ResourceRecord, old: ResourceRecord | None) -> None:
        """The resource is in the state now, in the place of ``old``."""
        with self._lock:
            self._news.append(new)
            self._base = [record for record in self._base if record is not old]
            self._pending = [
                item for item in self._pending if item.resource.urn != new.urn or item.resource is new
            ]
            self._unsaved = self._unsaved or new != old

    def drop(self, old: ResourceRecord) -> None:
        """The resource is gone, or another record stands for it."""
        with self._lock:
            self._base = [record for record in self._base if record is not old]
            self._news = [record for record in self._news if record is not old]
            self.olds = {urn: record for urn, record in self.olds.items() if record is not old}
            self._unsaved = True

    def replace(self, old: ResourceRecord, new: ResourceRecord) -> None:
        """Another record stands in the same place."""
        with self._lock:
            self._base = [new if record is old else record for record in self._base]
            self.olds = {urn: new if record is old else record for urn, record in self.olds.items()}
            self._unsaved = True

    def forget_vanished(self) -> None:
        """Take references to what is gone from what is left."""
        with self._lock:
            existing = {record.urn for record in self._base}
            for record in self._base:
                _follow(record, lambda urn: urn if urn in existing else "")

    def set_outputs(self, urn: str, outputs: Properties) -> None:
        """The resource that this run registered has other outputs now."""
        with self._lock:
            record = self.find(urn)
            if record is not None and record.outputs != outputs:
                record.outputs = outputs
                self._unsaved = True

    def rename(self, old: ResourceRecord, urn: str, type_: str) -> None:
        """Follow an alias: the resource, and what refers to it, bear the new URN from now on."""
        before = old.urn
        with self._lock:
            self.olds[urn] = self.olds.pop(before)
            old.urn, old.type = urn, type_
            for record in self._base:
                _follow(record, lambda found: urn if found == before else found)
                if reference_urn(record.provider) == before:
                    record.provider = f"{urn}::{record.provider.rpartition('::')[2]}"
            self._unsaved = True

    def save(self) -> None:
        """Write what was not written yet."""
        with self._lock:
            if self._unsaved:
                self._save()

    def _save(self) -> None:
        self._unsaved = True
        self.snapshot.resources = [*self._news, *self._base]
        self.snapshot.pending_operations = list(self._pending)
        if self._write is not None:
            self._write(self.snapshot)
        self._unsaved = False


def _follow(record: ResourceRecord, new_urn: Callable[[str], str]) -> None:
    """Write what a resource refers to anew; a URN that becomes empty is left out."""

    def follow(urns: list[str]) -> list[str]:
        return [found for found in map(new_urn, urns) if found]

    record.parent = new_urn(record.parent)
    record.dependencies = follow(record.dependencies)
    record.property_dependencies = {key: follow(urns) for key, urns in record.property_dependencies.items()}

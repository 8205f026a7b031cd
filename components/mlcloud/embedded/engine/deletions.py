"""Ends resources: what the program no longer asks for, the old halves of replacements; dependents first."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from mlcloud.embedded.engine.journal import Journal
from mlcloud.embedded.engine.run import Run
from mlcloud.embedded.errors import StoppedError
from mlcloud.embedded.providers.clients import LostProviderError
from mlcloud.embedded.state.records import ResourceRecord, needs

PARALLEL = 32
"""How many operations may run at once; they wait for other machines, not for this one."""


class Deleter:
    """Deletes resources and takes them from the state."""

    def __init__(self, run: Run) -> None:
        self._ledger = run.ledger
        self._instances = run.instances
        self._journal = run.journal

    def delete_all(self, condemned: list[ResourceRecord]) -> None:
        """Delete resources of the state, independent ones at once; in a preview, tell of it.

        Protected ones are refused before anything is deleted.
        """
        protected = sorted(item.name for item in condemned if item.protect and not item.delete)
        if protected:
            verb = "is" if len(protected) == 1 else "are"
            self._journal.fail(
                f"{', '.join(protected)} {verb} protected and cannot be deleted. Take protect=True from the "
                "resource in the program and run `up`; after that it can be deleted."
            )
        elif self._journal.preview:
            for record in reversed(condemned):
                self._journal.tell(deletion_op(record), record)
        else:
            _in_reverse_order(condemned, self._delete_leftover, self._journal)

    def _delete_leftover(self, record: ResourceRecord) -> None:
        if record.pending_replacement:
            self._ledger.drop(record)
            self._journal.tell(deletion_op(record), record)
            return
        self.delete(record, deletion_op(record))
        self._journal.count(deletion_op(record), record)

    def delete(self, record: ResourceRecord, op: str, *, keep_record: bool = False) -> None:
        """Delete one resource; with ``keep_record`` it stays in the state until its replacement is made."""
        with self._journal.operation(op, record):
            operation = self._ledger.begin("deleting", record)
            try:
                self._end(record)
            except LostProviderError:
                # It may be gone all the same: the operation stays on record.
                raise
            except BaseException:
                self._ledger.end(operation)
                raise
            if keep_record:
                self._ledger.end(operation, lambda: setattr(record, "pending_replacement", True))
            else:
                self._ledger.end(operation, lambda: self._ledger.drop(record))

    def _end(self, record: ResourceRecord) -> None:
        if record.retain_on_delete:
            told = "left as it is (retain_on_delete); nothing manages it any more"
            self._journal.say("info", told, record.urn)
        elif not record.external and (manager := self._instances.manager(record)) is not None:
            manager.delete(record)


def deletion_op(record: ResourceRecord) -> str:
    """Pulumi's word for the end of a resource that the program does not ask for."""
    if record.pending_replacement:
        return "remove-pending-replace"
    op = "discard" if record.external else "delete"
    return f"{op}-replaced" if record.delete else op


def _needed(record: ResourceRecord, others: list[ResourceRecord]) -> bool:
    return any(record.urn in needs(other) for other in others if other is not record)


def _in_reverse_order(
    records: list[ResourceRecord], act: Callable[[ResourceRecord], None], journal: Journal
) -> None:
    """Act on each record after everything that needs it; after a failure, only what runs is finished."""
    waiting = list(records)
    running: dict[Future[None], ResourceRecord] = {}
    with ThreadPoolExecutor(PARALLEL, "mlcloud-delete") as pool:
        while True:
            if not journal.stopped:
                busy = [*waiting, *running.values()]
                for record in [item for item in waiting if not _needed(item, busy)]:
                    waiting.remove(record)
                    running[pool.submit(act, record)] = record
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                del running[future]
                error = future.exception()
                if error is not None and not isinstance(error, StoppedError):
                    raise error

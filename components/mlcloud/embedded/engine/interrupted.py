"""What a run that was cut off was doing: told, looked at, and set right before anything depends on it."""

from dataclasses import replace
from typing import cast

from mlcloud.embedded.engine.run import Run
from mlcloud.embedded.properties import values
from mlcloud.embedded.providers.clients import ProviderClient
from mlcloud.embedded.state.records import PendingOperation, ResourceRecord, is_provider

ADOPTING = "mlcloud:local:"
"""Types that begin so mark what they make with their URN before they work on it: a creation takes over what
one before it has left, and a deletion without an identifier removes that."""

_DOING = {"creating": "making", "updating": "changing", "deleting": "deleting", "reading": "reading"}


class Interrupted:
    """The operations that were under way when an earlier run ended.

    Pulumi's own engine tells of them, drops all but creations and leaves these to people. This one looks at
    what was being changed or deleted, and sets creations right where the provider can.
    """

    def __init__(self, run: Run) -> None:
        self._ledger = run.ledger
        self._instances = run.instances
        self._journal = run.journal
        self._creating = [
            item
            for item in run.ledger.interrupted
            if item.type == "creating" and item.resource.custom and not is_provider(item.resource.type)
        ]

    def settle(self) -> None:
        """Tell of every one, and look at what was being changed or deleted.

        Raises:
            StoppedError: when a provider cannot say what is there.
        """
        for operation in self._ledger.interrupted:
            record = operation.resource
            # Components and instances of providers are nothing that exists outside.
            if record.custom and not is_provider(record.type):
                self._journal.say("warning", _told(operation), record.urn)
                if operation.type == "creating":
                    continue
                with self._journal.failing(record.urn):
                    self._look_at(operation)
            self._ledger.forget(operation)

    def let_go(self) -> None:
        """Take what people were told to look for off the record: a refresh is asked for when that is done."""
        for operation in self._creating:
            if not operation.resource.type.startswith(ADOPTING):
                self._ledger.forget(operation)

    def _look_at(self, operation: PendingOperation) -> None:
        """Take what is there into the state."""
        for record in self._ledger.remaining():
            meant = operation.resource
            if record.urn != meant.urn or meant.id not in ("", record.id) or record.pending_replacement:
                continue
            manager = cast(ProviderClient, self._instances.manager(record))
            found = manager.read(record)
            if found is None:
                if (
                    operation.type == "deleting"
                    and record.type.startswith(ADOPTING)
                    and not self._journal.preview
                ):
                    # Half removed is not there any more, and the other half goes now.
                    manager.delete(record)
                self._ledger.drop(record)
            elif operation.type == "updating":
                # As of one that does not work: the next update brings it to its inputs, changed or not.
                errors = found.init_errors or ("an update was cut off",)
                self._ledger.replace(record, replace(record, init_errors=list(errors)))

    def abandon(self, new: ResourceRecord) -> bool:
        """End what creations have left of a resource in another place; return whether there was any.

        What lies where the resource belongs is taken over by its creation, with all that was done for it.
        """
        found = [item for item in self._creating if item.resource.urn == new.urn and self._differs(item, new)]
        return [self._end(operation) for operation in found] != []

    def _differs(self, operation: PendingOperation, new: ResourceRecord) -> bool:
        old = operation.resource
        if old.inputs == new.inputs or not old.type.startswith(ADOPTING):
            return False
        manager = self._instances.manager(new)
        return manager is not None and bool(manager.diff(old, new).replaces)

    def abandon_unwanted(self, seen: set[str]) -> None:
        """End what creations have left of resources that nobody asks for any more."""
        for operation in [item for item in self._creating if item.resource.urn not in seen]:
            with self._journal.failing(operation.resource.urn):
                self._end(operation)

    def _end(self, operation: PendingOperation) -> bool:
        record = operation.resource
        if self._journal.preview or not record.type.startswith(ADOPTING):
            return False
        manager = cast(ProviderClient, self._instances.manager(record))
        self._creating.remove(operation)
        manager.delete(replace(record, id=""))
        self._ledger.forget(operation)
        return True


def _told(operation: PendingOperation) -> str:
    record = operation.resource
    told = f"A run was cut off while it was {_DOING.get(operation.type, operation.type)} this resource: "
    if operation.type == "deleting":
        return f"{told}whether it is still there is looked up."
    if operation.type != "creating":
        return f"{told}it may have changed in part, and is brought to what is declared."
    if record.type.startswith(ADOPTING):
        return f"{told}what that has left, if anything, is taken over or removed."
    given = ", ".join(f"{key}: {values.shown(value)}" for key, value in sorted(record.inputs.items()))
    return (
        f"{told}whether it exists is not known, for nobody has its id. If it is still declared, it is made "
        f"now. If one was left, no stack knows it: look for it and delete it ({record.type} of "
        f"{given or 'no inputs'}). `mlcloud refresh STACK` ends this notice."
    )

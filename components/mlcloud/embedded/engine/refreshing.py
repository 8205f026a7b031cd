"""Looks at resources as they are, and takes that into the state."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from mlcloud.embedded.engine.changes import property_changes
from mlcloud.embedded.engine.deletions import PARALLEL
from mlcloud.embedded.engine.deployment import mark_secrets
from mlcloud.embedded.engine.run import Run
from mlcloud.embedded.errors import StoppedError
from mlcloud.embedded.providers.clients import Diff
from mlcloud.embedded.state.records import ResourceRecord, is_provider, timestamp


def refresh(run: Run) -> None:
    """Look at every resource of the state; the program is not run."""
    with ThreadPoolExecutor(PARALLEL, "mlcloud-refresh") as pool:
        list(pool.map(partial(_refresh_one, run), run.ledger.remaining()))
    run.ledger.forget_vanished()


def _refresh_one(run: Run, record: ResourceRecord) -> None:
    journal = run.journal
    if not record.custom or is_provider(record.type) or record.pending_replacement:
        journal.count("same", record)
        return
    if journal.stopped:
        return
    try:
        with journal.operation("refresh", record):
            found = run.instances.client(record.provider, needed_by=record.urn).read(record)
    except StoppedError:
        return
    if found is None:
        run.ledger.drop(record)
        journal.tell("delete", record)
        return
    new = replace(
        record,
        id=found.id,
        inputs=record.inputs if found.inputs is None else found.inputs,
        outputs=mark_secrets(record, found.outputs),
        init_errors=list(map(journal.mask, found.init_errors)),
    )
    for reason in new.init_errors:
        journal.say("warning", f"is there, but does not work: {reason}", record.urn)
    if new == record:
        journal.count("same", record)
        return
    before, after = replace(record, inputs=record.outputs), replace(new, inputs=new.outputs)
    new.modified = timestamp()
    run.ledger.replace(record, new)
    journal.tell("update", new, property_changes(Diff(changed=True), before, after))

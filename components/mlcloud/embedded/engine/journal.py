"""How a run goes: what it tells, what it counts, and whether it still begins anything."""

import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from mlcloud.embedded.errors import EngineError, StoppedError
from mlcloud.embedded.events import (
    Diagnostic,
    Event,
    OnEvent,
    Progress,
    PropertyChange,
    ResourceEnded,
    ResourceFailed,
    ResourceStarted,
)
from mlcloud.embedded.properties.masking import Mask
from mlcloud.embedded.state.records import ResourceRecord, is_default_provider

_PARTS_OF_REPLACEMENTS = frozenset({"delete-replaced", "discard-replaced", "remove-pending-replace"})


class Journal:
    """The course of one run. Every method may be called from any thread."""

    def __init__(self, on_event: OnEvent, mask: Mask, *, preview: bool) -> None:
        self.preview = preview
        self.mask = mask
        self.counts: Counter[str] = Counter()
        self.diagnostics: list[Diagnostic] = []
        self.failed = False
        self.cancelled = False
        self._on_event = on_event
        self._began = time.monotonic()
        self._emitting = threading.RLock()
        self._telling = threading.local()

    def emit(self, event: Event) -> None:
        """Tell of something, one event at a time, without secrets."""
        if isinstance(event, Diagnostic | Progress | ResourceFailed):
            # Values are marked as secrets one by one; words may quote any of them.
            event = replace(event, message=self.mask(event.message))
        with self._emitting:
            if isinstance(event, Diagnostic):
                self.diagnostics.append(event)
            self._telling.now = True
            try:
                self._on_event(event)
            finally:
                self._telling.now = False

    def say(self, severity: str, message: str, urn: str = "") -> None:
        """Tell people something that stays; see :class:`Diagnostic`."""
        self.emit(Diagnostic(severity=severity, message=message, urn=urn))

    def is_telling(self) -> bool:
        """Whether this thread is telling of something just now."""
        return getattr(self._telling, "now", False)

    @property
    def duration_s(self) -> float:
        """How long the run has taken so far."""
        return time.monotonic() - self._began

    @property
    def stopped(self) -> bool:
        """Whether nothing more is begun. A preview goes on after a problem, to find the others too."""
        return self.cancelled or (self.failed and not self.preview)

    @property
    def ok(self) -> bool:
        """Whether all went well so far."""
        return not (self.failed or self.cancelled)

    def refuse_when_stopped(self) -> None:
        """Raise :class:`StoppedError` when nothing more is begun."""
        if self.stopped:
            raise StoppedError("the run was cancelled" if self.cancelled else "something else failed")

    def fail(self, message: str, urn: str = "") -> StoppedError:
        """Note and tell a failure; the exception is for the caller to raise."""
        self.failed = True
        self.say("error", message, urn)
        return StoppedError(message)

    @contextmanager
    def failing(self, urn: str) -> Generator[None]:
        """Turn an error in the block into the failure of a resource."""
        try:
            yield
        except StoppedError:
            raise
        except EngineError as error:
            raise self.fail(str(error), urn) from error

    @contextmanager
    def operation(
        self, op: str, record: ResourceRecord, changes: tuple[PropertyChange, ...] = ()
    ) -> Generator[None]:
        """Tell of an operation's start, and of its end or failure."""
        started = time.monotonic()
        about: dict[str, Any] = {
            "op": op,
            "urn": record.urn,
            "type": record.type,
            "name": record.name,
            "parent": record.parent,
            "changes": changes,
        }
        hidden = is_default_provider(record)
        if not hidden:
            self.emit(ResourceStarted(**about))
        try:
            yield
        except EngineError as error:
            if not hidden:
                seconds = time.monotonic() - started
                self.emit(ResourceFailed(**about, message=str(error), seconds=seconds))
            raise self.fail(str(error), record.urn) from error
        if not hidden:
            self.emit(ResourceEnded(**about, seconds=time.monotonic() - started))

    def tell(self, op: str, record: ResourceRecord, changes: tuple[PropertyChange, ...] = ()) -> None:
        """Tell of something that took no time, and count it."""
        with self.operation(op, record, changes):
            self.count(op, record)

    def count(self, op: str, record: ResourceRecord) -> None:
        """Count an operation. The deletion that ends a replacement is part of that replacement."""
        if not is_default_provider(record) and op not in _PARTS_OF_REPLACEMENTS:
            with self._emitting:
                self.counts[op] += 1

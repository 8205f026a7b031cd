"""Ctrl-C while the engine works: the first cancels in good order, the second ends the providers."""

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

_TOLD = (
    "Cancelling: what runs is told to end. Once more Ctrl-C ends at once.",
    "Ending the providers: what they were doing may be half done.",
)
_END = b"\0"
_BYTES = 64


class Interrupts:
    """Counts what people press, and tells and acts in a thread of its own.

    Python runs a signal's handler in the main thread, when that comes to it: one that has just begun to wait
    may never, and one that is printing holds a lock. The wake-up descriptor is written at once in any case
    (https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd).
    """

    def __init__(self, tell: Callable[[str], None], cancel: Callable[[], None]) -> None:
        """Prepare.

        Args:
            tell: Shows a line to people.
            cancel: Is called for the first and for the second time.
        """
        self.count = 0
        self._tell = tell
        self._cancel = cancel

    @contextmanager
    def heard(self) -> Generator[None]:
        """Hear of them until the block ends, in the main thread; from the third on they end it."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        actor = threading.Thread(target=self._act, args=(reader,), name="interrupts", daemon=True)
        actor.start()
        handler = signal.signal(signal.SIGINT, self._on_interrupt)
        descriptor = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(descriptor)
            signal.signal(signal.SIGINT, handler)
            os.write(writer, _END)
            actor.join()
            os.close(reader)
            os.close(writer)

    def _act(self, reader: int) -> None:
        while True:
            for number in os.read(reader, _BYTES):
                if number == _END[0]:
                    return
                if number != signal.SIGINT:
                    continue
                self.count += 1
                if self.count <= len(_TOLD):
                    self._tell(_TOLD[self.count - 1])
                    self._cancel()

    def _on_interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        if self.count > len(_TOLD):
            raise KeyboardInterrupt

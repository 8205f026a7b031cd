"""Ctrl-C, in the middle of whatever it meets."""

import signal
import threading

import pytest
from mlcloud.cli.interrupts import Interrupts
from support.waiting import LIMIT_S, eventually


class Heard:
    """What was told and done; who tells needs a lock, as whoever prints does."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.told: list[str] = []
        self.cancels = 0

    def tell(self, text: str) -> None:
        with self.lock:
            self.told.append(text)

    def cancel(self) -> None:
        with self.lock:
            self.cancels += 1


def test_presses_in_the_middle_of_printing_neither_break_it_nor_wait_for_it() -> None:
    heard = Heard()
    interrupts = Interrupts(heard.tell, heard.cancel)
    before = signal.getsignal(signal.SIGINT)
    with interrupts.heard(), heard.lock:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert [text.split(":")[0] for text in heard.told] == ["Cancelling", "Ending the providers"]
    assert (heard.cancels, interrupts.count) == (2, 2)
    assert signal.getsignal(signal.SIGINT) == before


def test_the_third_ends_it_as_everywhere() -> None:
    heard = Heard()
    interrupts = Interrupts(heard.tell, heard.cancel)
    with pytest.raises(KeyboardInterrupt), interrupts.heard():
        while interrupts.count < 10:
            signal.raise_signal(signal.SIGINT)
            eventually(lambda: heard.cancels == min(interrupts.count, 2))
    assert heard.cancels == 2
    assert len(heard.told) == 2


def test_a_press_is_heard_while_the_main_thread_waits_and_does_not_come_to_its_handlers() -> None:
    cancelled = threading.Event()
    # Sent to another thread it breaks no wait of the main one off; nor does one that comes just before.
    pressing = threading.Thread(target=lambda: signal.raise_signal(signal.SIGINT))
    with Interrupts(lambda _text: None, cancelled.set).heard():
        pressing.start()
        assert cancelled.wait(LIMIT_S)
    pressing.join()


def test_nothing_is_told_where_nobody_presses() -> None:
    heard = Heard()
    with Interrupts(heard.tell, heard.cancel).heard():
        pass
    assert (heard.told, heard.cancels) == ([], 0)

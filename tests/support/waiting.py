"""Waiting for what will happen, on a machine that may be slow and shared: conditions, never fixed times."""

import time
from collections.abc import Callable

# Far beyond what any step takes on an idle machine, and well below a test's own limit of 300 s.
LIMIT_S = 90.0


def eventually(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)

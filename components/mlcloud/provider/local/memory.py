"""Whether this machine has the memory for more servers."""

from collections.abc import Sequence
from typing import Final

from mlcloud.provider.errors import ResourceError

_MIB: Final = 1024 * 1024


def available_bytes() -> int:
    """What new processes can have: free memory, what the system gives up for it, and free swap."""
    import psutil

    return int(psutil.virtual_memory().available + psutil.swap_memory().free)


def available_text() -> str:
    """The same for people."""
    return f"{available_bytes() // _MIB} MiB are available"


def check(count: int, running: Sequence[int], available: int) -> None:
    """Refuse to start servers that this machine has no room for, judged by those that run.

    Args:
        count: how many are to be started.
        running: what each server that runs has for itself, in bytes; empty when there is nothing to judge by.
        available: bytes that there are.

    Raises:
        ResourceError: there is too little; the message says what is needed.
    """
    needed = count * max(running, default=0)
    if needed <= available:
        return
    servers = "1 more server" if count == 1 else f"{count} more servers"
    raise ResourceError(
        f"Too little memory: {servers} beside those that run need about {needed // _MIB} MiB, and "
        f"{available // _MIB} MiB are available. Set fewer `replicas`, or end what else uses memory."
    )

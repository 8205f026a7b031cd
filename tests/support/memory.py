"""How much memory processes hold while a test goes on, and whether it grows."""

import statistics
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psutil

_EVERY_S = 1.0
# Caches, pools and lazily imported modules fill up meanwhile.
_WARM_UP_SHARE = 0.25


class Memory:
    """Samples of what processes hold resident, in MiB, by a name for each."""

    def __init__(self, processes: Mapping[str, psutil.Process]) -> None:
        self._processes = processes
        self.samples: dict[str, list[float]] = {name: [] for name in processes}
        self.failure = ""

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(_EVERY_S):
            for name, process in self._processes.items():
                try:
                    self.samples[name].append(process.memory_info().rss / 2**20)
                except psutil.NoSuchProcess:
                    self.failure = f"{name} has ended"
                    return

    def growth_percent(self) -> dict[str, float]:
        """By how much each has grown after its warm-up: the last third of its samples against the first."""
        return {name: growth_percent(samples) for name, samples in self.samples.items()}

    def __str__(self) -> str:
        return "\n".join(
            f"{name}: {samples[0]:.1f} MiB at first, {max(samples):.1f} at most, {samples[-1]:.1f} at last; "
            f"{growth_percent(samples):+.1f} % after the warm-up"
            for name, samples in self.samples.items()
        )


def growth_percent(samples: list[float]) -> float:
    """How much more the last third after the warm-up holds than the first third, by their medians."""
    warm = samples[int(len(samples) * _WARM_UP_SHARE) :]
    third = max(1, len(warm) // 3)
    first, last = statistics.median(warm[:third]), statistics.median(warm[-third:])
    return 100 * (last / first - 1)


@contextmanager
def watched(processes: Mapping[str, psutil.Process]) -> Iterator[Memory]:
    """Look at the processes each second until the block ends."""
    memory, stop = Memory(processes), threading.Event()
    thread = threading.Thread(target=memory.run, args=(stop,))
    thread.start()
    try:
        yield memory
    finally:
        stop.set()
        thread.join()

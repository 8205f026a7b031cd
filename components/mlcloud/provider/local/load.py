"""Watches what an endpoint's servers work on, in a thread of its own: one that hangs holds up nothing."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from mlcloud.provider.local.scaling import Scaler, Scaling
from mlcloud.provider.local.scraper import Scraper
from mlcloud.provider.local.server_metrics import ServerMetrics

_EVERY_S: Final = 1.0
_QUICK_S: Final = 0.5
# A server that does not answer in time is busy with something.
_BUSY: Final = 1.0


class Meter:
    """How many requests each server was answering, on average between two looks at it."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, float]] = {}

    def loads(self, now: float, asked: Mapping[str, int], found: Mapping[str, ServerMetrics]) -> list[float]:
        """The load of each server that was asked.

        By Little's law it is the time that requests took, by the time that went by. One that is not answered
        yet has not been counted: where more are under way than that says, their number counts.

        Args:
            now: seconds of a clock that only goes forward.
            asked: the servers, by the name of their process.
            found: what those said that answered.
        """
        loads: list[float] = []
        for server in asked:
            metrics = found.get(server)
            if metrics is None:
                loads.append(_BUSY)
                continue
            then, busy_s = self._before.get(server, (now, metrics.busy_s))
            went_by_s = now - then
            share = max(0.0, metrics.busy_s - busy_s) / went_by_s if went_by_s > 0 else 0.0
            loads.append(max(share, float(metrics.in_flight)))
            self._before[server] = now, metrics.busy_s
        for gone in self._before.keys() - asked.keys():
            del self._before[gone]
        return loads


class LoadWatch:
    """Says how many servers an endpoint is to have, as its load goes."""

    def __init__(
        self,
        scaling: Scaling,
        servers: int,
        *,
        ports: Callable[[], Mapping[str, int]],
        changed: Callable[[], None],
    ) -> None:
        """Begin to watch.

        Args:
            scaling: the limits.
            servers: how many there are to be now.
            ports: asks for the private port of each server that takes requests, by the name of its process.
            changed: is called when there are to be more or fewer.
        """
        self.scaling = scaling
        self._scaler = Scaler(scaling, servers)
        self._ports = ports
        self._changed = changed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._thread.start()

    @property
    def servers(self) -> int:
        """How many servers there are to be."""
        return self._scaler.servers

    def end(self) -> None:
        """Watch no longer."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._watch())

    async def _watch(self) -> None:
        scraper, meter = Scraper(), Meter()
        while not self._ended.is_set():
            asked = self._ports()
            scraper.ask(asked)
            await scraper.settle(_QUICK_S)
            now, before = time.monotonic(), self._scaler.servers
            if self._scaler.look(now, meter.loads(now, asked, scraper.answers())) != before:
                self._changed()
            await asyncio.to_thread(self._ended.wait, _EVERY_S)
        await scraper.close()

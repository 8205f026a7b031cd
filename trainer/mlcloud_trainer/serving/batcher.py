"""Joins requests that wait at the same moment into one call of a slow runtime."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from mlcloud_trainer.serving.prediction import Prediction
from mlcloud_trainer.serving.rows import Batch

# scikit-learn's fixed cost of a call is worth thousands of rows; more than this adds only latency.
MAX_ROWS = 4096


class Batcher:
    """Calls `predict` on one worker thread, with all rows that have gathered since its last call."""

    def __init__(self, predict: Callable[[Batch], Prediction], worker: ThreadPoolExecutor) -> None:
        self._predict = predict
        self._worker = worker
        self._waiting: deque[tuple[Batch, asyncio.Future[Prediction]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def predict(self, batch: Batch) -> Prediction:
        """The answers for one batch, whichever call they came out of."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Prediction] = loop.create_future()
        self._waiting.append((batch, answer))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        # One turn of the event loop, so that what arrived together is answered together.
        await asyncio.sleep(0)
        while self._waiting:
            taken = self._take()
            joined = taken[0][0] if len(taken) == 1 else Batch.join([batch for batch, _ in taken])
            try:
                prediction = await loop.run_in_executor(self._worker, self._predict, joined)
            except Exception as error:  # noqa: BLE001 - handed to every request that waits for it
                for _, answer in taken:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            start = 0
            for batch, answer in taken:
                if not answer.done():
                    answer.set_result(prediction.part(start, start + batch.rows))
                start += batch.rows

    def _take(self) -> list[tuple[Batch, asyncio.Future[Prediction]]]:
        taken = [self._waiting.popleft()]
        rows = taken[0][0].rows
        while self._waiting and rows + self._waiting[0][0].rows <= MAX_ROWS:
            taken.append(self._waiting.popleft())
            rows += taken[-1][0].rows
        return taken

"""Says what training does, as one JSON object a line on standard output."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO


class Progress:
    """Writes progress, metrics, warnings and the outcome; each line is flushed at once.

    Every line has `time` (RFC 3339, UTC), `level`, `event` (progress, metric, done, error) and `message`.
    """

    def __init__(self, total_steps: int, stream: TextIO | None = None, reminder_s: float = 10.0) -> None:
        """Count to `total_steps`; a step that lasts says so every `reminder_s` seconds."""
        self._total_steps = total_steps
        self._step = 0
        self._stream = sys.stdout if stream is None else stream
        self._reminder_s = reminder_s
        self._lock = threading.Lock()

    def _write(self, level: str, event: str, message: str, **more: object) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": now, "level": level, "event": event, "message": message, **more}
        with self._lock:
            self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._stream.flush()

    def _progress(self, message: str, level: str = "info") -> None:
        self._write(level, "progress", message, step=self._step, total_steps=self._total_steps)

    @contextmanager
    def step(self, message: str) -> Generator[None]:
        """The next step: announced at once, and again while it lasts."""
        self._step += 1
        self._progress(message)
        ended = threading.Event()
        started = time.monotonic()

        def remind() -> None:
            while not ended.wait(self._reminder_s):
                self._progress(f"{message} (still at it, {time.monotonic() - started:.0f} s)")

        reminder = threading.Thread(target=remind, daemon=True)
        reminder.start()
        try:
            yield
        finally:
            ended.set()
            reminder.join()

    def note(self, message: str) -> None:
        """Something worth knowing within the current step."""
        self._progress(message)

    def warn(self, message: str) -> None:
        """Something the user should look at; training goes on."""
        self._progress(message, level="warning")

    def metric(self, name: str, value: float) -> None:
        """One metric of the held-out rows."""
        self._write("info", "metric", f"{name} = {value:.6g}", name=name, value=value)

    def done(self, sha256: str, model_dir: str) -> None:
        """The model is written."""
        message = f"Model {sha256[:12]} is ready in {model_dir}"
        self._write("info", "done", message, sha256=sha256, model_dir=model_dir)

    def finish(self, message: str) -> None:
        """This process has nothing to write."""
        self._write("info", "progress", message, step=self._total_steps, total_steps=self._total_steps)

    def error(self, message: str) -> None:
        """Training failed."""
        self._write("error", "error", message)

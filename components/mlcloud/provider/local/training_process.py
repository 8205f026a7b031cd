"""The trainer as a process: started on its own, followed line by line, found again after an interruption."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final, cast

from mlcloud.provider.errors import Cancelled, ResourceError
from mlcloud.provider.local.log_lines import LogFollower
from mlcloud.provider.local.models import model_sha256, verify_model
from mlcloud.provider.local.processes import ProcessRef, environment
from mlcloud.provider.local.run_folder import RunFolder, RunRecord
from mlcloud.provider.resource import Context
from mlcloud.provider.training import show_line

DEFAULT_COMMAND: Final = (sys.executable, "-m", "mlcloud_trainer")
_POLL_S: Final = 0.1
_STOP_GRACE_S: Final = 5.0
# Of what a trainer says between two looks, the end is shown: more would keep the engine busy, not people.
_SHOWN_LINES: Final = 50
_THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def start(folder: RunFolder, command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start the trainer in a session of its own, so that neither Ctrl-C nor the plugin's end reaches it."""
    threads = str(os.cpu_count() or 1)
    variables = {
        **dict.fromkeys(_THREAD_VARIABLES, threads),
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(folder.temporary / "matplotlib"),
        "TMPDIR": str(folder.temporary),
    }
    try:
        with folder.log.open("ab") as log:
            process = subprocess.Popen(
                [*command, "train", "--prefix", str(folder.path)],
                cwd=folder.path,
                env=environment(variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        folder.remove()
        raise ResourceError(f"command: the trainer cannot be started: {error}.") from None
    ref = ProcessRef.of(process.pid)
    folder.write(
        RunRecord(
            status="running",
            pid=process.pid,
            started="" if ref is None else ref.started,
            started_at=time.time(),
            duration_s=0.0,
            metrics={},
            sha256="",
        )
    )
    return process


def follow(
    context: Context, folder: RunFolder, child: "subprocess.Popen[bytes] | None", timeout_s: float
) -> RunRecord:
    """Relay the trainer's progress until it ends; returns the record of its model.

    Args:
        context: shows the lines, and says when to stop.
        folder: the run's folder, with a record.
        child: the trainer where this process started it; None where it was found running.
        timeout_s: seconds that a training may take, counted from its start.

    Raises:
        ResourceError: the trainer failed, took too long, or was told to stop.
    """
    record = folder.record()
    if record is None:
        raise ResourceError(f"The training run {folder.path.name} has no record.")
    relay = _Relay(context, LogFollower(folder.log))
    try:
        while _runs(record.process, child):
            relay.show_new()
            if time.time() - record.started_at > timeout_s:
                _stop(record.process, child)
                folder.mark("failed")
                raise ResourceError(
                    f"The training run {folder.path.name} took longer than {timeout_s:g} s (timeoutS) "
                    f"and was ended. Raise `timeoutS`, or see {folder.log}."
                )
            context.pause(_POLL_S)
        relay.show_new()
    except Cancelled:
        _stop(record.process, child)
        folder.mark("cancelled")
        raise
    _stop(record.process, child)
    with folder.lock():
        now = folder.record()
        if now is not None and now.pid == record.pid and now.status in ("finished", "published"):
            return now
        return _finished(folder, record, child)


def _runs(process: ProcessRef, child: "subprocess.Popen[bytes] | None") -> bool:
    return process.is_alive() if child is None else child.poll() is None


def _stop(process: ProcessRef, child: "subprocess.Popen[bytes] | None") -> None:
    """End the trainer and what it has started and left behind."""
    process.end(_STOP_GRACE_S)
    if child is not None:
        child.wait()


def _finished(folder: RunFolder, record: RunRecord, child: "subprocess.Popen[bytes] | None") -> RunRecord:
    sha256 = model_sha256(folder.model)
    succeeded = folder.is_done() if child is None else child.returncode == 0
    if sha256 is None or not succeeded:
        folder.mark("failed")
        raise ResourceError(
            f"The training run {folder.path.name} failed{_ending(child)}: {folder.failure()}\n"
            f"Its log: {folder.log}"
        )
    try:
        manifest = verify_model(folder.model, sha256)
    except ResourceError as error:
        folder.mark("failed")
        raise ResourceError(
            f"The training run {folder.path.name} left no whole model: {error}\nIts log: {folder.log}"
        ) from None
    done = RunRecord(
        status="finished",
        pid=record.pid,
        started=record.started,
        started_at=record.started_at,
        duration_s=round(max(0.0, folder.log.stat().st_mtime - record.started_at), 3),
        metrics=_metrics(manifest.get("metrics")),
        sha256=sha256,
    )
    folder.write(done)
    return done


def _ending(child: "subprocess.Popen[bytes] | None") -> str:
    if child is None or child.returncode == 0:
        return ""
    if child.returncode > 0:
        return f" (exit code {child.returncode})"
    number = -child.returncode
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hint = ", as the system does where memory runs out" if number == signal.SIGKILL else ""
    return f" (ended by {name}{hint})"


def _metrics(found: object) -> dict[str, float]:
    """The metrics that are numbers: one that is undefined, NaN or infinite was not measured."""
    if not isinstance(found, Mapping):
        return {}
    return {
        str(name): float(value)
        for name, value in cast(Mapping[object, object], found).items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


class _Relay:
    """Shows the trainer's events: progress and metrics in passing, warnings to stay."""

    def __init__(self, context: Context, log: LogFollower) -> None:
        self._context = context
        self._log = log

    def show_new(self) -> None:
        """Show what the trainer has said since the last call."""
        for line in self._log.lines()[-_SHOWN_LINES:]:
            show_line(self._context, line.strip())

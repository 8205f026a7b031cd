"""The command `train`: settings and data in the platform's layout, a model folder out.

Exit codes: 0 done, 1 failed (the reason is on standard error and in the platform's failure file), 2 wrong
command line, 143 ended by SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from mlcloud_trainer.storage import DEFAULT_LIMIT_S, Address, StorageError, open_store
from mlcloud_trainer.training.errors import TrainingError
from mlcloud_trainer.training.folder import discard_scratch, prepare_scratch
from mlcloud_trainer.training.hosts import trains_here
from mlcloud_trainer.training.platforms import Layout, find_layout, read_hyperparameters
from mlcloud_trainer.training.progress import Progress

EXIT_TERMINATED = 143


def main(arguments: Sequence[str]) -> int:
    """Run `train` with the process's environment, and end at once on SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="mlcloud-trainer train", description="Train a model on tabular data."
    )
    parser.add_argument(
        "--prefix",
        type=Path,
        default=Path("/opt/ml"),
        help="folder of input/, model/, output/ (default /opt/ml)",
    )
    prefix: Path = parser.parse_args(arguments).prefix
    try:
        layout = find_layout(prefix, os.environ)
    except TrainingError as error:
        return _fail(prefix / "output" / "failure", Progress(total_steps=0), error.problems)
    _end_on_sigterm(layout)
    code = run(layout)
    sys.stdout.flush()
    sys.stderr.flush()
    # pyarrow waits at exit for its connections to storage, also for one that will never answer.
    os._exit(code)


def _end_on_sigterm(layout: Layout) -> None:
    """A thread of its own waits for the signal: the main one may be in a long call of compiled code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def wait() -> None:
        signal.sigwait({signal.SIGTERM})
        discard_scratch(layout.scratch_dir)
        os._exit(EXIT_TERMINATED)

    threading.Thread(target=wait, daemon=True).start()


def run(layout: Layout) -> int:
    """Train in `layout`; every failure becomes a message for people and exit code 1."""
    from mlcloud_trainer.training.run import STEPS, train
    from mlcloud_trainer.training.settings import parse_settings

    progress = Progress(total_steps=STEPS)
    try:
        if isinstance(layout.failure, Path):
            layout.failure.unlink(missing_ok=True)
        if not trains_here(layout, os.environ):
            progress.finish("Another host of this job trains; there is nothing to do on this one")
            return 0
        settings = parse_settings(read_hyperparameters(layout))
        prepare_scratch(layout.scratch_dir)
        digest = train(settings, layout, progress)
    except Exception as error:  # noqa: BLE001 - the last stop: people get a message, never a traceback.
        return _fail(layout.failure, progress, _problems(error), layout.storage_timeout_s)
    finally:
        discard_scratch(layout.scratch_dir)
    progress.done(digest, str(layout.model))
    return 0


def _problems(error: Exception) -> Sequence[str]:
    if isinstance(error, TrainingError):
        return error.problems
    if isinstance(error, StorageError):
        return [error.problem]
    if isinstance(error, OSError):
        return [f"{error.filename or 'A file'}: {error.strerror or error}"]
    if isinstance(error, MemoryError):
        return ["The data does not fit into memory; use a larger machine or fewer rows."]
    return [f"Training stopped at an unexpected error, {type(error).__name__}: {error}"]


def _fail(
    failure: Path | Address, progress: Progress, problems: Sequence[str], limit_s: float = DEFAULT_LIMIT_S
) -> int:
    text = "\n".join(problems)
    progress.error(text)
    sys.stderr.write(f"Training failed: {text}\n")
    try:
        if isinstance(failure, Address):
            open_store(failure, os.environ, limit_s).write(failure, f"{text}\n".encode())
        else:
            failure.parent.mkdir(parents=True, exist_ok=True)
            failure.write_text(text + "\n", encoding="utf-8")
    except StorageError as error:
        sys.stderr.write(f"The failure cannot be stored: {error.problem}\n")
    except OSError as error:
        sys.stderr.write(f"The failure file {failure} cannot be written: {error.strerror}\n")
    return 1

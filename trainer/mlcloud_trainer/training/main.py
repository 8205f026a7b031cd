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

from mlcloud_trainer.training.errors import TrainingError
from mlcloud_trainer.training.folder import discard_scratch, prepare_scratch
from mlcloud_trainer.training.platforms import Layout, find_layout, read_hyperparameters, trains_here
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
    layout = find_layout(prefix, os.environ)
    _end_on_sigterm(layout)
    return run(layout)


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
        layout.failure_file.unlink(missing_ok=True)
        if not trains_here(layout):
            progress.finish("Another host of this job trains; there is nothing to do on this one")
            return 0
        settings = parse_settings(read_hyperparameters(layout))
        prepare_scratch(layout.scratch_dir)
        digest = train(settings, layout, progress)
    except TrainingError as error:
        return _fail(layout, progress, error.problems)
    except OSError as error:
        return _fail(layout, progress, [f"{error.filename or 'A file'}: {error.strerror or error}"])
    except MemoryError:
        return _fail(
            layout, progress, ["The data does not fit into memory; use a larger machine or fewer rows."]
        )
    except Exception as error:  # noqa: BLE001 - the last stop: people get a message, never a traceback.
        return _fail(
            layout, progress, [f"Training stopped at an unexpected error, {type(error).__name__}: {error}"]
        )
    finally:
        discard_scratch(layout.scratch_dir)
    progress.done(digest, str(layout.model_dir))
    return 0


def _fail(layout: Layout, progress: Progress, problems: Sequence[str]) -> int:
    text = "\n".join(problems)
    progress.error(text)
    sys.stderr.write(f"Training failed: {text}\n")
    try:
        layout.failure_file.parent.mkdir(parents=True, exist_ok=True)
        layout.failure_file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"The failure file {layout.failure_file} cannot be written: {error.strerror}\n")
    return 1

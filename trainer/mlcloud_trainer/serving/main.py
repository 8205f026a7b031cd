"""The command `serve`: settings from the environment, one server process, exit code 0 after SIGTERM.

Exit codes: 0 told to stop, 1 cannot serve (the reasons are in the log), 2 wrong command line.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from mlcloud_trainer.serving.errors import StartupError
from mlcloud_trainer.serving.logs import JsonLog
from mlcloud_trainer.serving.settings import ServerSettings


def main(arguments: Sequence[str] = ()) -> int:
    """Serve the model that the environment names; see docs/guides/container.md for the variables."""
    parser = argparse.ArgumentParser(
        prog="mlcloud-trainer serve",
        description="Serve a model over HTTP; settings are environment variables.",
    )
    parser.parse_args(arguments)
    # Until the event loop takes them over: a stop is a clean exit, and the take-over signal does not kill.
    signal.signal(signal.SIGTERM, _exit_now)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    lines = JsonLog()
    try:
        settings = ServerSettings.from_environment(os.environ)
    except StartupError as error:
        for problem in error.problems:
            lines.error("startup_failed", problem)
        return 1
    # Imported late, so that wrong settings are reported at once.
    from mlcloud_trainer.serving.server import ModelServer

    code = ModelServer.run(settings, lines)
    sys.stdout.flush()
    # Threads that load or compute are not waited for: every request that could be answered was.
    os._exit(code)


def _exit_now(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(0)

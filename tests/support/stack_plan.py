"""The plan of a stack file of the repository, as `mlcloud preview STACK --json` prints it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from mlcloud.cli.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


def plan_of(stack: str, home: Path) -> dict[str, Any]:
    """The plan of a stack with its state in `home`."""
    return json.loads(plan_text(stack, home))


def plan_text(stack: str, home: Path, *, root: Path = ROOT) -> str:
    """What the preview of a stack prints as JSON, with its state in `home`, of the project in `root`."""
    return preview(stack, home, "--json", root=root)


def preview(stack: str, home: Path, *options: str, root: Path = ROOT) -> str:
    """Preview a stack in this process: a cloud's SDK takes longer to load than a plan to make."""
    printed, told = StringIO(), StringIO()
    with (
        chdir(root),
        patch.dict(os.environ, _surroundings(home), clear=True),
        redirect_stdout(printed),
        redirect_stderr(told),
    ):
        status = main(["preview", stack, *options])
    assert status == 0, told.getvalue()
    return printed.getvalue()


def plan_text_of_a_new_process(stack: str, home: Path, *, root: Path = ROOT) -> str:
    """The same as :func:`plan_text`, of a process that has planned nothing before and hashes otherwise."""
    result = subprocess.run(
        [sys.executable, "-m", "mlcloud.cli", "preview", stack, "--json"],
        cwd=root,
        env=_surroundings(home),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def _surroundings(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "MLCLOUD_HOME": str(home)}


@cache
def planned(stack: str) -> dict[str, Any]:
    """The plan of a stack file, made once a process."""
    with TemporaryDirectory() as home:
        return plan_of(stack, Path(home))

"""The plan of a stack file of the repository, as `mlcloud preview STACK --json` prints it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def plan_of(stack: str, home: Path) -> dict[str, Any]:
    """The plan of a stack with its state in `home`."""
    return json.loads(plan_text(stack, home))


def plan_text(stack: str, home: Path, *, root: Path = ROOT) -> str:
    """What the preview of a stack prints as JSON, with its state in `home`, of the project in `root`."""
    return preview(stack, home, "--json", root=root).stdout


def preview(stack: str, home: Path, *options: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Preview a stack with its state in `home`, of the project in `root`."""
    result = subprocess.run(
        [sys.executable, "-m", "mlcloud.cli", "preview", stack, *options],
        cwd=root,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "MLCLOUD_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result


@cache
def planned(stack: str) -> dict[str, Any]:
    """The plan of a stack file, made once a process."""
    with TemporaryDirectory() as home:
        return plan_of(stack, Path(home))

"""The plan of a stack file of the repository, as `mlcloud preview STACK --json` prints it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def plan_of(stack: str, home: Path) -> dict[str, Any]:
    """The plan of a stack with its state in `home`."""
    return json.loads(preview(stack, home, "--json").stdout)


def preview(stack: str, home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Preview a stack with its state in `home`."""
    result = subprocess.run(
        [sys.executable, "-m", "mlcloud.cli", "preview", stack, *options],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "MLCLOUD_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result

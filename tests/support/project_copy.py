"""The project in another folder: what a stack is declared from, without the code that declares it."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PARTS = ("Pulumi.yaml", "stacks", "trainer", "components", "pyproject.toml", "uv.lock")


def copy_project(place: Path) -> Path:
    """Copy what git knows of the project; returns the place."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *_PARTS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, place / name)
    return place

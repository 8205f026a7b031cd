"""A Pulumi project in a temporary folder: the repository's program and provider, other data and config."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml
from mlcloud.plugin import FOLDER

ROOT = Path(__file__).resolve().parents[2]
STACK = "test"


@dataclass(frozen=True, kw_only=True)
class StackProject:
    """The project's folder; its state lies in `.state` there."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, root: Path, config: Mapping[str, Any], csv: str) -> StackProject:
        """Write the project with one stack and one data file, `data.csv`."""
        root.mkdir(parents=True, exist_ok=True)
        document = yaml.safe_load((ROOT / "Pulumi.yaml").read_text("utf-8"))
        document["plugins"]["providers"][0]["path"] = str(FOLDER)
        document["runtime"]["options"]["virtualenv"] = str(ROOT / ".venv")
        (root / "Pulumi.yaml").write_text(yaml.safe_dump(document))
        (root / "stacks").mkdir()
        shutil.copy(ROOT / "stacks" / "__main__.py", root / "stacks" / "__main__.py")
        (root / "data.csv").write_text(csv)
        project = cls(root=root)
        project.configure(config)
        return project

    @property
    def state_home(self) -> Path:
        return self.root / ".state"

    def configure(self, config: Mapping[str, Any], stack: str = STACK) -> None:
        """Write a stack file."""
        keys = {f"mlcloud:{key}": value for key, value in config.items()}
        (self.root / "stacks" / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": keys}))

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run `mlcloud` as a user does."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            [sys.executable, "-m", "mlcloud.cli", *arguments],
            cwd=self.root,
            env={**inherited, **self.environ},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def done(self, *arguments: str) -> str:
        """Run `mlcloud`, expect success, and return what it printed."""
        result = self.run(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def outputs(self, stack: str = STACK) -> dict[str, Any]:
        return json.loads(self.done("outputs", stack, "--json"))

    def processes(self) -> list[psutil.Process]:
        """Every process whose command line or working folder is in this project."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                words = [*process.cmdline(), process.cwd()]
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            if any(str(self.root) in word for word in words):
                found.append(process)
        return found

"""The wheels as they are released, installed outside of the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.prefix) / "bin" / "uv"


def build_wheels(folder: Path) -> list[Path]:
    """Build both packages, each from its source archive, with the build backend that is installed."""
    _uv("build", "--all-packages", "--no-build-isolation", "--python", sys.executable, "-o", str(folder))
    return sorted(folder.glob("*.whl"))


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A fresh environment with mlcloud in it; other packages are read from where the tests run."""

    environment: Path

    @classmethod
    def make(cls, environment: Path, wheels: Path) -> Installed:
        _uv("venv", "--python", sys.executable, str(environment))
        python = environment / "bin" / "python"
        found = ["--no-index", "--find-links", str(wheels), "--no-deps", "mlcloud", "mlcloud-trainer"]
        _uv("pip", "install", "--python", str(python), *found)
        # A line of a .pth file is a folder to import from. The .pth files there are not read: they are
        # the editable packages.
        others = environment / sysconfig.get_path("purelib", vars={"base": str(environment)})
        (others / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
        return cls(environment=environment)

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    def run(self, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run `mlcloud` as a user does."""
        return run([str(self.environment / "bin" / "mlcloud"), *words], folder=folder)

    def done(self, *words: str, folder: Path) -> str:
        """Run `mlcloud`, expect success, and return what it printed."""
        result = self.run(*words, folder=folder)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout


def run(
    words: list[str], *, folder: Path, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing of the tests' own environment but PATH and HOME."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        words,
        cwd=folder,
        env={**inherited, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _uv(*words: str) -> None:
    result = run([str(UV), *words, "--offline", "--no-config"], folder=ROOT)
    assert result.returncode == 0, result.stderr

"""A project whose stacks have been up, as their states and histories say, without an engine that ran."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlcloud.cli.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


def sha(letters: str) -> str:
    """A hash that begins with some letters."""
    return (letters * 64)[:64]


@dataclass(frozen=True, kw_only=True)
class PinProject:
    """The project's folder; commands run in it, in this process."""

    root: Path
    capsys: pytest.CaptureFixture[str]
    _clock: Any = field(default_factory=lambda: itertools.count(1_700_000_000_000_000_000))

    @classmethod
    def make(
        cls, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> PinProject:
        (root / "stacks").mkdir(parents=True)
        (root / "Pulumi.yaml").write_bytes((ROOT / "Pulumi.yaml").read_bytes())
        (root / ".state" / ".pulumi").mkdir(parents=True)
        (root / ".state" / ".pulumi" / "meta.yaml").write_text("version: 1\n")
        monkeypatch.chdir(root)
        for name in ("PULUMI_BACKEND_URL", "MLCLOUD_HOME"):
            monkeypatch.delenv(name, raising=False)
        return cls(root=root, capsys=capsys)

    def file(self, stack: str) -> Path:
        return self.root / "stacks" / f"Pulumi.{stack}.yaml"

    def pin(self, stack: str) -> Any:
        return yaml.safe_load(self.file(stack).read_text())["config"].get("mlcloud:model")

    def up(self, stack: str, *, succeeded: bool = True, kind: str = "update", **outputs: Any) -> None:
        """Write what an update leaves; one that failed changes the history alone."""
        state = self.root / ".state" / ".pulumi" / "stacks" / "mlcloud" / f"{stack}.json"
        content = json.dumps(_checkpoint(stack, outputs))
        if succeeded:
            state.parent.mkdir(parents=True, exist_ok=True)
            state.write_text(content)
        stamp = self.history(stack) / f"{stack}-{next(self._clock)}"
        result = "succeeded" if succeeded else "failed"
        Path(f"{stamp}.history.json").write_text(json.dumps({"kind": kind, "result": result}))
        Path(f"{stamp}.checkpoint.json").write_text(content)

    def history(self, stack: str) -> Path:
        folder = self.root / ".state" / ".pulumi" / "history" / "mlcloud" / stack
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command; returns its exit status, and what it printed on either stream."""
        self.capsys.readouterr()
        status = main(arguments)
        captured = self.capsys.readouterr()
        return status, captured.out + captured.err

    def done(self, *arguments: str) -> str:
        status, printed = self.run(*arguments)
        assert status == 0, printed
        return printed

    def refused(self, *arguments: str) -> str:
        """Run a command that must fail in words, and leave every file as it was."""
        before = self.files()
        status, printed = self.run(*arguments)
        assert status == 1, printed
        assert "Traceback" not in printed
        assert self.files() == before
        return printed

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.root / "stacks").iterdir()}


def _checkpoint(stack: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    resource = {
        "urn": f"urn:pulumi:{stack}::mlcloud::pulumi:pulumi:Stack::mlcloud-{stack}",
        "custom": False,
        "type": "pulumi:pulumi:Stack",
        "outputs": dict(outputs),
    }
    latest = {
        "manifest": {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""},
        "resources": [resource],
    }
    return {"version": 3, "checkpoint": {"stack": f"organization/mlcloud/{stack}", "latest": latest}}

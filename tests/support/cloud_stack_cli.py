"""A cloud's stack file under the Pulumi CLI, with the simulators as its plugins."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from mlcloud.simulated import providers_for
from mlcloud.simulated.plugin import write_plugin

from support.project_copy import copy_project

_TIMEOUT_S = 1500
"""For one command. To order what it deletes, the CLI walks every path between the resources, anew for each of
them: minutes of one core where a chain is as long as that of Azure's production stack, and more on a busy
machine: `markAsDependency` in https://github.com/pulumi/pulumi/blob/master/pkg/resource/graph/dependency_graph.go."""


class CloudStackCli:
    """A stack file, whose settings can be edited, in a project of its own."""

    def __init__(self, stack: str, folder: Path) -> None:
        self.ops: list[tuple[str, str]] = []
        """The operations of the last run, in order; components, providers and the stack aside."""
        self.output = ""
        self._stack = stack
        self._folder = folder
        self._root = copy_project(folder / "project")
        self._file = self._root / "stacks" / f"Pulumi.{stack}.yaml"
        described = yaml.safe_load((self._root / "Pulumi.yaml").read_text())
        packages = providers_for(self.setting("cloud"), own=True)
        described["runtime"]["options"]["virtualenv"] = sys.prefix
        described["plugins"]["providers"] = [
            {"name": package, "path": str(write_plugin(folder / "plugins" / package, package))}
            for package in packages
        ]
        (self._root / "Pulumi.yaml").write_text(yaml.safe_dump(described))
        (folder / "state").mkdir()
        self._pulumi("stack", "select", stack, "--create")

    def setting(self, name: str) -> Any:
        return yaml.safe_load(self._file.read_text())["config"][f"mlcloud:{name}"]

    def edit(self, **settings: Any) -> None:
        """Change settings in the stack file."""
        described = yaml.safe_load(self._file.read_text())
        described["config"] |= {f"mlcloud:{name}": value for name, value in settings.items()}
        self._file.write_text(yaml.safe_dump(described))

    def run(self, kind: str) -> bool:
        """Run ``up``, ``refresh`` or ``destroy``; whether it succeeded."""
        # `pulumi destroy` begins with a preview, which stops at what is protected. Told to skip it, Pulumi
        # deletes everything else and fails at what is protected.
        if kind == "destroy" and not self._would_destroy():
            self.ops = []
            return False
        log = self._folder / "events.json"
        log.unlink(missing_ok=True)
        result = self._pulumi(
            kind, "--yes", "--skip-preview", "--stack", self._stack, "--event-log", str(log), check=False
        )
        self.output = result.stdout + result.stderr
        events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        found = (event.get("resOutputsEvent", {}).get("metadata") for event in events)
        self.ops = [
            (item["op"], item["urn"].rsplit("::", 1)[-1])
            for item in found
            if item
            and not item["type"].startswith("pulumi:")
            and (item.get("new") or item["old"]).get("custom")
        ]
        return result.returncode == 0

    def _would_destroy(self) -> bool:
        result = self._pulumi("destroy", "--preview-only", "--stack", self._stack, check=False)
        self.output = result.stdout + result.stderr
        return result.returncode == 0

    def _pulumi(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"],
            cwd=self._root,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self._folder),
                "PULUMI_HOME": str(self._folder / "pulumi"),
                "PULUMI_BACKEND_URL": (self._folder / "state").as_uri(),
                "PULUMI_CONFIG_PASSPHRASE": "simulated",
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                "PULUMI_DEBUG_COMMANDS": "true",
            },
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        assert result.returncode == 0 or not check, result.stdout + result.stderr
        return result

"""A scenario's stack in a folder, for either engine: a plugin whose things outlive it, and the Pulumi CLI."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import yaml
from mlcloud.embedded.engine.engine import Engine
from mlcloud.embedded.events import Diagnostic, Event, ResourceEnded, Summary
from mlcloud.embedded.project.project import Project
from mlcloud.embedded.state.backend import FileBackend, StackState
from mlcloud.embedded.state.records import ResourceRecord, Snapshot
from mlcloud.embedded.state.secrets import Passphrase
from pulumi.runtime.proto import provider_pb2_grpc

from support.engine import ThingProvider
from support.engine_failures import FAILURES
from support.engine_moves import MOVES
from support.engine_scenarios import SCENARIOS

ALL = [*SCENARIOS, *FAILURES, *MOVES]

TESTS = Path(__file__).parent.parent
PASSPHRASE = "open"


class StoredProvider(ThingProvider, provider_pb2_grpc.ResourceProviderServicer):
    """The test provider, whose things, faults and calls lie in a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.storing = threading.RLock()
        self.load()

    def load(self) -> None:
        if self.path.exists():
            stored = json.loads(self.path.read_text())
            self.things, self.serial, self.broken = stored["things"], stored["serial"], stored["broken"]
            self.fail = {(method, name): message for method, name, message in stored["fail"]}
            self.calls = [(method, name) for method, name in stored["calls"]]

    def store(self) -> None:
        with self.storing:
            content = {
                "things": self.things,
                "serial": self.serial,
                "broken": self.broken,
                "fail": [[*key, message] for key, message in self.fail.items()],
                "calls": self.calls,
            }
            self.path.write_text(json.dumps(content))

    def _called(self, method: str, request: Any, context: Any) -> None:
        try:
            super()._called(method, request, context)
        finally:
            self.store()

    def _maybe_broken(self, request: Any, thing_id: str, context: Any) -> None:
        self.store()
        super()._maybe_broken(request, thing_id, context)

    def Delete(self, request: Any, context: Any) -> Any:
        answer = super().Delete(request, context)
        self.store()
        return answer


def serve(path: str) -> None:
    """Be the plugin until SIGTERM."""
    server = grpc.server(ThreadPoolExecutor(16))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(StoredProvider(Path(path)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    ended.wait()
    server.stop(grace=None)


def program_of(scenario: str, update: int) -> Callable[[], Any]:
    """The program of one update, for an engine that runs it in another process."""
    return next(item for item in ALL if item.name == scenario).updates[update].program


class FolderStack:
    """A stack in a project folder whose program is one update of one scenario."""

    def __init__(self, folder: Path, scenario: str) -> None:
        self.folder = folder
        self.home = folder / "state"
        self._store = folder / "things.json"
        self.provider = StoredProvider(self._store)
        self.ops: list[tuple[str, str]] = []
        self.counts: dict[str, int] = {}
        self.errors: list[str] = []
        self.ok = True
        self._scenario = scenario
        self._write()

    def _write(self) -> None:
        plugin = self.folder / "plugin"
        self.home.mkdir(parents=True, exist_ok=True)
        plugin.mkdir(exist_ok=True)
        python = {"name": "python", "options": {"toolchain": "pip", "virtualenv": sys.prefix}}
        project = {
            "name": "shop",
            "runtime": python,
            "plugins": {"providers": [{"name": "test", "path": str(plugin)}]},
        }
        imports = f"import sys\nfrom pathlib import Path\nsys.path.insert(0, {str(TESTS)!r})\n"
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        (self.folder / "Pulumi.dev.yaml").write_text("config: {}\n")
        (self.folder / "__main__.py").write_text(
            f"{imports}from support.engine_both import program_of\n"
            f"program_of({self._scenario!r}, int(Path('update').read_text()))()\n"
        )
        (plugin / "PulumiPlugin.yaml").write_text(yaml.safe_dump({"runtime": python}))
        (plugin / "__main__.py").write_text(
            f"{imports}from support.engine_both import serve\nserve({str(self._store)!r})\n"
        )

    def choose(self, update: int) -> None:
        """Make the program that of an update."""
        (self.folder / "update").write_text(str(update))

    @property
    def state(self) -> StackState:
        return FileBackend.open(
            f"file://{self.home}",
            Passphrase(home=self.home, environ={"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}),
        ).stack("shop", "dev")

    @property
    def snapshot(self) -> Snapshot:
        return self.state.read()

    @property
    def resources(self) -> dict[str, ResourceRecord]:
        return {record.name: record for record in self.snapshot.resources}

    def run(self, engine: str, kind: str) -> bool:
        """Run ``up``, ``preview``, ``refresh`` or ``destroy`` with an engine (``embedded`` or ``cli``)."""
        self.provider.calls = []
        self.provider.store()
        if engine == "cli":
            self._run_cli(kind)
        else:
            self._run_embedded(kind)
        self.provider.load()
        return self.ok

    def _run_embedded(self, kind: str) -> None:
        os.environ["PULUMI_CONFIG_PASSPHRASE"] = PASSPHRASE
        events: list[Event] = []
        project = Project.load(self.folder)
        opened = Engine.open(project, "dev", self.home, on_event=events.append)
        self.ok = getattr(opened, kind)().ok
        ended = (event for event in events if isinstance(event, ResourceEnded))
        self.ops = [(event.op, event.name) for event in ended if event.type != "pulumi:pulumi:Stack"]
        self.counts = next(event.counts for event in events if isinstance(event, Summary))
        self.errors = [
            event.message for event in events if isinstance(event, Diagnostic) and event.severity == "error"
        ]
        self.output = "\n".join(map(str, events))

    def _run_cli(self, kind: str) -> None:
        log = self.folder / "events.json"
        log.unlink(missing_ok=True)
        options = [] if kind == "preview" else ["--yes", "--skip-preview"]
        self.cli("stack", "select", "--create", "dev")
        result = self.cli(kind, "--stack", "dev", "--event-log", str(log), *options)
        self.ok = result.returncode == 0
        self.output = result.stdout + result.stderr
        self.ops, self.counts, self.errors = [], {}, [result.stdout + result.stderr]
        if not log.exists():
            return
        for line in log.read_text().splitlines():
            event = json.loads(line)
            if summary := event.get("summaryEvent"):
                self.counts = summary["resourceChanges"]
            # Components without outputs have no end: their beginning is taken for it.
            kind = "resourcePreEvent" if _is_made_component(event) else "resOutputsEvent"
            ended = event.get(kind, {}).get("metadata")
            if not ended or ended["type"] == "pulumi:pulumi:Stack" or ended["op"] == "replace":
                continue
            name = ended["urn"].rsplit("::", 1)[-1]
            if ended["type"].startswith("pulumi:providers:") and name.startswith("default"):
                continue
            self.ops.append((ended["op"], name))

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the Pulumi CLI."""
        environ = {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{self.home}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",
        }
        return subprocess.run(
            ["pulumi", "--non-interactive", *arguments],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def _is_made_component(event: dict[str, Any]) -> bool:
    about = (event.get("resourcePreEvent") or event.get("resOutputsEvent") or {}).get("metadata", {})
    return about.get("op") == "create" and not about["new"].get("custom")

"""A project with a plugin of its own for the command line: what it makes takes as long as it is told."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import grpc
import yaml
from mlcloud.embedded.properties import values
from mlcloud.embedded.state.backend import FileBackend
from mlcloud.embedded.state.records import Snapshot
from mlcloud.embedded.state.secrets import Passphrase, PassphraseSecrets
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2_grpc

from support.faults_cloud import TESTS, FileCloud
from support.waiting import LIMIT_S

PHRASE = "open"


class SlowCloud(FileCloud, provider_pb2_grpc.ResourceProviderServicer):
    """Says what it does. The thing ``slow`` is made when the file ``go`` is there, or never when told to
    cancel; ``stubborn`` waits in any case; ``leak`` quotes its inputs wherever it can."""

    def __init__(self, folder: Path, engine_address: str) -> None:
        super().__init__(folder)
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(engine_address))

    def say(self, urn: str, message: str, *, ephemeral: bool = False) -> None:
        request = engine_pb2.LogRequest(
            severity=engine_pb2.INFO, message=message, urn=urn, ephemeral=ephemeral
        )
        self._engine.Log(request)

    def Create(self, request: Any, context: Any) -> Any:
        name = request.urn.rsplit("::", 1)[-1]
        if not request.preview:
            self.say(request.urn, f"working on {name}", ephemeral=True)
            go = self.folder.parent / "go"
            while name in ("slow", "stubborn") and not go.exists():
                if self.cancelled.wait(0.05) and name == "slow":
                    (self.folder.parent / "told").touch()
                    context.abort(grpc.StatusCode.CANCELLED, "ended because the run was cancelled")
            if name.startswith("leak"):
                self._leak(request, context)
        return super().Create(request, context)

    def _leak(self, request: Any, context: Any) -> None:
        inputs = values.plain(values.from_struct(request.properties))
        for text in (str(inputs), json.dumps(inputs), *map(str, inputs.values())):
            self.say(request.urn, f"given {text}", ephemeral=True)
            self.say(request.urn, f"given {text}")
            sys.stderr.write(f"given {text}\n")
            sys.stdout.write(f"given {text}\n")
        sys.stderr.flush()
        sys.stdout.flush()
        if "broken" in request.urn:
            self.broken = {request.urn.rsplit("::", 1)[-1]: f"cannot work with {inputs}"}
            thing_id = "broken-thing"
            self.things[thing_id] = dict(values.from_struct(request.properties))
            (self.folder / thing_id).write_text(json.dumps({"urn": request.urn, "thing": {}}))
            self._maybe_broken(request, thing_id, context)
        if "refused" in request.urn:
            context.abort(grpc.StatusCode.UNKNOWN, f"will not take {inputs}: {json.dumps(inputs)}")


def serve(folder: str, engine_address: str) -> None:
    """Be the plugin until SIGTERM, or until whoever started it has gone."""
    server = grpc.server(ThreadPoolExecutor(16))
    cloud = SlowCloud(Path(folder), engine_address)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(cloud, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    parent = os.getppid()
    while not ended.wait(0.2) and os.getppid() == parent:
        pass
    os._exit(0)


@dataclass
class SlowProject:
    """A project in a folder; its program is text."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plugin = self.root / "plugin"
        for folder in (plugin, self.root / "cloud"):
            folder.mkdir(parents=True)
        python = {"name": "python", "options": {"virtualenv": sys.prefix}}
        providers = [{"name": "test", "path": str(plugin)}]
        project = {"name": "shop", "runtime": python, "plugins": {"providers": providers}}
        (self.root / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        (plugin / "PulumiPlugin.yaml").write_text("runtime: python\n")
        (plugin / "__main__.py").write_text(
            f"import sys\nsys.path.insert(0, {str(TESTS)!r})\nfrom support.faults_project import serve\n"
            f"serve({str(self.root / 'cloud')!r}, sys.argv[1])\n"
        )
        self.configure()

    def write(self, program: str) -> None:
        """Write the program; ``Thing`` and ``pulumi`` are there already."""
        imports = f"import sys\nsys.path.insert(0, {str(TESTS)!r})\nimport pulumi\n"
        imports += "from support.engine import Thing\n"
        (self.root / "__main__.py").write_text(imports + program)

    def configure(self, plain: Mapping[str, Any] | None = None, **secrets: str) -> None:
        """Write the stack file, with secrets encrypted."""
        cipher = PassphraseSecrets(Passphrase(home=self.root, environ={"PULUMI_CONFIG_PASSPHRASE": PHRASE}))
        config: dict[str, Any] = dict(plain or {})
        config |= {f"shop:{key}": {"secure": cipher.encrypt(text)} for key, text in secrets.items()}
        document: dict[str, Any] = {"config": config}
        if cipher.salt is not None:
            document["encryptionsalt"] = cipher.salt
        (self.root / "Pulumi.dev.yaml").write_text(yaml.safe_dump(document))

    @property
    def home(self) -> Path:
        return self.root / ".state"

    @property
    def snapshot(self) -> Snapshot:
        phrase = Passphrase(home=self.home, environ={"PULUMI_CONFIG_PASSPHRASE": PHRASE})
        return FileBackend.open(self.home.as_uri(), phrase).stack("shop", "dev").read()

    def names(self) -> set[str]:
        """The things in the state."""
        return {item.name for item in self.snapshot.resources if item.type == "test:index:Thing"}

    def locks(self) -> list[Path]:
        return list((self.home / ".pulumi" / "locks").rglob("*.json"))

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start the command line in a process group of its own, as a shell does."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.Popen(
            [sys.executable, "-m", "mlcloud.cli", *arguments],
            cwd=self.root,
            env={**inherited, "PULUMI_CONFIG_PASSPHRASE": PHRASE, **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(*arguments)
        try:
            output, errors = process.communicate(timeout=2 * LIMIT_S)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


def read_until(stream: IO[str] | None, text: str) -> None:
    """Read lines until one holds a text."""
    assert stream is not None
    lines = []
    for line in stream:
        lines.append(line)
        if text in line:
            return
    raise AssertionError(f"{text!r} never came:\n{''.join(lines)}")


def interrupt(process: "subprocess.Popen[str]") -> None:
    """Press Ctrl-C: the whole foreground group gets the signal."""
    os.killpg(process.pid, signal.SIGINT)

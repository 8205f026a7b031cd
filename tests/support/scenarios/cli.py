"""A scenario's stack under the Pulumi CLI. Program and provider stay in the test's process: a run is fast."""

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from mlcloud.embedded.state.backend import FileBackend, StackState
from mlcloud.embedded.state.records import ResourceRecord, Snapshot
from mlcloud.embedded.state.secrets import Passphrase
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc, provider_pb2_grpc

from support.scenarios.events import Events
from support.scenarios.provider import ScenarioProvider
from support.scenarios.scenario import Program
from support.waiting import LIMIT_S

PASSPHRASE = "open"
_TIMEOUT_S = 300
_STOPPING_S = 2.0


def file_state(home: Path) -> StackState:
    """The state of the stack ``dev``, in a file that either engine opens."""
    passphrase = Passphrase(home=home, environ={"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE})
    return FileBackend.open(f"file://{home}", passphrase).stack("shop", "dev")


class CliSide:
    """A stack in a folder."""

    def __init__(self, folder: Path, provider: ScenarioProvider) -> None:
        self.provider = provider
        self.output = ""
        self._folder = folder
        self.home = folder / "state"
        self._process: subprocess.Popen[str] | None = None
        self.home.mkdir(parents=True, exist_ok=True)
        (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
        self.pulumi("stack", "select", "--create", "dev")

    @property
    def snapshot(self) -> Snapshot:
        return file_state(self.home).read()

    @property
    def resources(self) -> dict[str, ResourceRecord]:
        return {record.name: record for record in self.snapshot.resources}

    def interrupt(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        assert self.provider.cancelled.wait(LIMIT_S), "the provider was not told"
        # The CLI stops its own work beside telling the provider; nothing tells when it has.
        time.sleep(_STOPPING_S)

    def preview(self, program: Program) -> dict[str, Any]:
        ok, events = self._told("preview", program)
        return {"ok": ok, **events.plan()}

    def run(self, kind: str, program: Program) -> dict[str, Any]:
        # As it comes, `destroy` begins with a preview, which stops at what is protected before anything is
        # deleted. The others are previewed by the scenario itself.
        options = ["--yes"] if kind == "destroy" else ["--yes", "--skip-preview"]
        self.provider.calls.clear()
        ok, events = self._told(kind, program, *options)
        return {"ok": ok, **events.course(self.provider)}

    def _told(self, kind: str, program: Program, *options: str) -> tuple[bool, Events]:
        log = self._folder / "events.json"
        log.unlink(missing_ok=True)
        language = LanguageServer(program)
        with (
            _served(language_pb2_grpc.add_LanguageRuntimeServicer_to_server, language) as program_port,
            _served(provider_pb2_grpc.add_ResourceProviderServicer_to_server, self.provider) as provider_port,
        ):
            inline = [f"--client=127.0.0.1:{program_port}", "--exec-kind=auto.inline"]
            ok = self.pulumi(
                kind,
                *(inline if kind in ("up", "preview") else []),
                *("--stack", "dev", "--event-log", str(log), *options),
                check=False,
                PULUMI_DEBUG_PROVIDERS=f"test:{provider_port}",
            )
        if not ok:
            _forget_the_program()
        lines = log.read_text().splitlines() if log.exists() else []
        return ok, Events([json.loads(line) for line in lines])

    def pulumi(self, *arguments: str, check: bool = True, **environ: str) -> bool:
        """Run a command of the CLI; whether it succeeded."""
        self._process = subprocess.Popen(
            ["pulumi", "--non-interactive", "--color=never", *arguments],
            cwd=self._folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self._folder),
                "PULUMI_HOME": str(self._folder / "home"),
                "PULUMI_BACKEND_URL": f"file://{self.home}",
                "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                "PULUMI_DEBUG_COMMANDS": "true",
                **environ,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = self._process.communicate(timeout=_TIMEOUT_S)[0]
        ok = self._process.returncode == 0
        self._process = None
        assert ok or not check, self.output
        return ok


def _forget_the_program() -> None:
    """The SDK leaves the program of a failed run to the garbage collector, which then complains of it."""
    complain, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        gc.collect()
    finally:
        sys.unraisablehook = complain


@contextmanager
def _served(add: Any, servicer: Any) -> Generator[int]:
    with ThreadPoolExecutor(16) as pool:
        server = grpc.server(pool)
        add(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield port
        finally:
            server.stop(grace=None).wait()


def cli_version() -> str:
    """The version of the `pulumi` on PATH."""
    told = subprocess.run(["pulumi", "version"], capture_output=True, text=True, check=True, timeout=60)
    return told.stdout.strip().removeprefix("v")

"""A cloud of files, whose things outlive whoever made them, and a stack on it that is killed at work."""

import json
import multiprocessing
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from google.protobuf.empty_pb2 import Empty
from mlcloud.embedded.engine.engine import Engine, Result
from mlcloud.embedded.events import Diagnostic, Event
from mlcloud.embedded.project.target import Target
from mlcloud.embedded.properties import values
from mlcloud.embedded.state.backend import FileBackend, StackState
from mlcloud.embedded.state.records import Snapshot
from mlcloud.embedded.state.secrets import Passphrase
from pulumi import ResourceOptions
from pulumi.runtime.proto import provider_pb2

from support.engine import Thing, ThingProvider
from support.waiting import LIMIT_S

TESTS = Path(__file__).parents[1]
SLOW_S = 0.004
"""The longest that the cloud takes for a step: so that moments within operations are not rare."""

processes = multiprocessing.get_context("forkserver")
"""Everything is imported once, in a process that does nothing else and from which each run is forked."""


def start_server() -> None:
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TESTS), before]))
    try:
        processes.set_forkserver_preload(["pytest", "support.faults_cloud", "support.faults_local"])
        ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


class FileCloud(ThingProvider):
    """Keeps each thing in a file, whole or not at all. A creation is not idempotent: each makes another."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def _write(self, thing_id: str, urn: str, thing: Mapping[str, Any]) -> None:
        time.sleep(random.uniform(0, SLOW_S))  # noqa: S311 - a pause, not a secret
        temporary = self.folder / f".{uuid.uuid4().hex}"
        temporary.write_text(json.dumps({"urn": urn, "thing": thing}))
        temporary.replace(self.folder / thing_id)
        time.sleep(random.uniform(0, SLOW_S))  # noqa: S311 - a pause, not a secret

    def Create(self, request: Any, context: Any) -> Any:
        if request.preview:
            return super().Create(request, context)
        thing_id = uuid.uuid4().hex
        thing = {**values.from_struct(request.properties), "serial": thing_id}
        self._write(thing_id, request.urn, thing)
        return provider_pb2.CreateResponse(id=thing_id, properties=values.to_struct(thing))

    def Update(self, request: Any, context: Any) -> Any:
        thing = {**values.from_struct(request.news), "serial": request.id}
        if not request.preview:
            self._write(request.id, request.urn, thing)
        return provider_pb2.UpdateResponse(properties=values.to_struct(thing))

    def Delete(self, request: Any, context: Any) -> Any:
        time.sleep(random.uniform(0, SLOW_S))  # noqa: S311 - a pause, not a secret
        (self.folder / request.id).unlink(missing_ok=True)
        time.sleep(random.uniform(0, SLOW_S))  # noqa: S311 - a pause, not a secret
        return Empty()

    def Read(self, request: Any, context: Any) -> Any:
        if not (self.folder / request.id).exists():
            return provider_pb2.ReadResponse()
        thing = json.loads((self.folder / request.id).read_text())["thing"]
        return provider_pb2.ReadResponse(
            id=request.id, properties=values.to_struct(thing), inputs=request.inputs
        )

    def existing(self) -> dict[str, dict[str, Any]]:
        """What exists: identifier to URN and properties."""
        paths = [path for path in self.folder.iterdir() if not path.name.startswith(".")]
        return {path.name: json.loads(path.read_text()) for path in paths}


@dataclass(frozen=True)
class Wanted:
    """What a program asks for: name to inputs and the names of what it depends on."""

    things: Mapping[str, tuple[Mapping[str, Any], tuple[str, ...]]]

    @classmethod
    def draw(cls, source: random.Random) -> "Wanted":
        """A program at random: of some names, each with properties that change, replace, or do neither."""
        names = sorted(source.sample("abcdefgh", source.randint(3, 7)))
        things = {}
        for index, name in enumerate(names):
            inputs = {"size": source.randint(1, 3), "color": source.choice(["red", "red", "blue"])}
            if source.random() < 0.4:
                inputs["site"] = source.choice(["here", "there"])
            needed = tuple(item for item in names[:index] if source.random() < 0.3)
            things[name] = (inputs, needed)
        return cls(things)

    @classmethod
    def in_a_row(cls, count: int) -> "Wanted":
        """Large things, each of which needs the one before, so that one is made after the other."""
        names = [f"thing{number:03}" for number in range(count)]
        needed = [(), *((name,) for name in names)]
        return cls({name: ({"size": 1, "text": "x" * 500}, needed[at]) for at, name in enumerate(names)})

    def __call__(self) -> None:
        made: dict[str, Thing] = {}
        for name, (inputs, needed) in self.things.items():
            options = ResourceOptions(depends_on=[made[item] for item in needed])
            made[name] = Thing(name, options, **inputs)


@dataclass
class FaultyStack:
    """A stack in a folder, with its state in files, as the command line has it."""

    folder: Path
    providers: Callable[[Path], Mapping[str, Any]]
    """Makes the providers of a run; called in the process that runs."""
    plugins: Mapping[str, Path] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    @property
    def state(self) -> StackState:
        phrase = Passphrase(home=self.folder, environ={"PULUMI_CONFIG_PASSPHRASE": "x"})
        return FileBackend.open(f"file://{self.folder / 'home'}", phrase).stack("shop", "dev")

    @property
    def snapshot(self) -> Snapshot:
        return self.state.read()

    @property
    def cloud(self) -> Path:
        return self.folder / "cloud"

    def open(self, program: Callable[[], None]) -> Engine:
        self.events = []
        self.cloud.mkdir(exist_ok=True)
        target = Target(
            project="shop", stack="dev", root=self.folder, folder=self.folder, plugins=self.plugins
        )
        return Engine(
            target=target,
            program=program,
            state=self.state,
            providers=self.providers(self.cloud),
            on_event=self.events.append,
        )

    def up(self, program: Callable[[], None]) -> Result:
        return self.open(program).up()

    def destroy(self) -> Result:
        return self.open(lambda: None).destroy()

    def start(self, program: Callable[[], None]) -> "RunningUpdate":
        """Begin an update in a process of its own."""
        start_server()
        here, there = processes.Pipe(duplex=False)
        process = processes.Process(target=_run, args=(self, program, there))
        process.start()
        there.close()
        assert here.poll(LIMIT_S)
        assert here.recv() == "begins"
        return RunningUpdate(process, here)

    def warnings(self) -> list[Diagnostic]:
        return [item for item in self.events if isinstance(item, Diagnostic) and item.severity == "warning"]

    def errors(self) -> list[str]:
        return [
            item.message for item in self.events if isinstance(item, Diagnostic) and item.severity == "error"
        ]


def file_cloud(folder: Path) -> Mapping[str, Any]:
    return {"test": FileCloud(folder)}


def no_providers(_folder: Path) -> Mapping[str, Any]:
    return {}


@dataclass
class RunningUpdate:
    """An update in another process."""

    process: BaseProcess
    answers: Connection

    def kill_after(self, seconds: float) -> bool:
        """Kill it with SIGKILL; False where it had ended before."""
        self.process.join(seconds)
        ended = self.process.exitcode is not None
        if not ended:
            self.process.kill()
            self.process.join(LIMIT_S)
            # Between the last look and the kill it may have ended, too.
            ended = self.process.exitcode in (0, 1)
        self.answers.close()
        return not ended


def _run(stack: FaultyStack, program: Callable[[], None], answers: Connection) -> None:
    engine = stack.open(program)
    answers.send("begins")
    sys.exit(0 if engine.up().ok else 1)

"""A cloud's stack file on the embedded engine, with simulators that remember what they made."""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

from mlcloud.embedded.engine.engine import Engine, Result
from mlcloud.embedded.engine.plan import Plan
from mlcloud.embedded.events import Diagnostic, Event, ResourceEnded
from mlcloud.embedded.program.runner import folder_program
from mlcloud.embedded.project.project import Project
from mlcloud.embedded.project.target import Target
from mlcloud.embedded.state.checkpoint import verify_integrity
from mlcloud.embedded.state.records import ResourceRecord, Snapshot
from mlcloud.embedded.state.secrets import Passphrase
from mlcloud.simulated import providers_for

ROOT = Path(__file__).resolve().parents[2]

Thing = tuple[str, str]
"""URN and id."""


class World:
    """What exists in a simulated cloud, whoever knows of it."""

    def __init__(self) -> None:
        self.things: Counter[Thing] = Counter()
        self.log: list[tuple[str, str]] = []
        """Operations in order: ``create``, ``update`` or ``delete``, and the resource's name."""
        self._lock = threading.Lock()

    def did(self, operation: str, urn: str, identifier: str) -> None:
        with self._lock:
            self.log.append((operation, urn.rsplit("::", 1)[-1]))
            if operation == "create":
                self.things[urn, identifier] += 1
            elif operation == "delete":
                self.things[urn, identifier] -= 1
                assert self.things[urn, identifier] == 0, (
                    f"{urn} {identifier} was deleted, and it was not there"
                )
                del self.things[urn, identifier]

    @property
    def names(self) -> Counter[str]:
        return Counter(urn.rsplit("::", 1)[-1] for urn, _ in self.things.elements())

    def observed(self, provider: type[Any]) -> type[Any]:
        """The provider, telling this world what it does."""
        world = self

        class Observed(provider):
            def Create(self, request: Any, context: Any) -> Any:
                answer = super().Create(request, context)
                if not request.preview:
                    world.did("create", request.urn, answer.id)
                return answer

            def Update(self, request: Any, context: Any) -> Any:
                answer = super().Update(request, context)
                if not request.preview:
                    world.did("update", request.urn, request.id)
                return answer

            def Delete(self, request: Any, context: Any) -> Any:
                answer = super().Delete(request, context)
                world.did("delete", request.urn, request.id)
                return answer

        return Observed


class _State:
    """A state in memory that is looked through when a run has ended, not at each step."""

    def __init__(self) -> None:
        self.snapshot = Snapshot()

    def exists(self) -> bool:
        return True

    def lock(self) -> Any:
        return nullcontext([])

    def read(self) -> Snapshot:
        return self.snapshot

    def write(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def add_history(self, update: Any) -> None:
        verify_integrity(self.snapshot)


class CloudStack:
    """A stack file, whose settings can be edited, and its cloud."""

    def __init__(self, stack: str, home: Path) -> None:
        self.world = World()
        self.events: list[Event] = []
        passphrase = Passphrase(home=home, environ={})
        passphrase.read(create=True)
        self._stack = stack
        self._project = Project.load(ROOT)
        self._settings = dict(self._project.config(stack, passphrase).values)
        self._state = _State()
        self._before: set[str] = set()

    def setting(self, name: str) -> Any:
        text = self._settings[f"mlcloud:{name}"]
        return json.loads(text) if text[:1] in "{[" else text

    def edit(self, **settings: Any) -> None:
        """Change settings, as an edit of the stack file does."""
        for name, value in settings.items():
            text = value if isinstance(value, str) else json.dumps(value)
            self._settings[f"mlcloud:{name}"] = text

    def _open(self) -> Engine:
        self.events.clear()
        self.world.log.clear()
        self._before = {record.name for record in self.records}
        cloud = self._settings["mlcloud:cloud"]
        providers = providers_for(cloud, own=True)
        return Engine(
            target=Target(
                project=self._project.name,
                stack=self._stack,
                root=ROOT,
                folder=self._project.program_dir,
                config=self._settings,
            ),
            program=folder_program(self._project.program_dir),
            state=self._state,
            providers={package: self.world.observed(found) for package, found in providers.items()},
            on_event=self.events.append,
        )

    def preview(self) -> Plan:
        return self._open().preview()

    def up(self) -> Result:
        return self._open().up()

    def refresh(self) -> Result:
        return self._open().refresh()

    def destroy(self) -> Result:
        return self._open().destroy()

    def run(self, kind: str) -> bool:
        """Run ``up``, ``refresh`` or ``destroy``; whether it succeeded."""
        return {"up": self.up, "refresh": self.refresh, "destroy": self.destroy}[kind]().ok

    def done(self) -> Mapping[str, int]:
        """Update, which must succeed; how many resources each operation concerned."""
        result = self.up()
        assert result.ok, self.errors
        return result.summary

    @property
    def errors(self) -> list[str]:
        found = (event for event in self.events if isinstance(event, Diagnostic))
        return [event.message for event in found if event.severity == "error"]

    @property
    def ops(self) -> list[tuple[str, str]]:
        """The operations that changed a resource in the last run, in order; components aside."""
        custom = self._before | {record.name for record in self.records}
        ended = (event for event in self.events if isinstance(event, ResourceEnded))
        return [(event.op, event.name) for event in ended if event.op != "same" and event.name in custom]

    @property
    def records(self) -> list[ResourceRecord]:
        """What the state holds of a cloud, replaced ones that wait for their end too."""
        return [
            record
            for record in self._state.snapshot.resources
            if record.custom and not record.type.startswith("pulumi:")
        ]

    def record(self, name: str) -> ResourceRecord:
        return next(record for record in self.records if record.name == name and not record.delete)

    @property
    def pending(self) -> list[Any]:
        return self._state.snapshot.pending_operations

    @property
    def known(self) -> Counter[Thing]:
        """What the state knows of, as the world counts it."""
        return Counter((record.urn, record.id) for record in self.records)

    def snapshot(self) -> Snapshot:
        return deepcopy(self._state.snapshot)

"""The embedded engine: previews and updates a stack where there is no Pulumi CLI."""

import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mlcloud.embedded.engine.deployment import Deployment
from mlcloud.embedded.engine.instances import ProviderInstances
from mlcloud.embedded.engine.journal import Journal
from mlcloud.embedded.engine.ledger import Ledger
from mlcloud.embedded.engine.monitor import Monitor
from mlcloud.embedded.engine.plan import Plan
from mlcloud.embedded.errors import EngineError, StoppedError
from mlcloud.embedded.events import Diagnostic, Event, OnEvent, Summary
from mlcloud.embedded.program.runner import check_sdk_version, folder_program, run_program
from mlcloud.embedded.project.outputs import exported
from mlcloud.embedded.project.project import Project
from mlcloud.embedded.project.target import Target
from mlcloud.embedded.properties import values
from mlcloud.embedded.providers.plugins import EngineLog, ProviderHost
from mlcloud.embedded.state.backend import ORGANIZATION, FileBackend, Update, backend_url
from mlcloud.embedded.state.records import Snapshot
from mlcloud.embedded.state.secrets import Passphrase


class State(Protocol):
    """Where a stack's state lies; :class:`mlcloud.embedded.state.backend.StackState` is one."""

    def exists(self) -> bool:
        """Whether the stack was made."""
        ...

    def lock(self) -> AbstractContextManager[Any]:
        """Keep everybody else from changing the stack."""
        ...

    def read(self) -> Snapshot:
        """The state."""
        ...

    def write(self, snapshot: Snapshot) -> None:
        """Replace the state, wholly or not at all."""
        ...

    def add_history(self, update: Update) -> None:
        """Keep what an update did."""
        ...


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a run ended."""

    ok: bool
    summary: dict[str, int]
    """How many resources each operation concerned."""
    outputs: dict[str, Any]
    """What the stack exports now, fit to be shown: secrets are ``[secret]``."""
    duration_s: float
    diagnostics: list[Diagnostic]


class Engine:
    """Runs operations on one stack, one after another."""

    def __init__(
        self,
        *,
        target: Target,
        program: Callable[[], Any],
        state: State,
        providers: Mapping[str, Any] | None = None,
        on_event: OnEvent = lambda _event: None,
    ) -> None:
        """Prepare; nothing is read or started yet.

        Args:
            target: The stack.
            program: The Pulumi program.
            state: Where its state lies.
            providers: Package to an object with the ResourceProvider methods, or to a class of such objects:
                each provider instance gets its own. They take the place of plugins.
            on_event: Is told what happens, as it happens.

        Raises:
            EngineError: when the installed Pulumi SDK is not one that the engine was tested with.
        """
        check_sdk_version()
        self._target = target
        self._program = program
        self._state = state
        self._providers = providers or {}
        self._on_event = on_event
        self._emitting = threading.RLock()
        self._telling = threading.local()
        self._cancelled = threading.Event()
        self._running: tuple[Journal, ProviderHost] | None = None
        self._diagnostics: list[Diagnostic] = []

    @classmethod
    def open(
        cls,
        project: Project,
        stack: str,
        home: Path,
        *,
        providers: Mapping[str, Any] | None = None,
        on_event: OnEvent = lambda _event: None,
    ) -> "Engine":
        """Open a stack of a project.

        Args:
            project: The project.
            stack: The stack's name; its file must exist, its state may not yet.
            home: The state folder: it holds the passphrase, and the state unless PULUMI_BACKEND_URL names
                another place.
            providers: See :meth:`__init__`.
            on_event: See :meth:`__init__`.

        Raises:
            EngineError: when the stack, its config, or its state cannot be used.
        """
        passphrase = Passphrase(home=home)
        config = project.config(stack, passphrase)
        target = Target(
            project=project.name,
            stack=stack,
            root=project.root,
            folder=project.program_dir,
            config=config.values,
            secret_keys=frozenset(config.secret_keys),
            raw_config=config.raw,
            plugins={plugin.name: plugin.path for plugin in project.plugins},
        )
        return cls(
            target=target,
            program=folder_program(project.program_dir),
            state=FileBackend.open(backend_url(home), passphrase).stack(project.name, stack),
            providers=providers,
            on_event=on_event,
        )

    def preview(self) -> Plan:
        """What :meth:`up` would do now; changes nothing."""
        with self._run(preview=True) as run:
            run.evaluate()
        return Plan(
            project=self._target.project,
            stack=self._target.stack,
            ok=not run.journal.failed,
            resources=run.deployment.planned(),
            summary=dict(run.journal.counts),
            outputs=values.shown(run.monitor.stack_outputs or {}),
            diagnostics=list(self._diagnostics),
            duration_s=run.duration_s,
        )

    def up(self) -> Result:
        """Bring the stack to what the program asks for."""
        return self._change("update", lambda run: run.evaluate())

    def refresh(self) -> Result:
        """Look at every resource as it is, and take that into the state; the program is not run."""
        return self._change("refresh", lambda run: run.deployment.refresh())

    def destroy(self) -> Result:
        """Delete every resource of the stack; the program is not run."""
        return self._change("destroy", lambda run: run.deployment.delete_leftovers())

    def outputs(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """What the stack exported when it was last updated."""
        return exported(self._state.read(), show_secrets=show_secrets)

    def cancel(self) -> None:
        """Begin nothing more and ask the providers to end; returns at once, the run ends soon after.

        Asked a second time, it ends the providers' processes, whatever they are doing.
        """
        again = self._cancelled.is_set()
        self._cancelled.set()
        if self._running is not None:
            journal, host = self._running
            journal.cancelled = True
            threading.Thread(target=host.close if again else host.cancel, daemon=True).start()

    def _emit(self, event: Event) -> None:
        with self._emitting:
            if isinstance(event, Diagnostic):
                self._diagnostics.append(event)
            self._telling.now = True
            try:
                self._on_event(event)
            finally:
                self._telling.now = False

    def _change(self, kind: str, work: Callable[["_Run"], None]) -> Result:
        started_s = time.time()
        with self._state.lock() as taken_over:
            for holder in taken_over or ():
                self._emit(
                    Diagnostic(severity="warning", message=f"A run before this one was cut off: {holder}")
                )
            with self._run(preview=False) as run:
                work(run)
            summary = dict(sorted(run.journal.counts.items()))
            ok = run.journal.ok
            update = Update(
                kind=kind,
                succeeded=ok,
                start_time_s=started_s,
                resource_changes=summary,
                config=dict(self._target.raw_config),
            )
            try:
                self._state.add_history(update)
            except EngineError as error:
                # What was done is done, and in the state.
                self._emit(Diagnostic(severity="warning", message=str(error)))
        return Result(
            ok=ok,
            summary=summary,
            outputs=exported(run.snapshot, show_secrets=False),
            duration_s=run.duration_s,
            diagnostics=list(self._diagnostics),
        )

    @contextmanager
    def _run(self, *, preview: bool) -> Generator["_Run"]:
        started = time.monotonic()
        self._diagnostics.clear()
        run = _Run(
            target=self._target,
            program=self._program,
            providers=self._providers,
            snapshot=deepcopy(self._state.read()),
            write=None if preview else self._state.write,
            emit=self._emit,
            telling=self._telling,
        )
        self._running = run.journal, run.host
        run.journal.cancelled = self._cancelled.is_set()
        try:
            yield run
        except StoppedError:
            pass
        except EngineError as error:
            run.journal.fail(str(error))
        except KeyboardInterrupt:
            self.cancel()
        finally:
            run.host.close()
            self._running = None
            with suppress(StoppedError), run.journal.failing(""):
                run.ledger.save()
        if run.journal.cancelled:
            self._emit(
                Diagnostic(severity="error", message="The run was cancelled; what was done is in the state.")
            )
        run.duration_s = time.monotonic() - started
        ok = run.journal.ok
        self._emit(Summary(ok=ok, counts=dict(run.journal.counts), duration_s=run.duration_s))


class _Run:
    """The parts of one run."""

    def __init__(
        self,
        *,
        target: Target,
        program: Callable[[], Any],
        providers: Mapping[str, Any],
        snapshot: Snapshot,
        write: Callable[[Snapshot], None] | None,
        emit: OnEvent,
        telling: threading.local,
    ) -> None:
        self.snapshot = snapshot
        self.duration_s = 0.0
        self._target = target
        self._program = program
        self._emit = emit
        self._telling = telling
        self.host = ProviderHost(in_process=providers, plugins=target.plugins, root=target.root, emit=emit)
        self.ledger = Ledger(snapshot, write)
        instances = ProviderInstances(self.host, self.ledger)
        self.journal = Journal(emit=emit, preview=write is None)
        self.deployment = Deployment(
            project=target.project,
            stack=target.stack,
            ledger=self.ledger,
            instances=instances,
            journal=self.journal,
        )
        self.monitor = Monitor(
            deployment=self.deployment,
            instances=instances,
            ledger=self.ledger,
            config=target.config,
            secret_keys=target.secret_keys,
            folder=target.folder,
        )

    def evaluate(self) -> None:
        """Run the program, then delete what it no longer asks for."""
        for urn in self.ledger.interrupted:
            told = "A run was cut off while it was making this resource: whether it exists is not known."
            self._emit(Diagnostic(severity="warning", message=told, urn=urn))
        settings = {
            "monitor": self.monitor,
            "engine": EngineLog(self._emit),
            "project": self._target.project,
            "stack": self._target.stack,
            "organization": ORGANIZATION,
            "root_directory": str(self._target.root),
            "dry_run": self.journal.preview,
            "parallel": 1,
        }
        problem = run_program(
            self._program,
            folder=self._target.folder,
            settings=settings,
            config=self._target.config,
            secret_keys=self._target.secret_keys,
            on_line=lambda line: self._emit(Diagnostic(severity="info", message=line)),
            telling=self._telling,
        )
        if problem:
            self.journal.fail(problem)
        if not self.journal.ok:
            return
        self.deployment.set_outputs(self.monitor.stack_urn, self.monitor.stack_outputs or {})
        self.deployment.delete_leftovers()

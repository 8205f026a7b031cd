"""The embedded engine: previews and updates a stack where there is no Pulumi CLI."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlcloud.embedded.engine.deployment import Deployment
from mlcloud.embedded.engine.journal import Journal
from mlcloud.embedded.engine.monitor import Monitor
from mlcloud.embedded.engine.plan import Plan
from mlcloud.embedded.engine.refreshing import refresh
from mlcloud.embedded.engine.run import Run
from mlcloud.embedded.errors import EngineError, StoppedError
from mlcloud.embedded.events import Diagnostic, OnEvent, Summary
from mlcloud.embedded.program.runner import check_sdk_version, folder_program, run_program
from mlcloud.embedded.project.outputs import exported
from mlcloud.embedded.project.project import Project
from mlcloud.embedded.project.target import Target
from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.masking import Mask
from mlcloud.embedded.providers.instances import ProviderInstances
from mlcloud.embedded.providers.plugins import EngineLog, ProviderHost
from mlcloud.embedded.state.backend import FileBackend, StackState, Update, backend_url
from mlcloud.embedded.state.ledger import Ledger
from mlcloud.embedded.state.secrets import Passphrase


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
        state: StackState,
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
        self._cancelled = threading.Event()
        self._running: tuple[Journal, ProviderHost] | None = None

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
        return cls(
            target=Target.open(project, stack, passphrase),
            program=folder_program(project.program_dir),
            state=FileBackend.open(backend_url(home), passphrase).stack(project.name, stack),
            providers=providers,
            on_event=on_event,
        )

    def preview(self) -> Plan:
        """What :meth:`up` would do now; changes nothing."""
        journal = Journal(self._on_event, Mask(self._target.secret_texts), preview=True)
        deployment = self._perform(journal, self._evaluate)
        return Plan(
            project=self._target.project,
            stack=self._target.stack,
            ok=not journal.failed,
            resources=deployment.planned(),
            summary=dict(journal.counts),
            outputs=values.shown(deployment.exports or {}),
            diagnostics=journal.diagnostics,
            duration_s=journal.duration_s,
        )

    def up(self) -> Result:
        """Bring the stack to what the program asks for."""
        return self._change("update", self._evaluate)

    def refresh(self) -> Result:
        """Look at every resource as it is, and take that into the state; the program is not run."""
        return self._change("refresh", _refresh)

    def destroy(self) -> Result:
        """Delete every resource of the stack; the program is not run."""
        return self._change("destroy", _destroy)

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

    def _change(self, kind: str, work: Callable[[Deployment], None]) -> Result:
        started_s = time.time()
        journal = Journal(self._on_event, Mask(self._target.secret_texts), preview=False)
        with self._state.lock() as taken_over:
            for holder in taken_over:
                journal.say("warning", f"A run before this one was cut off: {holder}")
            ledger = self._perform(journal, work).run.ledger
            update = Update(
                kind=kind,
                succeeded=journal.ok,
                start_time_s=started_s,
                resource_changes=dict(sorted(journal.counts.items())),
                config=dict(self._target.raw_config),
            )
            try:
                self._state.add_history(update)
            except EngineError as error:
                # What was done is done, and in the state.
                journal.say("warning", str(error))
        return Result(
            ok=update.succeeded,
            summary=update.resource_changes,
            outputs=exported(ledger.snapshot, show_secrets=False),
            duration_s=journal.duration_s,
            diagnostics=journal.diagnostics,
        )

    def _perform(self, journal: Journal, work: Callable[[Deployment], None]) -> Deployment:
        """Do the work of one run to its end, whatever becomes of it."""
        target = self._target
        host = ProviderHost(
            in_process=self._providers, plugins=target.plugins, root=target.root, emit=journal.emit
        )
        ledger = Ledger(deepcopy(self._state.read()), None if journal.preview else self._state.write)
        for record in (*ledger.current(), *(item.resource for item in ledger.interrupted)):
            journal.mask.learn({"inputs": record.inputs, "outputs": record.outputs})
        instances = ProviderInstances(host, ledger)
        deployment = Deployment(Run(target=target, journal=journal, ledger=ledger, instances=instances))
        self._running = journal, host
        journal.cancelled = self._cancelled.is_set()
        try:
            work(deployment)
        except StoppedError:
            pass
        except EngineError as error:
            journal.fail(str(error))
        except KeyboardInterrupt:
            self.cancel()
        finally:
            host.close()
            self._running = None
            with suppress(StoppedError), journal.failing(""):
                ledger.save()
        if journal.cancelled:
            journal.say("error", "The run was cancelled; what was done is in the state.")
        journal.emit(Summary(ok=journal.ok, counts=dict(journal.counts), duration_s=journal.duration_s))
        return deployment

    def _evaluate(self, deployment: Deployment) -> None:
        """Run the program, then delete what it no longer asks for."""
        journal = deployment.run.journal
        deployment.interrupted.settle()
        problem = run_program(
            self._program,
            self._target,
            monitor=Monitor(deployment),
            log=EngineLog(journal.emit),
            preview=journal.preview,
            on_line=lambda line: journal.say("info", line),
            is_telling=journal.is_telling,
        )
        if problem:
            journal.fail(problem)
        if journal.ok:
            deployment.complete()


def _refresh(deployment: Deployment) -> None:
    deployment.interrupted.settle()
    deployment.interrupted.let_go()
    refresh(deployment.run)


def _destroy(deployment: Deployment) -> None:
    deployment.interrupted.settle()
    deployment.delete_leftovers()

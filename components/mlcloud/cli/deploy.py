"""up, preview, refresh and destroy: what the embedded engine does with a stack."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from mlcloud.cli import INTERRUPTED
from mlcloud.cli.clouds import pulumi_instead
from mlcloud.cli.controls import plan_json, print_report, report_of
from mlcloud.cli.display import Display, diagnostic_line, display_for
from mlcloud.cli.interrupts import Interrupts
from mlcloud.cli.outputs import first_outputs
from mlcloud.cli.quotas import are_enough, plain, print_quotas, quotas_of
from mlcloud.cli.terminal import terminal
from mlcloud.cli.tree import changes_tree, counts_of
from mlcloud.cli.words import counted, seconds
from mlcloud.core.errors import UserError
from mlcloud.core.home import home_directory
from mlcloud.core.quotas import QuotaCheck
from mlcloud.core.settings.load import PROJECT
from mlcloud.embedded.engine.engine import Engine, Result
from mlcloud.embedded.events import Diagnostic, Event
from mlcloud.embedded.project.project import Project
from mlcloud.embedded.state.secrets import Passphrase
from mlcloud.simulated import providers_for

_QUESTIONS = {
    "update": "Make these changes to {}?",
    "refresh": "Take what is really there into the state of {}?",
    "destroy": "Destroy {} with its endpoint, models and data?",
}
_INDENT = "  "


def preview(args: argparse.Namespace) -> int:
    """Show what an update would change, and with `--quotas` whether the account has room for it."""
    run = _Run.quiet(args, "preview")
    with run.interrupts.heard():
        plan = run.engine.preview()
    report = report_of(plan, _setting(Project.load(Path.cwd()), args.stack, "environment", "dev"))
    quotas = quotas_of(args.stack) if args.quotas and plan.ok else None
    if args.json:
        told = plan_json(plan, report)
        sys.stdout.write(told if quotas is None else _with_quotas(told, quotas))
    else:
        run.print_plan(plan.summary)
        print_report(run.console, report)
        if quotas is not None:
            print_quotas(run.console, quotas)
    return run.end(ok=plan.ok) or int(quotas is not None and not are_enough(quotas))


def _with_quotas(plan: str, quotas: Sequence[QuotaCheck]) -> str:
    return json.dumps({**json.loads(plan), "quotas": plain(quotas)}, indent=2) + "\n"


def up(args: argparse.Namespace) -> int:
    """Change the stack until it is what was declared."""
    return _change(args, what="update", plan_first=True, operation=lambda engine: engine.up())


def refresh(args: argparse.Namespace) -> int:
    """Read every resource and take what is really there into the state."""
    return _change(args, what="refresh", plan_first=False, operation=lambda engine: engine.refresh())


def destroy(args: argparse.Namespace) -> int:
    """Delete every resource of the stack, in reverse order of dependency."""
    return _change(args, what="destroy", plan_first=False, operation=lambda engine: engine.destroy())


class _Run:
    """One run of the engine on a stack, and what people see of it."""

    def __init__(self, args: argparse.Namespace, what: str, console: Console, display: Display) -> None:
        project = Project.load(Path.cwd())
        self.console = console
        self.display = display
        # A cloud is only ever previewed here, and a preview needs no account.
        providers = providers_for(_cloud_of(project, args.stack), own=True)
        home = home_directory(project.root)
        self.engine = Engine.open(project, args.stack, home, providers=providers, on_event=self._on_event)
        self.interrupts = Interrupts(
            tell=lambda text: self.console.print(text, soft_wrap=True), cancel=self.engine.cancel
        )
        self._args = args
        self._what = what
        self._errors: list[Diagnostic] = []
        self._notes: list[Diagnostic] = []

    @classmethod
    def quiet(cls, args: argparse.Namespace, what: str) -> "_Run":
        """Return a run that shows nothing until it has ended."""
        console = terminal()
        return cls(args, what, console, display_for(console, quiet=True))

    @classmethod
    def shown(cls, args: argparse.Namespace, what: str) -> "_Run":
        """Return a run that shows what happens as it happens."""
        console = terminal()
        return cls(args, what, console, display_for(console))

    def _on_event(self, event: Event) -> None:
        # Errors are told at the end, where people look.
        if isinstance(event, Diagnostic):
            (self._errors if event.severity == "error" else self._notes).append(event)
        self.display.on_event(event)

    def print_plan(self, summary: Mapping[str, int]) -> None:
        """Print what would change, and why."""
        for note in self._notes:
            self.console.print(diagnostic_line(note), soft_wrap=True)
        counts = counts_of(self.display.ended)
        if _changes(summary):
            self.print_tree()
            self.console.print(Text(f"To be: {counted(counts)}", style="bold"))
        else:
            same = counts.get("same", 0)
            self.console.print(Text(f"Nothing would change: {same} resources are as declared.", style="bold"))

    def print_tree(self) -> None:
        """Print the tree of what changes, with values where they were asked for."""
        args, width = self._args, self.console.width
        self.console.print(changes_tree(args.stack, self.display.ended, diff=args.diff, width=width))

    def print_done(self, result: Result) -> None:
        """Print what an operation that succeeded has done."""
        counts = counts_of(self.display.ended)
        if _changes(result.summary):
            text = f"{self._what.capitalize()} done: {counted(counts)}."
        elif self._what == "destroy":
            text = f"Nothing to destroy: {self._args.stack} is not up."
        else:
            text = f"Nothing changed: {counts.get('same', 0)} resources are as declared."
        self.console.print(Text(f"{text} ({seconds(result.duration_s)})", style="bold green"))

    def print_outputs(self, values: Mapping[str, Any]) -> None:
        """Print the outputs that people look for."""
        shown = first_outputs(values, self.console.width - len(_INDENT))
        if shown:
            self.console.print(Text("Outputs", style="bold"))
        for name, text in shown:
            line = Text(_INDENT + name, style="dim") + Text(text.replace("\n", f"\n{_INDENT}"), style="")
            self.console.print(line, soft_wrap=True)
        if more := len(values) - len(shown):
            hint = f"  and {more} more: mlcloud outputs {self._args.stack}"
            self.console.print(Text(hint, style="dim"), soft_wrap=True)

    def end(self, *, ok: bool) -> int:
        """Tell what went wrong, if anything did, and return the exit status."""
        if ok:
            return 0
        as_json = getattr(self._args, "json", False)
        errors = Console(stderr=True) if as_json or not self.console.is_terminal else self.console
        for error in self._errors:
            errors.print(diagnostic_line(error), soft_wrap=True)
        if self.interrupts.count:
            errors.print(Text(f"The {self._what} was cancelled.", style="bold red"))
            return INTERRUPTED
        errors.print(Text(f"The {self._what} failed.", style="bold red"))
        return 1


def _change(
    args: argparse.Namespace, *, what: str, plan_first: bool, operation: Callable[[Engine], Result]
) -> int:
    _refuse_clouds(args.stack, what)
    if not args.yes and (status := _ask(args, what=what, plan_first=plan_first)) is not None:
        return status
    run = _Run.shown(args, what)
    run.console.print(Text(f"{what.capitalize()} of {args.stack}", style="bold"))
    with run.display, run.interrupts.heard():
        result = operation(run.engine)
    found = what == "refresh" and _changes(result.summary) > 0
    if found or (args.diff and (args.yes or not plan_first)):
        run.print_tree()
    if result.ok:
        if what == "update":
            run.print_outputs(result.outputs)
        run.print_done(result)
    return run.end(ok=result.ok)


def _cloud_of(project: Project, stack: str) -> str:
    return _setting(project, stack, "cloud", "local")


def _setting(project: Project, stack: str, key: str, default: str) -> str:
    return _config(project, stack).get(f"{PROJECT}:{key}") or default


def _config(project: Project, stack: str) -> Mapping[str, str]:
    return project.config(stack, Passphrase(home=home_directory(project.root))).values


def _refuse_clouds(stack: str, what: str) -> None:
    """Refuse to change a cloud: that is Pulumi's work, and its state is kept for it."""
    project = Project.load(Path.cwd())
    cloud = _cloud_of(project, stack)
    if cloud != "local":
        command = {"update": "up"}.get(what, what)
        raise UserError(pulumi_instead(stack, cloud, command, _config(project, stack)))


def _ask(args: argparse.Namespace, *, what: str, plan_first: bool) -> int | None:
    """Show what would change and ask for it; return the exit status where it is not wanted, else None."""
    if not sys.stdin.isatty():
        raise UserError(
            f"This is not a terminal, so nobody can be asked. Add --yes to {what} without asking."
        )
    if plan_first:
        run = _Run.quiet(args, "preview")
        with run.interrupts.heard():
            plan = run.engine.preview()
        if not plan.ok:
            return run.end(ok=False)
        run.print_plan(plan.summary)
        if not _changes(plan.summary):
            return None
    console = terminal()
    question = _QUESTIONS[what].format(args.stack)
    console.print(f"{question} \\[y/N] ", end="")
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        console.print("\nNothing was changed.")
        return INTERRUPTED
    if answer.strip().lower() in ("y", "yes"):
        return None
    console.print("Nothing was changed." if answer else "\nNothing was changed.")
    return 1


def _changes(counts: Mapping[str, int]) -> int:
    return sum(count for op, count in counts.items() if op not in ("same", "read"))

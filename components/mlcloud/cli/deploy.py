"""up, preview, refresh, destroy and outputs: what the embedded engine does with a stack."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.text import Text

from mlcloud.cli.commands import AddCommand, terminal
from mlcloud.cli.display import Display, diagnostic_line, display_for
from mlcloud.cli.tree import changes_tree
from mlcloud.cli.words import counted, seconds
from mlcloud.core.context import home_directory
from mlcloud.core.errors import UserError
from mlcloud.embedded.engine import Engine
from mlcloud.embedded.events import Diagnostic, Event
from mlcloud.embedded.project import Project
from mlcloud.embedded.secrets import Passphrase
from mlcloud.simulated import providers_for

_PULUMI_HOW = "https://www.pulumi.com/docs/iac/download-install/"


def add_commands(add_command: AddCommand) -> None:
    """Add the five commands to the parser."""
    for name, run, text in (
        ("up", up, "make the stack what its program and config say"),
        ("preview", preview, "show what `up` would change, and change nothing"),
        ("refresh", refresh, "look at what is really there and take it into the state"),
        ("destroy", destroy, "end and delete everything that the stack made"),
        ("outputs", outputs, "print the stack's outputs"),
    ):
        command = add_command(name, help=text, description=text[0].upper() + text[1:] + ".")
        command.add_argument("stack", metavar="STACK", help="the stack, as in stacks/Pulumi.STACK.yaml")
        command.set_defaults(run=run)
        if name in ("up", "refresh", "destroy"):
            command.add_argument("--yes", "-y", action="store_true", help="do not ask")
        if name in ("up", "preview", "refresh", "destroy"):
            command.add_argument(
                "--diff", action="store_true", help="show old and new values of what changes"
            )
        if name in ("preview", "outputs"):
            command.add_argument("--json", action="store_true", help="print JSON, for tools")
        if name == "outputs":
            command.add_argument("name", metavar="NAME", nargs="?", help="one output, as bare text")
            command.add_argument("--show-secrets", action="store_true", help="print secrets in plain text")


def preview(args: argparse.Namespace) -> int:
    """Show what an update would change."""
    console = terminal()
    display = display_for(console, quiet=True)
    diagnostics = _Diagnostics(display)
    engine = _engine(args, diagnostics.on_event)
    with _cancel_on_interrupt(engine, console):
        plan = engine.preview()
    if args.json:
        sys.stdout.write(plan.to_json())
    else:
        diagnostics.print_notes(console)
        _print_changes(console, args, display, counts=plan.summary, future=True)
    return _end(console, ok=plan.ok, diagnostics=diagnostics, what="preview", as_json=args.json)


def up(args: argparse.Namespace) -> int:
    """Change the stack until it is what was declared."""
    return _change(args, what="update", plan_first=True, operation=lambda engine: engine.up())


def refresh(args: argparse.Namespace) -> int:
    """Read every resource and take what is really there into the state."""
    return _change(args, what="refresh", plan_first=False, operation=lambda engine: engine.refresh())


def destroy(args: argparse.Namespace) -> int:
    """Delete every resource of the stack, in reverse order of dependency."""
    return _change(args, what="destroy", plan_first=False, operation=lambda engine: engine.destroy())


def outputs(args: argparse.Namespace) -> int:
    """Print the outputs of the stack's last update."""
    values = stack_outputs(args.stack, show_secrets=args.show_secrets)
    if args.name is not None:
        if args.name not in values:
            raise UserError(
                f"The stack has no output {args.name!r}; it has: {', '.join(sorted(values)) or 'none'}."
            )
        value = values[args.name]
        sys.stdout.write((value if isinstance(value, str) else json.dumps(value)) + "\n")
    elif args.json:
        sys.stdout.write(json.dumps(values, indent=2, sort_keys=True) + "\n")
    else:
        _print_outputs(terminal(), values)
    return 0


def stack_outputs(stack: str, *, show_secrets: bool = False) -> dict[str, Any]:
    """Return the outputs that the state holds for a stack of the project around the working directory."""
    project = Project.load(Path.cwd())
    return Engine.open(project, stack, home_directory(project.root)).outputs(show_secrets=show_secrets)


def _engine(args: argparse.Namespace, on_event: Callable[[Event], None]) -> Engine:
    project = Project.load(Path.cwd())
    # A cloud is only ever previewed here, and a preview needs no account.
    providers = providers_for(_cloud_of(project, args.stack))
    home = home_directory(project.root)
    return Engine.open(project, args.stack, home, providers=providers, on_event=on_event)


def _cloud_of(project: Project, stack: str) -> str:
    passphrase = Passphrase(home=home_directory(project.root))
    return project.config(stack, passphrase).values.get(f"{project.name}:cloud") or "local"


class _Diagnostics:
    """Keeps errors for the end, where people look, and hands everything on."""

    def __init__(self, display: Display) -> None:
        self.errors: list[Diagnostic] = []
        self.notes: list[Diagnostic] = []
        self._display = display

    def on_event(self, event: Event) -> None:
        if isinstance(event, Diagnostic):
            (self.errors if event.severity == "error" else self.notes).append(event)
        self._display.on_event(event)

    def print_notes(self, console: Console) -> None:
        for note in self.notes:
            console.print(diagnostic_line(note), soft_wrap=True)


def _change(
    args: argparse.Namespace, *, what: str, plan_first: bool, operation: Callable[[Engine], Any]
) -> int:
    console = terminal()
    _refuse_clouds(args.stack, what)
    if not args.yes and not _confirmed(console, args, what=what, plan_first=plan_first):
        return 1
    display = display_for(console)
    diagnostics = _Diagnostics(display)
    engine = _engine(args, diagnostics.on_event)
    console.print(Text(f"{what.capitalize()} of {args.stack}", style="bold"))
    with display, _cancel_on_interrupt(engine, console):
        result = operation(engine)
    if args.diff:
        console.print(changes_tree(args.stack, display.ended, diff=True))
    if result.ok:
        if what == "update":
            _print_outputs(console, result.outputs)
        console.print(_summary(what, result.summary, result.duration_s))
    return _end(console, ok=result.ok, diagnostics=diagnostics, what=what)


def _refuse_clouds(stack: str, what: str) -> None:
    """Refuse to change a cloud: that is Pulumi's work, and its state is kept for it."""
    project = Project.load(Path.cwd())
    cloud = _cloud_of(project, stack)
    if cloud != "local":
        command = {"update": "up"}.get(what, what)
        raise UserError(
            f"The stack {stack} is on {cloud}: clouds are changed by Pulumi itself.\n"
            f"  pulumi {command} --stack {stack}\n"
            f"Pulumi is installed as {_PULUMI_HOW} says. `mlcloud preview {stack}` works without it."
        )


def _confirmed(console: Console, args: argparse.Namespace, *, what: str, plan_first: bool) -> bool:
    if not sys.stdin.isatty():
        raise UserError(
            f"This is not a terminal, so nobody can be asked. Add --yes to {what} without asking."
        )
    if plan_first:
        display = display_for(console, quiet=True)
        diagnostics = _Diagnostics(display)
        plan = _engine(args, diagnostics.on_event).preview()
        diagnostics.print_notes(console)
        _print_changes(console, args, display, counts=plan.summary, future=True)
        if not plan.ok:
            _end(console, ok=False, diagnostics=diagnostics, what="preview")
            return False
        if not _changes(plan.summary):
            return True
    console.print(f"Do the {what} of {args.stack}? \\[y/N] ", end="")
    agreed = sys.stdin.readline().strip().lower() in ("y", "yes")
    if not agreed:
        console.print("Nothing was changed.")
    return agreed


def _print_changes(
    console: Console, args: argparse.Namespace, display: Display, *, counts: dict[str, int], future: bool
) -> None:
    if _changes(counts):
        console.print(changes_tree(args.stack, display.ended, diff=args.diff))
        console.print(Text(f"{'To be' if future else 'Was'}: {counted(counts)}", style="bold"))
    else:
        console.print(
            Text(f"Nothing would change: {counts.get('same', 0)} resources are as declared.", style="bold")
        )


def _changes(counts: dict[str, int]) -> int:
    return sum(count for op, count in counts.items() if op not in ("same", "read"))


def _summary(what: str, counts: dict[str, int], duration_s: float) -> Text:
    took = f" ({seconds(duration_s)})"
    if not _changes(counts):
        return Text(
            f"Nothing changed: {counts.get('same', 0)} resources are as declared.{took}", style="bold green"
        )
    return Text(f"{what.capitalize()} done: {counted(counts)}.{took}", style="bold green")


def _print_outputs(console: Console, values: dict[str, Any]) -> None:
    if not values:
        return
    width = max(len(name) for name in values)
    console.print(Text("Outputs", style="bold"))
    for name in sorted(values):
        value = values[name]
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        console.print(Text(f"  {name:<{width}}  ", style="dim") + Text(text, style=""), soft_wrap=True)


def _end(console: Console, *, ok: bool, diagnostics: _Diagnostics, what: str, as_json: bool = False) -> int:
    if ok:
        return 0
    errors = Console(stderr=True) if as_json or not console.is_terminal else console
    for error in diagnostics.errors:
        errors.print(diagnostic_line(error), soft_wrap=True)
    errors.print(
        Text(
            f"The {what} failed.",
            style="bold red",
        )
    )
    return 1


@contextmanager
def _cancel_on_interrupt(engine: Engine, console: Console) -> Generator[None]:
    """Let the first Ctrl-C cancel in good order, and the second one end at once."""

    def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        console.print("Cancelling: what runs is told to end. Once more Ctrl-C ends at once.")
        engine.cancel()

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

"""What people see while an update runs: a live view in a terminal, plain lines anywhere else."""

import time
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from mlcloud.cli.words import seconds, short_type, words_of
from mlcloud.embedded.events import (
    Diagnostic,
    Event,
    Progress,
    ResourceEnded,
    ResourceFailed,
    ResourceStarted,
)

STACK_TYPE = "pulumi:pulumi:Stack"


class Display(Protocol):
    """Shows events as they come; it is called from several threads, one call at a time."""

    ended: list[ResourceEnded | ResourceFailed]

    def __enter__(self) -> "Display":
        """Begin to show."""
        ...

    def __exit__(self, *_: object) -> None:
        """End, and leave the terminal as it was."""
        ...

    def on_event(self, event: Event) -> None:
        """Show one event."""
        ...


def display_for(console: Console, *, quiet: bool = False) -> Display:
    """Return the display that fits: live for a terminal, plain lines for a pipe or a log, none when quiet."""
    if quiet:
        return QuietDisplay()
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


def _worth_showing(event: ResourceStarted | ResourceEnded) -> bool:
    return event.op != "same" and event.type != STACK_TYPE


def _done_line(event: ResourceEnded | ResourceFailed) -> Text:
    words = words_of(event.op)
    failed = isinstance(event, ResourceFailed)
    line = Text("  ")
    line.append("✗ " if failed else f"{words.symbol} ", style="bold red" if failed else words.style)
    line.append(event.name)
    line.append(f"  {short_type(event.type)}", style="dim")
    line.append(f"  {words.doing} failed" if failed else f"  {words.done}", style="red" if failed else "")
    if event.seconds >= 0.05:
        line.append(f"  {seconds(event.seconds)}", style="dim")
    return line


def diagnostic_line(event: Diagnostic) -> Text:
    """Return a diagnostic as one paragraph."""
    style = {"error": "red", "warning": "yellow"}.get(event.severity, "dim")
    name = event.urn.rsplit("::", 1)[-1]
    line = Text()
    line.append(f"{event.severity}: ", style=f"bold {style}")
    if name and event.urn.split("::")[2:3] != [STACK_TYPE]:
        line.append(f"{name}: ", style="bold")
    line.append(event.message)
    return line


@dataclass
class QuietDisplay:
    """Shows nothing, and keeps what was done."""

    ended: list[ResourceEnded | ResourceFailed] = field(default_factory=list[ResourceEnded | ResourceFailed])

    def __enter__(self) -> "QuietDisplay":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def on_event(self, event: Event) -> None:
        """Keep one event."""
        if isinstance(event, ResourceEnded | ResourceFailed):
            self.ended.append(event)


class PlainDisplay:
    """One line for each thing that happens: for logs, pipes and pull requests."""

    def __init__(self, console: Console) -> None:
        self.ended: list[ResourceEnded | ResourceFailed] = []
        self._console = console

    def __enter__(self) -> "PlainDisplay":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def on_event(self, event: Event) -> None:
        """Print one event."""
        match event:
            case ResourceStarted() if _worth_showing(event):
                self._print(Text(f"  … {event.name}  {short_type(event.type)}  {words_of(event.op).doing}"))
            case ResourceEnded():
                self.ended.append(event)
                if _worth_showing(event):
                    self._print(_done_line(event))
            case ResourceFailed():
                self.ended.append(event)
                self._print(_done_line(event))
            case Progress():
                self._print(Text(f"    {event.urn.rsplit('::', 1)[-1]}: {event.message}"))
            case Diagnostic(severity="info" | "warning"):
                self._print(diagnostic_line(event))
            case _:
                pass

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True)


@dataclass
class _Active:
    event: ResourceStarted
    since: float
    message: str = ""


class LiveDisplay:
    """What is done scrolls by; what is being done stands below with time and last words."""

    def __init__(self, console: Console) -> None:
        self.ended: list[ResourceEnded | ResourceFailed] = []
        self._console = console
        self._active: dict[str, _Active] = {}
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self._view, console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> "LiveDisplay":
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._active.clear()
        self._live.__exit__(None, None, None)

    def on_event(self, event: Event) -> None:
        """Take one event into the view."""
        match event:
            case ResourceStarted() if _worth_showing(event):
                self._active[event.urn] = _Active(event=event, since=time.monotonic())
            case ResourceEnded() | ResourceFailed():
                self.ended.append(event)
                self._active.pop(event.urn, None)
                if isinstance(event, ResourceFailed) or _worth_showing(event):
                    self._console.print(_done_line(event))
            case Progress() if event.urn in self._active:
                self._active[event.urn].message = event.message
            case Diagnostic(severity="info" | "warning"):
                self._console.print(diagnostic_line(event))
            case _:
                pass

    def _view(self) -> RenderableType:
        rows = list(self._active.values())
        if not rows:
            return Text("")
        table = Table.grid(padding=(0, 2))
        now = time.monotonic()
        for row in rows:
            words = words_of(row.event.op)
            table.add_row(
                Group(self._spinner),
                Text(row.event.name, style=words.style),
                Text(f"{words.doing} {seconds(now - row.since)}", style="dim"),
                Text(row.message, overflow="ellipsis", no_wrap=True),
            )
        return table

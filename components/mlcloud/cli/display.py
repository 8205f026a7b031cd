"""What people see while an update runs: a live view in a terminal, plain lines anywhere else."""

import time
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from mlcloud.cli.words import STACK_TYPE, is_part, seconds, short_type, words_of
from mlcloud.embedded.events import (
    Diagnostic,
    Event,
    Progress,
    ResourceEnded,
    ResourceFailed,
    ResourceStarted,
)

_NAME_WIDTH, _TYPE_WIDTH = 18, 13
"""Columns for most names and types; a longer one pushes its line to the right."""


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


def _takes_time(event: ResourceStarted) -> bool:
    return event.op != "same" and is_part(event.type)


def _worth_a_line(event: ResourceEnded) -> bool:
    """Tell what people want to know: not what stays, was only looked at, or only holds other resources."""
    return event.op not in ("same", "refresh") and is_part(event.type)


def _done_line(event: ResourceEnded | ResourceFailed) -> Text:
    words = words_of(event.op)
    failed = isinstance(event, ResourceFailed)
    line = Text("  ")
    line.append("✗ " if failed else f"{words.symbol} ", style="bold red" if failed else words.style)
    line.append(f"{event.name:<{_NAME_WIDTH}} ")
    line.append(f"{short_type(event.type):<{_TYPE_WIDTH}} ", style="dim")
    line.append(f"{words.doing} failed" if failed else words.done, style="red" if failed else "")
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
        self._waiting: dict[str, ResourceStarted] = {}

    def __enter__(self) -> "PlainDisplay":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def on_event(self, event: Event) -> None:
        """Print one event."""
        match event:
            case ResourceStarted() if _takes_time(event):
                self._waiting[event.urn] = event
            case ResourceEnded():
                self.ended.append(event)
                if _worth_a_line(event):
                    self._print(_done_line(event))
            case ResourceFailed():
                self.ended.append(event)
                self._print(_done_line(event))
            case Progress():
                # What is done at once needs one line, not two: a beginning is told with the first progress.
                if started := self._waiting.pop(event.urn, None):
                    line = f"  … {started.name:<{_NAME_WIDTH}} {short_type(started.type):<{_TYPE_WIDTH}} "
                    self._print(Text(line + words_of(started.op).doing))
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
            case ResourceStarted() if _takes_time(event):
                self._active[event.urn] = _Active(event=event, since=time.monotonic())
            case ResourceEnded() | ResourceFailed():
                self.ended.append(event)
                self._active.pop(event.urn, None)
                if isinstance(event, ResourceFailed) or _worth_a_line(event):
                    self._console.print(_done_line(event))
            case Progress() if event.urn in self._active:
                self._active[event.urn].message = event.message
            case Diagnostic(severity="info" | "warning"):
                self._console.print(diagnostic_line(event), soft_wrap=True)
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

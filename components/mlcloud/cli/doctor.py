"""doctor: what is there and what is missing, each with its fix."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from mlcloud.cli.terminal import terminal
from mlcloud.doctor.check import Check, Section
from mlcloud.doctor.survey import survey
from mlcloud.embedded.project.project import PROJECT_FILE, Project

_STYLES: Final = {"ok": "green", "warning": "yellow", "missing": "bold red"}


def doctor(args: argparse.Namespace) -> int:
    """Print what was found; the exit status is 1 when something that is needed is missing."""
    sections = survey(_project(), args.stack, online=args.online)
    if args.json:
        plain = [section.plain() for section in sections]
        sys.stdout.write(json.dumps({"sections": plain}, indent=2, ensure_ascii=False) + "\n")
    else:
        _print(terminal(), sections)
    return int(any(section.needed and not section.is_ready for section in sections))


def _project() -> Project | None:
    """The project around the working directory; one whose file cannot be read is told, not passed over."""
    here = Path.cwd()
    if not any((folder / PROJECT_FILE).is_file() for folder in (here, *here.parents)):
        return None
    return Project.load(here)


def _print(console: Console, sections: Sequence[Section]) -> None:
    width = max(len(check.name) for section in sections for check in section.checks)
    for section in sections:
        console.print(Text(section.title, style="bold"))
        for check in section.checks:
            _print_check(console, check, width)
    ready = [section.title for section in sections if section.is_ready]
    others = [section.title for section in sections if not section.is_ready]
    told = f"Ready: {', '.join(ready) or 'nothing'}."
    if others:
        told += f" Something is missing for: {', '.join(others)}."
    console.print(Text(told, style="bold"), soft_wrap=True)


def _print_check(console: Console, check: Check, width: int) -> None:
    line = Text(f"  {check.state:<7}  ", style=_STYLES[check.state]) + Text(
        f"{check.name:<{width}}  {check.found}"
    )
    console.print(line, soft_wrap=True)
    if check.fix:
        console.print(Text(f"           {'':<{width}}  fix: {check.fix}"), soft_wrap=True)

"""outputs: what a stack exports, for people and for tools."""

import argparse
import json
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from mlcloud.core.errors import UserError
from mlcloud.core.home import home_directory
from mlcloud.embedded.project.outputs import stack_outputs
from mlcloud.embedded.project.project import Project

_FIRST = ("endpoint_url", "model_version", "metrics", "report")
"""What people look for after an update, on every cloud; the rest is for tools."""


def outputs(args: argparse.Namespace) -> int:
    """Print the outputs of the stack's last update."""
    values = outputs_of(args.stack, show_secrets=args.show_secrets)
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
        sys.stdout.writelines(f"{name:<{_width(values)}}  {told(values[name])}\n" for name in sorted(values))
    return 0


def outputs_of(stack: str, *, show_secrets: bool = False) -> dict[str, Any]:
    """Return the outputs that the state holds for a stack of the project around the working directory."""
    project = Project.load(Path.cwd())
    return stack_outputs(project, stack, home_directory(project.root), show_secrets=show_secrets)


def first_outputs(values: Mapping[str, Any], width: int) -> list[tuple[str, str]]:
    """Return name and text of the outputs that people look for; of a stack without them, all.

    Args:
        values: The stack's outputs.
        width: Columns for both. Metrics go on below each other; a path stays whole, so that it can be copied.
    """
    chosen = [name for name in _FIRST if name in values] or sorted(values)
    indent = _width(chosen) + 2
    pairs: list[tuple[str, str]] = []
    for name in chosen:
        text = told(values[name])
        if isinstance(values[name], dict):
            lines = textwrap.wrap(text, max(width - indent, 20), break_long_words=False) or [text]
            text = f"\n{' ' * indent}".join(lines)
        pairs.append((f"{name:<{indent}}", text))
    return pairs


def told(value: Any) -> str:
    """Return a value as people read it: metrics by name, and paths from the working directory on."""
    if isinstance(value, str):
        return near_path(value)
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        if items and all(isinstance(number, int | float) for _, number in items):
            return ", ".join(f"{name} {number_text(number)}" for name, number in items)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def number_text(number: float) -> str:
    """Return a number with as many digits as tell something: `0.9646`, `36.69`, `12`."""
    if isinstance(number, int):
        return str(number)
    return f"{number:.4f}" if abs(number) < 1 else f"{number:.6g}"


def near_path(text: str) -> str:
    """Return an absolute path below the working directory as people type it, any other text as it is."""
    path = Path(text)
    if not path.is_absolute() or not path.is_relative_to(Path.cwd()):
        return text
    return str(path.relative_to(Path.cwd()))


def _width(names: Mapping[str, Any] | list[str]) -> int:
    return max((len(name) for name in names), default=0)

"""models: the versions of a stack's model that are there, and which one is live."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from mlcloud.cli.outputs import number_text, outputs_of
from mlcloud.cli.terminal import terminal
from mlcloud.core.operations import ModelVersion, operations_of


def models(args: argparse.Namespace) -> int:
    """Print the versions, the latest first."""
    values = outputs_of(args.stack)
    found = operations_of(values).models(values)
    if args.json:
        sys.stdout.write(json.dumps([_plain(version) for version in found], indent=2) + "\n")
    else:
        _print(terminal(), str(values.get("model_name", "")), found)
    return 0


def _plain(version: ModelVersion) -> dict[str, Any]:
    return {**vars(version), "created": version.created.isoformat(), "metrics": dict(version.metrics)}


def _print(console: Console, name: str, versions: Sequence[ModelVersion]) -> None:
    count = "1 version" if len(versions) == 1 else f"{len(versions)} versions"
    console.print(Text(f"{name}: {count}", style="bold"))
    label_width = max((len(version.label) for version in versions), default=0)
    stage_width = max((len(version.stage) for version in versions), default=0)
    for version in versions:
        metrics = ", ".join(f"{key} {number_text(value)}" for key, value in sorted(version.metrics.items()))
        line = Text("  live  " if version.is_live else "        ", style="bold green")
        line += Text(f"{version.label:<{label_width}}  ", style="bold" if version.is_live else "")
        line += Text(f"{version.stage:<{stage_width}}  {version.created:%Y-%m-%d %H:%M}  ", style="dim")
        console.print(line + Text(metrics), soft_wrap=True)

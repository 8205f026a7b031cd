"""models: the versions of a stack's model that are there, which one is live, and where each comes from."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from mlcloud.cli.outputs import near_path, number_text, outputs_of
from mlcloud.cli.terminal import terminal
from mlcloud.core.lineage import Lineage
from mlcloud.core.operations import ModelVersion, operations_of

_INDENT = " " * 8
_HASH_DIGITS = 12


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
    return {
        **vars(version),
        "created": version.created.isoformat(),
        "metrics": dict(version.metrics),
        "lineage": None if version.lineage is None else version.lineage.plain(),
    }


def _print(console: Console, name: str, versions: Sequence[ModelVersion]) -> None:
    count = "1 version" if len(versions) == 1 else f"{len(versions)} versions"
    console.print(Text(f"{name}: {count}", style="bold"))
    label_width = max((len(version.label) for version in versions), default=0)
    stage_width = max((len(version.stage) for version in versions), default=0)
    for version in versions:
        metrics = ", ".join(f"{key} {number_text(value)}" for key, value in sorted(version.metrics.items()))
        line = Text("  live  " if version.is_live else _INDENT, style="bold green")
        line += Text(f"{version.label:<{label_width}}  ", style="bold" if version.is_live else "")
        line += Text(f"{version.stage:<{stage_width}}  {version.created:%Y-%m-%d %H:%M}  ", style="dim")
        console.print(line + Text(metrics), soft_wrap=True)
        if version.lineage is not None:
            for text in _lineage_lines(version.lineage):
                console.print(Text(f"{_INDENT}{text}", style="dim"), soft_wrap=True)


def _lineage_lines(lineage: Lineage) -> Iterator[str]:
    """Where a version comes from: what was trained on what, by which code, and where to read more."""
    rows = "" if lineage.data_rows is None else f", {lineage.data_rows} rows"
    settings = _listed({**lineage.hyperparameters, **lineage.settings})
    trainer = f"trainer {lineage.trainer_version}" if lineage.trainer_version else ""
    data = f"data {lineage.data_sha256[:_HASH_DIGITS]}{rows}"
    yield " · ".join(filter(None, (data, lineage.estimator, settings, trainer)))
    report = f"report {near_path(lineage.report)}" if lineage.report else ""
    if more := " · ".join(filter(None, (f"run {lineage.run}" if lineage.run else "", report))):
        yield more


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(values.items()))

"""Writes the reference of all settings, in Markdown, from their model."""

import json
from collections.abc import Iterator
from typing import Any, Final, cast

from mlcloud.core.metrics import METRICS, TASKS_OF
from mlcloud.core.settings.describe import Schema, allowed_text, alternatives, document
from mlcloud.core.settings.load import PROJECT
from mlcloud.core.settings.refused import REFUSED

COMMAND: Final = "python -m mlcloud.core.schema --write"

_HEAD: Final = f"""\
<!-- Written by `{COMMAND}` from components/mlcloud/core/settings; edit the model, not this file. -->
# Settings

All settings of a stack are keys of its stack file, `stacks/Pulumi.<stack>.yaml`:

```yaml
# yaml-language-server: $schema=stack.schema.json
config:
  mlcloud:data:
    path: data/houses.csv
  mlcloud:training:
    estimator: random_forest
    target: price
    hyperparameters:
      n_estimators: 200
    gate:
      r2: 0.8
```

The first line gives editors the descriptions, choices and limits below. Unknown keys are refused with the
nearest valid name, and all problems of a file are told at once. What a stack file leaves out has the default.
"""


def settings_guide() -> str:
    """Return the reference as Markdown."""
    schema = document()
    top = cast("dict[str, Schema]", schema["properties"])
    parts = [_HEAD, "## All keys\n", _table(_rows(top, "", PROJECT + ":"))]
    for name, node in top.items():
        nested = list(_nested(node, name))
        if nested:
            parts += [f"## `{PROJECT}:{name}`\n", f"{node['description']}\n"]
            for heading, rows in nested:
                parts += ([f"{heading}\n"] if heading else []) + [_table(rows)]
    parts += ["## Estimators\n", _estimators(), "## Metrics of a gate\n", _metrics()]
    parts += ["## What a cloud refuses\n", _refused()]
    return "\n".join(parts)


def _nested(node: Schema, path: str) -> Iterator[tuple[str, list[str]]]:
    """Yield heading and rows of a table for each alternative of a section, then for the sections in it."""
    objects = [choice for choice in alternatives(node) if "properties" in choice]
    for choice in objects:
        named = cast("dict[str, Schema]", choice["properties"])
        kind = named.get("kind", {}).get("const")
        heading = f"`{path}` with `kind: {kind}`: {choice['description']}" if kind else ""
        rows = list(_rows(named, path, "", required=cast("list[str]", choice.get("required", []))))
        if len(alternatives(node)) > 1 and not kind:
            heading = f"`{path}` as a map: {choice['description']}"
        elif path.count(".") and not kind:
            heading = f"`{path}`: {node['description']}"
        yield heading, rows
        for name, inner in named.items():
            yield from _nested(inner, f"{path}.{name}")


def _rows(
    named: dict[str, Schema], path: str, prefix: str, *, required: list[str] | None = None
) -> Iterator[str]:
    for name, node in named.items():
        key = f"{prefix}{name}" if not path else f"{path}.{name}"
        allowed = allowed_text(node)
        if any("properties" in choice for choice in alternatives(node)):
            others = [allowed_text(choice) for choice in alternatives(node) if "properties" not in choice]
            allowed = " or ".join([*others, "a map: see below"])
        needed = required is not None and name in required
        yield f"| `{key}` | {_cell(allowed)} | {_default(node, needed=needed)} | {_cell(_meaning(node))} |"


def _meaning(node: Schema) -> str:
    if "const" in node:
        return "Which of the alternatives this is."
    return str(node.get("description", ""))


def _default(node: Schema, *, needed: bool) -> str:
    if needed:
        return "*needed*"
    default = cast("Any", node.get("default"))
    return "" if default is None else f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(rows: Iterator[str] | list[str]) -> str:
    return "\n".join(["| key | value | default | meaning |", "| --- | --- | --- | --- |", *rows, ""])


def _estimators() -> str:
    rows = [f"| `{name}` | {', '.join(tasks)} |" for name, tasks in TASKS_OF.items()]
    return "\n".join(["| estimator | tasks |", "| --- | --- |", *rows, ""])


def _metrics() -> str:
    rows = [
        f"| `{name}` | {metric.task} | {'at least' if metric.higher_is_better else 'at most'} the threshold |"
        for name, metric in METRICS.items()
    ]
    return "\n".join(["| metric | task | the model passes with |", "| --- | --- | --- |", *rows, ""])


def _refused() -> str:
    rows = [f"| `{row.path}` | {', '.join(row.clouds)} | {row.lacks} | {row.instead} |" for row in REFUSED]
    return "\n".join(["| key | refused by | which has | instead |", "| --- | --- | --- | --- |", *rows, ""])

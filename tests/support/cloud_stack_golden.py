"""What the Pulumi CLI did with the cloud stacks and the simulators, beside what the embedded engine does."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from support.cloud_stacks import STACKS, Edited, Serving, other_machine

GOLDEN = Path(__file__).parent.parent / "engine" / "golden" / "cli-3.260.0-clouds.json"
"""Each run of each stack, as the Pulumi CLI told it.

To record it again, with `pulumi` on PATH:
`MLCLOUD_RECORD=1 pytest tests/engine/test_cloud_stacks_cli.py -n 0`."""

_REPLACED = "replace"
"""The CLI's word for a replacement as a whole; its parts are told, too."""


class Stack(Edited, Protocol):
    """A stack file under one of the engines."""

    @property
    def ops(self) -> list[tuple[str, str]]: ...
    def run(self, kind: str) -> bool: ...


def runs_of(stack: Stack, serving: Serving) -> list[dict[str, Any]]:
    """Make the stack, ask again, edit it, destroy it; what each run did."""
    first = _told(stack, "up", serving)
    again = _told(stack, "up", serving)
    other_machine(stack, serving)
    return [first, again, _told(stack, "up", serving), _told(stack, "destroy", serving)]


def _told(stack: Stack, kind: str, serving: Serving) -> dict[str, Any]:
    ok = stack.run(kind)
    changed = [op for op in stack.ops if op[0] not in ("same", _REPLACED)]
    # What is independent of each other may come in any order; this is one chain.
    chain = {*serving.configuration, serving.endpoint}
    return {
        "run": kind,
        "ok": ok,
        "ops": sorted(" ".join(op) for op in changed),
        "order": [" ".join(op) for op in changed if op[1] in chain],
    }


def common(runs: Sequence[dict[str, Any]], names: set[str]) -> list[dict[str, Any]]:
    """The runs with what was done to some resources alone."""
    return [{**run, "ops": [op for op in run["ops"] if op.split(" ")[1] in names]} for run in runs]


def names_of(runs: Sequence[dict[str, Any]]) -> set[str]:
    """The resources that the first run made."""
    return {op.split(" ")[1] for op in runs[0]["ops"]}


def read_golden(name: str) -> list[dict[str, Any]]:
    """The CLI's runs of a stack."""
    return json.loads(GOLDEN.read_text("utf-8"))[name]


def record_golden(name: str, runs: list[dict[str, Any]]) -> None:
    """Put the CLI's runs of a stack in the place of those before."""
    stored = json.loads(GOLDEN.read_text("utf-8")) if GOLDEN.exists() else {}
    stored[name] = runs
    kept = {stack: told for stack, told in sorted(stored.items()) if stack in STACKS}
    GOLDEN.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")

"""The tree that shows what a plan or an update changes, and why."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.text import Text
from rich.tree import Tree

from mlcloud.cli.words import short_type, words_of
from mlcloud.embedded.events import PropertyChange, ResourceEnded, ResourceFailed

_LONGEST_VALUE = 60

Shown = ResourceEnded | ResourceFailed


def changes_tree(title: str, events: Iterable[Shown], *, diff: bool = False) -> Tree:
    """Return the tree of all resources that change, under the parents that lead to them.

    Args:
        title: What stands at the root.
        events: The end of each resource's operation.
        diff: Show old and new values, not only the names of what changes.
    """
    last = _last_of_each(events)
    wanted = {urn for urn, event in last.items() if event.op != "same" or isinstance(event, ResourceFailed)}
    for urn in list(wanted):
        parent = last[urn].parent
        while parent in last and parent not in wanted:
            wanted.add(parent)
            parent = last[parent].parent
    tree = Tree(Text(title, style="bold"), guide_style="dim")
    nodes: dict[str, Tree] = {}

    def node_of(urn: str) -> Tree:
        if urn not in nodes:
            event = last[urn]
            above = node_of(event.parent) if event.parent in wanted else tree
            nodes[urn] = above.add(_label(event, diff=diff))
        return nodes[urn]

    for urn in last:
        if urn in wanted:
            node_of(urn)
    return tree


def _last_of_each(events: Iterable[Shown]) -> dict[str, Shown]:
    last: dict[str, Shown] = {}
    for event in events:
        # The old half of a replacement has the same URN: what became of the new one is what counts.
        if event.op == "delete-replaced" and event.urn in last:
            continue
        last[event.urn] = event
    return last


def _label(event: Shown, *, diff: bool) -> Text:
    words = words_of(event.op)
    label = Text()
    label.append(f"{words.symbol} ", style=words.style)
    label.append(event.name, style=words.style if event.op != "same" else "")
    label.append(f"  {short_type(event.type)}", style="dim")
    if isinstance(event, ResourceFailed):
        label.append("  failed", style="bold red")
    elif event.op not in ("same", "create", "delete", "read"):
        label.append(f"  {reason(event.op, event.changes)}", style="dim")
    if diff:
        for change in event.changes:
            label.append("\n")
            label.append_text(_change_line(change))
    return label


def reason(op: str, changes: Sequence[PropertyChange]) -> str:
    """Return why an operation is done, in a few words."""
    forcing = [change.path for change in changes if change.forces_replacement]
    if op in ("replace", "create-replacement") and forcing:
        return f"a new one, because {_listed(forcing)} changed"
    if changes:
        return f"{_listed([change.path for change in changes])} changed"
    return words_of(op).doing


def _listed(paths: Sequence[str]) -> str:
    shown = list(paths[:4])
    if len(paths) > len(shown):
        shown.append(f"{len(paths) - len(shown)} more")
    return ", ".join(shown)


def _change_line(change: PropertyChange) -> Text:
    line = Text("    ")
    style = words_of({"add": "create", "delete": "delete"}.get(change.kind, "update")).style
    if change.kind == "add":
        line.append(f"+ {change.path}: {_value(change.new)}", style=style)
    elif change.kind == "delete":
        line.append(f"- {change.path}: {_value(change.old)}", style=style)
    else:
        line.append(f"~ {change.path}: {_value(change.old)} → {_value(change.new)}", style=style)
    if change.forces_replacement:
        line.append("  (forces a new one)", style="dim")
    return line


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"

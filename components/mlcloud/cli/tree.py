"""The tree that shows what a plan or an update changes, and why."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.text import Text
from rich.tree import Tree

from mlcloud.cli.words import is_part, short_type, words_of
from mlcloud.embedded.events import PropertyChange, ResourceEnded, ResourceFailed
from mlcloud.embedded.properties.values import UNKNOWN_TEXT

_LONGEST_VALUE = 60
_BESIDE_VALUES = 44
"""Columns that branches, a property's name and signs take beside an old and a new value."""

_COUNTED_AS = {"create-replacement": "replace", "refresh": "same"}

Shown = ResourceEnded | ResourceFailed


def changes_tree(title: str, events: Iterable[Shown], *, diff: bool = False, width: int = 160) -> Tree:
    """Return the tree of all resources that change, under the parents that lead to them.

    Args:
        title: What stands at the root.
        events: The end of each resource's operation.
        diff: Show old and new values, not only the names of what changes.
        width: Columns of the terminal; values are cut so that old and new stand in one line.
    """
    longest = min(_LONGEST_VALUE, max(16, (width - _BESIDE_VALUES) // 2))
    last = _last_of_each(events)
    unchanged = ("same", "refresh")
    wanted = {
        urn for urn, event in last.items() if event.op not in unchanged or isinstance(event, ResourceFailed)
    }
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
            nodes[urn] = above.add(_label(event, longest=longest if diff else None))
        return nodes[urn]

    for urn in last:
        if urn in wanted:
            node_of(urn)
    return tree


def counts_of(events: Iterable[Shown]) -> dict[str, int]:
    """Return how many resources had which operation; stacks and components only hold them."""
    ops = (event.op for event in _last_of_each(events).values() if is_part(event.type))
    return dict(Counter(_COUNTED_AS.get(op, op) for op in ops))


def _last_of_each(events: Iterable[Shown]) -> dict[str, Shown]:
    last: dict[str, Shown] = {}
    for event in events:
        # The old half of a replacement has the same URN: what became of the new one is what counts.
        if event.op == "delete-replaced" and event.urn in last:
            continue
        last[event.urn] = event
    return last


def _label(event: Shown, *, longest: int | None) -> Text:
    words = words_of(event.op)
    label = Text()
    if is_part(event.type):
        label.append(f"{words.symbol} ", style=words.style)
    label.append(event.name, style=words.style if is_part(event.type) else "")
    label.append(f"  {short_type(event.type)}", style="dim")
    if isinstance(event, ResourceFailed):
        label.append("  failed", style="bold red")
    elif event.op not in ("same", "create", "delete", "read"):
        label.append(f"  {reason(event.op, event.changes)}", style="dim")
    if longest is not None:
        for change in event.changes:
            label.append("\n")
            label.append_text(_change_line(change, longest))
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


def _change_line(change: PropertyChange, longest: int) -> Text:
    op = {"add": "create", "delete": "delete"}.get(change.kind, "update")
    words = words_of("replace" if change.forces_replacement else op)
    old, new = _value(change.old, longest), _value(change.new, longest)
    text = {"add": new, "delete": old}.get(change.kind, f"{old} → {new}")
    return Text(f"    {words.symbol} {change.path}: {text}", style=words.style, overflow="fold")


def _value(value: Any, longest: int) -> str:
    """Return a value as JSON; of a long one its ends, for paths and URIs differ in their last part."""
    if value == UNKNOWN_TEXT:
        return "known later"
    text = json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 2
    return f"{text[: longest - 1 - tail]}…{text[-tail:]}"

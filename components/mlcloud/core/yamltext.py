"""YAML as text with places in it: where a value stands, what it says, and how a text is written as one."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import yaml

_BOOL: Final = re.compile(r"(true|True|TRUE|false|False|FALSE)$")
_NULL: Final = re.compile(r"(~|null|Null|NULL|)$")
# What needs no quotes in any place of a block or a flow mapping.
_UNQUOTED: Final = re.compile(r"[A-Za-z0-9./]([A-Za-z0-9._/:@%+=~-]*[A-Za-z0-9._/@%+=~-])?$")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One change of a text: what stands from one index to another is replaced.

    Attributes:
        start: First index of what goes; new lines go where a line begins, or at the text's end.
        end: The index behind it.
        new: What comes instead.
    """

    start: int
    end: int
    new: str


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with all the edits made; new lines end as the text's own do."""
    line_end = "\r\n" if "\r\n" in text else "\n"
    for edit in sorted(edits, key=lambda item: (item.start, item.end), reverse=True):
        before, new = text[: edit.start], edit.new.replace("\n", line_end)
        if edit.new.endswith("\n") and before and not before.endswith("\n"):
            before += line_end
        text = before + new + text[edit.end :]
    return text


def entries_of(mapping: yaml.MappingNode) -> Sequence[tuple[yaml.Node, yaml.Node]]:
    """Return the keys and values of a mapping, in their order."""
    return cast("Sequence[tuple[yaml.Node, yaml.Node]]", mapping.value)


def text_of(node: yaml.Node) -> str:
    """Return a scalar's text, unquoted."""
    return str(cast("object", node.value))


def is_empty(node: yaml.Node) -> bool:
    """Tell whether nothing stands there: no value, `null`, or a collection without members."""
    return not node.value or (isinstance(node, yaml.ScalarNode) and _NULL.match(text_of(node)) is not None)


def value_of(node: yaml.Node) -> Any:
    """Return what a node holds, where a word is what Pulumi takes it for: `no` and dates are texts.

    Raises:
        ValueError: a mapping has a key twice.
    """
    if isinstance(node, yaml.MappingNode):
        found = {text_of(key): value_of(value) for key, value in entries_of(node)}
        if len(found) < len(entries_of(node)):
            raise ValueError(f"a key is there twice, from line {node.start_mark.line + 1} on")
        return found
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item) for item in cast("Sequence[yaml.Node]", node.value)]
    text = text_of(node)
    return text if getattr(node, "style", None) is not None else _plain_value(text)


def _plain_value(text: str) -> bool | int | float | str | None:
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text.lower() == "true"
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> int | float | None:
    try:
        return int(text, 0)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def scalar(value: str, *, style: str | None = None) -> str:
    """Write a text so that every reader of YAML takes it for one: digits and words such as `no` need quotes.

    Args:
        value: The text.
        style: The quotes that stood there before; they stay where they can.
    """
    if style == "'" and "'" not in value:
        return f"'{value}'"
    if style != '"' and _UNQUOTED.match(value) and _number(value) is None and _is_text(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_text(value: str) -> bool:
    """Whether YAML's older reading takes an unquoted text for one, too: `yes` and `12:30` it does not."""
    return cast("object", yaml.safe_load(value)) == value


def start_of(node: yaml.Node) -> int:
    """Return the index of a node's first character."""
    return cast("int", node.start_mark.index)


def end_of(node: yaml.Node) -> int:
    """Return the index behind a node's last value: a block's own end is where the next key begins."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return end_of(entries_of(node)[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return end_of(cast("Sequence[yaml.Node]", node.value)[-1])
    return cast("int", node.end_mark.index)


def line_end(text: str, index: int) -> int:
    """Return where the line after an index begins, or the text's end."""
    if index and text[index - 1] == "\n":
        return index
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1

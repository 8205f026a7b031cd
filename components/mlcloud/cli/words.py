"""How the command line speaks of operations: one symbol, colour and participle for each."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class OperationWords:
    """What an operation is shown as."""

    symbol: str
    style: str
    doing: str
    done: str


STACK_TYPE = "pulumi:pulumi:Stack"
_COMPONENTS = "mlcloud:index:"

_WORDS: Mapping[str, OperationWords] = {
    "same": OperationWords(symbol=" ", style="dim", doing="looking at", done="unchanged"),
    "create": OperationWords(symbol="+", style="green", doing="creating", done="created"),
    "update": OperationWords(symbol="~", style="yellow", doing="updating", done="updated"),
    "replace": OperationWords(symbol="±", style="magenta", doing="replacing", done="replaced"),
    "create-replacement": OperationWords(symbol="±", style="magenta", doing="making anew", done="made anew"),
    "delete-replaced": OperationWords(
        symbol="-", style="magenta", doing="deleting the old one", done="old one deleted"
    ),
    "remove-pending-replace": OperationWords(
        symbol="-", style="magenta", doing="forgetting the old one", done="old one forgotten"
    ),
    "delete": OperationWords(symbol="-", style="red", doing="deleting", done="deleted"),
    "discard": OperationWords(symbol="-", style="red", doing="forgetting", done="forgotten"),
    "read": OperationWords(symbol=">", style="cyan", doing="reading", done="read"),
    "refresh": OperationWords(symbol="↻", style="cyan", doing="refreshing", done="refreshed"),
}


def words_of(op: str) -> OperationWords:
    """Return the words of an operation; one without an entry is shown by its own name."""
    return _WORDS.get(op) or OperationWords(symbol="?", style="cyan", doing=op, done=op)


def short_type(type_token: str) -> str:
    """Return the last part of a type token: `mlcloud:local:Bucket` is a `Bucket`."""
    return type_token.rsplit(":", 1)[-1]


def is_part(type_token: str) -> bool:
    """Return whether a resource is a thing of its own; stacks and components only hold such things."""
    return type_token != STACK_TYPE and not type_token.startswith(_COMPONENTS)


def counted(counts: Mapping[str, int]) -> str:
    """Return how many resources had which operation, as people read it: `3 created, 2 unchanged`."""
    order = list(_WORDS)
    known = sorted(counts, key=lambda op: (op == "same", order.index(op) if op in order else len(order)))
    parts = [f"{counts[op]} {words_of(op).done}" for op in known if counts[op]]
    return ", ".join(parts) or "nothing"


def seconds(duration_s: float) -> str:
    """Return a duration as people read it: `0.4 s`, `12 s`, `3 min 5 s`."""
    if duration_s < 10:
        return f"{duration_s:.1f} s"
    if duration_s < 60:
        return f"{duration_s:.0f} s"
    minutes, rest = divmod(round(duration_s), 60)
    return f"{minutes} min {rest} s"

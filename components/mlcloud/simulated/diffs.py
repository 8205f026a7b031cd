"""What differs between two sets of inputs, and which of it makes a resource anew."""

from collections.abc import Sequence

from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.marks import UNKNOWN, Properties
from mlcloud.embedded.properties.trees import MISSING
from mlcloud.provider.protocol import provider_pb2


def diff_response(
    olds: Properties,
    news: Properties,
    replaces: Sequence[str],
    *,
    ignored: Sequence[str] = (),
    delete_first: bool,
) -> provider_pb2.DiffResponse:
    """Compare inputs field by field.

    Args:
        olds: The inputs in the state.
        news: The inputs that are wanted.
        replaces: Property paths that force a replacement, with all below them; ``*`` stands for any element.
        ignored: Property paths whose changes do not count.
        delete_first: Whether the old resource must go before its replacement comes.
    """
    kinds = provider_pb2.PropertyDiff
    detailed: dict[str, provider_pb2.PropertyDiff] = {}
    for path, kind in values.differences(_without_internals(olds), _without_internals(news)):
        if any(values.covers(pattern, path) for pattern in ignored):
            continue
        forces = any(_touches(pattern, path, olds, news) for pattern in replaces)
        kind_name = kind.upper() + ("_REPLACE" if forces else "")
        detailed[path] = kinds(kind=kinds.Kind.Value(kind_name), inputDiff=True)
    replaced = list(dict.fromkeys(_top(path) for path, item in detailed.items() if item.kind % 2 == 1))
    changes = provider_pb2.DiffResponse
    return provider_pb2.DiffResponse(
        changes=changes.DIFF_SOME if detailed else changes.DIFF_NONE,
        diffs=list(dict.fromkeys(_top(path) for path in detailed)),
        replaces=replaced,
        deleteBeforeReplace=bool(replaced) and delete_first,
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def _touches(pattern: str, path: str, olds: Properties, news: Properties) -> bool:
    """Whether a change at ``path`` changes what the pattern names: below it, or a whole that holds it."""
    if values.covers(pattern, path):
        return True
    wanted, given = values.parse_path(pattern), values.parse_path(path)
    if len(given) >= len(wanted) or any(a not in ("*", b) for a, b in zip(wanted, given, strict=False)):
        return False
    # The whole came, went, or is not known yet: what is inside it went with it.
    before, after = values.get_path(olds, pattern), values.get_path(news, pattern)
    whole = values.get_path(news, path)
    return whole == UNKNOWN or before is not MISSING or after is not MISSING


def _without_internals(properties: Properties) -> Properties:
    return {name: value for name, value in properties.items() if not name.startswith("__")}


def _top(path: str) -> str:
    return str(values.parse_path(path)[0])

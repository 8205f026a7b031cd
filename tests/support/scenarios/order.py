"""Whether two engines did the same in the same order, where the order is not theirs to choose.

Operations on resources that do not need each other may come in any order. Fixed is that of two operations

- on one resource;
- on resources of which one needs the other, itself or through others, before the run or after it;
- of which one ends what the program no longer asks for: that comes after all that is made or changed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

_MAKES = frozenset({"create", "update", "create-replacement"})
_ENDS = frozenset({"delete", "discard", "delete-replaced", "discard-replaced"})

Step = tuple[str, str, int]
"""An operation, its URN, and how many times the same was done before."""


def same_order(one: Sequence[str], other: Sequence[str], needs: Mapping[str, set[str]]) -> bool:
    """Whether two courses of a run hold the same operations, with the same order where it is fixed.

    Args:
        one: The operations of one engine (``create URN``), in order.
        other: Those of the other.
        needs: URN to the URNs that it cannot be without.
    """
    return fixed_pairs(one, needs) == fixed_pairs(other, needs) and Counter(one) == Counter(other)


def fixed_pairs(ops: Sequence[str], needs: Mapping[str, set[str]]) -> set[tuple[Step, Step]]:
    """Every two operations whose order is fixed, in their order."""
    seen: Counter[str] = Counter()
    steps: list[Step] = []
    for op in ops:
        word, _, urn = op.partition(" ")
        steps.append((word, urn, seen[op]))
        seen[op] += 1
    last = [_is_an_end(step, steps[:index]) for index, step in enumerate(steps)]
    closure = _closure(needs)
    pairs: set[tuple[Step, Step]] = set()
    for later, second in enumerate(steps):
        for earlier, first in enumerate(steps[:later]):
            related = first[1] == second[1] or first[1] in closure.get(second[1], ())
            related = related or second[1] in closure.get(first[1], ())
            ends = (last[earlier] and second[0] in _MAKES) or (last[later] and first[0] in _MAKES)
            if related or ends:
                pairs.add((first, second))
    return pairs


def _is_an_end(step: Step, before: Sequence[Step]) -> bool:
    # An old half that is deleted before its replacement is made is no end.
    if not step[0].endswith("-replaced"):
        return step[0] in _ENDS
    return any(made[:2] == ("create-replacement", step[1]) for made in before)


def _closure(needs: Mapping[str, set[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for urn in needs:
        waiting, reached = [urn], set[str]()
        while waiting:
            for needed in needs.get(waiting.pop(), ()):
                if needed not in reached:
                    reached.add(needed)
                    waiting.append(needed)
        found[urn] = reached
    return found

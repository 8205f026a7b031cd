"""What changed between the inputs in the state and the program's: property paths with kinds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from mlcloud.provider.fields import fields_of, member_path, top_level, wire_value
from mlcloud.provider.values import contains_unknown


@dataclass(frozen=True, kw_only=True)
class Change:
    """One changed property.

    Attributes:
        path: Pulumi's property path, starting at a top-level property.
        kind: whether the program adds, deletes or changes it.
        replace: the resource has to be made anew for it.
        is_input: an input differs; False means that an output does not hold any more.
    """

    path: str
    kind: Literal["add", "delete", "update"]
    replace: bool = False
    is_input: bool = True

    @property
    def top(self) -> str:
        """The top-level property that the path starts with."""
        return top_level(self.path)


def compare(inputs: type, old: Mapping[str, object], new: Mapping[str, object]) -> list[Change]:
    """Compare two sets of inputs field by field.

    An absent value equals its default, so that a default added later changes nothing. An unknown new value
    counts as changed: a preview cannot promise that it stays.
    """
    found: list[Change] = []
    for field in fields_of(inputs):
        default = wire_value(field.default)
        before, after = old.get(field.wire), new.get(field.wire)
        before = default if before is None else before
        after = default if after is None else after
        found.extend(_differences(field.wire, before, after, field.options.replace))
    return found


def _differences(path: str, before: object, after: object, replace: bool) -> Iterator[Change]:
    if before == after and not contains_unknown(after):
        return
    if before is None:
        yield Change(path=path, kind="add", replace=replace)
    elif after is None:
        yield Change(path=path, kind="delete", replace=replace)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        olds, news = cast(Mapping[str, object], before), cast(Mapping[str, object], after)
        for key in sorted({*olds, *news}):
            yield from _differences(member_path(path, key), olds.get(key), news.get(key), replace)
    elif isinstance(before, list) and isinstance(after, list):
        old_items, new_items = cast(list[object], before), cast(list[object], after)
        for index in range(max(len(old_items), len(new_items))):
            old_item = old_items[index] if index < len(old_items) else None
            new_item = new_items[index] if index < len(new_items) else None
            yield from _differences(f"{path}[{index}]", old_item, new_item, replace)
    else:
        yield Change(path=path, kind="update", replace=replace)

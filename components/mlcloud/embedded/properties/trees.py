"""Property values as trees: what lies inside a value, and copies of it with parts replaced."""

from collections.abc import Callable, Iterator
from typing import Any, cast

from mlcloud.embedded.properties.marks import SIGNATURE_KEY, Properties

MISSING: Any = object()
"""Stands for 'there is no such property', where ``None`` is a value."""


def walk(value: Any) -> Iterator[Any]:
    """The value and every value inside it."""
    yield value
    if isinstance(value, dict):
        for item in cast("Properties", value).values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from walk(item)


def rebuild(value: Any, replace: Callable[[Any], Any]) -> Any:
    """A copy in which every value that ``replace`` answers for (not :data:`MISSING`) is replaced."""
    replaced = replace(value)
    if replaced is not MISSING:
        return replaced
    if isinstance(value, dict):
        return {key: rebuild(item, replace) for key, item in cast("Properties", value).items()}
    if isinstance(value, list):
        return [rebuild(item, replace) for item in cast("list[Any]", value)]
    return value


def signature(value: Any) -> Any:
    """The signature of a special value; ``None`` for an ordinary one."""
    return cast("Properties", value).get(SIGNATURE_KEY) if isinstance(value, dict) else None

"""Reads typed values out of parsed JSON and collects every problem with its path."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

Scalar: TypeAlias = str | int | float | bool | None


class ManifestError(ValueError):
    """A manifest that cannot be used, or files that do not match it; `problems` are for people."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One JSON object. A method that notes a problem returns a harmless value, so that all are found."""

    value: object
    path: str
    problems: list[str]

    def _items(self) -> dict[str, object]:
        value = self.value
        return cast("dict[str, object]", value) if isinstance(value, dict) else {}

    def _where(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _note(self, key: str, expected: str) -> None:
        found = self._items().get(key)
        seen = "is missing" if found is None else f"is {str(found)[:80]!r}"
        self.problems.append(f"{self._where(key)}: {seen}, expected {expected}")

    def has(self, key: str) -> bool:
        """Whether the key is there and not null."""
        return self._items().get(key) is not None

    def text(self, key: str) -> str:
        """A string."""
        value = self._items().get(key)
        if isinstance(value, str):
            return value
        self._note(key, "a string")
        return ""

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str:
        """One of the allowed strings."""
        value = self._items().get(key)
        if isinstance(value, str) and value in allowed:
            return value
        self._note(key, "one of " + ", ".join(allowed))
        return allowed[0]

    def boolean(self, key: str) -> bool:
        """True or false."""
        value = self._items().get(key)
        if isinstance(value, bool):
            return value
        self._note(key, "true or false")
        return False

    def integer(self, key: str) -> int:
        """A whole number from 0 up."""
        value = self._items().get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self._note(key, "a whole number from 0 up")
        return 0

    def number(self, key: str) -> float:
        """A finite number."""
        value = self._items().get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            return value
        self._note(key, "a number")
        return 0.0

    def scalar(self, key: str) -> Scalar:
        """A string, number, boolean or null."""
        value = self._items().get(key)
        if value is None or isinstance(value, (str, int, float, bool)):
            return value
        self._note(key, "a string, a number, true, false or null")
        return None

    def child(self, key: str) -> Reader:
        """An object."""
        if not isinstance(self._items().get(key), dict):
            self._note(key, "an object")
            # What is inside a missing object is not reported again, key by key.
            return Reader(value={}, path=self._where(key), problems=[])
        return Reader(value=self._items()[key], path=self._where(key), problems=self.problems)

    def optional_child(self, key: str) -> Reader | None:
        """An object, or `None` where the key is absent or null."""
        return self.child(key) if self.has(key) else None

    def each(self) -> Iterator[tuple[str, Reader]]:
        """The objects under this one, by name."""
        for key in self._items():
            yield key, self.child(key)

    def _list(self, key: str, expected: str) -> list[object]:
        value = self._items().get(key)
        if isinstance(value, list):
            return cast("list[object]", value)
        self._note(key, expected)
        return []

    def children(self, key: str) -> list[Reader]:
        """A list of objects."""
        values = self._list(key, "a list of objects")
        if not all(isinstance(value, dict) for value in values):
            self._note(key, "a list of objects")
            return []
        return [
            Reader(value=value, path=f"{self._where(key)}[{index}]", problems=self.problems)
            for index, value in enumerate(values)
        ]

    def text_list(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self._list(key, "a list of strings")
        if not all(isinstance(value, str) for value in values):
            self._note(key, "a list of strings")
        return tuple(value for value in values if isinstance(value, str))

    def scalar_list(self, key: str) -> tuple[Scalar, ...]:
        """A list of strings, numbers or booleans."""
        values = self._list(key, "a list of strings, numbers or booleans")
        if not all(isinstance(value, (str, int, float, bool)) for value in values):
            self._note(key, "a list of strings, numbers or booleans")
        return tuple(value for value in values if isinstance(value, (str, int, float, bool)))

    def counts(self, key: str) -> tuple[tuple[int, ...], ...]:
        """A list of lists of whole numbers from 0 up."""
        table: list[tuple[int, ...]] = []
        for row in self._list(key, "a table of counts"):
            counts = cast("list[object]", row) if isinstance(row, list) else [None]
            known = [count for count in counts if isinstance(count, int) and not isinstance(count, bool)]
            if len(known) != len(counts) or min(known, default=0) < 0:
                self._note(key, "a table of whole numbers from 0 up")
                return ()
            table.append(tuple(known))
        return tuple(table)

    def scalars(self, key: str) -> dict[str, Scalar]:
        """An object of scalars."""
        inner = self.child(key)
        return {name: inner.scalar(name) for name in inner._items()}

    def numbers(self, key: str) -> dict[str, float]:
        """An object of finite numbers."""
        inner = self.child(key)
        return {name: inner.number(name) for name in inner._items()}

    def texts(self, key: str) -> dict[str, str]:
        """An object of strings."""
        inner = self.child(key)
        return {name: inner.text(name) for name in inner._items()}

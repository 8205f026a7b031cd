"""The one error of object storage."""

from __future__ import annotations


class StorageError(Exception):
    """An object cannot be read or written; `problem` is for people: which one, why, and what it takes."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class MissingError(StorageError):
    """There is no such object, or no such bucket."""

"""From pydantic's errors to problems that people can correct."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mlcloud.core.errors import ABSENT, Problem, nearest, unknown
from mlcloud.core.settings.describe import Schema, allowed_text, at, chosen, document, keys, kinds

Path = tuple[str | int, ...]


def key_path(prefix: str, path: Path) -> str:
    """Return a path as people write it: `mlcloud:endpoint.capacity.min`, `mlcloud:monitoring.notify[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return f"{prefix}:{text}"


def problems_of(error: ValidationError, given: Mapping[str, Any], prefix: str) -> dict[Path, Problem]:
    """Return a problem for each place that pydantic complained of.

    Args:
        error: What pydantic raised for `given`.
        given: The config as it was given.
        prefix: The config's namespace.
    """
    teller = _Teller(given, prefix)
    found: dict[Path, Problem] = {}
    for detail in error.errors(include_url=False, include_context=False):
        path, is_key = _path_in(given, detail)
        found.setdefault(path, teller.problem(detail, path, is_key=is_key))
    return found


def _path_in(given: Mapping[str, Any], detail: ErrorDetails) -> tuple[Path, bool]:
    """Return the error's path without pydantic's names of alternatives, and whether it means a key."""
    location = list(detail["loc"])
    is_key = location[-1:] == ["[key]"]
    if is_key:
        location.pop()
    path: list[str | int] = []
    here: Any = given
    for index, part in enumerate(location):
        if isinstance(here, Mapping) and part in here:
            here = cast("Mapping[Any, Any]", here)[part]
        elif isinstance(here, (list, tuple)) and isinstance(part, int):
            here = cast("Sequence[Any]", here)[part]
        elif not (detail["type"] == "missing" and index == len(location) - 1):
            continue
        path.append(part)
    return tuple(path), is_key


class _Teller:
    """Tells what is wrong at a place, with what the schema allows there."""

    def __init__(self, given: Mapping[str, Any], prefix: str) -> None:
        self._given = given
        self._prefix = prefix
        self._schema = document()

    def problem(self, detail: ErrorDetails, path: Path, *, is_key: bool) -> Problem:
        where = key_path(self._prefix, path)
        value = ABSENT if detail["type"] == "missing" else detail["input"]
        node = at(self._schema, path, self._given)
        if is_key:
            return self._bad_name(where, path)
        if detail["type"] == "extra_forbidden":
            return self._unknown_key(where, value, path)
        if detail["type"] == "missing":
            fix = f"add `{path[-1]}` to {key_path(self._prefix, path[:-1])}"
            return Problem(path=where, value=value, allowed=allowed_text(node), fix=fix)
        if detail["type"] == "union_tag_invalid":
            kind = cast("Mapping[str, Any]", value).get("kind")
            return unknown(f"{where}.kind", kind, str(kind), kinds(node))
        choices = [str(choice) for choice in cast("list[Any]", chosen(node, value).get("enum", []))]
        if choices and isinstance(value, str):
            return unknown(where, value, value, choices)
        allowed = allowed_text(node)
        return Problem(path=where, value=value, allowed=allowed, fix=f"set it to {allowed}")

    def _unknown_key(self, where: str, value: object, path: Path) -> Problem:
        holder = at(self._schema, path[:-1], self._given)
        name, names = str(path[-1]), list(keys(chosen(holder, _dig(self._given, path[:-1]))))
        having = [kind for kind in kinds(holder) if name in keys(chosen(holder, {"kind": kind}))]
        if having:
            fix = f"set `kind: {having[0]}` beside it, or remove `{name}`"
            return Problem(path=where, value=value, allowed=", ".join(names), fix=fix)
        elsewhere = [key_path(self._prefix, place) for place in self._places_of(name)]
        if nearest(name, names) is None and elsewhere:
            fix = f"move it to {' or '.join(elsewhere)}"
            return Problem(path=where, value=value, allowed=", ".join(names), fix=fix)
        return unknown(where, value, name, names)

    def _bad_name(self, where: str, path: Path) -> Problem:
        rule = cast("Schema", at(self._schema, path[:-1], self._given).get("propertyNames", {}))
        value = _dig(self._given, path)
        if "enum" in rule:
            return unknown(where, value, str(path[-1]), cast("list[str]", rule["enum"]))
        allowed = f"a key of {allowed_text(rule)}"
        return Problem(path=where, value=value, allowed=allowed, fix=f"rename the key `{path[-1]}`")

    def _places_of(self, name: str) -> list[Path]:
        """Return where in the config a key of this name is known: in the sections and in their sections."""
        found: list[Path] = []
        stack: list[tuple[Path, Schema]] = [((), self._schema)]
        while stack:
            path, node = stack.pop(0)
            for key, value in keys(node).items():
                found.extend([(*path, key)] if key == name else [])
                stack.append(((*path, key), value))
        return found


def _dig(given: object, path: Path) -> object:
    here = given
    for part in path:
        here = cast("Any", here)[part]
    return here

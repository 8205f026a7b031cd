"""The rows that people ask predictions for: from the command line, a file, or the standard input."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from mlcloud.core.errors import UserError

_FEATURES_SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A request's body, and how its rows are shown to people."""

    body: bytes
    content_type: str
    """``application/json`` or ``text/csv``: a CSV file is sent as it is: the server knows its types."""
    shown: list[str]
    """One text a row."""


def rows_of(instances: Sequence[Any]) -> Rows:
    """Return rows that are given as values."""
    body = json.dumps({"instances": list(instances)}).encode()
    return Rows(
        body=body, content_type="application/json", shown=[_instance_text(item) for item in instances]
    )


def rows_of_json(text: str, where: str) -> Rows:
    """Return the rows of a JSON text: one object, a list, or a body with `instances`.

    Args:
        text: The JSON.
        where: Where it came from, for the error.

    Raises:
        UserError: It is not JSON.
    """
    try:
        value: Any = json.loads(text)
    except ValueError as error:
        raise UserError(f'{where} is not JSON ({error}). One row is an object: {{"age": 40}}') from None
    if isinstance(value, dict) and "instances" in value:
        value = cast("dict[str, Any]", value)["instances"]
    return rows_of(cast("list[Any]", value) if isinstance(value, list) else [value])


def rows_of_file(path: Path, stdin: TextIO) -> Rows:
    """Return the rows of a `.csv` file with a header, or of JSON; `-` is JSON on the standard input.

    Raises:
        UserError: It cannot be read, or holds no row.
    """
    if str(path) == "-":
        return rows_of_json(stdin.read(), "the standard input")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if path.suffix.lower() != ".csv":
        return rows_of_json(text, str(path))
    shown = [_instance_text(row) for row in csv.DictReader(text.splitlines())]
    if not shown:
        raise UserError(f"{path} has no row below its header.")
    return Rows(body=text.encode(), content_type="text/csv", shown=shown)


def _instance_text(instance: Any) -> str:
    if not isinstance(instance, dict):
        return json.dumps(instance, ensure_ascii=False)
    items = list(cast("dict[str, Any]", instance).items())
    shown = ", ".join(f"{name}={value}" for name, value in items[:_FEATURES_SHOWN])
    more = len(items) - _FEATURES_SHOWN
    return f"{shown}, and {more} more" if more > 0 else shown

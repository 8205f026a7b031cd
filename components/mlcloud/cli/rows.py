"""The rows that people ask predictions for: from the command line, a file, or the standard input."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from mlcloud.core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A request's body, and how its rows are shown to people."""

    body: bytes
    content_type: str
    """``application/json`` or ``text/csv``: a CSV file is sent as it is: the server knows its types."""
    rows: list[Any]
    """Each row as it was given; of a CSV file, its cells' text by column."""


def rows_of(instances: Sequence[Any]) -> Rows:
    """Return rows that are given as values."""
    body = json.dumps({"instances": list(instances)}).encode()
    return Rows(body=body, content_type="application/json", rows=list(instances))


def rows_of_json(text: str, where: str) -> Rows:
    """Return the rows of a JSON text: one object, a list, or a body with `instances`.

    Args:
        text: The JSON.
        where: Where it came from, for the error.

    Raises:
        UserError: It is not JSON, or holds no row.
    """
    try:
        value: Any = json.loads(text)
    except RecursionError:
        raise UserError(f"{where} is nested too deeply to be rows.") from None
    except ValueError as error:
        raise UserError(f'{where} is not JSON ({error}). One row is an object: {{"age": 40}}') from None
    if isinstance(value, dict) and "instances" in value:
        value = cast("dict[str, Any]", value)["instances"]
    instances: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [cast("Any", value)]
    if not instances:
        raise UserError(f'{where} holds no row. One row is an object: {{"age": 40}}')
    return rows_of(instances)


def rows_of_file(path: Path, stdin: TextIO) -> Rows:
    """Return the rows of a `.csv` file with a header, or of JSON; `-` is JSON on the standard input.

    Raises:
        UserError: It cannot be read, or holds no row.
    """
    piped = str(path) == "-"
    try:
        text = stdin.read() if piped else path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(
            f"{path} is not text in UTF-8. Give rows as .csv (with a header) or as .json."
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    if path.suffix.lower() != ".csv":
        return rows_of_json(text, "the standard input" if piped else str(path))
    rows: list[Any] = list(csv.DictReader(io.StringIO(text)))
    if not rows:
        raise UserError(f"{path} has no row below its header.")
    return Rows(body=text.encode(), content_type="text/csv", rows=rows)


def row_text(row: Any, width: int) -> str:
    """Return a row in one line of ``width`` characters, if its first feature leaves it that room."""
    if not isinstance(row, dict):
        return json.dumps(row, ensure_ascii=False)
    items = [f"{name}={value}" for name, value in cast("dict[str, Any]", row).items()]
    for count in range(len(items), 0, -1):
        more = f", and {len(items) - count} more" if count < len(items) else ""
        text = ", ".join(items[:count]) + more
        if len(text) <= width or count == 1:
            return text
    return "{}"

"""Rows to predict, as endpoints take them that know no CSV."""

import csv
import io
import json
from typing import Any, cast


def instances_of(body: bytes, content_type: str) -> dict[str, Any]:
    """Return rows as JSON has them, `{"instances": [...]}`.

    Args:
        body: The rows: such an object, or CSV with the names of the columns in its first line.
        content_type: `text/csv` for CSV; anything else is JSON.
    """
    if content_type.partition(";")[0].strip() != "text/csv":
        return cast("dict[str, Any]", json.loads(body))
    rows = csv.DictReader(io.StringIO(body.decode("utf-8-sig")))
    return {"instances": [{name: _value(text) for name, text in row.items()} for row in rows]}


def _value(text: str | None) -> object:
    """Return a value of CSV as JSON has it; an empty one is missing."""
    if text is None or not text.strip():
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text

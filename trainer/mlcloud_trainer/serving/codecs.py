"""Reads the bodies that data scientists send: the common JSON forms, JSON lines, and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from typing import cast

import orjson

from mlcloud_trainer.manifest import InputColumn
from mlcloud_trainer.serving.errors import BadRequestError, TooLargeError, joined
from mlcloud_trainer.serving.rows import MAX_PROBLEMS, Batch, RowReader, Values
from mlcloud_trainer.training.reading import MISSING_WORDS

# A body below this size cannot hold enough values to be worth a count.
COUNT_FROM_BYTES = 4096
# Brackets of a request that do not open a row.
FRAME_BRACKETS = 64

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_NUMERIC_CSV = b"0123456789+-.eE, \t\r\n"
_BOM = "\ufeff"


def parse_json(body: bytes, reader: RowReader, *, values_a_row: int | None = None) -> object:
    """Parse JSON, refusing first what would take far more memory as objects than as text.

    Commas and brackets bound the number of values and of containers; counting them takes about a millisecond
    for 6 MiB. The parser itself refuses NaN, Infinity, numbers beyond float64 and nesting over 1024 levels.
    """
    if len(body) > COUNT_FROM_BYTES:
        values = body.count(b",")
        most = reader.max_values + reader.max_rows + FRAME_BRACKETS
        containers = body.count(b"[") + body.count(b"{")
        if values > most or containers > reader.max_rows * (values_a_row or 1) + FRAME_BRACKETS:
            raise TooLargeError(
                f"the request has more than {reader.max_rows} rows "
                f"or {reader.max_values} values (rows x features)"
            )
    try:
        return cast("object", orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise BadRequestError(f"the body is not valid JSON: {error.msg}: character {error.pos}") from None


def read_json_rows(body: bytes, reader: RowReader) -> Batch:
    """A JSON body in one of the common forms.

    `{"instances": rows}`, `{"data": rows}`, `{"inputs": rows}`, `{"dataframe_records": rows}` or bare rows,
    where a row is an object by feature name or a list in the model's order; `{"dataframe_split": table}`
    or `{"input_data": table}`, where a table is `{"columns": names, "data": lists}`.
    """
    parsed = parse_json(body, reader)
    if isinstance(parsed, list):
        return reader.from_instances(cast("list[object]", parsed), path="rows")
    if not isinstance(parsed, dict):
        raise BadRequestError(f"expected {_FORMS}")
    return read_json_object(cast("dict[str, object]", parsed), reader, forms=_ROW_FORMS | _TABLE_FORMS)


_ROW_FORMS = frozenset({"instances", "data", "inputs", "dataframe_records"})
_TABLE_FORMS = frozenset({"dataframe_split", "input_data"})
_FORMS = '{"instances": [...]}, where each row is an object by feature name or a list of values'


def read_json_object(parsed: Mapping[str, object], reader: RowReader, *, forms: frozenset[str]) -> Batch:
    """The rows of a parsed JSON object that has exactly one of `forms`."""
    found = [key for key in parsed if key in forms]
    others = sorted(key[:80] for key in parsed if key not in forms and key != "parameters")
    if len(found) != 1 or others:
        allowed = ", ".join(sorted(forms))
        extra = f"; found also {', '.join(map(repr, others[:10]))}" if others else ""
        raise BadRequestError(f"expected exactly one of {allowed}, such as {_FORMS}{extra}")
    if parsed.get("parameters"):
        raise BadRequestError("parameters: this model takes none; leave the key out, or empty")
    (form,) = found
    rows = parsed[form]
    if form in _TABLE_FORMS and isinstance(rows, dict):
        return _read_table(cast("dict[str, object]", rows), reader, form)
    return reader.from_instances(rows, path=form)


def _read_table(table: Mapping[str, object], reader: RowReader, form: str) -> Batch:
    columns = table.get("columns")
    unknown = sorted(key[:80] for key in table if key not in ("columns", "data", "index"))
    if (
        unknown
        or "data" not in table
        or not isinstance(columns, list)
        or not all(isinstance(name, str) for name in cast("list[object]", columns))
    ):
        raise BadRequestError(f'{form}: expected {{"columns": [names], "data": [[values], ...]}}')
    return reader.from_columns(cast("list[str]", columns), table["data"], path=f"{form}.data")


def read_json_lines(body: bytes, reader: RowReader) -> Batch:
    """One row a line: each an object by feature name, or a list in the model's order."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    reader.check_size(len(lines))
    rows: list[object] = []
    for number, line in enumerate(lines):
        try:
            rows.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise BadRequestError(f"line {number}: is not valid JSON: {error.msg}") from None
    return reader.from_instances(rows, path="lines")


def read_csv_rows(body: bytes, reader: RowReader, *, header: bool | None) -> Batch:
    """Comma-separated rows, UTF-8, quoted as in RFC 4180.

    A cell is missing when it is empty or one of the words that mean it in training data, such as NaN.

    Args:
        body: The request's body.
        reader: Checks rows.
        header: Whether the first line names the features; `None` tells by looking for a feature's name in it.
    """
    if body.count(b"\n") > reader.max_rows + FRAME_BRACKETS or body.count(b",") > reader.max_values:
        raise TooLargeError(
            f"the request has more than {reader.max_rows} rows "
            f"or {reader.max_values} values (rows x features)"
        )
    if not body.translate(None, _NUMERIC_CSV) and not header:
        # Only digits, signs and separators: nothing is quoted, named, or called "nan".
        lines = [line.split(",") for line in body.decode().splitlines() if line.strip()]
    else:
        lines = _quoted_lines(body)
    order = list(range(reader.width))
    first = 0
    if lines and (header or (header is None and any(cell.strip() in reader.names for cell in lines[0]))):
        names = [cell.strip() for cell in lines[0]]
        problems = list(reader.name_problems(names, "header"))
        if len(set(names)) != len(names):
            problems.append("header: a feature is named twice")
        if problems:
            raise BadRequestError(joined(problems))
        order = [names.index(name) for name in reader.names]
        first = 1
    return _csv_batch(lines, order, first, reader)


def _quoted_lines(body: bytes) -> list[list[str]]:
    try:
        text = body.decode("utf-8").removeprefix(_BOM)
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except UnicodeDecodeError as error:
        raise BadRequestError(f"the body is not UTF-8 text: byte {error.start}") from None
    except csv.Error as error:
        raise BadRequestError(f"the body is not valid CSV: {error}") from None


def _csv_batch(lines: list[list[str]], order: list[int], first: int, reader: RowReader) -> Batch:
    cells = lines[first:]
    reader.check_size(len(cells))
    problems = [
        f"line {first + number + 1}: has {len(line)} values, expected {reader.width}"
        for number, line in enumerate(cells)
        if len(line) != reader.width
    ]
    if problems:
        raise BadRequestError(joined(problems, most=MAX_PROBLEMS))

    def where(row: int, name: str) -> str:
        return f"line {first + row + 1}, {name}"

    readers = [_CELL_READERS[column.type] for column in reader.inputs]
    rows: list[Values] = []
    for number, line in enumerate(cells):
        row: list[object] = []
        for column, read, position in zip(reader.inputs, readers, order, strict=True):
            try:
                row.append(read(line[position]))
            except ValueError:
                problems.append(_cell_problem(where(number, column.name), line[position], column))
        rows.append(row)
        if len(problems) > MAX_PROBLEMS:
            break
    if problems:
        raise BadRequestError(joined(problems, most=MAX_PROBLEMS))
    return reader.from_rows(rows, where=where)


def _cell_problem(where: str, cell: str, column: InputColumn) -> str:
    expected = "true or false" if column.type == "boolean" else "a number"
    return f"{where}: is {cell[:40]!r}, expected {expected}, or nothing where the value is missing"


def _number_cell(cell: str) -> object:
    text = cell.strip()
    if text in MISSING_WORDS:
        return None
    # float() alone would also take nan, inf, 1_000 and digits of other scripts.
    if not _NUMBER.fullmatch(text):
        raise ValueError(cell)
    return float(text)


def _boolean_cell(cell: str) -> object:
    if cell.strip() in MISSING_WORDS:
        return None
    text = cell.strip().lower()
    if text not in _BOOLEANS:
        raise ValueError(cell)
    return _BOOLEANS[text]


def _text_cell(cell: str) -> object:
    return None if cell in MISSING_WORDS else cell


_CELL_READERS: Mapping[str, Callable[[str], object]] = {
    "number": _number_cell,
    "integer": _number_cell,
    "boolean": _boolean_cell,
    "string": _text_cell,
}

"""A light check of a local data file, before anything is made from it: one pass, no pandas.

It refuses what the trainer would refuse, and answers what the stack needs to know: columns, rows, and the
hash that names the file's content.
"""

import csv
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal

from mlcloud.core.datacolumn import TargetColumn, is_number
from mlcloud.core.errors import DataError, Problem, nearest, shown
from mlcloud.core.metrics import Task

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

Format = Literal["csv", "parquet"]

DATA_KEY: Final = "mlcloud:data.path"
TARGET_KEY: Final = "mlcloud:training.target"
# The trainer takes the one that the header has most of.
DELIMITERS: Final = (",", ";", "\t")
_CHUNK_BYTES: Final = 1024 * 1024
_COLUMNS_SHOWN: Final = 40


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """A file that can be trained on.

    Attributes:
        path: Where it is.
        format: How it is written.
        columns: Names of the columns, in the file's order.
        rows: Number of data rows.
        size_bytes: Its size.
        sha256: SHA-256 of its bytes, in hexadecimal digits.
    """

    path: Path
    format: Format
    columns: tuple[str, ...]
    rows: int
    size_bytes: int
    sha256: str


def check_data_file(
    path: Path, *, target: str, task: Task | None = None, file_format: Format | None = None
) -> DataFile:
    """Check that a file can be trained on, reading it once.

    Args:
        path: The file.
        target: The column to predict.
        task: What is learned; regression demands numbers in the target column. None: the data will tell.
        file_format: How the file is written. Default: by the path's ending; .parquet is Parquet, else CSV.

    Raises:
        DataError: With every problem of the file.
    """
    chosen: Format = file_format or ("parquet" if path.suffix.lower() == ".parquet" else "csv")
    _refuse_what_cannot_be_read(path)
    column = TargetColumn(name=target, task=task, path=path)
    if chosen == "parquet":
        from mlcloud.core.dataparquet import check_parquet

        columns, rows = check_parquet(path, column)
        sha256, problems = _sha256_of(path), list[Problem]()
    else:
        columns, rows, sha256, problems = _check_csv(path, column)
    problems = [*_header_problems(columns, target, path), *problems]
    if target in columns:
        problems += column.problems()
    if problems:
        raise DataError(problems, title=f"The data file {path.name}")
    return DataFile(
        path=path,
        format=chosen,
        columns=tuple(columns),
        rows=rows,
        size_bytes=path.stat().st_size,
        sha256=sha256,
    )


def _refuse_what_cannot_be_read(path: Path) -> None:
    allowed, fix = "", ""
    if not path.exists():
        near = (
            nearest(path.name, [entry.name for entry in path.parent.iterdir()])
            if path.parent.is_dir()
            else None
        )
        allowed = "a file that exists"
        fix = f"did you mean {path.parent / near}?" if near else "correct the path, or put the file there"
    elif not path.is_file():
        allowed, fix = "a file", "name one file; join the parts of a data set into one first"
    elif path.stat().st_size == 0:
        allowed, fix = "a file with a header and data", "the file is empty: write the data into it"
    if fix:
        problem = Problem(path=DATA_KEY, value=str(path), allowed=allowed, fix=fix)
        raise DataError([problem], title=f"The data file {path.name}")


def _check_csv(path: Path, column: TargetColumn) -> tuple[list[str], int, str, list[Problem]]:
    digest = hashlib.sha256()
    columns: list[str] = []
    rows = 0
    problems: list[Problem] = []
    with path.open("rb", buffering=_CHUNK_BYTES) as raw:
        lines = _decoded_lines(raw, digest.update)
        line = 1
        try:
            first = next(lines)
            delimiter = max(DELIMITERS, key=first.count)
            reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter)
            columns = [name.strip() for name in next(reader)]
            for line, row in _filled(reader):
                rows += 1
                if len(row) != len(columns) and not problems:
                    problems.append(_width_problem(f"{path} line {line}", len(row), len(columns), delimiter))
                column.see(row, columns, f"line {line}")
        except UnicodeDecodeError:
            place, fix = f"{path} after line {line}", "save it as UTF-8; spreadsheets call it `CSV UTF-8`"
            problems.append(Problem(path=place, value="other bytes", allowed="text in UTF-8", fix=fix))
        except csv.Error as error:
            place, fix = f"{path} after line {line}", "look for a quotation mark that is never closed"
            problems.append(Problem(path=place, value=str(error), allowed="CSV that can be read", fix=fix))
    return columns, rows, digest.hexdigest(), problems


def _decoded_lines(raw: BinaryIO, hashed: Callable[[bytes], object]) -> Iterator[str]:
    """Yield the file's lines as text, without a byte-order mark, and hash every byte on the way."""
    first = True
    for chunk in raw:
        hashed(chunk)
        # A file object ends lines at \\n alone; some files have \\r alone.
        for line in chunk.splitlines(keepends=True) if b"\r" in chunk else (chunk,):
            yield line.decode("utf-8-sig" if first else "utf-8")
            first = False


def _filled(reader: "CsvReader") -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the number of its line; empty lines are not rows."""
    return ((reader.line_num, row) for row in reader if row)


def _width_problem(place: str, values: int, width: int, delimiter: str) -> Problem:
    allowed = f"{width} values, as many as the header has names (separated by {shown(delimiter)})"
    fix = "complete the row or the header; quote a value that contains the separator"
    return Problem(path=place, value=f"{values} values", allowed=allowed, fix=fix)


def _header_problems(columns: Sequence[str], target: str, path: Path) -> list[Problem]:
    """Tell of a missing header, of names that stand twice, and of a missing target column."""
    place = f"{path} header"
    if not columns or all(is_number(name) for name in columns):
        value = ", ".join(columns[:_COLUMNS_SHOWN])
        fix = "put a line with the columns' names above the data"
        return [
            Problem(path=place, value=value, allowed="the names of the columns in the first line", fix=fix)
        ]
    problems = [
        Problem(
            path=place, value=name, allowed="each column's name once", fix="rename one of them in the file"
        )
        for name in dict.fromkeys(name for name in columns if columns.count(name) > 1)
    ]
    if target not in columns:
        near = nearest(target, columns)
        fix = f"write `{near}` instead of `{target}`" if near else "set it to one of the file's columns"
        names = ", ".join(columns[:_COLUMNS_SHOWN]) + (", ..." if len(columns) > _COLUMNS_SHOWN else "")
        allowed = f"a column of {path.name}: {names}"
        problems.append(Problem(path=TARGET_KEY, value=target, allowed=allowed, fix=fix))
    elif not any(name for name in columns if name != target):
        fix = "add the columns that the target is to be predicted from"
        problems.append(Problem(path=place, value=target, allowed="a column beside the target", fix=fix))
    return problems


def _sha256_of(path: Path) -> str:
    with path.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()

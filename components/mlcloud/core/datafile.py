"""A light check of a local data file, before anything is made from it: one pass, no pandas.

It refuses what the trainer would refuse, and answers what the stack needs to know: columns, rows, and the
hash that names the file's content.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal

from mlcloud.core.datacolumn import TargetColumn
from mlcloud.core.errors import DataError, Problem, nearest, shown
from mlcloud.core.metrics import Task

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

Format = Literal["csv", "parquet"]

DATA_KEY: Final = "mlcloud:data.path"
TARGET_KEY: Final = "mlcloud:training.target"
_OTHER_DELIMITERS: Final = (";", "\t", "|")
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
        task: What is learned; regression demands numbers in the target column, classification two classes.
            None: the data will tell, and the target's values are not judged.
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
    problems = [*_header_problems(columns, target, path, chosen), *problems, *column.problems()]
    if rows == 0 and not problems:
        fix = "give a file with data below its header"
        problems.append(Problem(path=DATA_KEY, value=str(path), allowed="at least one row of data", fix=fix))
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
        reader = csv.reader(_decoded_lines(raw, digest.update), strict=True)
        try:
            columns = next(_filled(reader), columns)
            rows, problems = _check_rows(reader, columns, column, path)
        except UnicodeDecodeError:
            place, fix = (
                f"{path} line {reader.line_num + 1}",
                "save it as UTF-8; spreadsheets call it `CSV UTF-8`",
            )
            problems.append(Problem(path=place, value="other bytes", allowed="text in UTF-8", fix=fix))
        except csv.Error as error:
            place, fix = f"{path} line {reader.line_num}", "look for a quotation mark that is never closed"
            problems.append(Problem(path=place, value=str(error), allowed="CSV that can be read", fix=fix))
    return columns, rows, digest.hexdigest(), problems


def _decoded_lines(raw: BinaryIO, hashed: Callable[[bytes], object]) -> Iterator[str]:
    """Yield the file's lines as text, without a byte-order mark, and hash every byte on the way."""
    first = True
    for line in raw:
        hashed(line)
        yield line.decode("utf-8-sig" if first else "utf-8")
        first = False


def _filled(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Skip blank lines, as the trainer does."""
    return (row for row in rows if len(row) > 1 or (row and row[0].strip()))


def _check_rows(
    reader: "CsvReader", columns: Sequence[str], column: TargetColumn, path: Path
) -> tuple[int, list[Problem]]:
    """Count the rows, give the target's values to its column, and tell of the first row that is too long."""
    rows = 0
    width = len(columns)
    index = columns.index(column.name) if column.name in columns else None
    problems: list[Problem] = []
    for row in _filled(reader):
        rows += 1
        if len(row) > width and not problems:
            allowed = f"at most {width} values, as many as the header has names"
            fix = "quote values that contain a comma, or complete the header"
            place = f"{path} line {reader.line_num}"
            problems.append(Problem(path=place, value=f"{len(row)} values", allowed=allowed, fix=fix))
        if index is not None and not column.decided:
            column.see(row[index] if index < len(row) else "", f"line {reader.line_num}")
    return rows, problems


def _header_problems(
    columns: Sequence[str], target: str, path: Path, file_format: Format
) -> Iterator[Problem]:
    """Tell of a missing target column and of names that stand twice."""
    if not columns:
        return
    for name in dict.fromkeys(name for name in columns if columns.count(name) > 1):
        fix = "rename one of them in the file"
        yield Problem(path=f"{path} header", value=name, allowed="each column's name once", fix=fix)
    if target in columns:
        return
    near = nearest(target, columns)
    fix = f"write `{near}` instead of `{target}`" if near else "set it to one of the file's columns"
    only = columns[0]
    other = [sign for sign in _OTHER_DELIMITERS if sign in only] if len(columns) == 1 else []
    if file_format == "csv" and other:
        fix = f"the file's values seem to be separated by {shown(other[0])}: save it with commas"
    shown_names = ", ".join(columns[:_COLUMNS_SHOWN]) + (", ..." if len(columns) > _COLUMNS_SHOWN else "")
    yield Problem(path=TARGET_KEY, value=target, allowed=f"a column of {path.name}: {shown_names}", fix=fix)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()

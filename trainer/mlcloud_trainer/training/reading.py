"""Reads CSV and Parquet files into one table.

CSV: UTF-8, a header line, and a comma, semicolon or tab as delimiter (the one that the header has most
of, outside quotes).
Every column is first read as text, so that its type follows from all of its values and not from the first
few. A cell is missing when it is empty or one of `MISSING_WORDS`, quoted or not.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlcloud_trainer.training.data_files import DataFile
from mlcloud_trainer.training.errors import TrainingError, listing
from mlcloud_trainer.training.untyped import library

# pandas' own list (https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html, na_values), and the
# question mark of the UCI repository's files.
MISSING_WORDS = (
    *(
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
    ),
    *("NA", "NULL", "NaN", "None", "n/a", "nan", "null", "?"),
)
DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of all files.

    Attributes:
        arrow: A pyarrow table; columns of CSV files are text.
        from_text: Whether the types are still to be inferred from text.
        sha256: See `DataSummary.sha256`.
    """

    arrow: Any
    from_text: bool
    sha256: str

    @property
    def names(self) -> list[str]:
        """The columns, in the order of the files."""
        return [str(name) for name in self.arrow.column_names]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.arrow.num_rows)


def read_files(paths: Sequence[DataFile]) -> Table:
    """Read the files and put them under one another.

    Raises:
        TrainingError: With every file that cannot be read; or the files do not have the same columns.
    """
    if len({path.suffix.lower() for path in paths}) > 1:
        names = listing(path.name for path in paths)
        raise TrainingError(
            f"The data is in CSV as well as Parquet files ({names}); use one of the two formats."
        )
    tables: list[Any] = []
    hashes: list[tuple[str, str]] = []
    problems: list[str] = []
    for path in paths:
        content = path.read_bytes()
        hashes.append((hashlib.sha256(content).hexdigest(), path.name))
        try:
            tables.append(_read_csv(content) if path.suffix.lower() == ".csv" else _read_parquet(content))
        except TrainingError as error:
            problems += [f"{path.name}: {problem}" for problem in error.problems]
    problems = problems or _differing_columns(paths, tables)
    if problems:
        raise TrainingError(problems)
    return Table(
        arrow=_concatenate(paths, tables),
        from_text=paths[0].suffix.lower() == ".csv",
        sha256=_data_hash(hashes),
    )


def _data_hash(hashes: Sequence[tuple[str, str]]) -> str:
    if len(hashes) == 1:
        return hashes[0][0]
    lines = "".join(f"{digest}  {name}\n" for digest, name in hashes)
    return hashlib.sha256(lines.encode()).hexdigest()


def _differing_columns(paths: Sequence[DataFile], tables: Sequence[Any]) -> list[str]:
    problems: list[str] = []
    first = list(tables[0].column_names)
    for path, table in zip(paths, tables, strict=True):
        missing = [name for name in first if name not in table.column_names]
        extra = [name for name in table.column_names if name not in first]
        if missing or extra:
            difference = [f"lacks {listing(missing)}"] if missing else []
            difference += [f"has {listing(extra)} more"] if extra else []
            problems.append(
                f"{path.name}: does not have the columns of {paths[0].name}: {', '.join(difference)}."
            )
    return problems


def _concatenate(paths: Sequence[DataFile], tables: Sequence[Any]) -> Any:
    pyarrow = library("pyarrow")
    names = tables[0].column_names
    try:
        return pyarrow.concat_tables([table.select(names) for table in tables], promote_options="permissive")
    except pyarrow.ArrowException as error:
        files = listing(path.name for path in paths)
        raise TrainingError(f"{files}: a column has different types in different files: {error}") from None


def _read_parquet(content: bytes) -> Any:
    pyarrow, parquet = library("pyarrow"), library("pyarrow.parquet")
    if not content:
        raise TrainingError("is empty.")
    try:
        table = parquet.read_table(pyarrow.BufferReader(content))
    except (pyarrow.ArrowException, OSError) as error:
        raise TrainingError(f"is not a Parquet file that can be read: {error}") from None
    _check_header([str(name) for name in table.column_names])
    if table.num_rows == 0:
        raise TrainingError("has columns but no rows.")
    return table


def _read_csv(content: bytes) -> Any:
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if not content.strip():
        raise TrainingError("is empty; the first line must name the columns.")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TrainingError(f"line {line} is not UTF-8 text; save the file as UTF-8.") from None
    header, delimiter = _read_header(content)
    _check_header(header)
    numbers = [name for name in header if _is_number(name)]
    if len(numbers) == len(header):
        raise TrainingError(
            f"the first line must name the columns, but holds numbers: {listing(numbers, 5)}."
        )
    return _parse_rows(content, header, delimiter)


def _read_header(content: bytes) -> tuple[list[str], str]:
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
    first = lines.readline()
    delimiter = max(DELIMITERS, key=re.sub('"[^"]*"', "", first).count)
    try:
        # A quoted name may hold line breaks, so that the csv module gets the following lines too.
        reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter)
        return [name.strip() for name in next(reader)], delimiter
    except (csv.Error, StopIteration) as error:
        raise TrainingError(f"the header line cannot be read: {error}") from None


def _check_header(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TrainingError(f"names a column twice: {listing(name or '(no name)' for name in twice)}.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parse_rows(content: bytes, header: list[str], delimiter: str) -> Any:
    pyarrow, arrow_csv = library("pyarrow"), library("pyarrow.csv")
    try:
        table = arrow_csv.read_csv(
            pyarrow.BufferReader(content),
            # Blocks must hold whole rows; one thread keeps the order of errors, and reading is rarely the
            # bottleneck.
            read_options=arrow_csv.ReadOptions(
                column_names=header, skip_rows_after_names=1, use_threads=False, block_size=1 << 24
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: pyarrow.string() for name in header},
                null_values=list(MISSING_WORDS),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pyarrow.ArrowException as error:
        raise TrainingError(f"is not a CSV file that can be read: {str(error).strip()}") from None
    if table.num_rows == 0:
        raise TrainingError("has a header line but no rows.")
    return table

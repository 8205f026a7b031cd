"""The Parquet part of the data check: metadata and the target. Needs pyarrow; the trainer brings it."""

from importlib import import_module
from pathlib import Path
from typing import Any

from mlcloud.core.datacolumn import TargetColumn
from mlcloud.core.errors import DataError, Problem


def check_parquet(path: Path, column: TargetColumn) -> tuple[list[str], int]:
    """Return a Parquet file's columns and its number of rows, and give the target's values to its column.

    Raises:
        DataError: It is no Parquet file, or pyarrow is not installed.
    """
    try:
        parquet: Any = import_module("pyarrow.parquet")
        arrow: Any = import_module("pyarrow")
    except ImportError as error:
        fix = "install pyarrow (`pip install pyarrow`), or save the data as CSV"
        problem = Problem(
            path=str(path),
            value="parquet",
            allowed="a format that can be read here: pyarrow is missing",
            fix=fix,
        )
        raise DataError([problem], title=f"The data file {path.name}") from error
    try:
        with parquet.ParquetFile(path) as file:
            columns = [str(name) for name in file.schema_arrow.names]
            rows = int(file.metadata.num_rows)
            if column.name in columns:
                _see_target(file, column)
    except (arrow.ArrowException, OSError) as error:
        fix = "write it again as Parquet, or set `format: csv` if it is CSV"
        problem = Problem(path=str(path), value=str(error), allowed="a Parquet file", fix=fix)
        raise DataError([problem], title=f"The data file {path.name}") from error
    return columns, rows


def _see_target(file: Any, column: TargetColumn) -> None:
    position = 0
    for batch in file.iter_batches(columns=[column.name]):
        for value in batch.column(0):
            position += 1
            column.see_value(value.as_py(), f"row {position}")

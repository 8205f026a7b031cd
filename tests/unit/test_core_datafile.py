import hashlib
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from mlcloud.core.datafile import DataFile, check_data_file
from mlcloud.core.errors import DataError, Problem

ROWS = "".join(f"{index},{index * 2}\n" for index in range(12))
GOOD = "size,price\n" + ROWS


def check(folder: Path, content: str | bytes, target: str = "price", **how: Any) -> DataFile:
    path = folder / "houses.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return check_data_file(path, target=target, **how)


def problems(folder: Path, content: str | bytes, **how: Any) -> tuple[Problem, ...]:
    with pytest.raises(DataError) as caught:
        check(folder, content, **how)
    return caught.value.problems


def only_problem(folder: Path, content: str | bytes, **how: Any) -> Problem:
    (problem,) = problems(folder, content, **how)
    return problem


def test_a_good_file_tells_its_columns_rows_and_hash(tmp_path: Path):
    found = check(tmp_path, GOOD, task="regression")
    assert found.columns == ("size", "price")
    assert found.rows == 12
    assert found.size_bytes == len(GOOD)
    assert found.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()
    assert found.format == "csv"


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_seen_in_the_header(tmp_path: Path, delimiter: str):
    assert check(tmp_path, GOOD.replace(",", delimiter)).columns == ("size", "price")


def test_a_byte_order_mark_windows_line_ends_and_quoted_line_breaks_are_read(tmp_path: Path):
    content = '\ufeffsize,"price"\r\n' + ROWS.replace("\n", "\r\n") + '"a\r\nb",1\r\n'
    found = check(tmp_path, content)
    assert found.columns == ("size", "price")
    assert found.rows == 13
    assert found.sha256 == hashlib.sha256(content.encode()).hexdigest()


def test_empty_lines_are_no_rows(tmp_path: Path):
    assert check(tmp_path, "size,price\n\n" + ROWS + "\n\n").rows == 12


def test_a_missing_file_is_told_with_the_nearest_one(tmp_path: Path):
    (tmp_path / "houses.csv").touch()
    with pytest.raises(DataError, match=r"did you mean .*houses\.csv"):
        check_data_file(tmp_path / "house.csv", target="price")


def test_a_folder_is_no_data_file(tmp_path: Path):
    with pytest.raises(DataError, match="name one file"):
        check_data_file(tmp_path, target="price")


def test_an_empty_file_is_refused(tmp_path: Path):
    assert "the file is empty" in only_problem(tmp_path, "").fix


@pytest.mark.parametrize("content", ["\n\n", "1,2\n3,4\n"])
def test_a_file_without_a_header_is_refused(tmp_path: Path, content: str):
    assert any("line with the columns' names" in problem.fix for problem in problems(tmp_path, content))


def test_a_header_without_rows_is_refused(tmp_path: Path):
    assert only_problem(tmp_path, "size,price\n").value == "0 values"


def test_a_missing_target_is_told_with_the_nearest_column(tmp_path: Path):
    problem = only_problem(tmp_path, GOOD, target="Prise")
    assert problem.path == "mlcloud:training.target"
    assert problem.fix == "write `price` instead of `Prise`"
    assert "size, price" in problem.allowed


def test_a_target_alone_has_nothing_to_be_predicted_from(tmp_path: Path):
    assert "a column beside the target" in only_problem(tmp_path, "price\n" + "1\n2\n" * 6).allowed


def test_a_column_that_stands_twice_is_refused(tmp_path: Path):
    content = "size,size,price\n" + "1,2,3\n1,2,4\n" * 6
    assert only_problem(tmp_path, content).value == "size"


@pytest.mark.parametrize("row", ["1,2,3", "1"])
def test_the_first_row_of_another_width_is_named_by_its_line(tmp_path: Path, row: str):
    problem = only_problem(tmp_path, GOOD + f"{row}\n{row}\n")
    assert problem.path.endswith("line 14")


def test_a_target_that_is_no_number_is_named_by_line_and_value(tmp_path: Path):
    problem = only_problem(tmp_path, GOOD + "1,much\n2,more\n", task="regression")
    assert problem.path.endswith("column `price` line 14")
    assert problem.value == "much"
    assert "task: classification" in problem.fix


def test_text_is_a_fine_target_for_classification(tmp_path: Path):
    assert check(tmp_path, GOOD + "1,much\n", task="classification").rows == 13


@pytest.mark.parametrize("missing", ["", "NA", "?", "nan", " ", "inf"])
def test_a_missing_target_value_is_not_an_offence(tmp_path: Path, missing: str):
    assert check(tmp_path, GOOD + f"1,{missing}\n", task="regression").rows == 13


def test_too_few_target_values_are_refused(tmp_path: Path):
    assert "10 rows" in only_problem(tmp_path, "size,price\n" + "1,2\n1,3\n" * 4 + "1,\n" * 9).allowed


@pytest.mark.parametrize("task", ["classification", "regression", None])
def test_one_value_alone_teaches_nothing(tmp_path: Path, task: str | None):
    assert "two different" in only_problem(tmp_path, "size,price\n" + "1,2\n" * 12, task=task).allowed


def test_other_encodings_are_named_by_line(tmp_path: Path):
    problem = only_problem(tmp_path, (GOOD + "1,é\n").encode("latin-1"))
    assert problem.path.endswith("after line 13")
    assert "UTF-8" in problem.fix


def test_an_endless_quotation_is_refused(tmp_path: Path):
    assert problems(tmp_path, GOOD + '"1,2\n' + "3,4\n" * 50_000)


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path):
    found = problems(tmp_path, "size,size,price\n" + "1,2,3\n1,2,4\n" * 6 + "1\n", target="prize")
    assert len(found) == 3


def parquet(path: Path, **columns: list[Any]) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


NUMBERS = [float(number) for number in range(12)]


def test_parquet_is_read_by_its_ending_or_by_its_format(tmp_path: Path):
    path = parquet(tmp_path / "houses.parquet", size=NUMBERS, price=NUMBERS)
    found = check_data_file(path, target="price", task="regression")
    assert (found.format, found.rows, found.columns) == ("parquet", 12, ("size", "price"))
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    other = path.rename(tmp_path / "houses")
    assert check_data_file(other, target="price", file_format="parquet").rows == 12


@pytest.mark.parametrize(
    ("values", "task", "value"),
    [
        ([*NUMBERS, None], "regression", None),
        ([str(number) for number in NUMBERS], "regression", "0.0"),
        ([True, False] * 6, "regression", True),
        ([True, False] * 6, "classification", None),
        (["NA", "b"] * 6, "classification", None),
        (["", "b"] * 6, "classification", "6 values"),
        ([[1], [2]] * 6, None, [1]),
    ],
)
def test_the_target_of_a_parquet_file_is_judged_by_its_type(
    tmp_path: Path, values: list[Any], task: Any, value: object
):
    path = parquet(tmp_path / "houses.parquet", size=[1.0] * len(values), price=values)
    if value is None:
        assert check_data_file(path, target="price", task=task).rows == len(values)
        return
    with pytest.raises(DataError) as caught:
        check_data_file(path, target="price", task=task)
    assert [problem.value for problem in caught.value.problems] == [value]


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path):
    path = tmp_path / "houses.parquet"
    path.write_text(GOOD)
    with pytest.raises(DataError, match="set `format: csv`"):
        check_data_file(path, target="price")


def test_parquet_without_pyarrow_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "houses.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DataError, match="install pyarrow"):
        check_data_file(path, target="price")

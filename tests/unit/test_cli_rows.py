"""How `mlcloud predict` reads rows."""

import io
import json
from pathlib import Path

import pytest
from mlcloud.cli.rows import row_text, rows_of_file, rows_of_json
from mlcloud.core.errors import UserError


def sent(text: str) -> object:
    return json.loads(rows_of_json(text, "--data").body)["instances"]


def test_one_object_is_one_row() -> None:
    assert sent('{"age": 40}') == [{"age": 40}]


def test_a_list_is_rows_and_so_is_a_body_with_instances() -> None:
    assert sent('[{"a": 1}, {"a": 2}]') == sent('{"instances": [{"a": 1}, {"a": 2}]}') == [{"a": 1}, {"a": 2}]


def test_text_that_is_no_json_is_refused_with_an_example() -> None:
    with pytest.raises(UserError, match=r'--data is not JSON .* \{"age": 40\}'):
        sent("age=40")


def test_a_csv_file_is_sent_as_it_is_because_the_server_knows_its_types(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("zip,city\n00420,Ulm\n,Bern\n", encoding="utf-8")
    rows = rows_of_file(file, io.StringIO())
    assert (rows.content_type, rows.body) == ("text/csv", b"zip,city\n00420,Ulm\n,Bern\n")
    assert rows.rows == [{"zip": "00420", "city": "Ulm"}, {"zip": "", "city": "Bern"}]


def test_a_cell_of_several_lines_is_one_row(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('note,city\n"a\nb",Ulm\n', encoding="utf-8")
    assert len(rows_of_file(file, io.StringIO()).rows) == 1


def test_a_csv_file_without_rows_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("zip,city\n", encoding="utf-8")
    with pytest.raises(UserError, match="has no row below its header"):
        rows_of_file(file, io.StringIO())


def test_a_dash_reads_json_from_the_standard_input() -> None:
    assert json.loads(rows_of_file(Path("-"), io.StringIO("[1]")).body) == {"instances": [1]}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"rows\.csv cannot be read"):
        rows_of_file(tmp_path / "rows.csv", io.StringIO())


@pytest.mark.parametrize("text", ["[]", '{"instances": []}'])
def test_no_row_is_refused_before_anything_is_sent(text: str) -> None:
    with pytest.raises(UserError, match="--data holds no row"):
        sent(text)


def test_a_file_that_is_no_text_is_refused_with_what_is_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    file.write_bytes(b"PAR1\xb0\xff")
    with pytest.raises(UserError, match=r"rows\.parquet is not text in UTF-8\. Give rows as \.csv"):
        rows_of_file(file, io.StringIO())


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (80, "a=1, b=2, c=3"),
        (13, "a=1, b=2, c=3"),
        (12, "a=1, and 2 more"),
        (1, "a=1, and 2 more"),
    ],
)
def test_a_row_is_shown_by_as_many_features_as_have_room(width: int, text: str) -> None:
    assert row_text({"a": 1, "b": 2, "c": 3}, width) == text


def test_a_row_without_names_is_shown_as_json() -> None:
    assert row_text([1, "Köln", None], 80) == '[1, "Köln", null]'

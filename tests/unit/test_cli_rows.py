"""How `mlcloud predict` reads rows."""

import io
import json
from pathlib import Path

import pytest
from mlcloud.cli.rows import rows_of, rows_of_file, rows_of_json
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
    assert rows.shown == ["zip=00420, city=Ulm", "zip=, city=Bern"]


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


def test_a_wide_row_is_shown_by_its_first_features() -> None:
    assert rows_of([{f"f{n}": n for n in range(9)}]).shown[0].endswith("and 3 more")

"""How files become columns, and columns features."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlcloud_trainer.manifest import ColumnDropped
from mlcloud_trainer.training.columns import Column, infer_columns
from mlcloud_trainer.training.features import choose_features
from mlcloud_trainer.training.reading import read_files
from mlcloud_trainer.training.splitting import split_rows
from mlcloud_trainer.training.targets import prepare_target
from support.trainer_runs import csv_text, events, make_run, mixed_csv, mixed_rows, warnings_of


def columns_of(tmp_path: Path, content: str | bytes, name: str = "data.csv") -> dict[str, Column]:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return {column.name: column for column in infer_columns(read_files([path]))}


def one(tmp_path: Path, *cells: str) -> Column:
    """A column of these cells, beside one that keeps empty cells from being empty lines."""
    return columns_of(tmp_path, "c,other\n" + "".join(f"{cell},1\n" for cell in cells))["c"]


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (("1", "-2", "3"), "integer", [1, -2, 3]),
        (("1", "", "3"), "integer", [1, np.nan, 3]),
        (("1", "2.5"), "number", [1, 2.5]),
        (("1e3", "?", "NA"), "number", [1000, np.nan, np.nan]),
        (("inf", "2.5"), "number", [np.nan, 2.5]),
        (("true", "FALSE", "nan"), "boolean", [1, 0, np.nan]),
        (("99999999999999999999", "1"), "number", [1e20, 1]),
        (("", "NaN"), "integer", [np.nan, np.nan]),
    ],
)
def test_a_column_has_the_type_that_all_of_its_values_have(cells, kind, values, tmp_path):
    column = one(tmp_path, *cells)
    assert column.type == kind
    np.testing.assert_array_equal(column.values, values)


def test_texts_are_trimmed_and_missing_words_are_missing(tmp_path):
    column = one(tmp_path, " red ", "", "None", '"N/A"', "blue", "  ")
    assert column.type == "string"
    assert column.values.tolist() == ["red", "", "", "", "blue", ""]
    assert column.missing.tolist() == [False, True, True, True, False, True]


def test_a_type_follows_from_late_values_as_well_as_early_ones(tmp_path):
    assert one(tmp_path, *["7"] * 5000, "seven").type == "string"
    assert one(tmp_path, *["7"] * 5000, "seven").note == (
        '5000 of 5001 values are numbers, 1 are not, such as "seven"'
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_byte_order_marks_quotes_and_line_ends_are_understood(delimiter, tmp_path):
    rows = ['"size, in m",name', '1,"a\nb"', '2,"c ""d"""']
    text = "\r\n".join(row.replace(",", delimiter).replace(f"size{delimiter}", "size,") for row in rows)
    columns = columns_of(tmp_path, b"\xef\xbb\xbf" + text.encode())
    assert list(columns) == ["size, in m", "name"]
    assert columns["size, in m"].values.tolist() == [1, 2]
    assert columns["name"].values.tolist() == ["a\nb", 'c "d"']


def test_parquet_types_become_the_same_types(tmp_path):
    sink = io.BytesIO()
    table = pa.table(
        {
            "whole": pa.array([1, None, 3], pa.int32()),
            "real": pa.array([1.5, None, float("inf")], pa.float32()),
            "money": pa.array(["1.10", "2.20", None]).cast(pa.decimal128(10, 2)),
            "flag": pa.array([True, None, False]),
            "text": pa.array(["a", "", None]),
            "kind": pa.array(["x", "y", None]).dictionary_encode(),
            "day": pa.array([1, 2, 3], pa.date32()),
            "nothing": pa.nulls(3),
        }
    )
    pq.write_table(table, sink)
    columns = columns_of(tmp_path, sink.getvalue(), "data.parquet")
    assert {name: column.type for name, column in columns.items()} == {
        "whole": "integer",
        "real": "number",
        "money": "number",
        "flag": "boolean",
        "text": "string",
        "kind": "string",
        "day": None,
        "nothing": "number",
    }
    np.testing.assert_array_equal(columns["whole"].values, [1, np.nan, 3])
    np.testing.assert_array_equal(columns["real"].values, [1.5, np.nan, np.nan])
    np.testing.assert_array_equal(columns["flag"].values, [1, np.nan, 0])
    assert columns["kind"].values.tolist() == ["x", "y", ""]
    assert columns["text"].missing.tolist() == [False, True, True]


def test_files_are_read_in_the_order_of_their_names_and_hashed_together(tmp_path, capsys):
    header, rows = mixed_rows(60)
    parts = {"b.csv": csv_text(header, rows[30:]), "a.csv": csv_text(header, rows[:30])}
    for name, text in parts.items():
        (tmp_path / name).write_text(text)
    both = read_files([tmp_path / "a.csv", tmp_path / "b.csv"])
    whole = tmp_path / "whole.csv"
    whole.write_text(csv_text(header, rows))
    single = read_files([whole])
    assert both.arrow.equals(single.arrow)
    assert single.sha256 == hashlib.sha256(whole.read_bytes()).hexdigest()
    lines = "".join(f"{hashlib.sha256(parts[name].encode()).hexdigest()}  {name}\n" for name in sorted(parts))
    assert both.sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_columns_in_another_order_are_matched_by_name(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("y,x\n4,3\n")
    columns = infer_columns(read_files([tmp_path / "a.csv", tmp_path / "b.csv"]))
    assert [(column.name, column.values.tolist()) for column in columns] == [("x", [1, 3]), ("y", [2, 4])]


def dropped_of(tmp_path: Path, header: str, row) -> dict[str, str]:
    text = header + ",y\n" + "".join(f"{row(index)},{index % 2}\n" for index in range(200))
    columns = columns_of(tmp_path, text)
    rows = np.arange(200)
    chosen = choose_features(list(columns.values()), "y", rows, rows)
    return {column.name: column.reason for column in chosen.dropped}


def test_columns_that_teach_nothing_or_too_much_are_left_out(tmp_path):
    dropped = dropped_of(
        tmp_path,
        ",constant,empty,name,comment,customer_id,good,code",
        lambda i: f"{i},5,,n{i % 101},{'abcdefghij'[i % 10] * (i % 13 + 1)},{i + 1000},{i % 7},{i}",
    )
    assert dropped == {
        "": "has no name in the header",
        "constant": "has the same value in every training row",
        "empty": "has no value in the training rows",
        "name": "has 101 different texts, more than 100",
        "comment": "has 130 different texts, more than 100",
        "customer_id": "identifies rows: a different whole number in each, under the name of an identifier",
    }


def test_a_text_of_its_own_in_most_rows_is_left_out(tmp_path):
    text = "c,y\n" + "".join(f"person {index},{index % 2}\n" for index in range(30))
    rows = np.arange(30)
    columns = [*columns_of(tmp_path, text).values(), one(tmp_path, *"abc" * 10)]
    chosen = choose_features(columns, "y", rows, rows)
    assert [column.reason for column in chosen.dropped] == ["has a text of its own in most rows (30 of 30)"]


@pytest.mark.parametrize("name", ["valid", "paid", "humid", "grid", "idle", "width"])
def test_a_number_whose_name_only_sounds_like_an_identifier_stays(name, tmp_path):
    assert dropped_of(tmp_path, f"{name},x", lambda i: f"{i},{i % 3}") == {}


@pytest.mark.parametrize("name", ["id", "ID", "user_id", "userId", "row id", "uuid", "index"])
def test_a_running_number_under_the_name_of_an_identifier_is_left_out(name, tmp_path):
    assert list(dropped_of(tmp_path, f"{name},x", lambda i: f"{i},{i % 3}")) == [name]


def test_left_out_columns_and_rows_are_warned_about_and_in_the_manifest(tmp_path, capsys):
    lines = mixed_csv("grade").splitlines()
    header, rows = "id,remark," + lines[0], [f"{index},same,{line}" for index, line in enumerate(lines[1:])]
    rows[3] = rows[3].rsplit(",", 1)[0] + ","
    run = make_run(tmp_path, {"estimator": "decision_tree", "target": "grade"}, "\n".join([header, *rows]))
    assert run.train() == 0
    manifest = run.manifest()
    assert manifest.data.dropped == (
        ColumnDropped(
            name="id",
            reason="identifies rows: a different whole number in each, under the name of an identifier",
        ),
        ColumnDropped(name="remark", reason="has the same value in every training row"),
    )
    assert manifest.data.rows == 119
    assert manifest.data.columns == 8
    told = warnings_of(capsys.readouterr().out)
    assert told[0] == "1 rows have no value in grade and are left out"
    assert told[1].startswith("Column id is left out: it identifies rows")
    assert "id" not in manifest.smoke.instance


def test_a_class_with_one_row_trains_and_is_never_measured(tmp_path, capsys):
    text = "x,y\n" + "".join(f"{index},{'ab'[index % 2]}\n" for index in range(40)) + "99,rare\n"
    run = make_run(tmp_path, {"estimator": "decision_tree", "target": "y"}, text)
    assert run.train() == 0
    manifest = run.manifest()
    assert manifest.classes == ("a", "b", "rare")
    assert manifest.confusion_matrix is not None
    assert sum(manifest.confusion_matrix.counts[2]) == 0
    assert "roc_auc" not in manifest.metrics
    told = warnings_of(capsys.readouterr().out)
    assert "Class rare has one row: it is trained on, and the metrics say nothing about it" in told
    assert "roc_auc is left out: no held-out row has the class rare" in told


def target_of(tmp_path: Path, *cells: str):
    return prepare_target(one(tmp_path, *cells), None)


def test_the_task_follows_from_the_target(tmp_path):
    assert target_of(tmp_path, *["a", "b"] * 10).task == "classification"
    assert target_of(tmp_path, *["true", "false"] * 10).classes == (False, True)
    assert target_of(tmp_path, *["0", "1"] * 10).classes == (0, 1)
    assert target_of(tmp_path, *["0.0", "1.0"] * 10).classes == (0, 1)
    assert target_of(tmp_path, *["0.5", "1.0"] * 10).task == "regression"
    assert target_of(tmp_path, *[str(number) for number in range(40)]).task == "regression"


def test_the_task_and_its_reason_are_stated(tmp_path, capsys):
    run = make_run(tmp_path, {"estimator": "decision_tree", "target": "price"}, mixed_csv("price"))
    assert run.train() == 0
    said = [str(line["message"]) for line in events(capsys.readouterr().out)]
    assert "Task: regression, since price: it holds 120 different numbers" in said


def test_classes_are_split_in_the_same_shares_and_the_seed_decides_which_rows(tmp_path):
    target = target_of(tmp_path, *(["a"] * 50 + ["b"] * 30 + ["c"] * 10))
    first, again, other = (split_rows(target, 0.2, seed) for seed in (1, 1, 2))
    assert np.bincount(target.codes[first.test]).tolist() == [10, 6, 2]
    assert sorted([*first.train, *first.test]) == list(range(90))
    np.testing.assert_array_equal(first.test, again.test)
    assert first.test.tolist() != other.test.tolist()


def test_a_solver_that_does_not_converge_is_warned_about(tmp_path, capsys):
    settings = {"estimator": "logistic_regression", "target": "grade", "estimator.max_iter": "2"}
    run = make_run(tmp_path, settings, mixed_csv("grade"))
    assert run.train() == 0
    told = warnings_of(capsys.readouterr().out)
    assert any(line.startswith("logistic_regression: lbfgs failed to converge") for line in told)


def test_parquet_files_are_trained_on_end_to_end(tmp_path, capsys):
    from sklearn.datasets import load_diabetes

    source = load_diabetes()
    columns = {name: source.data[:, index] for index, name in enumerate(source.feature_names)}
    table = pa.table({**columns, "progression": source.target})
    run = make_run(tmp_path, {"estimator": "linear_regression", "target": "progression"})
    for name, part in (("part-0.parquet", table.slice(0, 200)), ("part-1.parquet", table.slice(200))):
        sink = io.BytesIO()
        pq.write_table(part, sink)
        run.add_file(sink.getvalue(), name)
    assert run.train() == 0
    manifest = run.manifest()
    assert manifest.data.rows == 442
    assert manifest.task == "regression"
    assert 0.3 < manifest.metrics["r2"] < 0.7
    assert manifest.runtime == "onnx"

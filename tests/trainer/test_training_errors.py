"""What is wrong with the data is said in words, in the failure file and on standard error."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.trainer_runs import TrainerRun, csv_text, events, make_run

ROWS = [[index, index * 2.5, "ab"[index % 2]] for index in range(30)]
GOOD = csv_text(["size", "weight", "kind"], ROWS)
NUMBERS = "x,y\n" + "".join(f"{index},{index * 1.5}\n" for index in range(40))
SETTINGS = {"estimator": "decision_tree", "target": "kind"}


def refused(run: TrainerRun, capsys: pytest.CaptureFixture[str]) -> str:
    """The failure text, which is the same everywhere; and nothing was made."""
    assert run.train() == 1
    output = capsys.readouterr()
    failure = run.failure()
    assert [line["message"] for line in events(output.out, "error")] == [failure]
    assert output.err == f"Training failed: {failure}\n"
    assert "Traceback" not in output.err
    assert "unexpected error" not in failure
    assert not run.model_dir.exists() or list(run.model_dir.iterdir()) == []
    return failure


def with_data(content: str | bytes, **settings: object) -> dict[str, object]:
    return {"content": content, "settings": {**SETTINGS, **settings}}


CASES = {
    "no such target": (
        with_data(GOOD, target="kint"),
        'target: the data has no column "kint". Did you mean "kind"? It has: size, weight, kind.',
    ),
    "empty file": (with_data(""), "data.csv: is empty; the first line must name the columns."),
    "blank file": (with_data("\n \n"), "data.csv: is empty"),
    "header only": (with_data("size,weight,kind\n"), "data.csv: has a header line but no rows."),
    "no header": (
        with_data("1,2,3\n4,5,6\n"),
        "the first line must name the columns, but holds numbers: 1, 2, 3.",
    ),
    "column twice": (with_data("a,b,a\n1,2,3\n"), "data.csv: names a column twice: a."),
    "not UTF-8": (with_data(GOOD.encode() + b"\xff\xfe,1,a\n"), "data.csv: line 32 is not UTF-8 text"),
    "UTF-16": (with_data(GOOD.encode("utf-16")), "is not UTF-8 text; save the file as UTF-8."),
    "ragged": (with_data(GOOD + "1,2\n"), "data.csv: is not a CSV file that can be read: "),
    "text for regression": (
        with_data(GOOD, task="regression"),
        'target: column kind must hold numbers for regression, but holds "a", "b"',
    ),
    "one odd text in a regression target": (
        with_data(
            NUMBERS + "41,unknown\n",
            target="y",
            task="regression",
        ),
        '40 of 41 values are numbers, 1 are not, such as "unknown"',
    ),
    "booleans for regression": (
        with_data("x,y\n" + "".join(f"{i},{i % 2 > 0}\n" for i in range(40)), target="y", task="regression"),
        "but holds true and false",
    ),
    "single class": (
        with_data("x,kind\n" + "".join(f"{i},a\n" for i in range(30))),
        'target: column kind holds one class only ("a"); at least two are needed.',
    ),
    "constant regression target": (
        with_data("x,kind\n" + "".join(f"{i},7.5\n" for i in range(30)), task="regression"),
        "has the same value in every row: nothing to learn.",
    ),
    "too few rows": (
        with_data(csv_text(["size", "weight", "kind"], ROWS[:9])),
        "target: column kind has a value in 9 rows; at least 10 are needed.",
    ),
    "target never set": (with_data("x,kind\n" + "1,\n" * 30), "column kind has a value in 0 rows"),
    "a text of its own in each row": (
        with_data("x,kind\n" + "".join(f"{i},name {i}\n" for i in range(30))),
        "target: column kind has 30 different values in 30 rows, too many for classes.",
    ),
    "target is the only column": (with_data("kind\n" + "a\nb\n" * 20), "The target is the only column"),
    "nothing to learn from": (
        with_data("x,z,kind\n" + "".join(f"1,,{'ab'[i % 2]}\n" for i in range(30))),
        "No column is left to learn from. x: has the same value in every training row; z: has no value",
    ),
    "linear regression of classes": (
        with_data(GOOD, estimator="linear_regression"),
        'estimator: linear_regression cannot do classification. Use "logistic_regression"',
    ),
    "share of nothing": (
        with_data(GOOD, test_size="0.01"),
        "test_size: 0.01 of 30 rows leaves none to measure on",
    ),
    "parameter of the other task": (
        with_data(GOOD, estimator="svm", **{"estimator.epsilon": "0.1"}),
        "estimator.epsilon: svm has no such parameter.",
    ),
    "parameters that do not go together": (
        with_data(GOOD, estimator="logistic_regression", **{"estimator.l1_ratio": "0.5"}),
        "LogisticRegression cannot be fitted: ",
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_a_mistake_is_told_in_words(case, tmp_path, capsys):
    made, message = CASES[case]
    run = make_run(tmp_path, made["settings"], made["content"])
    assert message in refused(run, capsys)


def test_files_with_different_columns_are_named_with_the_difference(tmp_path, capsys):
    run = make_run(tmp_path, SETTINGS, GOOD, name="a.csv").add_file(
        "size,kind,colour\n1,a,red\n", name="b.csv"
    )
    told = refused(run, capsys)
    assert "b.csv: does not have the columns of a.csv: lacks weight, has colour more." in told


def test_every_file_that_cannot_be_read_is_named(tmp_path, capsys):
    run = (
        make_run(tmp_path, SETTINGS, "", name="a.csv")
        .add_file(b"\xff", name="b.csv")
        .add_file(GOOD, name="c.csv")
    )
    told = refused(run, capsys)
    assert "a.csv: is empty" in told
    assert "b.csv: line 1 is not UTF-8" in told


def test_csv_and_parquet_are_not_mixed(tmp_path, capsys):
    run = make_run(tmp_path, SETTINGS, GOOD, name="a.csv").add_file(b"PAR1", name="b.parquet")
    assert "use one of the two formats" in refused(run, capsys)


def test_a_parquet_file_that_is_none_or_has_no_rows_is_refused(tmp_path, capsys):
    run = make_run(tmp_path / "damaged", SETTINGS, b"PAR1 and no more", name="a.parquet")
    assert "a.parquet: is not a Parquet file that can be read: " in refused(run, capsys)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": pa.array([], pa.int64()), "kind": pa.array([], pa.string())}), sink)
    run = make_run(tmp_path / "empty", SETTINGS, sink.getvalue().to_pybytes(), name="a.parquet")
    assert "a.parquet: has columns but no rows." in refused(run, capsys)


def test_columns_of_different_types_in_different_parquet_files_are_refused(tmp_path, capsys):
    run = make_run(tmp_path, SETTINGS)
    for name, values in (("a.parquet", [1, 2]), ("b.parquet", ["x", "y"])):
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({"x": values, "kind": ["a", "b"]}), sink)
        run.add_file(sink.getvalue().to_pybytes(), name)
    assert "a column has different types in different files" in refused(run, capsys)


def test_a_date_cannot_be_predicted(tmp_path, capsys):
    sink = pa.BufferOutputStream()
    dates = pa.array(range(30), pa.date32())
    pq.write_table(pa.table({"x": list(range(30)), "kind": dates}), sink)
    run = make_run(tmp_path, SETTINGS, sink.getvalue().to_pybytes(), name="a.parquet")
    assert "target: column kind holds date32[day], which cannot be predicted." in refused(run, capsys)


def test_a_missing_channel_an_empty_one_and_several_are_told_apart(tmp_path, capsys):
    run = make_run(tmp_path / "none", SETTINGS)
    assert "holds no data; put the files into" in refused(run, capsys)
    run = make_run(tmp_path / "other", SETTINGS).add_file("x", name="notes.txt")
    assert "holds no *.csv or *.parquet file. It holds: notes.txt." in refused(run, capsys)
    run = make_run(tmp_path / "two", SETTINGS).add_file(GOOD, channel="a").add_file(GOOD, channel="b")
    assert "holds several channels (a, b)" in refused(run, capsys)


def test_a_streamed_channel_is_refused(tmp_path, capsys):
    run = make_run(tmp_path, SETTINGS, GOOD)
    channels = {"train": {"TrainingInputMode": "Pipe"}}
    (tmp_path / "input" / "config" / "inputdataconfig.json").write_text(json.dumps(channels))
    assert "input mode Pipe is not supported" in refused(run, capsys)


@pytest.mark.parametrize("content", ["{", "[]", '"x"'])
def test_hyperparameters_that_are_no_object_are_refused(content, tmp_path, capsys):
    run = make_run(tmp_path, SETTINGS, GOOD)
    (tmp_path / "input" / "config" / "hyperparameters.json").write_text(content)
    assert "hyperparameters.json: " in refused(run, capsys)


def test_missing_hyperparameters_are_told(tmp_path, capsys):
    assert "hyperparameters.json: is missing" in refused(TrainerRun(prefix=tmp_path), capsys)


def test_several_wrong_settings_are_told_together(tmp_path, capsys):
    run = make_run(tmp_path, {**SETTINGS, "seed": "x", "estimator.max_dept": "3"}, GOOD)
    told = refused(run, capsys).splitlines()
    assert len(told) == 2
    assert 'Did you mean "max_depth"?' in told[1]


def test_an_earlier_failure_is_gone_after_a_success_and_the_earlier_model_after_a_new_one(tmp_path, capsys):
    run = make_run(tmp_path, {**SETTINGS, "seed": "x"}, GOOD)
    refused(run, capsys)
    (tmp_path / "input" / "config" / "hyperparameters.json").write_text(json.dumps(SETTINGS))
    assert run.train() == 0
    assert not (tmp_path / "output" / "failure").exists()
    first = run.manifest()
    (tmp_path / "input" / "config" / "hyperparameters.json").write_text(json.dumps({**SETTINGS, "seed": "7"}))
    assert run.train() == 0
    assert run.manifest().settings.seed == 7
    assert first.settings.seed == 42

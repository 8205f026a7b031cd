"""The gate that decides whether ONNX may serve."""

from dataclasses import replace

import numpy as np
import pytest
from mlcloud_trainer.training import run as training_run
from mlcloud_trainer.training.columns import Column
from mlcloud_trainer.training.features import Features
from mlcloud_trainer.training.onnx_graph import write_onnx
from mlcloud_trainer.training.parity import compare, parity_rows
from mlcloud_trainer.training.predictor import Answers
from support.trainer_runs import BREAST_CANCER, make_run, warnings_of


def answers(*shares: float) -> Answers:
    probabilities = np.array([[share, 1 - share] for share in shares])
    return Answers(values=probabilities.argmax(axis=1).astype(float), probabilities=probabilities)


def test_equal_answers_hold():
    verdict = compare(answers(0.25, 1.2e-9), answers(0.25, 1.2e-9))
    assert verdict.holds
    assert verdict.max_abs_difference == 0
    assert verdict.rows == 2


@pytest.mark.parametrize(
    ("expected", "answered"),
    [(1.2e-9, 0.0), (1.2e-9, 1.3e-9), (0.5, 0.500002), (0.3, 0.7), (1e-12, 2e-12)],
)
def test_a_tail_that_is_lost_or_a_share_that_moves_does_not_hold(expected, answered):
    verdict = compare(answers(0.2, expected), answers(0.2, answered))
    assert not verdict.holds
    assert "where scikit-learn says" in (verdict.reason or "")


def test_rounding_in_float64_holds():
    assert compare(answers(0.3, 1e-3), answers(0.3 + 3e-16, 1e-3 + 1e-18)).holds


def test_a_label_that_differs_does_not_hold_even_at_equal_probabilities():
    expected = answers(0.5)
    verdict = compare(expected, replace(expected, values=1 - expected.values))
    assert not verdict.holds
    assert verdict.reason == "1 of 1 labels differ"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_answer_that_is_no_number_does_not_hold(value):
    expected = Answers(values=np.array([1.0, 2.0]), probabilities=None)
    assert not compare(expected, Answers(values=np.array([1.0, value]), probabilities=None)).holds


def test_regression_values_may_differ_by_a_millionth_of_the_spread():
    expected = Answers(values=np.array([0.0, 1000.0]), probabilities=None)
    assert compare(expected, Answers(values=np.array([1e-4, 1000.0]), probabilities=None)).holds
    assert not compare(expected, Answers(values=np.array([1e-2, 1000.0]), probabilities=None)).holds


def test_the_rows_hold_missing_extreme_and_unknown_values_of_each_feature():
    number = Column(name="x", type="number", values=np.array([1.0, 2.0, 3.0]), source="text")
    word = Column(name="w", type="string", values=np.array(["a", "b", ""], dtype=object), source="text")
    rows = parity_rows(Features(columns=(number, word), dropped=()), np.array([0, 1]))
    numbers = rows[:, 0].astype(float)
    assert (np.nanmin(numbers), np.nanmax(numbers)) == (-19.0, 23.0)
    assert np.isnan(numbers[2:-1]).any()
    assert {"a", "b", ""} < set(rows[:, 1].tolist())
    assert np.isnan(numbers[-1])
    assert rows[-1, 1] == ""


def write_rounded(*arguments):
    """model.onnx as a converter that computes in float32 would write it."""
    import onnx
    from onnx import numpy_helper

    content, layout = write_onnx(*arguments)
    model = onnx.load_from_string(content)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.DOUBLE:
            rounded = numpy_helper.to_array(tensor).astype(np.float32).astype(np.float64)
            tensor.CopyFrom(numpy_helper.from_array(rounded, tensor.name))
    return model.SerializeToString(), layout


def write_damaged(*arguments):
    content, layout = write_onnx(*arguments)
    return content[:-50], layout


def write_nothing(*_arguments):
    raise NotImplementedError("SomeEstimator cannot be written as ONNX")


@pytest.mark.parametrize(
    ("writer", "reason"),
    [
        (write_rounded, "numbers differ by more than a millionth"),
        (write_damaged, "ONNX Runtime cannot run the file"),
        (write_nothing, "SomeEstimator cannot be written as ONNX"),
    ],
)
def test_without_parity_there_is_no_onnx_file_and_scikit_learn_serves(
    writer, reason, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(training_run, "write_onnx", writer)
    made = make_run(
        tmp_path, {"estimator": "logistic_regression", "target": "diagnosis"}, BREAST_CANCER.read_bytes()
    )
    assert made.train() == 0
    manifest = made.manifest()
    assert not manifest.parity.holds
    assert reason in (manifest.parity.reason or "")
    assert manifest.runtime == "skops"
    assert manifest.onnx is None
    assert set(manifest.files) == {"model.skops"}
    assert not (made.model_dir / "model.onnx").exists()
    assert any(reason in told for told in warnings_of(capsys.readouterr().out))
    assert "There is no ONNX file" in (made.model_dir / "report.html").read_text()

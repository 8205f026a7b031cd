"""Every estimator trains, exports, and answers alike in scikit-learn, in skops and in ONNX Runtime."""

import json

import numpy as np
import onnxruntime
import pytest
from mlcloud_trainer.manifest import Manifest
from mlcloud_trainer.serving.runtimes.skops import SkopsRuntime
from support.trainer_runs import BREAST_CANCER, TrainerRun, events, make_run, mixed_csv, warnings_of

SMALL = {
    "random_forest": {"estimator.n_estimators": "15"},
    "gradient_boosting": {"estimator.n_estimators": "8"},
}
CLASSIFIERS = ["logistic_regression", "decision_tree", "random_forest", "gradient_boosting", "svm"]
REGRESSORS = ["linear_regression", "decision_tree", "random_forest", "gradient_boosting", "svm"]


def answers_of_onnx(run: TrainerRun, manifest: Manifest, instance: dict[str, object]) -> list[np.ndarray]:
    """Asks model.onnx about one row, by the manifest alone, as the server does."""
    assert manifest.onnx is not None
    feeds: dict[str, np.ndarray] = {}
    for tensor in manifest.onnx.inputs:
        values = [instance[name] for name in tensor.features]
        if tensor.datatype == "BYTES":
            feeds[tensor.name] = np.array(
                [["" if value is None else value for value in values]], dtype=object
            )
        else:
            feeds[tensor.name] = np.array(
                [[np.nan if value is None else value for value in values]], dtype=np.float64
            )
    session = onnxruntime.InferenceSession(run.model_dir / "model.onnx")
    return session.run([name for name in (manifest.onnx.label, manifest.onnx.probabilities) if name], feeds)


def check_model(run: TrainerRun) -> Manifest:
    manifest = run.manifest()
    assert manifest.parity.holds, manifest.parity.reason
    assert manifest.runtime == "onnx"
    assert set(manifest.files) == {"model.skops", "model.onnx"}
    # The server's own list of types must let the file in.
    SkopsRuntime((run.model_dir / "model.skops").read_bytes(), manifest)
    answers = answers_of_onnx(run, manifest, dict(manifest.smoke.instance))
    if manifest.classes is None:
        assert float(answers[0][0, 0]) == pytest.approx(manifest.smoke.prediction)
    else:
        assert manifest.classes[int(answers[0][0])] == manifest.smoke.prediction
        assert manifest.smoke.probabilities is not None
        assert answers[1][0].tolist() == pytest.approx(list(manifest.smoke.probabilities.values()))
    return manifest


@pytest.mark.parametrize("estimator", CLASSIFIERS)
def test_a_classifier_of_two_classes_is_trained_exported_and_loads_in_the_server(estimator, tmp_path, capsys):
    settings = {"estimator": estimator, "target": "diagnosis", **SMALL.get(estimator, {})}
    run = make_run(tmp_path, settings, BREAST_CANCER.read_bytes())
    assert run.train() == 0
    manifest = check_model(run)
    assert manifest.classes == ("benign", "malignant")
    assert manifest.positive_class == "malignant"
    assert set(manifest.metrics) == {"accuracy", "precision", "recall", "f1", "roc_auc", "log_loss"}
    assert manifest.metrics["accuracy"] > 0.88
    assert manifest.metrics["roc_auc"] > 0.88
    assert manifest.parity.max_abs_difference is not None
    assert manifest.parity.max_abs_difference < 1e-9
    assert manifest.onnx is not None
    assert [tensor.name for tensor in manifest.onnx.inputs] == ["features"]
    assert warnings_of(capsys.readouterr().out) == []


@pytest.mark.parametrize("estimator", CLASSIFIERS)
def test_a_classifier_of_three_classes_takes_texts_booleans_and_missing_values(estimator, tmp_path, capsys):
    settings = {"estimator": estimator, "target": "grade", **SMALL.get(estimator, {})}
    run = make_run(tmp_path, settings, mixed_csv("grade"))
    assert run.train() == 0
    manifest = check_model(run)
    assert manifest.classes == ("A", "B", "C")
    assert manifest.positive_class is None
    assert manifest.metrics["roc_auc"] > 0.7
    assert {column.name: column.type for column in manifest.inputs} == {
        "city": "string",
        "area_m2": "number",
        "rooms": "integer",
        "balcony": "boolean",
        "heating": "string",
    }
    assert manifest.inputs[0].categories == ("Bern", "Genève", "Zürich, ZH")
    assert manifest.onnx is not None
    assert [(tensor.name, tensor.features) for tensor in manifest.onnx.inputs] == [
        ("numbers", ("area_m2", "rooms", "balcony")),
        ("strings", ("city", "heating")),
    ]
    assert manifest.confusion_matrix is not None
    assert sum(map(sum, manifest.confusion_matrix.counts)) == manifest.data.test_rows


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_a_regressor_is_trained_exported_and_loads_in_the_server(estimator, tmp_path, capsys):
    settings = {"estimator": estimator, "target": "price", **SMALL.get(estimator, {})}
    run = make_run(tmp_path, settings, mixed_csv("price"))
    assert run.train() == 0
    manifest = check_model(run)
    assert manifest.task == "regression"
    assert manifest.classes is None
    assert manifest.confusion_matrix is None
    assert set(manifest.metrics) == {"mae", "rmse", "r2"}
    if estimator != "svm":  # With C = 1 it hardly moves on targets of this size.
        assert manifest.metrics["r2"] > 0.5


@pytest.mark.parametrize("kernel", ["linear", "poly", "sigmoid"])
def test_every_kernel_of_a_support_vector_machine_has_an_equal_onnx_file(kernel, tmp_path, capsys):
    settings = {"estimator": "svm", "target": "grade", "estimator.kernel": kernel, "estimator.coef0": "0.5"}
    run = make_run(tmp_path, settings, mixed_csv("grade"))
    assert run.train() == 0
    check_model(run)


@pytest.mark.parametrize(
    "parameters",
    [
        {"estimator.loss": "exponential"},
        {"estimator.learning_rate": "0.3", "estimator.subsample": "0.5"},
        {"estimator.max_depth": "1"},
    ],
)
def test_boosting_with_other_parameters_has_an_equal_onnx_file(parameters, tmp_path, capsys):
    settings = {
        "estimator": "gradient_boosting",
        "target": "diagnosis",
        "estimator.n_estimators": "6",
        **parameters,
    }
    run = make_run(tmp_path, settings, BREAST_CANCER.read_bytes())
    assert run.train() == 0
    manifest = check_model(run)
    assert set(manifest.hyperparameters) == {key.removeprefix("estimator.") for key in parameters} | {
        "n_estimators"
    }


def test_a_tree_that_cannot_split_still_has_an_equal_onnx_file(tmp_path, capsys):
    settings = {"estimator": "decision_tree", "target": "diagnosis", "estimator.min_samples_leaf": "400"}
    run = make_run(tmp_path, settings, BREAST_CANCER.read_bytes())
    assert run.train() == 0
    check_model(run)


def test_integer_classes_stay_integers_and_boolean_classes_booleans(tmp_path, capsys):
    numbers = "x,y\n" + "".join(f"{index / 7},{index % 3 + 4}\n" for index in range(60))
    run = make_run(tmp_path / "integers", {"estimator": "decision_tree", "target": "y"}, numbers)
    assert run.train() == 0
    assert check_model(run).classes == (4, 5, 6)
    booleans = "x,y\n" + "".join(f"{index / 7},{index > 30}\n" for index in range(60))
    run = make_run(tmp_path / "booleans", {"estimator": "decision_tree", "target": "y"}, booleans)
    assert run.train() == 0
    manifest = check_model(run)
    assert manifest.classes == (False, True)
    assert set(manifest.smoke.probabilities or ()) == {"false", "true"}


def test_metrics_and_progress_are_lines_of_json(tmp_path, capsys):
    run = make_run(
        tmp_path, {"estimator": "logistic_regression", "target": "diagnosis"}, BREAST_CANCER.read_bytes()
    )
    assert run.train() == 0
    output = capsys.readouterr().out
    manifest = run.manifest()
    assert {line["name"]: line["value"] for line in events(output, "metric")} == manifest.metrics
    steps = [line["step"] for line in events(output, "progress")]
    assert steps == sorted(steps)
    assert set(steps) == set(range(1, 9))
    assert {line["total_steps"] for line in events(output, "progress")} == {8}
    done = events(output, "done")[0]
    assert done["model_dir"] == str(run.model_dir)
    assert "classification" in json.dumps(events(output, "progress"))

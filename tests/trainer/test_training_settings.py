"""Settings arrive as a flat map of strings; every mistake is named, all at once."""

import pytest
from mlcloud_trainer.training.errors import TrainingError
from mlcloud_trainer.training.estimators import ESTIMATORS, task_problem
from mlcloud_trainer.training.settings import parse_settings, parse_value


def problems_of(raw: dict[str, object]) -> str:
    with pytest.raises(TrainingError) as caught:
        parse_settings(raw)
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-3", -3),
        ("0", 0),
        ("1.0", 1.0),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("True", True),
        ("false", False),
        ("None", None),
        ("null", None),
        ("sqrt", "sqrt"),
        ("1e999", "1e999"),
        ("1_000", "1_000"),
        (" rbf ", "rbf"),
        ("", ""),
    ],
)
def test_a_text_becomes_the_value_it_means(text, value):
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_defaults_are_a_fifth_held_out_and_seed_42():
    settings = parse_settings({"estimator": "svm", "target": "y"})
    assert (settings.task, settings.test_size, settings.seed, dict(settings.parameters)) == (
        None,
        0.2,
        42,
        {},
    )


def test_values_that_the_sagemaker_sdk_quotes_twice_and_its_own_keys_are_understood():
    settings = parse_settings(
        {
            "estimator": '"random_forest"',
            "target": '"y"',
            "seed": "0",
            "estimator.n_estimators": "50",
            "estimator.max_features": '"sqrt"',
            "sagemaker_program": '"train.py"',
        }
    )
    assert settings.estimator == "random_forest"
    assert settings.seed == 0
    assert settings.parameters == {"n_estimators": 50, "max_features": "sqrt"}


def test_numbers_that_are_not_strings_are_taken_too():
    settings = parse_settings({"estimator": "svm", "target": "y", "test_size": 0.5, "estimator.C": 2})
    assert settings.test_size == 0.5
    assert settings.parameters == {"C": 2}


def test_all_problems_are_told_at_once():
    told = problems_of({"estimater": "svm", "task": "regresion", "test_size": "1.5", "seed": "-1"})
    assert "estimater: is no setting. Known: estimator, target" in told
    assert 'Did you mean "estimator"?' in told
    assert "estimator: is missing." in told
    assert "target: is missing." in told
    assert 'task: is "regresion"; allowed: classification, regression. Did you mean "regression"?' in told
    assert 'test_size: is "1.5"; allowed: a share above 0 and below 1.' in told
    assert 'seed: is "-1"; allowed: a whole number from 0 to 4294967295.' in told


@pytest.mark.parametrize("test_size", ["0", "1", "true", "a fifth", "none"])
def test_a_share_that_leaves_nothing_is_refused(test_size):
    assert "test_size" in problems_of({"estimator": "svm", "target": "y", "test_size": test_size})


def test_an_unknown_estimator_is_answered_with_the_nearest():
    told = problems_of({"estimator": "random_forrest", "target": "y"})
    assert 'Did you mean "random_forest"?' in told
    assert all(name in told for name in ESTIMATORS)


def test_an_estimator_that_cannot_do_the_task_names_the_one_that_can():
    assert 'Use "linear_regression"' in problems_of(
        {"estimator": "logistic_regression", "target": "y", "task": "regression"}
    )
    assert 'Use "logistic_regression"' in (task_problem("linear_regression", "classification") or "")
    assert task_problem("svm", "regression") is None


def test_parameters_are_checked_against_the_real_estimator_all_at_once():
    told = problems_of(
        {
            "estimator": "random_forest",
            "target": "y",
            "task": "classification",
            "estimator.n_estimator": "10",
            "estimator.max_depth": "deep",
            "estimator.n_jobs": "4",
            "estimator.random_state": "1",
        }
    )
    assert "estimator.n_estimator: random_forest has no such parameter." in told
    assert 'Did you mean "n_estimators"?' in told
    assert "estimator.max_depth: must be" in told
    assert "It is 'deep'" in told
    assert "estimator.n_jobs: cannot be set" in told
    assert "estimator.random_state: cannot be set; it follows `seed`" in told


def test_without_a_task_a_parameter_of_either_estimator_is_accepted():
    for parameter in ("estimator.epsilon", "estimator.class_weight"):
        value = "0.2" if parameter.endswith("epsilon") else "balanced"
        assert parse_settings({"estimator": "svm", "target": "y", parameter: value}).parameters
    assert "estimator.epsilon" in problems_of(
        {"estimator": "svm", "target": "y", "task": "classification", "estimator.epsilon": "0.2"}
    )


def test_a_precomputed_kernel_is_refused():
    assert "precomputed" in problems_of(
        {"estimator": "svm", "target": "y", "estimator.kernel": "precomputed"}
    )

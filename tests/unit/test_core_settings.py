import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest
from mlcloud.core.errors import ABSENT, ConfigError
from mlcloud.core.settings import (
    InstanceCapacity,
    ModelPin,
    from_pulumi_config,
    load,
)
from pulumi.runtime import config as pulumi_config
from support.settings_read import DATA, NEEDED, PIN, TRAINING, only_problem, problems, raw, read, training


def test_two_keys_are_enough():
    settings = read()
    assert settings.cloud == "local"
    assert settings.environment == "dev"
    assert settings.model == "training"
    assert settings.training is not None
    assert settings.training.estimator == "random_forest"
    assert settings.training.test_size == 0.2
    assert isinstance(settings.endpoint.capacity, InstanceCapacity)


def test_numbers_and_booleans_may_arrive_as_text():
    found = read(training=training(seed="7", test_size="0.3", wait="true")).training
    assert found is not None
    assert (found.seed, found.test_size, found.wait) == (7, 0.3, True)


def test_zero_is_a_value():
    settings = read(training=training(seed=0, gate={"r2": 0, "mae": 0.0}))
    assert settings.training is not None
    assert settings.training.seed == 0
    assert settings.training.gate == {"r2": 0, "mae": 0}


def test_a_hyperparameter_may_be_null_and_keeps_its_type():
    given = {"max_depth": None, "n_estimators": 10, "criterion": "gini", "bootstrap": False, "ccp_alpha": 0.5}
    found = read(training=training(hyperparameters=given)).training
    assert found is not None
    assert found.hyperparameters == given
    assert [type(value) for value in found.hyperparameters.values()] == [type(None), int, str, bool, float]


@pytest.mark.parametrize("empty", ["", "null", {}])
def test_an_empty_value_sets_nothing(empty: object):
    assert read(budget=empty, region=empty, monitoring=empty, tags=empty) == read()


def test_a_key_without_a_value_has_its_default():
    assert read(training=training(gate=None, test_size=None)) == read()


def test_settings_do_not_change_after_they_were_read():
    with pytest.raises(ValueError, match="frozen"):
        read().cloud = "aws"


@pytest.mark.parametrize(
    ("keys", "path", "fix"),
    [
        ({"clod": "aws"}, "mlcloud:clod", "write `cloud` instead of `clod`"),
        ({"training": training(seeed=1)}, "mlcloud:training.seeed", "write `seed` instead of `seeed`"),
        ({"training": training(testSize=0.1)}, "mlcloud:training.testSize", "write `test_size` instead"),
        (
            {"endpoint": {"capacity": {"mim": 2}}},
            "mlcloud:endpoint.capacity.mim",
            "write `min` instead of `mim`",
        ),
        ({"training": training(gate={"R2": 0.5})}, "mlcloud:training.gate.R2", "write `r2` instead of `R2`"),
        ({"estimator": "svm"}, "mlcloud:estimator", "move it to mlcloud:training.estimator"),
        ({"port": "8080"}, "mlcloud:port", "move it to mlcloud:endpoint.port"),
        (
            {"endpoint": {"rollout": {"percent": 5}}},
            "mlcloud:endpoint.rollout.percent",
            "set `kind: canary` beside it",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_what_was_probably_meant(keys: dict[str, Any], path: str, fix: str):
    problem = only_problem(**keys)
    assert problem.path == path
    assert fix in problem.fix


def test_a_key_that_resembles_nothing_is_refused_with_all_valid_names():
    problem = only_problem(zzz="1")
    assert "cloud, environment, region" in problem.allowed


def test_a_mistyped_namespace_is_refused():
    with pytest.raises(ConfigError, match="write `mlcloud:cloud`"):
        load({**raw(**NEEDED), "mlcluod:cloud": "aws"})


def test_keys_of_other_namespaces_are_not_looked_at():
    assert load({**raw(**NEEDED), "aws:region": "eu-central-1", "pulumi:tags": "{}"}) == read()


@pytest.mark.parametrize(
    ("keys", "path", "allowed"),
    [
        ({"cloud": "lokal"}, "mlcloud:cloud", "local, aws, gcp, azure"),
        ({"training": training(test_size=1)}, "mlcloud:training.test_size", "a number above 0 and below 1"),
        ({"training": training(seed=-1)}, "mlcloud:training.seed", "a whole number from 0 to 4294967295"),
        ({"training": training(seed=1.5)}, "mlcloud:training.seed", "a whole number"),
        ({"training": training(seed=True)}, "mlcloud:training.seed", "a whole number"),
        ({"training": training(test_size="much")}, "mlcloud:training.test_size", "a number above 0"),
        ({"training": training(wait="yes")}, "mlcloud:training.wait", "true or false"),
        ({"training": training(target=5)}, "mlcloud:training.target", "text"),
        ({"training": training(timeout_minutes=0)}, "mlcloud:training.timeout_minutes", "above 0"),
        ({"training": "svm"}, "mlcloud:training", "a map with the keys estimator, target"),
        ({"training": training(hyperparameters={"C": [1]})}, "mlcloud:training.hyperparameters.C", "number"),
        (
            {"training": training(hyperparameters={"a b": 1})},
            "mlcloud:training.hyperparameters.a b",
            "letters",
        ),
        ({"training": training(gate={"r2": 1.5})}, "mlcloud:training.gate.r2", "at most 1"),
        ({"training": training(gate={"mae": "-1"})}, "mlcloud:training.gate.mae", "at least 0"),
        ({"endpoint": {"port": 80}}, "mlcloud:endpoint.port", "a whole number from 1024 to 65535"),
        ({"endpoint": {"capacity": {"min": True}}}, "mlcloud:endpoint.capacity.min", "a whole number"),
        ({"endpoint": {"capacity": {"kind": "serverles"}}}, "mlcloud:endpoint.capacity.kind", "serverless"),
        ({"model": "trainig"}, "mlcloud:model", "`training`"),
        ({"tags": {"Team": "a"}}, "mlcloud:tags.Team", "lower-case"),
        ({"data": {"path": "data/houses.xlsx"}}, "mlcloud:data.path", ".csv or .parquet"),
        ({"data": {"path": "s3://bucket/houses.csv"}}, "mlcloud:data.path", "file://"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(keys: dict[str, Any], path: str, allowed: str):
    problem = only_problem(**keys)
    assert problem.path == path
    assert allowed in problem.allowed


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_a_number_that_is_not_finite_is_refused(value: str):
    text = f'{{"estimator": "svm", "target": "y", "test_size": {value}}}'
    with pytest.raises(ConfigError, match="test_size"):
        load({**raw(data=DATA), "mlcloud:training": text})


def test_what_is_missing_is_told_with_where_it_belongs():
    problem = only_problem(training={"estimator": "svm"})
    assert problem.path == "mlcloud:training.target"
    assert problem.value is ABSENT
    assert problem.fix == "add `target` to mlcloud:training"
    assert "mlcloud:training.target is missing" in str(problem)


def test_broken_json_is_a_problem_and_no_traceback():
    with pytest.raises(ConfigError, match=r"mlcloud:training = .*\n.*JSON"):
        load({**raw(data=DATA), "mlcloud:training": '{"estimator": '})


def test_all_problems_are_told_at_once_across_sections():
    found = problems(
        clod="aws",
        training=training(seeed=1, estimator="logistic_regression", gate={"rmse": 1, "acuracy": 1}),
        endpoint={"port": 1, "capacity": {"kind": "serverless"}},
        budget={"monthly": -1},
    )
    assert set(found) == {
        "mlcloud:clod",
        "mlcloud:training.seeed",
        "mlcloud:training.gate.acuracy",
        "mlcloud:training.gate.rmse",
        "mlcloud:endpoint.port",
        "mlcloud:endpoint.capacity.kind",
        "mlcloud:budget",
        "mlcloud:budget.monthly",
    }


def test_the_message_shows_path_value_what_is_allowed_and_the_fix():
    with pytest.raises(ConfigError) as caught:
        read(training=training(seed=-5))
    assert str(caught.value) == textwrap.dedent(
        """\
        The stack's config: one problem. Nothing was changed.

          mlcloud:training.seed = -5
            allowed: a whole number from 0 to 4294967295
            fix:     set it to a whole number from 0 to 4294967295"""
    )


def test_the_value_of_a_secret_is_not_shown():
    with pytest.raises(ConfigError) as caught:
        load(raw(**{**NEEDED, "training": training(seed="hush")}), secret_keys=["mlcloud:training"])
    assert "hush" not in str(caught.value)
    assert "[secret]" in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"estimator": "logistic_regression", "task": "regression"}, "mlcloud:training.task"),
        ({"estimator": "linear_regression", "task": "classification"}, "mlcloud:training.task"),
        ({"estimator": "linear_regression", "gate": {"accuracy": 0.9}}, "mlcloud:training.gate.accuracy"),
        ({"estimator": "logistic_regression", "gate": {"r2": 0.9}}, "mlcloud:training.gate.r2"),
        ({"task": "regression", "gate": {"f1": 0.9}}, "mlcloud:training.gate.f1"),
        ({"gate": {"f1": 0.9, "r2": 0.9}}, "mlcloud:training.gate.r2"),
    ],
)
def test_estimator_task_and_gate_must_fit(keys: dict[str, Any], path: str):
    assert only_problem(training=training(**keys)).path == path


def test_data_and_training_are_needed_unless_the_model_is_pinned():
    with pytest.raises(ConfigError) as caught:
        load({})
    assert [problem.path for problem in caught.value.problems] == ["mlcloud:data", "mlcloud:training"]
    pinned = load(raw(model=PIN))
    assert isinstance(pinned.model, ModelPin)
    assert pinned.training is None


def test_a_pinned_stack_may_still_train_but_then_needs_data():
    assert isinstance(read(model=PIN).model, ModelPin)
    with pytest.raises(ConfigError, match="mlcloud:data is missing"):
        load(raw(model=PIN, training=TRAINING))


def test_a_pin_is_whole():
    found = problems(model={"uri": "file:///m", "sha256": "A" * 64})
    assert set(found) == {"mlcloud:model.name", "mlcloud:model.sha256", "mlcloud:model.version"}


def test_a_version_may_be_written_as_a_number():
    pinned = read(model={**PIN, "version": 3}).model
    assert isinstance(pinned, ModelPin)
    assert pinned.version == "3"


def test_the_config_of_a_running_program_is_read():
    token = pulumi_config.CONFIG.set(raw(**NEEDED, environment="staging"))
    try:
        assert from_pulumi_config().environment == "staging"
    finally:
        pulumi_config.CONFIG.reset(token)


def test_the_config_that_the_cli_passes_by_environment_is_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(raw(data=DATA, training=training(seed="hush"))))
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", '["mlcloud:training"]')
    with pytest.raises(ConfigError) as caught:
        from_pulumi_config()
    assert "mlcloud:training.seed" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_reading_settings_needs_no_pulumi():
    code = (
        "import sys; from mlcloud.core.settings import load;"
        "heavy = {'pulumi', 'grpc', 'numpy', 'pandas', 'pyarrow', 'yaml'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_wrong_cloud_brings_no_further_problems():
    assert only_problem(cloud="asw", region="eu-central-1", environment="prod").path == "mlcloud:cloud"


@pytest.mark.parametrize(
    ("keys", "task"),
    [
        ({}, None),
        ({"task": "regression"}, "regression"),
        ({"estimator": "linear_regression"}, "regression"),
        ({"estimator": "logistic_regression"}, "classification"),
    ],
)
def test_an_estimator_that_can_do_one_task_alone_implies_it(keys: dict[str, Any], task: str | None):
    found = read(training=training(**keys)).training
    assert found is not None
    assert found.implied_task == task

import pytest
from mlcloud.core.args import TrainingArgs, needed_in_prod, one_of, validate, within
from mlcloud.core.errors import ABSENT, ArgsError
from mlcloud.core.settings import Training
from mlcloud_trainer.training.settings import parse_settings


def test_all_problems_of_arguments_are_told_at_once():
    with pytest.raises(ArgsError) as caught:
        TrainingArgs(estimator="svn", target="y", task="both", test_size=1, seed=-1, gate={"acuracy": 1})
    paths = [problem.path for problem in caught.value.problems]
    assert paths == ["estimator", "task", "test_size", "seed", "gate.acuracy"]
    assert "write `svm` instead of `svn`" in str(caught.value)


def test_zero_is_within_limits_and_none_is_no_value():
    assert within("a", 0, low=0) is None
    assert within("a", None, low=1) is None
    assert one_of("a", None, ["b"]) is None
    problem = within("a", 3, low=0, high=2)
    assert problem is not None
    assert problem.allowed == "a number at least 0 and at most 2"


def test_no_problem_raises_nothing():
    validate("The arguments", None, None)


def test_the_trainer_reads_what_the_settings_say():
    training = Training(
        estimator="random_forest",
        target="price",
        task="regression",
        test_size=0.25,
        seed=0,
        hyperparameters={"max_depth": None, "n_estimators": 10, "bootstrap": True, "ccp_alpha": 0.5},
        timeout_minutes=2,
    )
    args = TrainingArgs.of(training)
    assert args.timeout_s == 120
    texts = args.trainer_hyperparameters()
    assert all(isinstance(value, str) for value in texts.values())
    read = parse_settings(texts)
    assert (read.estimator, read.target, read.task) == ("random_forest", "price", "regression")
    assert (read.test_size, read.seed) == (0.25, 0)
    assert read.parameters == training.hyperparameters


def test_a_task_that_was_not_set_is_left_to_the_trainer():
    assert "task" not in TrainingArgs(estimator="svm", target="y").trainer_hyperparameters()


def test_what_prod_needs_is_a_problem_in_prod_alone_and_only_where_it_is_missing():
    found = needed_in_prod("key_name", None, "a key of one's own", prod=True)
    assert found is not None
    assert (found.path, found.value) == ("key_name", ABSENT)
    assert (found.allowed, found.fix) == ("a key of one's own, in prod", "give a key of one's own")
    assert needed_in_prod("key_name", None, "a key of one's own", prod=False) is None
    assert needed_in_prod("key_name", "", "a key of one's own", prod=True) is None

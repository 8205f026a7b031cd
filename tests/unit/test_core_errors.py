import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlcloud.core.errors import (
    ABSENT,
    ConfigError,
    Problem,
    ProblemsError,
    UserError,
    nearest,
    shown,
    unknown,
)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("acuracy", "accuracy"),
        ("Accuracy", "accuracy"),
        ("log-loss", "log_loss"),
        ("logLoss", "log_loss"),
        ("f_1", "f1"),
        ("zzz", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_the_one_that_was_meant(name: str, near: str | None):
    assert nearest(name, ["accuracy", "log_loss", "f1", "rmse"]) == near


@given(st.lists(st.text(min_size=1), min_size=1, unique=True))
def test_a_name_that_exists_is_nearest_to_itself_or_to_one_that_differs_in_case_alone(names: list[str]):
    for name in names:
        near = nearest(name, names)
        plain = name.lower().replace("-", "").replace("_", "")
        assert near is None or plain == near.lower().replace("-", "").replace("_", "")


def test_the_nearest_name_does_not_depend_on_the_order():
    assert nearest("abx", ["abc", "abd"]) == nearest("abx", ["abd", "abc"])


def test_a_long_value_is_cut_short():
    assert len(shown("x" * 1000)) == 80
    assert shown("x" * 1000).endswith("...")


def test_control_characters_do_not_reach_the_terminal():
    assert "\x1b" not in shown("\x1b[31mred\n")
    assert "\n" not in shown("a\nb")


def test_a_value_that_is_no_json_is_shown_too():
    assert shown({1, 2}.__class__) != ""


def test_an_unknown_name_without_a_near_one_lists_all():
    problem = unknown("a.b", 1, "zzz", ["cat", "dog"])
    assert problem.fix == "use one of: cat, dog"


def test_problems_are_counted_in_the_title():
    problem = Problem(path="a", value=None, allowed="b", fix="c")
    assert str(ConfigError([problem])).startswith("The stack's config: one problem.")
    assert str(ProblemsError([problem, problem], title="The file x")).startswith("The file x: 2 problems.")
    assert isinstance(ConfigError([problem]), UserError)


def test_no_value_and_a_missing_value_are_told_apart():
    assert "a = null" in str(Problem(path="a", value=None, allowed="b", fix="c"))
    assert "a is missing" in str(Problem(path="a", value=ABSENT, allowed="b", fix="c"))

"""How two engines' answers are compared: what may differ by chance is let pass, and nothing else."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from support.scenarios import ALL, record
from support.scenarios.golden import GOLDEN, VERSION, differences, read_golden
from support.scenarios.order import fixed_pairs, same_order

NEEDS = {"b": {"a"}, "c": {"b"}, "d": {"a"}}
"""``b`` and ``d`` need ``a``, and ``c`` needs ``b``."""

CHAIN = "a replacement is created first, and the old thing is deleted last"


@pytest.fixture
def golden() -> dict[str, Any]:
    return read_golden()


def test_the_golden_file_names_the_cli_that_answered_and_holds_every_scenario(golden: dict[str, Any]) -> None:
    assert golden["cli"] == VERSION
    assert VERSION in GOLDEN.name
    assert sorted(golden["scenarios"]) == sorted(scenario.name for scenario in ALL)
    assert len({scenario.name for scenario in ALL}) == len(ALL) >= 40


def test_what_does_not_need_each_other_comes_in_any_order() -> None:
    assert same_order(["create b", "create d"], ["create d", "create b"], NEEDS)
    assert same_order(
        ["create a", "create b", "create d", "create c"],
        ["create a", "create d", "create b", "create c"],
        NEEDS,
    )
    assert same_order(["delete c", "delete d"], ["delete d", "delete c"], NEEDS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["create a", "create b"], ["create b", "create a"]),
        # Through what is between them, also where that is left as it is.
        (["update a", "update c"], ["update c", "update a"]),
        (["delete c", "delete a"], ["delete a", "delete c"]),
        # On one resource.
        (["create-replacement a", "delete-replaced a"], ["delete-replaced a", "create-replacement a"]),
        # What is no longer declared goes last, whatever it is.
        (["create b", "delete d"], ["delete d", "create b"]),
        (
            ["create-replacement b", "update d", "delete-replaced b"],
            ["create-replacement b", "delete-replaced b", "update d"],
        ),
        # Something is missing, too much, or another operation.
        (["create b", "create d"], ["create b"]),
        (["create b"], ["create b", "create b"]),
        (["create b"], ["update b"]),
    ],
)
def test_another_order_is_noticed_where_it_is_fixed(one: list[str], other: list[str]) -> None:
    assert same_order(one, one, NEEDS)
    assert not same_order(one, other, NEEDS)


def test_an_early_deletion_has_an_order_only_to_what_needs_it() -> None:
    one = ["delete-replaced b", "create-replacement b", "update d"]
    assert same_order(one, ["update d", "delete-replaced b", "create-replacement b"], NEEDS)


def test_the_recorded_orders_are_not_empty(golden: dict[str, Any]) -> None:
    """In most updates with more than one operation the order of some is fixed."""
    fixed = several = 0
    for updates in golden["scenarios"].values():
        for number, told in enumerate(updates):
            if len(told["run"]["ops"]) > 1:
                several += 1
                fixed += _notices_the_reverse(updates, number)
    assert several > 100
    assert fixed > 0.9 * several, (fixed, several)


def _notices_the_reverse(updates: list[Any], number: int) -> bool:
    reversed_once = deepcopy(updates)
    reversed_once[number]["run"]["ops"].reverse()
    return bool(differences(updates, reversed_once))


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("2.run.ops", lambda told: told["run"]["ops"].pop()),
        ("2.run.ops", lambda told: told["run"]["ops"].reverse()),
        ("2.run.ok", lambda told: told["run"].update(ok=False)),
        ("2.run.counts", lambda told: told["run"]["counts"].update(same=7)),
        ("2.run.asked", lambda told: told["run"]["asked"].append("delete a")),
        ("2.run.failed", lambda told: told["run"]["failed"].append("create c")),
        ("2.preview.counts", lambda told: told["preview"]["counts"].update(same=7)),
        ("2.preview.outputs", lambda told: told["preview"]["outputs"].update(x=1)),
        (
            "2.preview replace test:index:Thing::a",
            lambda told: told["preview"]["resources"][0]["inputs"].update(x=1),
        ),
        ("2.preview update test:index:Thing::c", lambda told: told["preview"]["resources"].pop()),
        ("2.state test:index:Thing::c", lambda told: told["state"][-1]["inputs"].update(x=1)),
        ("2.state test:index:Thing::c", lambda told: told["state"].pop()),
    ],
)
def test_each_part_of_an_answer_is_compared(golden: dict[str, Any], path: str, change: Any) -> None:
    recorded = golden["scenarios"][CHAIN]
    changed = deepcopy(recorded)
    assert differences(recorded, changed) == {}
    change(changed[1])
    assert list(differences(recorded, changed)) == [path]


def test_fixed_pairs_tell_apart_what_is_done_twice() -> None:
    [(first, second)] = fixed_pairs(["delete-replaced a", "delete-replaced a"], {})
    assert first == ("delete-replaced", "a", 0) and second == ("delete-replaced", "a", 1)


class TestRecording:
    def test_without_pulumi_it_says_what_it_needs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        before = GOLDEN.read_bytes()
        assert record.main([]) == 1
        told = capsys.readouterr().err
        assert f"needs the Pulumi CLI {VERSION} on PATH" in told and "https://www.pulumi.com/" in told
        assert GOLDEN.read_bytes() == before

    def test_another_version_does_not_answer_for_this_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = tmp_path / "pulumi"
        other.write_text("#!/bin/sh\necho v9.9.9\n")
        other.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert record.main([]) == 1
        assert f"is 9.9.9, and {GOLDEN.name} holds the answers of {VERSION}" in capsys.readouterr().err

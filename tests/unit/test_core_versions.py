"""Which version is meant: what a word names, and what the history says."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from mlcloud.core.errors import UserError
from mlcloud.core.operations import ModelVersion
from mlcloud.core.versions import told, version_before, version_named, with_one_live


def version(label: str, sha256: str, day: int = 1, **more: Any) -> ModelVersion:
    given: dict[str, Any] = {"stage": "", "uri": f"s3://b/{sha256}", "is_live": False, **more}
    created = datetime(2026, 1, day, tzinfo=UTC)
    return ModelVersion(label=label, sha256=sha256, created=created, **given)


OLD, OLDER, LIVE = version("v10", "aa11"), version("v1", "ab22"), version("v2", "cc33", is_live=True)
ALL = [LIVE, OLD, OLDER]


@pytest.mark.parametrize(
    ("wanted", "label"),
    [("v1", "v1"), ("v10", "v10"), ("aa", "v10"), ("ab22", "v1"), ("v2", "v2")],
)
def test_a_whole_label_comes_before_the_beginning_of_another(wanted: str, label: str) -> None:
    assert version_named(ALL, wanted).label == label


@pytest.mark.parametrize("wanted", ["v", "a"])
def test_what_several_versions_begin_with_is_refused_with_all_of_them(wanted: str) -> None:
    with pytest.raises(UserError, match=r"names several versions: .*v10 \(aa11\), v1 \(ab22\)"):
        version_named(ALL, wanted)


def test_one_model_with_two_entries_is_one_version() -> None:
    assert version_named([version("v1", "aa", day=3), version("v1", "aa")], "v1").created.day == 3


@pytest.mark.parametrize("more", [{"refusal": "Rejected"}, {"sha256": ""}])
def test_what_may_not_be_served_is_neither_taken_nor_offered(more: dict[str, str]) -> None:
    bad = version(**{"label": "v9", "sha256": "dd", **more})
    with pytest.raises(UserError, match=r"v9 may not be served.*Choose one: v10, v1\."):
        version_named([bad, *ALL], "v9")


def test_where_nothing_else_may_be_served_that_is_said() -> None:
    again = version("v0", LIVE.sha256)
    assert "no other version that may be served" in told([LIVE, again])


def outputs(*hashes: str | None) -> list[Mapping[str, Any] | None]:
    return [None if item is None else {"model_sha256": item, "model_version": item} for item in hashes]


def test_the_version_before_is_the_latest_other_one_of_the_history() -> None:
    past = outputs("cc33", "cc33", "ab22", "aa11", None)
    assert version_before(ALL, "cc33", past) is OLDER
    assert version_before(ALL, "cc33", [{}, *past]) is OLDER


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (outputs("cc33", None, "ab22"), "is not certain"),
        (outputs("cc33", "ee55", "ab22"), "The version before, ee55, is not in the registry any more"),
        (outputs("cc33"), "no other version was live before"),
        (outputs(), "no other version was live before"),
    ],
)
def test_what_is_not_certain_is_not_guessed(past: list[Mapping[str, Any] | None], words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        version_before(ALL, "cc33", past)
    assert "Choose one: v10, v1." in str(refused.value)


def test_a_model_that_is_live_again_is_marked_once() -> None:
    given = [
        version("v1", "aa", 1, is_live=True),
        version("v2", "bb", 2),
        version("v1", "aa", 3, is_live=True),
    ]
    assert [(item.created.day, item.is_live) for item in with_one_live(given)] == [
        (3, True),
        (2, False),
        (1, False),
    ]

from typing import Any

import pulumi
import pytest
from mlcloud.core.options import child_options


class Parent(pulumi.Resource):
    """A parent that is registered nowhere."""

    def __init__(self) -> None:
        pass


PARENT = Parent()


def options(**how: Any) -> pulumi.ResourceOptions:
    return child_options(PARENT, **{"environment": "prod", **how})


def test_a_child_has_its_parent():
    assert options().parent is PARENT


@pytest.mark.parametrize(
    ("environment", "holds_data", "kept"),
    [("prod", True, True), ("prod", False, None), ("dev", True, None), ("staging", True, None)],
)
def test_only_data_in_prod_is_protected_and_retained(environment: str, holds_data: bool, kept: bool | None):
    made = options(environment=environment, holds_data=holds_data)
    assert made.protect is kept
    assert made.retain_on_delete is kept


@pytest.mark.parametrize(("environment", "protected"), [("prod", True), ("dev", None), ("staging", None)])
def test_what_serves_in_prod_is_protected_but_not_kept(environment: str, protected: bool | None):
    made = options(environment=environment, serves=True)
    assert made.protect is protected
    assert made.retain_on_delete is None


def test_an_earlier_name_becomes_an_alias():
    aliases = options(renamed_from=["bucket"]).aliases
    assert isinstance(aliases, list)
    assert [alias.name for alias in aliases if isinstance(alias, pulumi.Alias)] == ["bucket"]
    assert not options().aliases


def test_further_options_win():
    made = options(holds_data=True, extra=pulumi.ResourceOptions(protect=False, delete_before_replace=True))
    assert made.protect is False
    assert made.delete_before_replace is True
    assert made.retain_on_delete is True

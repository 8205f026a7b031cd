import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlcloud.core.context import StackContext, label
from mlcloud.core.home import home_directory
from mlcloud.core.settings import Settings


def context(root: Path, **keys: object) -> StackContext:
    return StackContext.of(Settings.model_validate(keys), project="shop", stack="local.dev", root=root)


def test_the_state_lies_in_the_project_unless_the_environment_names_a_folder(tmp_path: Path):
    assert home_directory(tmp_path, {}) == tmp_path / ".state"
    assert home_directory(tmp_path, {"MLCLOUD_HOME": ""}) == tmp_path / ".state"
    assert home_directory(tmp_path, {"MLCLOUD_HOME": "other"}) == tmp_path / "other"
    assert home_directory(tmp_path, {"MLCLOUD_HOME": "/srv/state"}) == Path("/srv/state")


def test_a_local_stack_has_its_own_folder(tmp_path: Path):
    assert context(tmp_path).local_directory == context(tmp_path).home / "local" / "shop" / "local.dev"


def test_tags_hold_the_settings_ones_and_the_stacks_own(tmp_path: Path):
    assert context(tmp_path, tags={"team": "pricing", "mlcloud-stack": "forged"}).tags == {
        "team": "pricing",
        "mlcloud-project": "shop",
        "mlcloud-stack": "local-dev",
        "mlcloud-environment": "dev",
    }


def test_only_prod_is_prod(tmp_path: Path):
    assert not context(tmp_path).is_prod
    assert not context(tmp_path, environment="staging").is_prod
    assert context(tmp_path, environment="prod").is_prod


def test_a_file_is_found_from_the_project_by_path_or_by_uri(tmp_path: Path):
    here = context(tmp_path)
    assert here.file("data/a.csv") == tmp_path / "data" / "a.csv"
    assert here.file("/srv/a.csv") == Path("/srv/a.csv")
    assert here.file("file:///srv/my%20data.csv") == Path("/srv/my data.csv")


def test_a_path_in_the_project_is_declared_from_the_programs_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "stacks").mkdir()
    monkeypatch.chdir(tmp_path / "stacks")
    here = context(tmp_path)
    assert here.as_declared(tmp_path / "data" / "a.csv") == Path("../data/a.csv")
    assert here.as_declared(tmp_path) == Path("..")
    assert here.as_declared(Path("/srv/a.csv")) == Path("/srv/a.csv"), "elsewhere, nothing else names it"


def test_things_are_named_after_project_stack_and_part(tmp_path: Path):
    assert context(tmp_path).name("aws-iam-role", "training").startswith("shop-local-dev-training")


@given(st.text())
def test_a_label_is_one_that_every_cloud_takes(text: str):
    assert re.fullmatch(r"[a-z0-9_-]{0,63}", label(text))

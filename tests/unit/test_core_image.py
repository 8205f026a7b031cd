"""An image that is built here has a tag that says what it is made from."""

from pathlib import Path
from typing import Any

import pytest
from mlcloud.core.errors import ArgsError
from mlcloud.core.image import ImageFromBuild, trainer_context


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return sources(tmp_path)


def sources(folder: Path) -> Path:
    (folder / "trainer" / "__pycache__").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "trainer" / "a.py").write_text("1\n")
    (folder / "lock").write_text("1\n")
    return folder


def tag(context: Path, **keys: Any) -> str:
    given = {
        "context": context,
        "dockerfile": context / "Dockerfile",
        "sources": ("lock", "trainer"),
        "target": "root",
        "username": "AWS",
        "password": "p",
    }
    return ImageFromBuild(**{**given, **keys}).tag()


def test_what_else_lies_in_the_checkout_makes_no_other_image(checkout: Path):
    first = tag(checkout)
    assert tag(checkout, password="other") == first
    (checkout / "README.md").write_text("more\n")
    (checkout / "trainer" / "__pycache__" / "a.pyc").write_bytes(b"2")
    assert tag(checkout) == first


def test_sources_target_and_arguments_make_another_image(checkout: Path):
    first = tag(checkout)
    assert tag(checkout, build_args={"REVISION": "1"}) != first
    assert tag(checkout, target="nonroot") != first
    (checkout / "trainer" / "a.py").write_text("2\n")
    assert tag(checkout) != first


def test_a_checkout_inside_of_an_environment_is_read_like_any_other(tmp_path: Path):
    folder = tmp_path / ".venv" / "src"
    folder.mkdir(parents=True)
    first = tag(sources(folder))
    (folder / "trainer" / "a.py").write_text("2\n")
    assert tag(folder) != first


def test_a_source_that_is_not_there_is_named(checkout: Path):
    with pytest.raises(ArgsError) as refused:
        tag(checkout, sources=("lock", "absent"))
    assert [problem.path for problem in refused.value.problems] == ["image: absent"]


def test_a_project_with_a_trainer_builds_its_own_and_any_other_what_came_with_mlcloud(tmp_path: Path):
    checkout = Path(__file__).resolve().parents[2]
    assert trainer_context(tmp_path) == checkout
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "Dockerfile").write_text("FROM scratch\n")
    assert trainer_context(tmp_path) == tmp_path

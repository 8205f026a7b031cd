"""The wheels are built once, and installed once."""

from pathlib import Path

import pytest
from support.wheel import Installed, build_wheels


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build_wheels(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def installed(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """In an environment inside of a folder that becomes a project."""
    folder = tmp_path_factory.mktemp("own") / "irises"
    folder.mkdir()
    return Installed.make(folder / ".venv", wheels[0].parent)

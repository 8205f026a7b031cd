"""What is in the wheels: all that a project outside of the repository needs."""

import email
import subprocess
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from support.wheel import ROOT


@pytest.fixture
def archives(wheels: list[Path]) -> dict[str, zipfile.ZipFile]:
    return {path.name.split("-")[0]: zipfile.ZipFile(path) for path in wheels}


def metadata(archive: zipfile.ZipFile) -> email.message.Message:
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(archive.read(name))


def test_both_packages_are_built(archives: dict[str, zipfile.ZipFile]) -> None:
    assert set(archives) == {"mlcloud", "mlcloud_trainer"}


def test_mlcloud_brings_the_trainer_of_its_own_version_along(archives: dict[str, zipfile.ZipFile]) -> None:
    needed = [Requirement(text) for text in metadata(archives["mlcloud"]).get_all("Requires-Dist", [])]
    (trainer,) = [item for item in needed if item.name == "mlcloud-trainer"]
    assert trainer.marker is None
    versions = {metadata(archive)["Version"] for archive in archives.values()}
    assert versions == {str(trainer.specifier).removeprefix("==")}


def listed(*folders: str) -> set[str]:
    """What git knows of folders, and what is new in them."""
    result = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *folders],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name for name in result.stdout.splitlines() if (ROOT / name).is_file()}


def test_every_file_of_the_packages_is_in_them(archives: dict[str, zipfile.ZipFile]) -> None:
    for archive, folder in zip(archives.values(), ("components", "trainer"), strict=True):
        package = {name.removeprefix(f"{folder}/") for name in listed(folder)}
        wanted = {name for name in package if name.startswith("mlcloud")}
        assert wanted <= set(archive.namelist())
    assert "mlcloud/plugin/PulumiPlugin.yaml" in archives["mlcloud"].namelist()


def test_the_image_is_built_from_the_same_files_as_in_the_repository(
    archives: dict[str, zipfile.ZipFile],
) -> None:
    below = "mlcloud/image_context/"
    packed = {name.removeprefix(below) for name in archives["mlcloud"].namelist() if name.startswith(below)}
    assert packed == listed(
        "pyproject.toml", "uv.lock", ".dockerignore", "components/pyproject.toml", "trainer"
    )
    assert all(archives["mlcloud"].read(f"{below}{name}") == (ROOT / name).read_bytes() for name in packed)

"""`mlcloud doctor` on Python, packages and the plugin: each state once."""

import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from mlcloud.core.install import install_command
from mlcloud.doctor import packages as looked
from mlcloud.doctor.packages import packages, plugin, python


def test_a_python_that_is_new_enough_is_ok() -> None:
    assert python().state == "ok"
    assert sys.executable in python().found


def test_a_python_that_is_too_old_is_missing_with_what_to_install() -> None:
    check = python((3, 10, 14))
    assert (check.state, check.found.split(",")[0]) == ("missing", "3.10.14")
    assert "python3.11 -m venv" in check.fix


@pytest.mark.parametrize("extra", ["", "aws", "gcp", "azure"])
def test_what_the_tests_run_with_is_all_there(extra: str) -> None:
    assert packages(extra).state == "ok", packages(extra).found


def test_an_extra_has_requirements_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looked, "requires", lambda name: ["rich>=1", 'boto3>=1; extra == "aws"'])
    monkeypatch.setattr(looked, "version", lambda name: "2.0")
    assert packages(own=["a"]).found == "1 are installed"
    assert packages("aws", own=["a"]).found == "1 are installed"
    assert packages("gcp", own=["a"]).found == "0 are installed"


def test_an_absent_package_and_one_of_another_version_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "gone":
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(looked, "requires", lambda name: ["gone", "old>=2", "fine>=1"])
    monkeypatch.setattr(looked, "version", version)
    check = packages(own=["a"])
    assert (check.state, check.found) == ("missing", "gone is not installed, old is 1.0, not >=2")
    assert check.fix == install_command("")


def test_in_a_checkout_the_fix_is_its_lock_file_and_elsewhere_the_index(tmp_path: Path) -> None:
    elsewhere = install_command("aws", checkout=tmp_path)
    assert elsewhere == f"{sys.executable} -m pip install 'mlcloud[aws]'"
    (tmp_path / "uv.lock").write_text("")
    there = install_command("aws", checkout=tmp_path)
    assert there == f"cd {tmp_path} && .venv/bin/uv sync --frozen --inexact --extra aws --package mlcloud"


def test_a_plugin_in_an_environment_is_ok(tmp_path: Path) -> None:
    assert (plugin(tmp_path).state, plugin(tmp_path).found) == ("ok", str(tmp_path))


def test_a_plugin_without_an_environment_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looked, "environment", lambda: None)
    check = plugin()
    assert check.state == "warning"
    assert check.fix == "python3 -m venv .venv && .venv/bin/python -m pip install mlcloud"

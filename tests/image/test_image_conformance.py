"""All conformance tests of the serving contracts, asked of the server in the image."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import UnpackedImage
from support.image_build import ROOT


def ask(command: list[str], folder: Path, *selected: str) -> subprocess.CompletedProcess[str]:
    """The conformance tests against what `command` starts; their temporary folders are below `folder`."""
    pytest_command = [sys.executable, "-m", "pytest", "-q", "-n", "2", f"--basetemp={folder / 'tests'}"]
    variables = os.environ | {"MLCLOUD_TEST_SERVER_COMMAND": shlex.join(command)}
    for name in [name for name in variables if name.startswith("PYTEST_")]:
        del variables[name]
    return subprocess.run(
        [*pytest_command, *(selected or ("tests/conformance",))],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(1200)
def test_the_image_passes_the_conformance_tests_of_all_four_contracts(
    root_image: UnpackedImage, tmp_path: Path
) -> None:
    done = ask(root_image.command("serve", binds=[f"{tmp_path}:{tmp_path}"]), tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    (passed,) = re.findall(r"(\d+) passed", done.stdout)
    assert int(passed) >= 370
    assert not re.search(r"\d+ (skipped|failed|error|deselected)", done.stdout)


def test_the_conformance_tests_start_the_stated_command_and_no_other(tmp_path: Path) -> None:
    done = ask(["false"], tmp_path, "tests/conformance/test_serving_v2.py", "--maxfail=1")
    assert done.returncode != 0
    assert "no 'ready' in the log" in done.stdout

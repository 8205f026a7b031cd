"""What is in the image, and what is not."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

from conftest import UnpackedImage
from support.image_build import ROOT

COMPILERS = {"cc", "gcc", "g++", "c++", "clang", "ld", "as", "make", "cmake", "tcc", "rustc", "cargo", "go"}
INSTALLERS = {"pip", "pip3", "uv", "uvx", "pipx", "conda"}
ADDED_LIMIT_BYTES = 650_000_000
"""What the image adds to its base; 598 MB when this was written."""


def commands(image: UnpackedImage) -> set[str]:
    """The names of all programs, versions such as `gcc-12` without their number."""
    folders = [
        image.root / part
        for part in ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "opt/mlcloud/bin")
    ]
    return {re.sub(r"-?[\d.]+$", "", path.name) for folder in folders for path in folder.iterdir()}


def distributions(image: UnpackedImage) -> dict[str, str]:
    code = (
        "import importlib.metadata as m, json;"
        "print(json.dumps([(d.metadata['Name'], d.version) for d in m.distributions()]))"
    )
    return {name.lower().replace("_", "-"): version for name, version in json.loads(image.python(code))}


def test_there_is_no_compiler_and_no_installer(image: UnpackedImage) -> None:
    found = commands(image)
    assert {"sh", "python", "mlcloud-trainer"} <= found
    assert not found & COMPILERS
    assert not found & INSTALLERS


def test_there_is_nothing_that_talks_to_a_cloud(image: UnpackedImage) -> None:
    found = distributions(image)
    assert "mlcloud" not in found
    assert not [name for name in found if name.startswith(("pulumi", "boto", "google-cloud", "azure"))]
    assert "False" in image.python("import importlib.util as u; print(bool(u.find_spec('pulumi')))")
    # The same question has the other answer here, where Pulumi is.
    assert importlib.util.find_spec("pulumi")


def test_the_packages_are_exactly_those_of_the_lock(image: UnpackedImage) -> None:
    command = [str(Path(sys.executable).with_name("uv")), "export", "--quiet", "--frozen", "--no-dev"]
    command += ["--package", "mlcloud-trainer", "--no-emit-workspace", "--no-hashes", "--no-annotate"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    pinned = [re.match(r"([\w-]+)==([\w.]+)", line) for line in lines]
    locked = {(match.group(1), match.group(2)) for match in pinned if match}
    found = {name: version for name, version in distributions(image).items() if name != "mlcloud-trainer"}
    assert set(found.items()) <= locked
    assert set(found) == {name for name, _ in locked if not name.startswith("pywin")}
    assert len(found) > 20


def test_all_bytecode_is_there_and_valid_whatever_timestamps_say(image: UnpackedImage) -> None:
    packages = next((image.root / "opt/mlcloud/lib").glob("python3.*")) / "site-packages"
    sources = [*(packages / "mlcloud_trainer").rglob("*.py"), *(packages / "uvicorn").rglob("*.py")]
    assert len(sources) > 60
    tag = image.python("import sys; print(sys.implementation.cache_tag)").strip()
    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        # PEP 552: flags 1 say that the file is bound to a hash which is not compared at every start.
        assert compiled.read_bytes()[4:8] == b"\x01\x00\x00\x00", source


def test_the_standard_librarys_bytecode_is_there(image: UnpackedImage) -> None:
    code = (
        "import asyncio as a, importlib.util as u, os; print(os.path.exists(u.cache_from_source(a.__file__)))"
    )
    assert image.python(code).strip() == "True"


def test_others_tests_and_headers_are_left_out(image: UnpackedImage) -> None:
    installed = image.root / "opt/mlcloud"
    assert not [path for path in installed.rglob("tests") if path.is_dir()]
    assert not list(installed.rglob("*.pyx"))


def test_what_the_image_adds_to_its_base_stays_small(image: UnpackedImage) -> None:
    done = subprocess.run(
        ["du", "--summarize", "--bytes", str(image.root / "opt")], capture_output=True, text=True, check=True
    )
    assert 300_000_000 < int(done.stdout.split()[0]) < ADDED_LIMIT_BYTES


def test_nothing_of_the_building_machine_is_left(image: UnpackedImage) -> None:
    for path in ("build", "wheel", "package", "tools", "root/.cache", "run/secrets"):
        assert not (image.root / path).exists()
    # An empty one would be the place where a build mounted its own.
    certificates = image.root / "etc/ssl/certs/ca-certificates.crt"
    assert not certificates.exists() or certificates.stat().st_size > 0

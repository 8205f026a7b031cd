"""The images that `make test-image` built, unpacked and entered; elsewhere these tests are skipped."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.image_build import IMAGE, run
from support.trainer_runs import BREAST_CANCER

HERE = Path(__file__).resolve().parent
LAUNCHER = HERE.parent / "support" / "image_run.py"
HYPERPARAMETERS = {"estimator": "logistic_regression", "target": "diagnosis", "seed": "42"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave these tests to `make test-image`: building the image takes minutes, root and a network."""
    if os.environ.get("MLCLOUD_TEST_IMAGE") == "1":
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="the image is built and tested by `make test-image`"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnpackedImage:
    """One target: its configuration, and its root as a folder."""

    target: str
    inspected: dict[str, Any]
    root: Path
    bundle: Path

    @property
    def config(self) -> dict[str, Any]:
        return self.inspected["OCIv1"]["config"]

    def command(
        self, *arguments: str, binds: Sequence[str] = (), network: bool = True, bundle: Path | None = None
    ) -> list[str]:
        """What starts a container of this image in the foreground, as `docker run IMAGE arguments` would."""
        options = [part for bind in binds for part in ("--bind", bind)]
        options += [] if network else ["--no-network"]
        return [
            sys.executable,
            str(LAUNCHER),
            "--bundle",
            str(bundle or self.bundle),
            *options,
            "--",
            *arguments,
        ]

    def changed(self, name: str, **config: object) -> Path:
        """A bundle whose configuration the platform changed."""
        other = self.bundle.with_name(f"{self.target}-{name}.json")
        other.write_text(json.dumps({"root": str(self.root), "config": self.config | config}))
        return other

    def python(self, code: str) -> str:
        """What a Python program prints that runs in the image in place of its entry point."""
        command = self.command("-c", code, bundle=self.changed("python", Entrypoint=["python"]))
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={}, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, UnpackedImage]]:
    """Both targets, mounted by buildah until the tests end. What tests write there goes with it."""
    made: dict[str, UnpackedImage] = {}
    containers: list[str] = []
    folder = tmp_path_factory.mktemp("bundles")
    try:
        for target in ("root", "nonroot"):
            containers.append(run(["buildah", "from", f"{IMAGE}:{target}"], 120).strip())
            root = Path(run(["buildah", "mount", containers[-1]], 120).strip())
            inspected = json.loads(run(["buildah", "inspect", "--type", "image", f"{IMAGE}:{target}"], 60))
            bundle = folder / f"{target}.json"
            bundle.write_text(json.dumps({"root": str(root), "config": inspected["OCIv1"]["config"]}))
            made[target] = UnpackedImage(target=target, inspected=inspected, root=root, bundle=bundle)
        yield made
    finally:
        if containers:
            run(["buildah", "rm", *containers], 120)


@pytest.fixture(params=["root", "nonroot"])
def image(unpacked: dict[str, UnpackedImage], request: pytest.FixtureRequest) -> UnpackedImage:
    return unpacked[request.param]


@pytest.fixture
def root_image(unpacked: dict[str, UnpackedImage]) -> UnpackedImage:
    return unpacked["root"]


@pytest.fixture
def nonroot_image(unpacked: dict[str, UnpackedImage]) -> UnpackedImage:
    return unpacked["nonroot"]


def lay_out(prefix: Path, hyperparameters: dict[str, str]) -> Path:
    """What SageMaker mounts at /opt/ml for a training job on the shipped data."""
    config, channel = prefix / "input" / "config", prefix / "input" / "data" / "train"
    config.mkdir(parents=True)
    channel.mkdir(parents=True)
    (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    (config / "resourceconfig.json").write_text(
        json.dumps({"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"})
    )
    (config / "inputdataconfig.json").write_text(
        json.dumps({"train": {"TrainingInputMode": "File", "ContentType": "text/csv"}})
    )
    (channel / "data.csv").write_bytes(BREAST_CANCER.read_bytes())
    (prefix / "model").mkdir()
    (prefix / "output").mkdir()
    return prefix


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageRun:
    """A container that ended, and what it left in /opt/ml."""

    prefix: Path
    code: int
    output: str
    errors: str


def train(image: UnpackedImage, prefix: Path, variables: dict[str, str] | None = None) -> ImageRun:
    """`IMAGE train` on a laid out folder, without a network."""
    command = image.command("train", binds=[f"{prefix}:/opt/ml"], network=False)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=variables or {}, timeout=120
    )
    return ImageRun(prefix=prefix, code=done.returncode, output=done.stdout, errors=done.stderr)


@pytest.fixture(scope="session")
def trained(unpacked: dict[str, UnpackedImage], tmp_path_factory: pytest.TempPathFactory) -> ImageRun:
    """One training job of the root target, in SageMaker's layout."""
    prefix = lay_out(tmp_path_factory.mktemp("job") / "ml", HYPERPARAMETERS)
    done = train(unpacked["root"], prefix)
    assert done.code == 0, done.output + done.errors
    return done

"""Models that the real trainer made, once for all workers; and servers for them, once for each worker."""

from __future__ import annotations

import dataclasses
import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlcloud_trainer.manifest import Manifest, dump_manifest, parse_manifest
from support.serving_process import ServerProcess, serving


@dataclasses.dataclass(frozen=True, kw_only=True)
class TestModel:
    """A model folder, with the rows that tests send."""

    __test__ = False
    path: Path

    @property
    def manifest(self) -> Manifest:
        return parse_manifest((self.path / "manifest.json").read_bytes())

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.manifest.inputs]

    @property
    def row(self) -> dict[str, object]:
        """The row whose answer the manifest states."""
        return dict(self.manifest.smoke.instance)

    @property
    def values(self) -> list[object]:
        return [self.row[name] for name in self.names]

    @property
    def expected(self) -> dict[str, object]:
        smoke = self.manifest.smoke
        return {"prediction": smoke.prediction, "probabilities": dict(smoke.probabilities or {})}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of all trained models; the workers of one session share it."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "serving-models"
    with Path(f"{shared}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            unfinished = Path(f"{shared}.new")
            command = [sys.executable, "-m", "support.serving_models", str(unfinished)]
            tests = Path(__file__).resolve().parents[1]
            done = subprocess.run(command, cwd=tests, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            unfinished.rename(shared)
    return shared


@pytest.fixture(scope="session")
def cancer(trained: Path) -> TestModel:
    """30 numbers, two classes, ONNX."""
    return TestModel(path=trained / "cancer" / "model")


@pytest.fixture(scope="session")
def mixed(trained: Path) -> TestModel:
    """Text, numbers and booleans with missing values, three classes, ONNX."""
    return TestModel(path=trained / "mixed" / "model")


@pytest.fixture(scope="session")
def price(trained: Path) -> TestModel:
    """The same features, regression, ONNX."""
    return TestModel(path=trained / "price" / "model")


def with_manifest(source: Path, target: Path, manifest: Manifest) -> TestModel:
    """A copy of a model folder with another manifest."""
    shutil.copytree(source, target)
    (target / "manifest.json").write_bytes(dump_manifest(manifest))
    return TestModel(path=target)


@pytest.fixture(scope="session")
def mixed_skops(mixed: TestModel, tmp_path_factory: pytest.TempPathFactory) -> TestModel:
    """The mixed model as it is where parity does not hold: scikit-learn answers."""
    target = tmp_path_factory.mktemp("skops") / "model"
    return with_manifest(mixed.path, target, dataclasses.replace(mixed.manifest, runtime="skops", onnx=None))


@pytest.fixture(scope="session")
def cancer_server(cancer: TestModel) -> Iterator[ServerProcess]:
    with serving(cancer.path) as server:
        yield server


@pytest.fixture(scope="session")
def mixed_server(mixed: TestModel) -> Iterator[ServerProcess]:
    with serving(mixed.path) as server:
        yield server


@pytest.fixture(scope="session")
def skops_server(mixed_skops: TestModel) -> Iterator[ServerProcess]:
    with serving(mixed_skops.path) as server:
        yield server

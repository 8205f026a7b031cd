"""Stacks of the local cloud's own resources, the provider in the engine's process, killed step by step."""

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from mlcloud.local.resources import Bucket, BucketObject, Endpoint, ModelVersion, TrainingRun
from mlcloud.provider.engine import Engine as EngineAddress
from mlcloud.provider.server import make_servicer

from support.faults_cloud import FaultyStack, processes, start_server
from support.faults_steps import Steps
from support.processes import has_ended
from support.waiting import LIMIT_S

SUPPORT = Path(__file__).parent
FAKE_TRAINER, FAKE_SERVER = SUPPORT / "provider_fake_trainer.py", SUPPORT / "provider_fake_server.py"


def local_cloud(_folder: Path) -> Mapping[str, Any]:
    return {"mlcloud": make_servicer(EngineAddress(None))}


@dataclass(frozen=True)
class Storage:
    """Buckets, an object in one, and a model of another place in the registry: no processes."""

    root: Path
    edition: str

    def __call__(self) -> None:
        cloud = self.root / "cloud"
        source = self.root / f"{self.edition}.csv"
        source.write_text(f"a,target\n1,{self.edition}\n")
        bucket = Bucket("data", directory=str(cloud / "deep" / self.edition))
        BucketObject("rows", bucket=bucket.directory, source=str(source), sha256=sha256_of(source))
        model = make_model(self.root / f"model-{self.edition}", self.edition)
        ModelVersion(
            "version",
            name="tumours",
            registry_directory=str(cloud / "registry"),
            model_uri=model.as_uri(),
            model_sha256=sha256_of(model / "manifest.json"),
        )


@dataclass(frozen=True)
class Training:
    """A training run and what it needs."""

    root: Path
    edition: str

    def __call__(self) -> None:
        self.run()

    def run(self) -> TrainingRun:
        cloud, source = self.root / "cloud", self.root / "rows.csv"
        source.write_text("a,target\n1,B\n")
        buckets = {
            name: Bucket(name, directory=str(cloud / name), force_destroy=True) for name in ("models", "runs")
        }
        return TrainingRun(
            "run",
            name="train",
            data_uri=source.as_uri(),
            data_sha256=sha256_of(source),
            hyperparameters={
                "estimator": "logistic_regression",
                "target": "target",
                "estimator.mode": "ok",
                "estimator.accuracy": "0.9",
                "estimator.prediction": self.edition,
                "estimator.trainings": str(self.root / f"trainings-{self.edition}"),
            },
            models_bucket=buckets["models"].directory,
            runs_directory=buckets["runs"].directory,
            gate={"accuracy": 0.8},
            command=[sys.executable, str(FAKE_TRAINER)],
        )


@dataclass(frozen=True)
class Served:
    """An endpoint that serves a model of another place."""

    root: Path
    edition: str

    def __call__(self) -> None:
        model = make_model(self.root / f"model-{self.edition}", self.edition)
        self.serve(model.as_uri(), sha256_of(model / "manifest.json"))

    def serve(self, uri: Any, sha256: Any) -> None:
        Endpoint(
            "endpoint",
            name="tumours",
            directory=str(self.root / "cloud" / "endpoint"),
            model_uri=uri,
            model_sha256=sha256,
            start_timeout_s=LIMIT_S,
            drain_timeout_s=5.0,
            command=[sys.executable, str(FAKE_SERVER)],
        )


@dataclass(frozen=True)
class Whole:
    """From a training run over the registry to an endpoint, as a local stack has it."""

    root: Path
    edition: str

    def __call__(self) -> None:
        run = Training(self.root, self.edition).run()
        version = ModelVersion(
            "version",
            name="tumours",
            registry_directory=str(self.root / "cloud" / "registry"),
            model_uri=run.model_uri,
            model_sha256=run.model_sha256,
            metrics=run.metrics,
        )
        Served(self.root, self.edition).serve(version.uri, version.sha256)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_model(folder: Path, prediction: str) -> Path:
    """A model that the fake server serves; the same for the same prediction."""
    folder.mkdir(parents=True, exist_ok=True)
    skops = json.dumps({"prediction": prediction, "mode": "ok"}).encode()
    (folder / "model.skops").write_bytes(skops)
    files = {"model.skops": {"sha256": hashlib.sha256(skops).hexdigest(), "bytes": len(skops)}}
    smoke = {"instance": {"a": 1}, "prediction": prediction}
    (folder / "manifest.json").write_text(json.dumps({"smoke": smoke, "files": files}))
    return folder


def tree(folder: Path) -> set[str]:
    """What there is, but for logs and what an endpoint's processes note down while they run."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if not re.fullmatch(r".*(\.log(\.1)?|/(state|waiting|request)\.json)", str(path))
    }


def running(root: Path) -> list[psutil.Process]:
    """The processes that work for a stack below a folder."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if process.pid != os.getpid() and any(f"{root}/" in f"{word}/" for word in words):
            found.append(process)
    return [process for process in found if not has_ended(process)]


def killed_at(stack: FaultyStack, program: Any, step: int | None) -> bool:
    """Run an update whose process kills itself at a step; False where it had fewer steps."""
    start_server()
    process = processes.Process(target=_run, args=(stack, program, step))
    process.start()
    process.join(LIMIT_S)
    assert process.exitcode in (0, -9), process.exitcode
    return process.exitcode == -9


def _run(stack: FaultyStack, program: Any, step: int | None) -> None:
    engine = stack.open(program)
    if step is not None:
        Steps(stack.cloud).kill_at(step)
    assert engine.up().ok, stack.errors()

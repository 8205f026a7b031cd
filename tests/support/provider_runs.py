"""A place for training runs: data, a bucket for models, inputs, and the processes that run there."""

import dataclasses
import hashlib
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from support.provider_plugin import Plugin, RefusedError, ResourceClient
from support.waiting import LIMIT_S

RUN = "mlcloud:local:TrainingRun"
FAKE_TRAINER = Path(__file__).parent / "provider_fake_trainer.py"


@dataclasses.dataclass(frozen=True)
class RunPlace:
    """A data object, a bucket for models, and inputs of a run on them."""

    root: Path
    inputs: dict[str, Any]

    def with_parameters(self, **parameters: str) -> dict[str, Any]:
        changed = {f"estimator.{name}": value for name, value in parameters.items()}
        return {**self.inputs, "hyperparameters": {**self.inputs["hyperparameters"], **changed}}

    @property
    def trainings(self) -> int:
        counted = self.root / "trainings"
        return len(counted.read_text().splitlines()) if counted.exists() else 0

    def models(self) -> list[str]:
        folder = self.root / "models" / "models"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def trainer(self) -> psutil.Process:
        """The trainer of the only run that is in progress."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            for record in (self.root / "runs").glob("*/run.json"):
                content = json.loads(record.read_text())
                if content["status"] == "running" and self.trainings:
                    return psutil.Process(content["pid"])
            time.sleep(0.02)
        raise AssertionError("no run in progress")


def make_place(plugin: Plugin, root: Path) -> RunPlace:
    data = root / "rows.csv"
    data.write_text("a,target\n1,yes\n")
    plugin.resource("mlcloud:local:Bucket").create({"directory": str(root / "models")})
    inputs = {
        "name": "train",
        "dataUri": data.as_uri(),
        "dataSha256": hashlib.sha256(data.read_bytes()).hexdigest(),
        "hyperparameters": {
            "estimator": "logistic_regression",
            "target": "target",
            "estimator.mode": "ok",
            "estimator.accuracy": "0.9",
            "estimator.trainings": str(root / "trainings"),
        },
        "modelsBucket": str(root / "models"),
        "runsDirectory": str(root / "runs"),
        "gate": {"accuracy": 0.8},
        "command": [sys.executable, str(FAKE_TRAINER)],
    }
    return RunPlace(root, inputs)


def creating(run: ResourceClient, inputs: dict[str, Any]) -> tuple[threading.Thread, list[RefusedError]]:
    errors: list[RefusedError] = []

    def create() -> None:
        try:
            run.create(inputs)
        except RefusedError as error:
            errors.append(error)

    thread = threading.Thread(target=create)
    thread.start()
    return thread, errors

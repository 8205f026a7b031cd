"""Training runs on Vertex AI for tests: data, inputs, and the model that a job leaves."""

import hashlib
import json
from typing import Any

import pytest

from support import provider_gcp_cloud as gcp
from support.provider_gcp_jobs import PENDING, RUNNING, SUCCEEDED, Job
from support.provider_gcp_resources import IMAGE

DATA_SHA256 = hashlib.sha256(b"rows").hexdigest()


def manifest(accuracy: float = 0.9, data_sha256: str = DATA_SHA256) -> bytes:
    content = {
        "format": "mlcloud-model",
        "metrics": {"accuracy": accuracy, "log_loss": 0.1},
        "data": {"sha256": data_sha256},
        "files": {"model.skops": {"sha256": "0" * 64}},
    }
    return json.dumps(content).encode()


def model_files(**changed: Any) -> dict[str, bytes]:
    return {
        "model/model.skops": b"model",
        "model/report.html": b"<h1>report</h1>",
        "model/manifest.json": manifest(**changed),
    }


def trainings(cloud: gcp.Cloud, given: dict[str, Any]) -> int:
    return sum(job.content["displayName"].startswith(given["name"]) for job in cloud.jobs.all.values())


def own_inputs(cloud: gcp.Cloud, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A run of this test's own, whose job will leave a model."""
    unique = hashlib.sha256(request.node.name.encode()).hexdigest()[:10]
    cloud.jobs.next_job = Job([PENDING, RUNNING, SUCCEEDED], model_files())
    return {
        "name": f"train-{unique}",
        "project": gcp.PROJECT,
        "region": gcp.REGION,
        "dataUri": "gs://data/data/rows.csv",
        "dataSha256": DATA_SHA256,
        "hyperparameters": {"estimator": "logistic_regression", "target": "target"},
        "imageUri": IMAGE,
        "serviceAccount": f"train@{gcp.PROJECT}.iam.gserviceaccount.com",
        "modelsBucket": cloud.storage.bucket(f"models-{unique}"),
        "gate": {"accuracy": 0.8},
    }

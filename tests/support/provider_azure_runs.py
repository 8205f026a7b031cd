"""Training runs on Azure ML for tests: data, inputs, and the model that a job leaves."""

import hashlib
import json
from typing import Any

import pytest

from support import provider_azure_cloud as az
from support.provider_azure_jobs import COMPLETED, QUEUED, RUNNING, Job
from support.provider_azure_resources import CLIENT_ID, ENVIRONMENT, IDENTITY

DATA_SHA256 = hashlib.sha256(b"rows").hexdigest()
ACCOUNT = "churndev"


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


def container_of(given: dict[str, Any]) -> str:
    return str(given["modelsUri"]).rsplit("/", 1)[-1]


def trainings(cloud: az.Cloud, given: dict[str, Any]) -> int:
    return sum(name.startswith(given["name"]) for name in cloud.jobs.all)


def own_inputs(cloud: az.Cloud, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A run of this test's own, whose job will leave a model."""
    unique = hashlib.sha256(request.node.name.encode()).hexdigest()[:10]
    cloud.jobs.next_job = Job([QUEUED, RUNNING, COMPLETED], model_files())
    return {
        "name": f"train-{unique}",
        "subscription": az.SUBSCRIPTION,
        "resourceGroup": az.GROUP,
        "workspace": az.WORKSPACE,
        "region": az.REGION,
        "dataUri": f"{cloud.storage.container(ACCOUNT, 'data')}/{DATA_SHA256}.csv",
        "dataSha256": DATA_SHA256,
        "hyperparameters": {"estimator": "logistic_regression", "target": "target"},
        "environmentId": ENVIRONMENT,
        "identityId": IDENTITY,
        "clientId": CLIENT_ID,
        "modelsUri": cloud.storage.container(ACCOUNT, f"models-{unique}"),
        "gate": {"accuracy": 0.8},
        "instanceType": "Standard_DS3_v2",
    }

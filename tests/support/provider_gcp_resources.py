"""Inputs of the provider's resources of GCP, and what an engine keeps of one that is there and ill."""

import threading
from collections.abc import Callable
from typing import Any

from mlcloud.provider.values import decode

from support import provider_gcp_cloud as gcp
from support.provider_plugin import RefusedError, ResourceClient

MODEL = "mlcloud:gcp:Model"
DEPLOYMENT = "mlcloud:gcp:ModelDeployment"
RUN = "mlcloud:gcp:TrainingRun"
IMAGE = f"europe-west4-docker.pkg.dev/{gcp.PROJECT}/images/trainer@sha256:{'0' * 64}"


def model_inputs(name: str, **changed: Any) -> dict[str, Any]:
    given = {
        "project": gcp.PROJECT,
        "region": gcp.REGION,
        "modelId": name,
        "imageUri": IMAGE,
        "artifactUri": "gs://models/models/a/",
    }
    return {**given, **changed}


def adopt(resource: ResourceClient, given: dict[str, Any], error: RefusedError) -> None:
    """Keep what the engine keeps of a resource that is there and does not work."""
    assert error.init_failure is not None, error.message
    resource.id, resource.inputs = error.init_failure.id, given
    resource.outputs = decode(error.init_failure.properties).values


def in_background(operation: Callable[[], Any]) -> tuple[threading.Thread, list[RefusedError]]:
    """Start an operation that will be refused."""
    errors: list[RefusedError] = []

    def run() -> None:
        try:
            operation()
        except RefusedError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors

"""Everything that our provider can do on AWS, done once, by the names and inputs of a stack's plan."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from mlcloud.provider.values import decode

from support import provider_aws_cloud as aws
from support.provider_aws_endpoints import ENDPOINT, answer, model, register
from support.provider_plugin import Plugin, RefusedError, ResourceClient

RUN = "mlcloud:aws:TrainingRun"
LOG_GROUP = "/aws/sagemaker/TrainingJobs"


def adopt(resource: ResourceClient, inputs: dict[str, Any], error: RefusedError) -> None:
    assert error.init_failure is not None
    resource.id, resource.inputs = error.init_failure.id, inputs
    resource.outputs = decode(error.init_failure.properties).values


def train(cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]) -> None:
    """A run that fails, is started anew, is read, and another one that is stopped."""
    manifest = {"metrics": {"accuracy": 0.99}, "data": {"sha256": inputs["dataSha256"]}, "files": {}}
    cloud.bucket(inputs["modelsBucket"])
    run = plugin.resource(RUN, "run")
    logs, stream = cloud.backend("logs"), f"{run.preview(inputs)['runName']}/algo-1-1"
    if LOG_GROUP not in logs.groups:
        logs.create_log_group(LOG_GROUP, {})
    logs.create_log_stream(LOG_GROUP, stream)
    cloud.next_job = aws.Job([aws.TRAINING, aws.failed("AlgorithmError: no column")])
    with pytest.raises(RefusedError) as refused:
        run.create(inputs)
    adopt(run, inputs, refused.value)
    cloud.next_job = aws.Job([aws.TRAINING, aws.COMPLETED], archive=aws.archive(manifest))
    assert run.update(inputs)["status"] == "published"
    assert run.read() is not None

    other = {**inputs, "hyperparameters": {**inputs["hyperparameters"], "seed": "7"}, "wait": False}
    cloud.next_job = aws.Job([aws.TRAINING])
    stopped = plugin.resource(RUN, "stopped")
    with pytest.raises(RefusedError) as refused:
        stopped.create(other)
    adopt(stopped, other, refused.value)
    stopped.delete()


def serve(cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]) -> None:
    """An endpoint from its creation to its end.

    It is made, gone on with, tagged, moved to other machines under its scaling, cleaned up and deleted.
    """
    name = inputs["name"]
    served = model(cloud, "yes", bucket=urlsplit(inputs["modelUri"]).netloc)
    configs = cloud.config(f"{name}-a"), cloud.config(f"{name}-b", "ml.m5.xlarge")
    cloud.predictions.update({config: [answer("yes")] for config in configs})
    first = {**inputs, **served, "endpointConfigName": configs[0], "retainedConfigs": 1}
    endpoint = plugin.resource(ENDPOINT, "endpoint")
    plugin.resource(ENDPOINT, "interrupted").create(first)
    endpoint.create(first)
    register(cloud, name)
    cloud._tags[f"endpoint/{name}/variant/main"] = {"team": "ml"}
    endpoint.update({**first, "endpointConfigName": configs[1], "tags": {"team": "ml"}})
    assert endpoint.read() is not None
    endpoint.delete()
    assert cloud.endpoint(name) is None

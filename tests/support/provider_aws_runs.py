"""Training runs on SageMaker for tests: inputs of their own, and what their jobs leave."""

import hashlib
import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from support import provider_aws_cloud as aws

RUN = "mlcloud:aws:TrainingRun"
DATA_SHA256 = hashlib.sha256(b"rows").hexdigest()


def manifest(accuracy: float = 0.9, data_sha256: str = DATA_SHA256) -> dict[str, Any]:
    return {
        "format": "mlcloud-model",
        "metrics": {"accuracy": accuracy, "log_loss": 0.1},
        "data": {"sha256": data_sha256},
        "files": {},
    }


def own_inputs(cloud: aws.Cloud, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A run of this test's own, whose job will complete with a model."""
    unique = hashlib.sha256(request.node.name.encode()).hexdigest()[:10]
    cloud.next_job = aws.Job([aws.STARTING, aws.TRAINING, aws.COMPLETED], archive=aws.archive(manifest()))
    return {
        "name": f"train-{unique}",
        "region": aws.REGION,
        "dataUri": "s3://data/data/rows.csv",
        "dataSha256": DATA_SHA256,
        "hyperparameters": {"estimator": "logistic_regression", "target": "target"},
        "imageUri": f"{aws.ACCOUNT}.dkr.ecr.{aws.REGION}.amazonaws.com/trainer@sha256:{'0' * 64}",
        "roleArn": f"arn:aws:iam::{aws.ACCOUNT}:role/train",
        "modelsBucket": cloud.bucket(f"models-{unique}"),
        "gate": {"accuracy": 0.8},
    }


def trainings(cloud: aws.Cloud, inputs: dict[str, Any]) -> int:
    return sum(
        call.operation == "CreateTrainingJob"
        and call.parameters["TrainingJobName"].startswith(inputs["name"])
        for call in cloud.calls
    )


def write_log(cloud: aws.Cloud, name: str, lines: Sequence[object]) -> None:
    """What the trainer writes as the first host of a job: JSON line by line."""
    write_stream(cloud, "/aws/sagemaker/TrainingJobs", f"{name}/algo-1-1", lines)


def write_stream(cloud: aws.Cloud, group: str, stream: str, lines: Sequence[object]) -> None:
    """What a container writes into a log stream: JSON line by line."""
    logs = cloud.backend("logs")
    if group not in logs.groups:
        logs.create_log_group(group, {})
    logs.create_log_stream(group, stream)
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms, "message": json.dumps(line)} for line in lines]
    logs.put_log_events(group, stream, events)

"""Training run, revision and endpoint in a program, on the embedded engine: updates as people run them."""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pytest
from mlcloud.aws.resources import Endpoint, EndpointRevision, TrainingRun
from mlcloud.embedded.engine.engine import Result
from support import provider_aws_cloud as aws
from support.engine import Stack
from support.provider_plugin import PLUGIN

DATA_SHA256 = hashlib.sha256(b"rows").hexdigest()


@dataclass
class AwsStack:
    """A stack from data to endpoint; the test stands in for the native model and configuration."""

    cloud: aws.Cloud
    stack: Stack
    name: str
    seed: int = 1
    wait: bool = True
    gate: float = 0.8

    def program(self) -> None:
        run = TrainingRun(
            "run",
            name=self.name,
            region=aws.REGION,
            data_uri="s3://data/rows.csv",
            data_sha256=DATA_SHA256,
            hyperparameters={"estimator": "svm", "target": "left", "seed": str(self.seed)},
            image_uri=f"{aws.ACCOUNT}.dkr.ecr.{aws.REGION}.amazonaws.com/trainer@sha256:{'0' * 64}",
            role_arn=f"arn:aws:iam::{aws.ACCOUNT}:role/train",
            models_bucket=f"{self.name}-models",
            gate={"accuracy": self.gate},
            wait=self.wait,
        )
        revision = EndpointRevision("revision", prefix=self.name, content={"model": run.model_sha256})
        endpoint = Endpoint(
            "endpoint",
            name=self.name,
            region=aws.REGION,
            endpoint_config_name=revision.name.apply(self._native),
        )
        pulumi.export("model", run.model_uri)
        pulumi.export("config", endpoint.endpoint_config_name)

    def _native(self, name: str) -> str:
        if name not in self.cloud.configs():
            self.cloud.config(name)
        return name

    def up(self) -> Result:
        """Update; a job that starts will complete with a model of this seed."""
        manifest = {"metrics": {"accuracy": 0.9}, "data": {"sha256": DATA_SHA256}, "seed": self.seed}
        states = [aws.STARTING, aws.TRAINING, aws.COMPLETED]
        self.cloud.next_job = aws.Job(states, archive=aws.archive(manifest))
        return self.stack.up(self.program)

    def changed(self) -> list[tuple[str, str]]:
        return [(op, name) for op, name in self.stack.ops if op != "same" and not name.startswith("default")]

    def live(self) -> str:
        return self.cloud.endpoint(self.name).endpoint_config_name


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[AwsStack]:
    # One moto serves all tests of a process.
    cloud, unique = aws.Cloud(), f"stack-{uuid.uuid4().hex[:8]}"
    cloud.bucket(f"{unique}-models")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in cloud.variables.items():
            environment.setenv(name, value)
        made = AwsStack(cloud, Stack(tmp_path, provider=None, plugins={"mlcloud": PLUGIN}), unique)
        yield made
        assert made.stack.destroy().ok, made.stack.errors
    assert cloud.endpoint(unique) is None
    assert [name for name in cloud.configs() if name.startswith(unique)] == []
    assert [name for name in cloud.models() if name.startswith(unique)] == []
    for job in list(cloud.jobs):
        assert cloud.jobs[job].advance()["TrainingJobStatus"] in ("Completed", "Failed", "Stopped")
    cloud.close()
    assert cloud.problems == []


def errors(stack: AwsStack) -> str:
    return "\n".join(str(error) for error in stack.stack.errors)


def model_of(result: Result) -> str:
    outputs: dict[str, Any] = result.outputs
    return str(outputs["model"])


def test_a_new_model_reaches_the_endpoint_and_a_second_update_changes_nothing(stack: AwsStack) -> None:
    first = stack.up()
    assert first.ok, errors(stack)
    assert stack.live() == first.outputs["config"]
    second = stack.up()
    assert second.ok, errors(stack)
    assert stack.changed() == []
    assert second.outputs == first.outputs

    stack.seed = 2
    third = stack.up()
    assert third.ok, errors(stack)
    assert model_of(third) != model_of(first)
    assert stack.live() == third.outputs["config"] != first.outputs["config"]
    assert first.outputs["config"] in stack.cloud.configs()

    stack.seed = 1
    back = stack.up()
    assert back.ok, errors(stack)
    assert model_of(back) == model_of(first)
    assert stack.live() == back.outputs["config"] != first.outputs["config"]
    assert stack.cloud.operations().count("CreateTrainingJob") == 2


def test_a_rollback_fails_the_update_and_the_next_one_tries_again(stack: AwsStack) -> None:
    first = stack.up()
    assert first.ok, errors(stack)
    stack.seed = 2
    stack.cloud.update_outcome = aws.roll_back("The alarm churn-5xx went off")
    assert not stack.up().ok
    assert "rolled the update back" in errors(stack)
    assert stack.live() == first.outputs["config"] in stack.cloud.configs()

    again = stack.up()
    assert again.ok, errors(stack)
    assert stack.live() == again.outputs["config"] != first.outputs["config"]
    assert stack.cloud.operations().count("CreateTrainingJob") == 2


def test_a_submitted_run_is_picked_up_and_the_endpoint_follows_then(stack: AwsStack) -> None:
    first = stack.up()
    assert first.ok, errors(stack)
    stack.seed, stack.wait = 2, False
    assert not stack.up().ok
    assert "is in progress" in errors(stack)
    assert stack.live() == first.outputs["config"]

    for _ in range(3):
        picked = stack.up()
        if picked.ok:
            break
    assert picked.ok, errors(stack)
    assert stack.live() == picked.outputs["config"] != first.outputs["config"]
    assert stack.cloud.operations().count("CreateTrainingJob") == 2


def test_a_gate_that_is_not_passed_stops_the_endpoints_change(stack: AwsStack) -> None:
    first = stack.up()
    stack.seed, stack.gate = 2, 0.95
    assert not stack.up().ok
    assert "does not pass its gate" in errors(stack)
    assert stack.live() == first.outputs["config"]
    stack.gate = 0.9
    assert stack.up().ok, errors(stack)
    assert stack.cloud.operations().count("CreateTrainingJob") == 2

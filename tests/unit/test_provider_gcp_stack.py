"""Training run, model and deployment in a program, on the embedded engine: updates as people run them."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pytest
from mlcloud.embedded.engine.engine import Result
from mlcloud.gcp.resources import VertexModel, VertexModelDeployment, VertexTrainingRun
from support import provider_gcp_cloud as gcp
from support.engine import Stack
from support.provider_gcp_jobs import PENDING, RUNNING, SUCCEEDED, Job
from support.provider_gcp_resources import IMAGE
from support.provider_plugin import PLUGIN

DATA_SHA256 = hashlib.sha256(b"rows").hexdigest()
ENDPOINT = f"{gcp.LOCATION}/endpoints/7"
MODEL = f"{gcp.LOCATION}/models/churn"


@dataclass
class GcpStack:
    """A stack from data to traffic; the test stands in for the native endpoint and buckets."""

    cloud: gcp.Cloud
    stack: Stack
    seed: int = 1
    wait: bool = True
    gate: float = 0.8

    def program(self) -> None:
        run = VertexTrainingRun(
            "run",
            name="churn",
            project=gcp.PROJECT,
            region=gcp.REGION,
            data_uri="gs://data/rows.csv",
            data_sha256=DATA_SHA256,
            hyperparameters={"estimator": "svm", "target": "left", "seed": str(self.seed)},
            image_uri=IMAGE,
            service_account=f"train@{gcp.PROJECT}.iam.gserviceaccount.com",
            models_bucket="models",
            gate={"accuracy": self.gate},
            wait=self.wait,
        )
        model = VertexModel(
            "model",
            project=gcp.PROJECT,
            region=gcp.REGION,
            model_id="churn",
            image_uri=IMAGE,
            artifact_uri=run.model_uri,
            env={"MLCLOUD_MODEL_SHA256": run.model_sha256},
        )
        deployment = VertexModelDeployment(
            "deployment",
            name="churn",
            project=gcp.PROJECT,
            region=gcp.REGION,
            endpoint=ENDPOINT,
            model=model.version_name,
            machine_type="n1-standard-2",
            model_uri=run.model_uri,
            model_sha256=run.model_sha256,
            canary_percent=10,
        )
        pulumi.export("model", run.model_uri)
        pulumi.export("version", deployment.model)

    def up(self) -> Result:
        """Update; a job that starts will end with a model of this seed."""
        manifest = {
            "metrics": {"accuracy": 0.9},
            "data": {"sha256": DATA_SHA256},
            "smoke": {"instance": {"a": self.seed}, "prediction": "yes"},
            "files": {},
        }
        files = {"model/manifest.json": json.dumps(manifest).encode()}
        self.cloud.jobs.next_job = Job([PENDING, RUNNING, SUCCEEDED], files)
        return self.stack.up(self.program)

    def changed(self) -> list[tuple[str, str]]:
        return [(op, name) for op, name in self.stack.ops if op != "same" and not name.startswith("default")]

    def traffic(self) -> dict[str, int]:
        return self.cloud.endpoints.traffic(ENDPOINT)

    @property
    def errors(self) -> str:
        return "\n".join(str(error) for error in self.stack.errors)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[GcpStack]:
    with gcp.running(tmp_path) as cloud:
        cloud.endpoints.make(ENDPOINT)
        cloud.storage.put("data", "rows.csv", b"rows")
        cloud.storage.bucket("models")
        made = GcpStack(cloud, Stack(tmp_path, provider=None, plugins={"mlcloud": PLUGIN}))
        yield made
        assert made.stack.destroy().ok, made.errors
        # Nothing that costs is left; models and the records of jobs are.
        assert cloud.endpoints.deployed(ENDPOINT) == {}
        assert cloud.models.all == {}
        ended = ("JOB_STATE_SUCCEEDED", "JOB_STATE_CANCELLED")
        assert all(job.now["state"] in ended for job in cloud.jobs.all.values())


def test_a_new_model_reaches_the_endpoint_and_a_second_update_changes_nothing(stack: GcpStack) -> None:
    first = stack.up()
    assert first.ok, stack.errors
    assert stack.traffic() == {f"{MODEL}@1": 100}
    second = stack.up()
    assert second.ok, stack.errors
    assert stack.changed() == []
    assert second.outputs == first.outputs

    stack.seed = 2
    third = stack.up()
    assert third.ok, stack.errors
    assert third.outputs["model"] != first.outputs["model"]
    assert stack.traffic() == {f"{MODEL}@2": 100}
    assert stack.cloud.models.versions(MODEL) == ["2"]

    stack.seed = 1
    back = stack.up()
    assert back.ok, stack.errors
    assert back.outputs["model"] == first.outputs["model"]
    assert stack.traffic() == {f"{MODEL}@3": 100}
    # The model of the first run is in the bucket still: it is not trained again.
    assert stack.cloud.count("customJobs.create") == 2


def test_a_failed_smoke_prediction_leaves_the_old_one_serving_and_the_next_update_repairs(
    stack: GcpStack,
) -> None:
    assert stack.up().ok, stack.errors
    stack.seed = 2
    stack.cloud.endpoints.predictions[f"{MODEL}@2"] = "no"
    assert not stack.up().ok
    assert 'predicts "no" for a known row' in stack.errors
    assert stack.traffic() == {f"{MODEL}@1": 100}
    assert list(stack.cloud.endpoints.deployed(ENDPOINT).values()) == [f"{MODEL}@1"]

    # Who goes back gets the version that serves, and nobody deletes it.
    stack.seed = 1
    assert stack.up().ok, stack.errors
    assert stack.traffic() == {f"{MODEL}@1": 100}
    assert stack.cloud.models.versions(MODEL) == ["1"]
    assert stack.up().ok, stack.errors
    assert stack.changed() == []

    stack.seed = 2
    stack.cloud.endpoints.predictions.clear()
    again = stack.up()
    assert again.ok, stack.errors
    assert list(stack.traffic().values()) == [100]
    assert again.outputs["version"] != f"{MODEL}@1"
    assert stack.cloud.count("customJobs.create") == 2


def test_a_gate_that_is_not_passed_stops_the_deployments_change(stack: GcpStack) -> None:
    assert stack.up().ok, stack.errors
    stack.seed, stack.gate = 2, 0.95
    assert not stack.up().ok
    assert "does not pass its gate" in stack.errors
    assert stack.traffic() == {f"{MODEL}@1": 100}
    stack.gate = 0.9
    assert stack.up().ok, stack.errors
    assert stack.traffic() == {f"{MODEL}@2": 100}
    assert stack.cloud.count("customJobs.create") == 2


def test_a_submitted_run_is_picked_up_and_the_traffic_follows_then(stack: GcpStack) -> None:
    assert stack.up().ok, stack.errors
    stack.seed, stack.wait = 2, False
    assert not stack.up().ok
    assert "is in progress" in stack.errors
    assert stack.traffic() == {f"{MODEL}@1": 100}
    for _ in range(3):
        picked = stack.up()
        if picked.ok:
            break
    assert picked.ok, stack.errors
    assert stack.traffic() == {f"{MODEL}@2": 100}
    assert stack.cloud.count("customJobs.create") == 2

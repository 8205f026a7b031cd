"""Our own AWS resources without AWS: previewed by the real provider, applied by the simulated one."""

import socket
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from mlcloud.aws.resources import Endpoint, EndpointRevision, TrainingRun
from mlcloud.embedded.engine.engine import Engine
from mlcloud.embedded.project.target import Target
from mlcloud.plugin import FOLDER
from mlcloud.provider.engine import Engine as EngineLog
from mlcloud.provider.server import make_servicer
from mlcloud.simulated import provider_class, providers_for
from mlcloud.simulated.failures import FAIL_VARIABLE
from support.engine import MemoryState
from support.simulated_stack import SimulatedStack

REGION = "eu-central-1"
IMAGE = f"123456789012.dkr.ecr.{REGION}.amazonaws.com/trainer@sha256:{'0' * 64}"


def chain(*, rows: str = "1", canary: int | None = None) -> None:
    """A run, the revision that its model makes, and the endpoint that serves it."""
    bucket = aws.s3.Bucket("models")
    role = aws.iam.Role("training", assume_role_policy="{}")
    run = TrainingRun(
        "run",
        name="churn",
        region=REGION,
        data_uri="s3://shop-data/data.csv",
        data_sha256=rows * 64,
        hyperparameters={"estimator": "logistic_regression", "target": "churned"},
        image_uri=IMAGE,
        role_arn=role.arn,
        models_bucket=bucket.bucket,
    )
    revision = EndpointRevision("revision", prefix="churn", content={"model": run.model_sha256})
    model = aws.sagemaker.Model(
        "model",
        name=revision.name,
        execution_role_arn=role.arn,
        primary_container={"image": IMAGE, "model_data_url": run.model_uri},
    )
    Endpoint("endpoint", name="churn", region=REGION, endpoint_config_name=model.name, canary_percent=canary)
    pulumi.export("model", run.model_uri)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError(f"a connection was opened: {arguments[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


def simulated(folder: Path) -> SimulatedStack:
    return SimulatedStack(folder, providers=providers_for("aws", own=True), region=REGION)


@pytest.mark.usefixtures("no_network")
def test_the_real_provider_previews_without_a_network(tmp_path: Path) -> None:
    real = make_servicer(EngineLog(None))
    plan = SimulatedStack(tmp_path, providers={"mlcloud": real}, region=REGION).preview(chain)
    assert plan.ok, plan.diagnostics
    run = next(item for item in plan.resources if item.name == "run")
    assert run.outputs["runName"].startswith("churn-")
    assert run.outputs["modelUri"] == "[unknown]", "only a training run knows its model"
    assert run.inputs["roleArn"].startswith("arn:aws:iam::123456789012:role/training-")


def test_the_plugin_process_previews_the_same(tmp_path: Path) -> None:
    target = Target(
        project="shop",
        stack="dev",
        root=tmp_path,
        folder=tmp_path,
        config={"aws:region": REGION},
        plugins={"mlcloud": FOLDER},
    )
    through_plugin = Engine(
        target=target, program=chain, state=MemoryState(), providers=providers_for("aws")
    ).preview()
    real = make_servicer(EngineLog(None))
    in_process = SimulatedStack(tmp_path, providers={"mlcloud": real}, region=REGION).preview(chain)
    assert through_plugin.to_json() == in_process.to_json()


@pytest.mark.usefixtures("no_network")
def test_a_simulated_apply_does_what_its_plan_says(tmp_path: Path) -> None:
    stack = simulated(tmp_path)
    plan = stack.preview(chain)
    planned = {item.name: item.inputs for item in plan.resources if item.custom}
    assert "[unknown]" not in str(planned)
    assert stack.up(chain) == {"create": 6}
    assert planned == {
        item.name: item.inputs for item in stack.state.snapshot.resources if item.name in planned
    }
    assert stack.up(chain) == {"same": 6}
    run, bucket = stack.outputs("run"), stack.outputs("models")["bucket"]
    assert run["modelUri"] == f"s3://{bucket}/models/{run['modelSha256']}/model.tar.gz"
    assert stack.outputs("endpoint")["url"].endswith("/endpoints/churn/invocations")


@pytest.mark.usefixtures("no_network")
def test_other_data_makes_another_model_and_moves_the_endpoint(tmp_path: Path) -> None:
    stack = simulated(tmp_path)
    stack.up(chain)
    before = stack.outputs("run")["modelSha256"]
    assert stack.up(lambda: chain(rows="2")) == {
        "same": 2,
        "create-replacement": 3,
        "update": 1,
        "delete-replaced": 3,
    }
    assert stack.outputs("run")["modelSha256"] != before
    assert stack.up(lambda: chain(rows="2", canary=10)) == {"same": 5, "update": 1}


@pytest.mark.usefixtures("no_network")
def test_the_order_in_which_a_map_came_makes_no_other_model(tmp_path: Path) -> None:
    def run(hyperparameters: dict[str, str]) -> Any:
        inputs = {
            "name": "churn",
            "region": REGION,
            "data_sha256": "1" * 64,
            "hyperparameters": hyperparameters,
            "models_bucket": "m",
        }
        resource = provider_class("mlcloud")()._resources["mlcloud:aws:TrainingRun"]
        return resource._templates(inputs).render("{long}")

    forwards = {"estimator": "svm", "target": "churned", "seed": "1"}
    assert run(forwards) == run(dict(reversed(forwards.items())))
    assert run(forwards) != run({**forwards, "seed": "2"})


@pytest.mark.usefixtures("no_network")
def test_inputs_are_checked_as_by_the_real_provider(tmp_path: Path) -> None:
    told = simulated(tmp_path).refused(lambda: chain(canary=80))
    assert "canaryPercent" in told and "50" in told


def test_our_own_resources_can_fail_on_demand_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = simulated(tmp_path)
    monkeypatch.setenv(FAIL_VARIABLE, "create mlcloud:aws:Endpoint")
    assert not stack.open(chain).up().ok
    assert "The create of endpoint failed, as it was told to." in stack.errors
    monkeypatch.delenv(FAIL_VARIABLE)
    assert stack.up(chain) == {"same": 5, "create": 1}


def test_every_resource_of_ours_has_a_simulation() -> None:
    simulated_own: Any = provider_class("mlcloud")()
    real = make_servicer(EngineLog(None))
    assert set(simulated_own._resources) == set(real._resources)

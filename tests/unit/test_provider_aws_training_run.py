"""Training runs on SageMaker: what a job is asked for and leaves, against moto and what it lacks."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support import provider_aws_cloud as aws
from support import provider_plugin
from support.provider_aws_runs import RUN, manifest, own_inputs, trainings, write_log
from support.provider_plugin import Plugin, RefusedError


@pytest.fixture(scope="module")
def cloud() -> Iterator[aws.Cloud]:
    yield from aws.running()


@pytest.fixture(scope="module")
def plugin(cloud: aws.Cloud) -> Iterator[Plugin]:
    yield from provider_plugin.running()


@pytest.fixture
def inputs(cloud: aws.Cloud, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A run of this test's own, whose job will complete with a model."""
    return own_inputs(cloud, request)


def test_a_run_trains_and_puts_a_content_addressed_model_into_the_bucket(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN, "trains")
    outputs = run.create(inputs)
    bucket, sha256 = inputs["modelsBucket"], outputs["modelSha256"]
    assert hashlib.sha256(json.dumps(manifest()).encode()).hexdigest() == sha256
    assert outputs["modelUri"] == f"s3://{bucket}/models/{sha256}/model.tar.gz"
    assert outputs["report"] == f"s3://{bucket}/models/{sha256}/report.html"
    assert cloud.get(bucket, f"models/{sha256}/manifest.json") == json.dumps(manifest()).encode()
    assert cloud.get(bucket, f"models/{sha256}/report.html") == b"<h1>report</h1>"
    assert cloud.get(bucket, f"models/{sha256}/model.tar.gz") == cloud.get(
        bucket, f"runs/{run.id}/output/model.tar.gz"
    )
    assert outputs["metrics"] == {"accuracy": 0.9, "log_loss": 0.1}
    assert outputs["status"] == "published"
    assert outputs["durationS"] == 42
    assert outputs["runName"] == run.id
    assert outputs["runArn"].endswith(f":training-job/{run.id}")
    assert run.read() == outputs
    assert run.kinds(inputs) == {}


def test_the_job_is_closed_by_default_and_has_a_time_limit(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    plugin.resource(RUN).create(inputs)
    asked = cloud.last("CreateTrainingJob")
    assert asked["EnableNetworkIsolation"] is True
    assert asked["EnableManagedSpotTraining"] is False
    assert asked["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}
    assert asked["HyperParameters"] == inputs["hyperparameters"]
    assert "VpcConfig" not in asked
    assert "CheckpointConfig" not in asked
    assert "Tags" not in asked


def test_everything_that_was_asked_for_reaches_the_job(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    key = f"arn:aws:kms:{aws.REGION}:{aws.ACCOUNT}:key/{'0' * 8}"
    run = plugin.resource(RUN)
    run.create(
        {
            **inputs,
            "timeoutS": 60.5,
            "instanceType": "ml.c5.xlarge",
            "instanceCount": 2,
            "volumeGb": 50,
            "spot": True,
            "maxWaitS": 600,
            "subnetIds": ["subnet-0a", "subnet-0b"],
            "securityGroupIds": ["sg-0a"],
            "kmsKeyArn": key,
            "networkIsolation": False,
            "encryptBetweenContainers": True,
            "tags": {"stack": "dev", "project": "churn"},
        }
    )
    asked = cloud.last("CreateTrainingJob")
    assert asked["StoppingCondition"] == {"MaxRuntimeInSeconds": 61, "MaxWaitTimeInSeconds": 600}
    assert asked["ResourceConfig"] == {
        "InstanceType": "ml.c5.xlarge",
        "InstanceCount": 2,
        "VolumeSizeInGB": 50,
        "VolumeKmsKeyId": key,
    }
    assert asked["OutputDataConfig"]["KmsKeyId"] == key
    assert asked["CheckpointConfig"] == {"S3Uri": f"s3://{inputs['modelsBucket']}/runs/checkpoints/{run.id}"}
    assert asked["VpcConfig"] == {"Subnets": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-0a"]}
    assert asked["Tags"] == [{"Key": "project", "Value": "churn"}, {"Key": "stack", "Value": "dev"}]
    assert asked["EnableNetworkIsolation"] is False
    assert asked["EnableInterContainerTrafficEncryption"] is True
    stored = cloud.backend("s3").get_object(
        inputs["modelsBucket"], f"models/{run.outputs['modelSha256']}/model.tar.gz"
    )
    assert (stored.encryption, stored.kms_key_id) == ("aws:kms", key)


@pytest.mark.parametrize(
    ("instance_type", "named"),
    [
        ("ml.m5.large", True),
        ("ml.p3.2xlarge", True),
        ("ml.r5d.large", False),
        ("ml.g4dn.xlarge", False),
        ("ml.g5.xlarge", False),
        ("ml.p4d.24xlarge", False),
        ("ml.p5.48xlarge", False),
    ],
)
def test_machines_that_encrypt_their_own_storage_get_no_key_for_it(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any], *, instance_type: str, named: bool
) -> None:
    key = f"arn:aws:kms:{aws.REGION}:{aws.ACCOUNT}:key/{'0' * 8}"
    plugin.resource(RUN).create({**inputs, "instanceType": instance_type, "kmsKeyArn": key})
    asked = cloud.last("CreateTrainingJob")
    assert ("VolumeKmsKeyId" in asked["ResourceConfig"]) is named
    assert asked["OutputDataConfig"]["KmsKeyId"] == key


def test_states_and_the_trainers_lines_show_while_it_trains(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN, "shows")
    name = run.preview(inputs)["runName"]
    lines = [
        {"event": "progress", "step": 1, "total_steps": 2, "message": "reading", "level": "info"},
        {"event": "warning", "message": "few rows", "level": "warning"},
    ]
    write_log(cloud, name, lines)
    run.create(inputs)
    plugin.engine.wait_for("Completed: Completed it")
    shown = [entry.message for entry in plugin.engine.entries if entry.urn == run.urn]
    assert shown == [
        "Starting: Starting it",
        "[1/2] reading",
        "few rows",
        "Training: Training it",
        "Completed: Completed it",
    ]


def test_before_training_the_runs_name_is_known_and_the_model_is_not(
    plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    previewed = run.preview(inputs)
    outputs = run.create(inputs)
    assert (previewed["runName"], previewed["logs"]) == (outputs["runName"], outputs["logs"])
    assert repr(previewed["modelUri"]) == "UNKNOWN"
    assert run.preview({**inputs, "gate": {}}) == outputs


def test_a_model_below_its_gate_fails_and_is_not_trained_again_until_it_passes(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run, bucket = plugin.resource(RUN), inputs["modelsBucket"]
    below = {**inputs, "gate": {"accuracy": 0.95, "log_loss": 0.05}}
    for _ in range(2):
        with pytest.raises(
            RefusedError, match=r"accuracy is 0\.9, the gate demands at least 0\.95"
        ) as refused:
            run.create(below)
        assert "log_loss is 0.1, the gate demands at most 0.05" in refused.value.message
        report = refused.value.message.rsplit("Report: ", 1)[1].removeprefix(f"s3://{bucket}/")
        assert cloud.get(bucket, report) == b"<h1>report</h1>"
    assert [key for key in cloud.keys(bucket) if key.startswith("models/")] == []
    outputs = run.create({**inputs, "gate": {"accuracy": 0.9}})
    assert outputs["status"] == "published"
    assert trainings(cloud, inputs) == 1


def test_another_image_machine_or_time_limit_never_trains_again(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(inputs)
    changed = {
        **inputs,
        "imageUri": "another@sha256:" + "1" * 64,
        "instanceType": "ml.g5.xlarge",
        "timeoutS": 7200,
        "gate": {"accuracy": 0.85},
        "tags": {"stack": "dev"},
    }
    assert not run.diff(changed).replaces
    assert run.update(changed) == outputs
    assert trainings(cloud, inputs) == 1
    with pytest.raises(RefusedError, match=r"demands at least 0\.99"):
        run.update({**inputs, "gate": {"accuracy": 0.99}})


def test_changed_hyperparameters_or_data_make_a_new_run_first(plugin: Plugin, inputs: dict[str, Any]) -> None:
    run = plugin.resource(RUN)
    run.create(inputs)
    changed = run.diff({**inputs, "hyperparameters": {**inputs["hyperparameters"], "seed": "7"}})
    assert list(changed.replaces) == ["hyperparameters"]
    assert not changed.deleteBeforeReplace
    assert list(run.diff({**inputs, "dataSha256": "0" * 64}).replaces) == ["dataSha256"]


def test_without_the_right_to_read_logs_it_trains_and_says_so_once(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    cloud.refuse("DescribeLogStreams", (400, {"__type": "AccessDeniedException", "message": "no"}))
    run = plugin.resource(RUN, "no-logs")
    run.create(inputs)
    plugin.engine.wait_for("log is not shown")
    assert sum("log is not shown" in e.message for e in plugin.engine.entries if e.urn == run.urn) == 1


@pytest.mark.parametrize(
    ("changed", "path", "words"),
    [
        ({"name": "x" * 51}, "name", "1 to 50 letters"),
        ({"region": "europe"}, "region", "eu-central-1"),
        ({"dataUri": "file:///rows.csv"}, "dataUri", "not an S3 URI"),
        ({"roleArn": "train"}, "roleArn", "not the ARN of a role"),
        ({"instanceType": "m5.large"}, "instanceType", "ml.<family>.<size>"),
        ({"timeoutS": 0}, "timeoutS", "from 1 to"),
        ({"maxWaitS": 7200}, "maxWaitS", "belongs to `spot`"),
        ({"spot": True, "maxWaitS": 60}, "maxWaitS", "less than `timeoutS`"),
        ({"subnetIds": ["subnet-0a"]}, "securityGroupIds", "belong together"),
        ({"gate": {"rmse": 1.0}}, "gate.rmse", "metric of regression"),
        ({"hyperparameters": {f"k{i}": "" for i in range(101)}}, "hyperparameters", "at most 100"),
        ({"tags": {"aws:x": "y"}}, "tags", "does not begin with `aws:`"),
    ],
)
def test_what_aws_would_refuse_is_refused_before_anything_is_asked(
    cloud: aws.Cloud,
    plugin: Plugin,
    inputs: dict[str, Any],
    *,
    changed: dict[str, Any],
    path: str,
    words: str,
) -> None:
    calls = len(cloud.calls)
    problems = plugin.resource(RUN).check({**inputs, **changed})
    assert list(problems) == [path]
    assert words in problems[path]
    assert len(cloud.calls) == calls

"""Training runs on SageMaker over the plugin's gRPC, against moto and what it lacks."""

import hashlib
import json
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import empty_pb2
from support import provider_aws_cloud as aws
from support.provider_plugin import Plugin, RefusedError, ResourceClient

RUN = "mlcloud:aws:TrainingRun"
DATA_SHA256 = hashlib.sha256(b"rows").hexdigest()


@pytest.fixture(scope="module")
def cloud() -> Iterator[aws.Cloud]:
    started = aws.Cloud()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in started.variables.items():
            environment.setenv(name, value)
        yield started
    started.close()
    assert started.problems == []
    assert started.calls


@pytest.fixture(scope="module")
def plugin(cloud: aws.Cloud) -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


def manifest(accuracy: float = 0.9, data_sha256: str = DATA_SHA256) -> dict[str, Any]:
    return {
        "format": "mlcloud-model",
        "metrics": {"accuracy": accuracy, "log_loss": 0.1},
        "data": {"sha256": data_sha256},
        "files": {},
    }


@pytest.fixture
def inputs(cloud: aws.Cloud, request: pytest.FixtureRequest) -> dict[str, Any]:
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
            "instanceType": "ml.g5.xlarge",
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
        "InstanceType": "ml.g5.xlarge",
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


def test_states_and_the_trainers_lines_show_while_it_trains(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN, "shows")
    name = run.preview(inputs)["runName"]
    logs = cloud.backend("logs")
    if "/aws/sagemaker/TrainingJobs" not in logs.groups:
        logs.create_log_group("/aws/sagemaker/TrainingJobs", {})
    logs.create_log_stream("/aws/sagemaker/TrainingJobs", f"{name}/algo-1-1")
    lines = [
        {"event": "progress", "step": 1, "total_steps": 2, "message": "reading", "level": "info"},
        {"event": "warning", "message": "few rows", "level": "warning"},
    ]
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms, "message": json.dumps(line)} for line in lines]
    logs.put_log_events("/aws/sagemaker/TrainingJobs", f"{name}/algo-1-1", events)
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


def test_a_failed_job_says_why_and_the_next_update_starts_it_anew(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    good, cloud.next_job = (
        cloud.next_job,
        aws.Job([aws.TRAINING, aws.failed("AlgorithmError: no column `target`")]),
    )
    with pytest.raises(RefusedError, match="failed: AlgorithmError: no column `target`") as refused:
        run.create(inputs)
    assert "/aws/sagemaker/TrainingJobs:" in refused.value.message
    assert "run the update again" in refused.value.message
    adopt(run, inputs, refused.value)
    assert run.outputs["status"] == "failed"
    assert run.kinds(inputs) == {"status": "UPDATE"}

    cloud.next_job = good
    assert run.update(inputs)["status"] == "published"
    assert trainings(cloud, inputs) == 2


def adopt(run: ResourceClient, inputs: dict[str, Any], error: RefusedError) -> None:
    """Keep what the engine keeps of a resource that is there and does not work."""
    from mlcloud.provider.values import decode

    assert error.init_failure is not None
    run.id, run.inputs = error.init_failure.id, inputs
    run.outputs = decode(error.init_failure.properties).values


def test_a_job_that_failed_while_nobody_followed_is_told_before_it_is_started_anew(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    cloud.next_job = aws.Job([aws.TRAINING, aws.TRAINING, aws.failed("ClientError: no capacity")])
    run = plugin.resource(RUN)
    with pytest.raises(RefusedError, match="is in progress") as refused:
        run.create({**inputs, "wait": False})
    adopt(run, {**inputs, "wait": False}, refused.value)
    with pytest.raises(RefusedError, match="failed: ClientError: no capacity"):
        run.update(inputs)
    assert trainings(cloud, inputs) == 1


def test_without_waiting_the_job_is_submitted_and_a_later_update_takes_its_model(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run, submitted = plugin.resource(RUN), {**inputs, "wait": False}
    with pytest.raises(RefusedError, match="is in progress; what was served before keeps serving") as refused:
        run.create(submitted)
    adopt(run, submitted, refused.value)
    assert run.outputs["status"] == "in-progress"
    with pytest.raises(RefusedError, match="InProgress: the next update takes it"):
        run.read()
    assert run.kinds(submitted) == {"status": "UPDATE"}
    assert run.update(submitted)["status"] == "published"
    assert trainings(cloud, inputs) == 1


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


def test_an_interrupted_update_finds_its_job_again_and_trains_once(
    cloud: aws.Cloud, inputs: dict[str, Any]
) -> None:
    job = cloud.next_job = aws.Job([aws.TRAINING], archive=aws.archive(manifest()))
    first = Plugin()
    thread, errors = creating(first.resource(RUN), inputs)
    first.engine.wait_for("Training: Training it")
    first.process.send_signal(signal.SIGKILL)
    first.close()
    thread.join(timeout=90)
    assert errors

    second = Plugin()
    job.states = [aws.TRAINING, aws.COMPLETED]
    run = second.resource(RUN)
    assert run.create(inputs)["status"] == "published"
    second.engine.wait_for("was started before: following it")
    assert trainings(cloud, inputs) == 1
    second.close()


def test_cancel_stops_the_job_and_the_next_update_starts_it_anew(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    good, cloud.next_job = cloud.next_job, aws.Job([aws.TRAINING])
    first = Plugin()
    thread, errors = creating(first.resource(RUN), inputs)
    first.engine.wait_for("Training: Training it")
    first.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=90)
    assert not thread.is_alive()
    assert "Stopped, as asked: the training job" in errors[0].message
    assert cloud.last("StopTrainingJob")["TrainingJobName"].startswith(inputs["name"])
    first.close()

    cloud.next_job = good
    assert plugin.resource(RUN).create(inputs)["status"] == "published"
    assert trainings(cloud, inputs) == 2


def test_a_job_that_takes_too_long_is_named_by_the_limit_that_ended_it(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    cloud.next_job = aws.Job([aws.state("Stopped", "MaxRuntimeExceeded")])
    with pytest.raises(RefusedError, match=r"took longer than 3600 s \(timeoutS\)"):
        plugin.resource(RUN).create(inputs)
    cloud.next_job = aws.Job([aws.state("Stopped", "MaxWaitTimeExceeded")])
    spot = {**inputs, "hyperparameters": {**inputs["hyperparameters"], "seed": "2"}, "spot": True}
    with pytest.raises(RefusedError, match=r"did not get spare capacity in its time \(maxWaitS\)"):
        plugin.resource(RUN).create(spot)


def test_a_model_of_other_data_is_not_taken_and_the_next_update_trains_again(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    good = cloud.next_job
    cloud.next_job = aws.Job([aws.COMPLETED], archive=aws.archive(manifest(data_sha256="f" * 64)))
    run = plugin.resource(RUN)
    with pytest.raises(RefusedError, match="was trained on data with SHA-256 fff"):
        run.create(inputs)
    assert not [key for key in cloud.keys(inputs["modelsBucket"]) if key.startswith("models/")]
    cloud.next_job = good
    assert run.create(inputs)["status"] == "published"


@pytest.mark.parametrize(
    "content", [b"not an archive", aws.archive(manifest(), report=None)[:40]], ids=["text", "cut off"]
)
def test_an_output_that_is_no_model_is_named(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any], content: bytes
) -> None:
    cloud.next_job = aws.Job([aws.COMPLETED], archive=content)
    with pytest.raises(RefusedError, match="is not an archive of a model") as refused:
        plugin.resource(RUN).create(inputs)
    assert "Traceback" not in refused.value.message


def test_throttling_is_waited_out(cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]) -> None:
    throttled = (400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
    cloud.refuse("CreateTrainingJob", throttled, throttled)
    cloud.refuse("DescribeTrainingJob", throttled)
    assert plugin.resource(RUN).create(inputs)["status"] == "published"


def test_an_answer_that_was_lost_does_not_train_twice(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    name = run.preview(inputs)["runName"]
    cloud.refuse(
        "DescribeTrainingJob",
        (400, {"__type": "ValidationException", "message": "Requested resource not found."}),
    )
    cloud.jobs[name], cloud.next_job = cloud.next_job, aws.Job([aws.TRAINING])
    cloud.backend("sagemaker").create_training_job(
        name, {}, {}, "", [], {"S3OutputPath": f"s3://{inputs['modelsBucket']}/runs"}, {}, {}, {}, [],
        False, False, False, {}, {}, [], {}, {},
    )  # fmt: skip
    assert run.create(inputs)["status"] == "published"


def test_what_aws_refuses_is_told_in_its_words(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    denied = (400, {"__type": "AccessDeniedException", "message": "User x may not perform this."})
    cloud.refuse("CreateTrainingJob", denied)
    with pytest.raises(
        RefusedError,
        match=r"refused CreateTrainingJob: User x may not perform this \(AccessDeniedException\)",
    ) as refused:
        plugin.resource(RUN).create(inputs)
    assert "deployer policy" in refused.value.message
    assert refused.value.init_failure is None
    limit = (400, {"__type": "ResourceLimitExceeded", "message": "The limit for ml.m5.large is 0 Instances"})
    cloud.refuse("CreateTrainingJob", limit)
    with pytest.raises(RefusedError, match=r"The limit for ml\.m5\.large is 0 Instances"):
        plugin.resource(RUN).create(inputs)


def test_without_the_right_to_read_logs_it_trains_and_says_so_once(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    cloud.refuse("DescribeLogStreams", (400, {"__type": "AccessDeniedException", "message": "no"}))
    run = plugin.resource(RUN, "no-logs")
    run.create(inputs)
    plugin.engine.wait_for("log is not shown")
    assert sum("log is not shown" in e.message for e in plugin.engine.entries if e.urn == run.urn) == 1


def test_a_model_removed_by_hand_is_gone_at_refresh_and_taken_again_from_its_job(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(inputs)
    bucket = inputs["modelsBucket"]
    cloud.drop(bucket, f"models/{outputs['modelSha256']}/manifest.json")
    assert run.read() is None
    assert run.create(inputs) == outputs
    assert trainings(cloud, inputs) == 1
    for key in cloud.keys(bucket):
        cloud.drop(bucket, key)
    cloud.next_job = aws.Job([aws.COMPLETED], archive=aws.archive(manifest()))
    assert run.update(inputs) == outputs
    assert trainings(cloud, inputs) == 2


def test_deleting_a_run_stops_its_job_and_keeps_models(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(inputs)
    stops = cloud.operations().count("StopTrainingJob")
    run.delete()
    assert f"models/{outputs['modelSha256']}/model.tar.gz" in cloud.keys(inputs["modelsBucket"])
    assert cloud.operations().count("StopTrainingJob") == stops

    cloud.next_job = aws.Job([aws.TRAINING])
    endless = {**inputs, "wait": False, "hyperparameters": {**inputs["hyperparameters"], "seed": "3"}}
    other = plugin.resource(RUN)
    with pytest.raises(RefusedError) as refused:
        other.create(endless)
    adopt(other, endless, refused.value)
    other.delete()
    assert cloud.last("StopTrainingJob") == {"TrainingJobName": other.id}
    assert cloud.jobs[other.id].advance()["TrainingJobStatus"] == "Stopped"


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

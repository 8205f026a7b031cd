"""Training runs on the Batch queue over the plugin's gRPC, against a told queue and moto's S3."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from mlcloud.provider.values import decode
from support import provider_aws_batch as batch
from support import provider_aws_cloud as aws
from support.provider_aws_runs import write_stream
from support.provider_plugin import Plugin, RefusedError, ResourceClient
from support.trainer_runs import BREAST_CANCER

RUN = "mlcloud:aws:BatchTrainingRun"
DATA_SHA256 = hashlib.sha256(b"rows").hexdigest()
GROUP = "/aws/batch/gpus"


@pytest.fixture(scope="module")
def cloud() -> Iterator[batch.BatchCloud]:
    started = batch.BatchCloud()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in started.variables.items():
            environment.setenv(name, value)
        yield started
    started.close()
    assert started.problems == []
    assert started.calls


@pytest.fixture(scope="module")
def plugin(cloud: batch.BatchCloud) -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


def manifest(accuracy: float = 0.9, data_sha256: str = DATA_SHA256) -> dict[str, Any]:
    return {"metrics": {"accuracy": accuracy}, "data": {"sha256": data_sha256}, "files": {}}


@pytest.fixture
def inputs(cloud: batch.BatchCloud, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A run of this test's own, whose job will succeed with a model."""
    unique = hashlib.sha256(request.node.name.encode()).hexdigest()[:10]
    cloud.next_states, cloud.archive, cloud.failure = list(batch.SUCCEEDS), aws.archive(manifest()), None
    return {
        "name": f"batch-{unique}",
        "region": aws.REGION,
        "dataUri": "s3://data/data/rows.csv",
        "dataSha256": DATA_SHA256,
        "hyperparameters": {"estimator": "logistic_regression", "target": "target"},
        "jobQueue": batch.QUEUE,
        "jobDefinition": batch.DEFINITION,
        "logGroup": GROUP,
        "modelsBucket": cloud.bucket(f"batch-models-{unique}"),
        "gate": {"accuracy": 0.8},
    }


def adopt(run: ResourceClient, inputs: dict[str, Any], error: RefusedError) -> None:
    """Keep what the engine keeps of a resource that is there and does not work."""
    assert error.init_failure is not None
    run.id, run.inputs = error.init_failure.id, inputs
    run.outputs = decode(error.init_failure.properties).values


def test_a_run_trains_on_the_queue_and_puts_a_content_addressed_model_into_the_bucket(
    cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN, "trains")
    outputs = run.create(inputs)
    bucket, sha256 = inputs["modelsBucket"], outputs["modelSha256"]
    assert hashlib.sha256(json.dumps(manifest()).encode()).hexdigest() == sha256
    assert outputs["modelUri"] == f"s3://{bucket}/models/{sha256}/model.tar.gz"
    assert cloud.get(bucket, f"models/{sha256}/manifest.json") == json.dumps(manifest()).encode()
    assert outputs["metrics"] == {"accuracy": 0.9}
    assert outputs["status"] == "published"
    assert outputs["durationS"] == 42
    assert outputs["runName"] == run.id
    assert ":job/" in outputs["runArn"]
    assert run.read() == outputs
    assert run.kinds(inputs) == {}


def test_the_container_is_told_by_variables_what_sagemaker_would_mount(
    cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    run.create({**inputs, "timeoutS": 90.5, "tags": {"stack": "dev"}})
    (job,) = cloud.named(inputs["name"])
    variables = job.variables()
    assert json.loads(variables.pop("MLCLOUD_HYPERPARAMETERS")) == inputs["hyperparameters"]
    assert variables == {
        "AWS_REGION": aws.REGION,
        "MLCLOUD_DATA_URI": inputs["dataUri"],
        "MLCLOUD_OUTPUT_URI": f"s3://{inputs['modelsBucket']}/runs/{run.id}/output/model.tar.gz",
    }
    assert (job.asked["jobQueue"], job.asked["jobDefinition"]) == (batch.QUEUE, batch.DEFINITION)
    assert job.asked["timeout"] == {"attemptDurationSeconds": 91}
    assert (job.asked["tags"], job.asked["propagateTags"]) == ({"stack": "dev"}, True)
    assert "retryStrategy" not in job.asked


def test_several_nodes_are_each_told(cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]) -> None:
    plugin.resource(RUN).create({**inputs, "nodes": 3})
    (job,) = cloud.named(inputs["name"])
    assert job.asked["nodeOverrides"]["numNodes"] == 3
    assert [node["targetNodes"] for node in job.asked["nodeOverrides"]["nodePropertyOverrides"]] == ["0:"]
    assert "containerOverrides" not in job.asked


def test_states_and_the_trainers_lines_show_while_it_trains(
    cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN, "shows")
    stream = f"gpus/default/{len(cloud.batch_jobs):08d}-0000-0000-0000-000000000000"
    logs = cloud.backend("logs")
    if GROUP not in logs.groups:
        logs.create_log_group(GROUP, {})
    logs.create_log_stream(GROUP, stream)
    line = {"event": "progress", "step": 1, "total_steps": 2, "message": "reading", "level": "info"}
    logs.put_log_events(GROUP, stream, [{"timestamp": int(time.time() * 1000), "message": json.dumps(line)}])
    outputs = run.create(inputs)
    plugin.engine.wait_for("SUCCEEDED")
    shown = [entry.message for entry in plugin.engine.entries if entry.urn == run.urn]
    assert "[1/2] reading" in shown
    assert [text for text in shown if text.isupper()][-1] == "SUCCEEDED"
    assert outputs["logs"] == f"{GROUP}:gpus/"


def test_before_training_the_runs_name_is_known_and_the_model_is_not(
    plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    previewed = run.preview(inputs)
    outputs = run.create(inputs)
    assert (previewed["runName"], previewed["logs"]) == (outputs["runName"], outputs["logs"])
    assert repr(previewed["modelUri"]) == "UNKNOWN"


def test_equal_inputs_find_the_newest_job_of_the_name_again_and_train_once(
    cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    first = plugin.resource(RUN).create(inputs)
    assert plugin.resource(RUN).create(inputs) == first
    assert len(cloud.named(inputs["name"])) == 1


def test_a_model_below_its_gate_fails_and_is_not_trained_again_until_it_passes(
    cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run, bucket = plugin.resource(RUN), inputs["modelsBucket"]
    with pytest.raises(RefusedError, match=r"accuracy is 0\.9, the gate demands at least 0\.95"):
        run.create({**inputs, "gate": {"accuracy": 0.95}})
    assert [key for key in cloud.keys(bucket) if key.startswith("models/")] == []
    assert run.create({**inputs, "gate": {"accuracy": 0.9}})["status"] == "published"
    assert len(cloud.named(inputs["name"])) == 1


def test_a_failed_job_says_what_the_trainer_said_and_the_next_update_starts_it_anew(
    cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    cloud.next_states, cloud.failure = list(batch.FAILS), b"target: there is no column `target`.\n"
    with pytest.raises(RefusedError, match=r"there is no column `target`\.; exit code 1") as refused:
        run.create(inputs)
    assert f"Its log: {GROUP}:gpus/" in refused.value.message
    adopt(run, inputs, refused.value)
    assert run.outputs["status"] == "failed"
    assert run.update(inputs)["status"] == "published"
    assert len(cloud.named(inputs["name"])) == 2


def test_a_failed_job_tells_the_last_lines_of_its_own_log(
    cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    cloud.next_states = list(batch.FAILS)
    lines = [
        {"level": "info", "message": "Reading the rows"},
        {"level": "error", "message": "target: no column `price`"},
    ]
    write_stream(cloud, GROUP, cloud.next_stream(), lines)
    with pytest.raises(RefusedError) as refused:
        plugin.resource(RUN).create(inputs)
    assert "Its last lines:\ntarget: no column `price`\nIts log" in refused.value.message


def test_a_job_that_takes_too_long_is_named_by_the_limit_that_ended_it(
    cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    cloud.next_states, cloud.next_reason = list(batch.FAILS), "Job attempt duration exceeded timeout"
    with pytest.raises(RefusedError, match=r"took longer than 60 s \(timeoutS\)"):
        plugin.resource(RUN).create({**inputs, "timeoutS": 60})


def test_a_model_of_other_data_is_not_taken_and_the_next_update_trains_again(
    cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    cloud.archive = aws.archive(manifest(data_sha256="1" * 64))
    with pytest.raises(RefusedError, match="is other data"):
        plugin.resource(RUN).create(inputs)
    cloud.archive = aws.archive(manifest())
    assert plugin.resource(RUN).create(inputs)["status"] == "published"
    assert len(cloud.named(inputs["name"])) == 2


def test_without_waiting_the_job_is_submitted_and_a_later_update_takes_its_model(
    cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run, submitted = plugin.resource(RUN), {**inputs, "wait": False}
    with pytest.raises(RefusedError, match="is in progress; what was served before keeps") as refused:
        run.create(submitted)
    adopt(run, submitted, refused.value)
    with pytest.raises(RefusedError, match="is running: the next update takes it"):
        run.read()
    assert run.update({**submitted, "wait": True})["status"] == "published"
    assert len(cloud.named(inputs["name"])) == 1


def test_cancel_terminates_the_job_and_the_next_update_starts_it_anew(
    cloud: batch.BatchCloud, inputs: dict[str, Any]
) -> None:
    from google.protobuf import empty_pb2

    cloud.next_states = list(batch.STAYS)
    first, errors = Plugin(), list[RefusedError]()
    run = first.resource(RUN)

    def create() -> None:
        try:
            run.create(inputs)
        except RefusedError as error:
            errors.append(error)

    thread = threading.Thread(target=create)
    thread.start()
    first.engine.wait_for("RUNNING")
    first.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=60)
    assert "was told to stop" in errors[0].message
    first.close()
    (job,) = cloud.named(inputs["name"])
    assert job.terminated
    second = Plugin()
    assert second.resource(RUN).create(inputs)["status"] == "published"
    assert len(cloud.named(inputs["name"])) == 2
    second.close()


def test_deleting_a_run_terminates_its_job_and_keeps_models(
    cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    done = plugin.resource(RUN)
    outputs = done.create(inputs)
    done.delete()
    assert f"models/{outputs['modelSha256']}/manifest.json" in cloud.keys(inputs["modelsBucket"])
    cloud.next_states = list(batch.STAYS)
    going = {**inputs, "wait": False, "hyperparameters": {**inputs["hyperparameters"], "seed": "7"}}
    run = plugin.resource(RUN)
    with pytest.raises(RefusedError) as refused:
        run.create(going)
    adopt(run, going, refused.value)
    run.delete()
    assert [job.terminated for job in cloud.named(inputs["name"])] == [False, True]


def test_what_batch_would_refuse_is_refused_before_anything_is_asked(
    plugin: Plugin, inputs: dict[str, Any]
) -> None:
    wrong = {
        "jobQueue": "gpus",
        "jobDefinition": batch.QUEUE,
        "timeoutS": 59,
        "nodes": 0,
        "gate": {"rmse": 1},
        "hyperparameters": {**inputs["hyperparameters"], "estimator.C": "1" * 20_001},
    }
    for name, value in wrong.items():
        failures = plugin.resource(RUN).check({**inputs, name: value})
        assert [path.partition(".")[0] for path in failures] == [name], failures


def test_the_real_trainer_honours_what_the_job_is_given(
    cloud: batch.BatchCloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    data = BREAST_CANCER.read_bytes()
    cloud.put(cloud.bucket(f"{inputs['modelsBucket']}-data"), "rows.csv", data)
    real = {
        **inputs,
        "dataUri": f"s3://{inputs['modelsBucket']}-data/rows.csv",
        "dataSha256": hashlib.sha256(data).hexdigest(),
        "hyperparameters": {"estimator": "logistic_regression", "target": "diagnosis"},
        "wait": False,
    }
    run, cloud.archive, cloud.runs_trainer = plugin.resource(RUN), None, True
    try:
        with pytest.raises(RefusedError, match="is in progress") as refused:
            run.create(real)
    finally:
        cloud.runs_trainer = False
    adopt(run, real, refused.value)
    (job,) = cloud.named(inputs["name"])
    assert job.process is not None
    assert job.process.wait(250) == 0
    outputs = run.update(real)
    assert outputs["status"] == "published"
    assert outputs["metrics"]["accuracy"] > 0.95
    assert f"models/{outputs['modelSha256']}/model.tar.gz" in cloud.keys(inputs["modelsBucket"])

"""Training runs on SageMaker that fail, are interrupted or are found again."""

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import empty_pb2
from support import provider_aws_cloud as aws
from support import provider_plugin
from support.provider_aws_runs import RUN, manifest, own_inputs, trainings, write_log
from support.provider_plugin import Plugin, RefusedError, ResourceClient


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
    run.adopt(inputs, refused.value)
    assert run.outputs["status"] == "failed"
    assert run.kinds(inputs) == {"status": "UPDATE"}

    cloud.next_job = good
    assert run.update(inputs)["status"] == "published"
    assert trainings(cloud, inputs) == 2


def test_the_lines_that_say_why_a_job_failed_are_told(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    cloud.next_job = aws.Job([aws.TRAINING, aws.failed("AlgorithmError: exit code 1")])
    lines = [
        {"message": "target: no column `price`", "level": "error"},
        {"message": "stopping", "level": "info"},
    ]
    write_log(cloud, run.preview(inputs)["runName"], lines)
    with pytest.raises(RefusedError, match="AlgorithmError: exit code 1") as refused:
        run.create(inputs)
    assert "Its last lines:\ntarget: no column `price`\nIts log" in refused.value.message


def test_a_job_that_failed_without_a_readable_log_says_what_sagemaker_says(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    denied = (400, {"__type": "AccessDeniedException", "message": "no"})
    cloud.next_job = aws.Job([aws.failed("AlgorithmError: exit code 1")])
    cloud.refuse("DescribeLogStreams", denied, denied, denied)
    with pytest.raises(RefusedError, match="AlgorithmError: exit code 1") as refused:
        plugin.resource(RUN).create(inputs)
    cloud.refusals.clear()
    assert "last lines" not in refused.value.message


def test_a_job_that_failed_while_nobody_followed_is_told_before_it_is_started_anew(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    cloud.next_job = aws.Job([aws.TRAINING, aws.TRAINING, aws.failed("ClientError: no capacity")])
    run = plugin.resource(RUN)
    with pytest.raises(RefusedError, match="is in progress") as refused:
        run.create({**inputs, "wait": False})
    run.adopt({**inputs, "wait": False}, refused.value)
    with pytest.raises(RefusedError, match="failed: ClientError: no capacity"):
        run.update(inputs)
    assert trainings(cloud, inputs) == 1


def test_without_waiting_the_job_is_submitted_and_a_later_update_takes_its_model(
    cloud: aws.Cloud, plugin: Plugin, inputs: dict[str, Any]
) -> None:
    run, submitted = plugin.resource(RUN), {**inputs, "wait": False}
    with pytest.raises(RefusedError, match="is in progress; what was served before keeps serving") as refused:
        run.create(submitted)
    run.adopt(submitted, refused.value)
    assert run.outputs["status"] == "in-progress"
    with pytest.raises(RefusedError, match="is running: the next update takes it"):
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
    other.adopt(endless, refused.value)
    other.delete()
    assert cloud.last("StopTrainingJob") == {"TrainingJobName": other.id}
    assert cloud.jobs[other.id].advance()["TrainingJobStatus"] == "Stopped"

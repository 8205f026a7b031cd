"""Training runs on Vertex AI that were interrupted, failed or are gone: found again, never trained twice."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import empty_pb2
from support import provider_gcp_cloud as gcp
from support.provider_gcp_jobs import RUNNING, SUCCEEDED, Job, failed
from support.provider_gcp_resources import RUN, adopt, in_background
from support.provider_gcp_runs import model_files, own_inputs, trainings
from support.provider_plugin import LIMIT_S, Plugin, RefusedError


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gcp.Cloud]:
    with gcp.running(tmp_path_factory.mktemp("gcp")) as started:
        started.storage.put("data", "data/rows.csv", b"rows")
        yield started


@pytest.fixture(scope="module")
def plugin(cloud: gcp.Cloud) -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@pytest.fixture
def given(cloud: gcp.Cloud, request: pytest.FixtureRequest) -> dict[str, Any]:
    return own_inputs(cloud, request)


@pytest.mark.parametrize("fault", ["lose", "drop"])
def test_a_lost_answer_to_submitting_trains_once(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any], fault: str
) -> None:
    getattr(cloud, fault)("customJobs.create")
    assert plugin.resource(RUN).create(given)["status"] == "published"
    assert trainings(cloud, given) == 1


def test_an_interrupted_update_finds_its_job_again_and_trains_once(
    cloud: gcp.Cloud, given: dict[str, Any]
) -> None:
    job = cloud.jobs.next_job = Job([RUNNING], model_files())
    first = Plugin()
    thread, errors = in_background(lambda: first.resource(RUN).create(given))
    first.engine.wait_for("Running")
    first.process.send_signal(signal.SIGKILL)
    first.close()
    thread.join(timeout=LIMIT_S)
    assert errors

    second = Plugin()
    job.states = [RUNNING, SUCCEEDED]
    assert second.resource(RUN).create(given)["status"] == "published"
    second.engine.wait_for("was started before: following it")
    assert trainings(cloud, given) == 1
    second.close()


def test_cancel_stops_the_job_and_the_next_update_starts_it_anew(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.jobs.next_job = Job([RUNNING])
    first = Plugin()
    thread, errors = in_background(lambda: first.resource(RUN).create(given))
    first.engine.wait_for("Running")
    first.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=LIMIT_S)
    assert not thread.is_alive()
    assert "Stopped, as asked: the training job" in errors[0].message
    assert cloud.last("customJobs.cancel").given["name"] in cloud.jobs.all
    first.close()

    cloud.jobs.next_job = Job([SUCCEEDED], model_files())
    assert plugin.resource(RUN).create(given)["status"] == "published"
    assert trainings(cloud, given) == 2


def test_a_failed_job_says_why_and_the_next_update_starts_it_anew(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    told = {"failure": b"target: there is no column `target`"}
    cloud.jobs.next_job = Job([RUNNING, failed("The replica workerpool0-0 exited with 1.")], told)
    with pytest.raises(RefusedError, match="failed: target: there is no column `target`") as refused:
        run.create(given)
    assert 'resource.type="ml_job"' in refused.value.message
    assert "run the update again" in refused.value.message
    adopt(run, given, refused.value)
    assert run.outputs["status"] == "failed"
    assert run.kinds(given) == {"status": "UPDATE"}
    cloud.jobs.next_job = Job([SUCCEEDED], model_files())
    assert run.update(given)["status"] == "published"
    assert trainings(cloud, given) == 2
    # Nothing of the failed try is left that could be taken for the new one's.
    assert f"runs/{run.id}/failure" not in cloud.storage.names(given["modelsBucket"])


def test_a_job_without_words_of_its_own_fails_with_vertex_ais(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.jobs.next_job = Job([failed("Resources are insufficient in region: europe-west4.")])
    with pytest.raises(RefusedError, match="failed: Resources are insufficient in region"):
        plugin.resource(RUN).create(given)


def test_a_job_that_failed_while_nobody_followed_is_told_before_it_is_started_anew(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.jobs.next_job = Job([RUNNING, RUNNING, failed("out of memory")])
    run, submitted = plugin.resource(RUN), {**given, "wait": False}
    with pytest.raises(RefusedError, match="is in progress") as refused:
        run.create(submitted)
    adopt(run, submitted, refused.value)
    with pytest.raises(RefusedError, match="failed: out of memory"):
        run.update(given)
    assert trainings(cloud, given) == 1


def test_a_job_that_takes_too_long_is_named_by_the_limit_that_ended_it(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.jobs.next_job = Job([{**SUCCEEDED, "state": "JOB_STATE_CANCELLED"}])
    with pytest.raises(RefusedError, match=r"took longer than 42 s \(timeoutS\)"):
        plugin.resource(RUN).create({**given, "timeoutS": 42})


def test_a_model_of_other_data_is_not_taken_and_the_next_update_trains_again(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.jobs.next_job = Job([SUCCEEDED], model_files(data_sha256="f" * 64))
    run = plugin.resource(RUN)
    with pytest.raises(RefusedError, match=r"was trained on data with SHA-256 ffff"):
        run.create(given)
    assert cloud.storage.names(given["modelsBucket"], "models/") == []
    cloud.jobs.next_job = Job([SUCCEEDED], model_files())
    assert run.create(given)["status"] == "published"
    assert trainings(cloud, given) == 2


def test_a_model_that_lacks_a_file_is_not_kept(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    files = model_files()
    del files["model/model.skops"]
    cloud.jobs.next_job = Job([SUCCEEDED], files)
    with pytest.raises(RefusedError, match=r"lacks model\.skops, which its manifest\.json names"):
        plugin.resource(RUN).create(given)
    assert cloud.storage.names(given["modelsBucket"], "models/") == []


def test_data_that_is_not_there_is_named_before_anything_is_submitted(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    with pytest.raises(RefusedError, match="dataUri: there is no object gs://data/none"):
        plugin.resource(RUN).create({**given, "dataUri": "gs://data/none.csv"})
    assert trainings(cloud, given) == 0


def test_a_model_removed_by_hand_is_gone_at_refresh_and_taken_again_from_its_run(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(given)
    bucket = cloud.storage.buckets[given["modelsBucket"]]
    del bucket[f"models/{outputs['modelSha256']}/model.skops"]
    assert run.read() is None
    assert run.create(given) == outputs
    assert trainings(cloud, given) == 1
    bucket.clear()
    cloud.jobs.next_job = Job([SUCCEEDED], model_files())
    assert run.update(given)["modelUri"] == outputs["modelUri"]
    assert trainings(cloud, given) == 2


def test_deleting_a_run_stops_its_job_and_keeps_models(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(given)
    cancels = cloud.count("customJobs.cancel")
    run.delete()
    assert cloud.count("customJobs.cancel") == cancels
    assert f"models/{outputs['modelSha256']}/manifest.json" in cloud.storage.names(given["modelsBucket"])

    cloud.jobs.next_job = Job([RUNNING])
    endless = {**given, "wait": False, "hyperparameters": {**given["hyperparameters"], "seed": "3"}}
    other = plugin.resource(RUN)
    with pytest.raises(RefusedError) as refused:
        other.create(endless)
    adopt(other, endless, refused.value)
    other.delete()
    assert cloud.jobs.all[other.outputs["job"]].now["state"] == "JOB_STATE_CANCELLED"

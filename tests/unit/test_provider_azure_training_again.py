"""Training runs on Azure ML that were interrupted, failed or are gone: found again, never trained twice."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import empty_pb2
from support import provider_azure_cloud as az
from support.provider_azure_jobs import CANCELED, COMPLETED, QUEUED, RUNNING, Job, failed
from support.provider_azure_resources import RUN, in_background
from support.provider_azure_runs import (
    ACCOUNT,
    DATA_SHA256,
    container_of,
    model_files,
    own_inputs,
    trainings,
)
from support.provider_plugin import LIMIT_S, Plugin, RefusedError


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[az.Cloud]:
    with az.running(tmp_path_factory.mktemp("azure")) as started:
        started.storage.put(ACCOUNT, "data", f"{DATA_SHA256}.csv", b"rows")
        yield started


@pytest.fixture(scope="module")
def plugin(cloud: az.Cloud) -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@pytest.fixture
def given(cloud: az.Cloud, request: pytest.FixtureRequest) -> dict[str, Any]:
    return own_inputs(cloud, request)


@pytest.mark.parametrize("fault", ["lose", "drop"])
def test_a_lost_answer_to_submitting_trains_once(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any], fault: str
) -> None:
    getattr(cloud, fault)("jobs_create_or_update")
    assert plugin.resource(RUN).create(given)["status"] == "published"
    assert trainings(cloud, given) == 1


def test_an_interrupted_update_finds_its_job_again_and_trains_once(
    cloud: az.Cloud, given: dict[str, Any]
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
    job.states = [RUNNING, RUNNING, COMPLETED]
    assert second.resource(RUN).create(given)["status"] == "published"
    second.engine.wait_for("was started before: following it")
    assert trainings(cloud, given) == 1
    second.close()


def test_cancel_stops_the_job_and_the_next_update_starts_it_anew(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.jobs.next_job = Job([RUNNING])
    first = Plugin()
    thread, errors = in_background(lambda: first.resource(RUN).create(given))
    first.engine.wait_for("Running")
    first.call("Cancel", empty_pb2.Empty())
    thread.join(timeout=LIMIT_S)
    assert not thread.is_alive()
    assert "Stopped, as asked: the training job" in errors[0].message
    assert cloud.last("jobs_cancel").given["id"] in cloud.jobs.all
    first.close()

    cloud.jobs.next_job = Job([COMPLETED], model_files())
    assert plugin.resource(RUN).create(given)["status"] == "published"
    assert trainings(cloud, given) == 2


def test_a_failed_job_says_why_and_the_next_update_starts_it_anew(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    told = {"failure": b"target: there is no column `target`"}
    cloud.jobs.next_job = Job(
        [RUNNING, failed("Execution failed. User process exited with status code 1.")], told
    )
    with pytest.raises(RefusedError, match="failed: target: there is no column `target`") as refused:
        run.create(given)
    assert "Its log: https://ml.azure.com/runs/" in refused.value.message
    assert "run the update again" in refused.value.message
    run.adopt(given, refused.value)
    assert run.outputs["status"] == "failed"
    assert run.kinds(given) == {"status": "UPDATE"}
    cloud.jobs.next_job = Job([COMPLETED], model_files())
    assert run.update(given)["status"] == "published"
    assert trainings(cloud, given) == 2
    assert run.outputs["job"].endswith(f"/{run.id}-2")
    # Nothing of the failed try is left that could be taken for the new one's.
    assert f"runs/{run.id}/failure" not in cloud.storage.names(ACCOUNT, container_of(given))


def test_a_job_without_words_of_its_own_fails_with_azure_mls(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.jobs.next_job = Job([failed("The region has no capacity for this size.")])
    with pytest.raises(RefusedError, match="failed: The region has no capacity"):
        plugin.resource(RUN).create(given)


def test_a_job_that_failed_while_nobody_followed_is_told_before_it_is_started_anew(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.jobs.next_job = Job([RUNNING, RUNNING, failed("out of memory")])
    run, submitted = plugin.resource(RUN), {**given, "wait": False}
    with pytest.raises(RefusedError, match="is in progress") as refused:
        run.create(submitted)
    run.adopt(submitted, refused.value)
    with pytest.raises(RefusedError, match="failed: out of memory"):
        run.update(given)
    assert trainings(cloud, given) == 1


def test_a_job_that_takes_too_long_is_named_by_the_limit_that_ended_it(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.jobs.next_job = Job([CANCELED])
    with pytest.raises(RefusedError, match=r"took longer than 42 s \(timeoutS\)"):
        plugin.resource(RUN).create({**given, "timeoutS": 42})


@pytest.mark.parametrize("limit", ["PT42S", "P0DT0H0M42S"], ids=["as submitted", "as Azure may write it"])
def test_a_job_that_took_too_long_while_nobody_followed_is_told_before_it_is_started_anew(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any], limit: str
) -> None:
    run, submitted = plugin.resource(RUN), {**given, "timeoutS": 42, "wait": False}
    cloud.jobs.next_job = Job([RUNNING, RUNNING, CANCELED])
    with pytest.raises(RefusedError, match="is in progress") as refused:
        run.create(submitted)
    run.adopt(submitted, refused.value)
    cloud.jobs.all[run.id].content["properties"]["limits"]["timeout"] = limit
    with pytest.raises(RefusedError, match=r"took longer than 42 s \(timeoutS\)") as told:
        run.update({**submitted, "timeoutS": 7200})
    assert trainings(cloud, given) == 1
    run.adopt(submitted, told.value)
    cloud.jobs.next_job = Job([COMPLETED], model_files())
    assert run.update({**submitted, "timeoutS": 7200})["status"] == "published"
    assert trainings(cloud, given) == 2


def test_a_model_of_other_data_is_not_taken_and_the_next_update_trains_again(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.jobs.next_job = Job([COMPLETED], model_files(data_sha256="f" * 64))
    run = plugin.resource(RUN)
    with pytest.raises(RefusedError, match=r"was trained on data with SHA-256 ffff"):
        run.create(given)
    assert cloud.storage.names(ACCOUNT, container_of(given), "models/") == []
    cloud.jobs.next_job = Job([COMPLETED], model_files())
    assert run.create(given)["status"] == "published"
    assert trainings(cloud, given) == 2


def test_a_model_that_lacks_a_file_is_not_kept(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    files = model_files()
    del files["model/model.skops"]
    cloud.jobs.next_job = Job([COMPLETED], files)
    with pytest.raises(RefusedError, match=r"lacks model\.skops, which its manifest\.json names"):
        plugin.resource(RUN).create(given)
    assert cloud.storage.names(ACCOUNT, container_of(given), "models/") == []


def test_data_that_is_not_there_is_named_before_anything_is_submitted(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    with pytest.raises(RefusedError, match="dataUri: there is no blob https://churndev"):
        plugin.resource(RUN).create(
            {**given, "dataUri": "https://churndev.blob.core.windows.net/data/none.csv"}
        )
    assert trainings(cloud, given) == 0


def test_a_model_removed_by_hand_is_gone_at_refresh_and_taken_again_from_its_run(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(given)
    bucket = cloud.storage.accounts[ACCOUNT][container_of(given)]
    del bucket[f"models/{outputs['modelSha256']}/model.skops"]
    assert run.read() is None
    assert run.create(given) == outputs
    assert trainings(cloud, given) == 1
    bucket.clear()
    cloud.jobs.next_job = Job([COMPLETED], model_files())
    assert run.update(given)["modelUri"] == outputs["modelUri"]
    assert trainings(cloud, given) == 2


def test_deleting_a_run_stops_its_job_and_keeps_models(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(given)
    cancels = cloud.count("jobs_cancel")
    run.delete()
    assert cloud.count("jobs_cancel") == cancels
    assert f"models/{outputs['modelSha256']}/manifest.json" in cloud.storage.names(
        ACCOUNT, container_of(given)
    )

    cloud.jobs.next_job = Job([RUNNING])
    endless = {**given, "wait": False, "hyperparameters": {**given["hyperparameters"], "seed": "3"}}
    other = plugin.resource(RUN)
    with pytest.raises(RefusedError) as refused:
        other.create(endless)
    other.adopt(endless, refused.value)
    other.delete()
    assert cloud.jobs.all[other.id].status == "Canceled"


def test_an_old_job_under_the_next_name_is_followed_and_none_is_made_beside_it(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    cloud.jobs.next_job = Job([failed("out of memory")])
    with pytest.raises(RefusedError, match="out of memory") as refused:
        run.create(given)
    run.adopt(given, refused.value)
    cloud.jobs.next_job = Job([QUEUED, RUNNING, COMPLETED], model_files())
    cloud.lose("jobs_create_or_update")
    cloud.refuse("jobs_create_or_update", 409, "A job with this name already exists.")
    assert run.update(given)["status"] == "published"
    assert trainings(cloud, given) == 2


def test_a_job_that_is_refused_is_told_with_azures_words(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.refuse("jobs_create_or_update", 400, "The size Standard_DS3_v2 is not available.")
    with pytest.raises(RefusedError, match=r"The size Standard_DS3_v2 is not available \(400\)"):
        plugin.resource(RUN).create(given)
    assert trainings(cloud, given) == 0


@pytest.mark.parametrize(
    "step", ["blobs_head", "blobs_list", "jobs_create_or_update", "jobs_get", "blobs_get", "blobs_put"]
)
def test_a_failure_at_any_step_leaves_nothing_that_the_next_update_does_not_take(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any], step: str
) -> None:
    run = plugin.resource(RUN)
    cloud.refuse(step, 403, "told to fail")
    # An answer to HEAD has no words.
    with pytest.raises(RefusedError, match="Forbidden" if step == "blobs_head" else "told to fail"):
        run.create(given)
    assert run.create(given)["status"] == "published"
    assert trainings(cloud, given) == 1

"""Training runs on Azure ML over the plugin's gRPC, against a service of what Azure's own client can send."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support import provider_azure_cloud as az
from support.provider_azure_jobs import COMPLETED, LOG, RUNNING, Job
from support.provider_azure_resources import CLIENT_ID, CLUSTER, ENVIRONMENT, IDENTITY, RUN, in_background
from support.provider_azure_runs import ACCOUNT, DATA_SHA256, container_of, manifest, own_inputs, trainings
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


def properties(cloud: az.Cloud) -> dict[str, Any]:
    return cloud.last("jobs_create_or_update").body["properties"]


def test_a_run_trains_and_puts_a_content_addressed_model_into_the_container(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run = plugin.resource(RUN, "trains")
    outputs = run.create(given)
    container, sha256 = container_of(given), hashlib.sha256(manifest()).hexdigest()
    assert outputs["modelSha256"] == sha256
    assert outputs["modelUri"] == f"{given['modelsUri']}/models/{sha256}/"
    assert outputs["report"] == f"{given['modelsUri']}/models/{sha256}/report.html"
    folder = f"models/{sha256}"
    assert cloud.storage.get(ACCOUNT, container, f"{folder}/manifest.json") == manifest()
    assert cloud.storage.get(ACCOUNT, container, f"{folder}/model.skops") == b"model"
    assert cloud.storage.get(ACCOUNT, container, f"{folder}/report.html") == b"<h1>report</h1>"
    # The manifest makes it whole, so it comes last.
    assert cloud.last("blobs_put").given["blob"] == f"{folder}/manifest.json"
    assert outputs["metrics"] == {"accuracy": 0.9, "log_loss": 0.1}
    assert (outputs["status"], outputs["durationS"], outputs["runName"]) == ("published", 42, run.id)
    assert outputs["job"] == f"{az.WORKSPACE_ID}/jobs/{run.id}"
    assert outputs["logs"].startswith(f"https://ml.azure.com/runs/{run.id}")
    assert run.read() == outputs
    assert run.kinds(given) == {}


def test_the_job_is_told_its_data_and_settings_and_is_closed_and_small_by_default(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.jobs.next_job.states = [RUNNING]
    run = plugin.resource(RUN)
    with pytest.raises(RefusedError, match="is in progress"):
        run.create({**given, "wait": False})
    name = run.preview(given)["runName"]
    output = f"{given['modelsUri']}/runs/{name}/model"
    # What is written is an address; what Azure ML records of it is below a datastore.
    recorded = f"azureml://datastores/models/paths/runs/{name}/model"
    assert cloud.last("jobs_create_or_update").given["id"] == name
    assert properties(cloud) == {
        "jobType": "Command",
        "displayName": name,
        "experimentName": given["name"],
        "command": "mlcloud-trainer train",
        "environmentId": ENVIRONMENT,
        "environmentVariables": {
            "AZURE_CLIENT_ID": CLIENT_ID,
            "MLCLOUD_DATA_URI": given["dataUri"],
            "MLCLOUD_HYPERPARAMETERS": json.dumps(given["hyperparameters"], sort_keys=True),
            "MLCLOUD_OUTPUT_URI": output,
        },
        "inputs": {"data": {"jobInputType": "uri_file", "mode": "Direct", "uri": given["dataUri"]}},
        "outputs": {"model": {"jobOutputType": "uri_folder", "mode": "Direct", "uri": recorded}},
        "identity": {"identityType": "Managed", "clientId": CLIENT_ID, "resourceId": IDENTITY},
        "limits": {"jobLimitsType": "Command", "timeout": "PT3600S"},
        "resources": {"instanceCount": 1, "instanceType": "Standard_DS3_v2"},
        "queueSettings": {"jobTier": "Standard"},
        "tags": {"mlcloud_run": name},
    }


def test_everything_that_was_asked_for_reaches_the_job(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    more = {
        "timeoutS": 60.5,
        "instanceType": "Standard_NC4as_T4_v3",
        "instances": 3,
        "spot": True,
        "tags": {"stack": "dev"},
    }
    run = plugin.resource(RUN)
    run.create({**given, **more})
    asked = properties(cloud)
    assert asked["resources"] == {"instanceCount": 3, "instanceType": "Standard_NC4as_T4_v3"}
    assert asked["distribution"] == {"distributionType": "PyTorch", "processCountPerInstance": 1}
    assert asked["queueSettings"] == {"jobTier": "Spot"}
    assert asked["limits"]["timeout"] == "PT61S"
    assert asked["tags"] == {"stack": "dev", "mlcloud_run": run.id}


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("mpi", {"distributionType": "Mpi", "processCountPerInstance": 1}),
        ("tensorflow", {"distributionType": "TensorFlow", "workerCount": 2}),
    ],
)
def test_a_run_on_a_cluster_says_so_and_how_its_machines_find_each_other(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any], *, kind: str, asked: dict[str, Any]
) -> None:
    del given["instanceType"]
    plugin.resource(RUN).create({**given, "compute": CLUSTER, "instances": 2, "distribution": kind})
    found = properties(cloud)
    assert (found["computeId"], found["resources"]) == (CLUSTER, {"instanceCount": 2})
    assert found["distribution"] == asked
    assert "queueSettings" not in found


@pytest.mark.parametrize("signed", [True, False])
def test_states_and_the_trainers_lines_show_while_it_trains(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any], *, signed: bool
) -> None:
    progress = {"event": "progress", "step": 1, "total_steps": 2, "message": "reading"}
    text = [
        json.dumps(progress),
        json.dumps({"event": "warning", "level": "warning", "message": "few rows"}),
        "plain text",
        json.dumps({**progress, "step": 2, "message": "dönë"}, ensure_ascii=False),
    ]
    job = cloud.jobs.next_job
    # A line is shown when it is whole, once; the last one at the end.
    whole = "\n".join(text)
    job.states = [{"status": "Queued"}, RUNNING, RUNNING, RUNNING, COMPLETED]
    job.logs = {LOG: whole, "user_logs/std_log_process_1.txt": "another machine's"}
    job.log_bytes = [10, len(json.dumps(progress)) + 5, len(whole.encode()) - 8]
    job.signed = signed
    run = plugin.resource(RUN, f"shows-{signed}")
    run.create(given)
    plugin.engine.wait_for("Completed")
    shown = [entry.message for entry in plugin.engine.entries if entry.urn == run.urn]
    assert [item for item in shown if item not in ("Running", "Completed")] == [
        "[1/2] reading",
        "few rows",
        "[2/2] dönë",
    ]
    assert "secret" not in "".join(shown)


def test_logs_that_cannot_be_read_are_told_once_and_stop_nothing(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.refuse("runs_get_details", 403, "No permission to read runs")
    run = plugin.resource(RUN, "no-logs")
    assert run.create(given)["status"] == "published"
    plugin.engine.wait_for("log is not shown")
    told = [entry for entry in plugin.engine.entries if entry.urn == run.urn]
    assert sum("log is not shown" in entry.message for entry in told) == 1


def test_run_history_that_does_not_know_the_job_yet_is_asked_again(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    warning = json.dumps({"event": "warning", "level": "warning", "message": "few rows"})
    cloud.jobs.next_job.states = [RUNNING, RUNNING, RUNNING, COMPLETED]
    cloud.jobs.next_job.logs = {LOG: warning}
    cloud.refuse("runs_get_details", 404, "The run is not found")
    cloud.refuse("logs_get", 404, "The specified blob does not exist")
    run = plugin.resource(RUN, "late-logs")
    run.create(given)
    plugin.engine.wait_for("Completed")
    shown = [entry.message for entry in plugin.engine.entries if entry.urn == run.urn]
    assert "few rows" in shown
    assert not [text for text in shown if "is not shown" in text]


def test_the_first_processs_lines_are_shown_whole_where_another_one_wrote_before(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    def line(words: str) -> str:
        return json.dumps({"event": "warning", "level": "warning", "message": words})

    job = cloud.jobs.next_job
    job.states = [RUNNING, RUNNING, RUNNING]
    job.logs = {"user_logs/std_log_process_1.txt": line("of the other") + "\n"}
    run = plugin.resource(RUN, "two-logs")
    thread, errors = in_background(lambda: run.create(given))
    plugin.engine.wait_for("of the other")
    job.logs = {"user_logs/std_log_process_0.txt": line("of the first"), **job.logs}
    job.states = [RUNNING, COMPLETED]
    thread.join(timeout=LIMIT_S)
    assert (thread.is_alive(), errors) == (False, [])
    shown = [entry.message for entry in plugin.engine.entries if entry.urn == run.urn]
    assert "of the first" in shown


def test_a_model_below_its_gate_fails_and_is_not_trained_again_until_it_passes(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run, container = plugin.resource(RUN), container_of(given)
    for _ in range(2):
        with pytest.raises(RefusedError, match=r"accuracy is 0\.9, the gate demands at least 0\.95") as told:
            run.create({**given, "gate": {"accuracy": 0.95}})
    report = told.value.message.rsplit(f"Report: {given['modelsUri']}/", 1)[1]
    assert cloud.storage.get(ACCOUNT, container, report) == b"<h1>report</h1>"
    assert cloud.storage.names(ACCOUNT, container, "models/") == []
    assert run.create({**given, "gate": {"accuracy": 0.9}})["status"] == "published"
    assert trainings(cloud, given) == 1


def test_another_image_machine_or_time_limit_never_trains_again(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(given)
    changed = {
        **given,
        "environmentId": ENVIRONMENT.replace("0" * 64, "1" * 64),
        "instanceType": "Standard_NC4as_T4_v3",
        "timeoutS": 7200,
        "gate": {"accuracy": 0.85},
        "tags": {"stack": "dev"},
    }
    assert not run.diff(changed).replaces
    assert run.update(changed) == outputs
    assert trainings(cloud, given) == 1
    with pytest.raises(RefusedError, match=r"demands at least 0\.99"):
        run.update({**given, "gate": {"accuracy": 0.99}})


def test_changed_hyperparameters_or_data_make_a_new_run_first(plugin: Plugin, given: dict[str, Any]) -> None:
    run = plugin.resource(RUN)
    run.create(given)
    changed = run.diff({**given, "hyperparameters": {**given["hyperparameters"], "seed": "7"}})
    assert (list(changed.replaces), changed.deleteBeforeReplace) == (["hyperparameters"], False)
    assert list(run.diff({**given, "dataSha256": "0" * 64}).replaces) == ["dataSha256"]


def test_without_waiting_the_job_is_submitted_and_a_later_update_takes_its_model(
    cloud: az.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run, submitted = plugin.resource(RUN), {**given, "wait": False}
    cloud.jobs.next_job = Job([{"status": "Queued"}, RUNNING, RUNNING, COMPLETED], cloud.jobs.next_job.files)
    with pytest.raises(RefusedError, match="is in progress; what was served before keeps serving") as refused:
        run.create(submitted)
    run.adopt(submitted, refused.value)
    assert run.outputs["status"] == "in-progress"
    with pytest.raises(RefusedError, match="the next update takes it"):
        run.read()
    assert run.kinds(submitted) == {"status": "UPDATE"}
    assert run.update({**submitted, "wait": True})["status"] == "published"
    assert trainings(cloud, given) == 1


@pytest.mark.parametrize(
    ("changed", "path", "words"),
    [
        ({"name": "x" * 51}, "name", "1 to 50 of a-z"),
        ({"subscription": "shop"}, "subscription", "not a subscription"),
        ({"resourceGroup": "a/b"}, "resourceGroup", "not a resource group"),
        ({"workspace": "x"}, "workspace", "3 to 33"),
        ({"region": "West Europe"}, "region", "such as westeurope"),
        ({"dataUri": "s3://data/rows.csv"}, "dataUri", "not an address in Blob Storage"),
        ({"modelsUri": "https://churndev.blob.core.windows.net/models/a"}, "modelsUri", "not a container"),
        ({"modelsDatastore": "churn-models"}, "modelsDatastore", "not a datastore"),
        ({"environmentId": "azureml:trainer:1"}, "environmentId", "environments/<name>/versions/<name>"),
        ({"identityId": "training"}, "identityId", "userAssignedIdentities/<name>"),
        ({"clientId": "training"}, "clientId", "not a client id"),
        ({"timeoutS": 0}, "timeoutS", "from 1 to"),
        ({"instances": 0}, "instances", "from 1 to 100"),
        ({"instanceType": "n1-standard-4"}, "instanceType", "not a machine size"),
        ({"compute": CLUSTER}, "instanceType", "one of them"),
        ({"instanceType": None}, "instanceType", "one of them"),
        ({"compute": CLUSTER, "instanceType": None, "spot": True}, "spot", "of low priority"),
        ({"distribution": "horovod"}, "distribution", "pytorch, mpi, tensorflow"),
        ({"distribution": "mpi"}, "distribution", "give several `instances`"),
        ({"gate": {"rmse": 1.0}}, "gate.rmse", "metric of regression"),
        ({"tags": {"mlcloud_run": "a"}}, "tags", "does not begin with `mlcloud_`"),
    ],
)
def test_what_azure_ml_would_refuse_is_refused_before_anything_is_asked(
    cloud: az.Cloud,
    plugin: Plugin,
    given: dict[str, Any],
    *,
    changed: dict[str, Any],
    path: str,
    words: str,
) -> None:
    calls = len(cloud.requests)
    problems = plugin.resource(RUN).check({**given, **changed})
    assert list(problems) == [path]
    assert words in problems[path]
    assert len(cloud.requests) == calls

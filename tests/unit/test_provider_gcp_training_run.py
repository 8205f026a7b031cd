"""Training runs on Vertex AI over the plugin's gRPC, against a service of Google's documents."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support import provider_gcp_cloud as gcp
from support.provider_gcp_jobs import RUNNING
from support.provider_gcp_resources import IMAGE, RUN, adopt
from support.provider_gcp_runs import manifest, own_inputs, trainings
from support.provider_plugin import Plugin, RefusedError


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


def test_a_run_trains_and_puts_a_content_addressed_model_into_the_bucket(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run = plugin.resource(RUN, "trains")
    outputs = run.create(given)
    bucket, sha256 = given["modelsBucket"], hashlib.sha256(manifest()).hexdigest()
    assert outputs["modelSha256"] == sha256
    assert outputs["modelUri"] == f"gs://{bucket}/models/{sha256}/"
    assert outputs["report"] == f"gs://{bucket}/models/{sha256}/report.html"
    folder = f"models/{sha256}"
    assert cloud.storage.get(bucket, f"{folder}/manifest.json") == manifest()
    assert cloud.storage.get(bucket, f"{folder}/model.skops") == b"model"
    assert cloud.storage.get(bucket, f"{folder}/report.html") == b"<h1>report</h1>"
    # The manifest makes it whole, so it comes last.
    written = [item.query["name"] for item in cloud.requests if item.method == "objects.insert"]
    assert written[-1] == f"{folder}/manifest.json"
    assert outputs["metrics"] == {"accuracy": 0.9, "log_loss": 0.1}
    assert (outputs["status"], outputs["durationS"], outputs["runName"]) == ("published", 42, run.id)
    assert outputs["job"] in cloud.jobs.all
    assert outputs["job"].rsplit("/", 1)[1] in outputs["logs"]
    assert run.read() == outputs
    assert run.kinds(given) == {}


def test_the_job_is_told_its_data_and_settings_and_is_closed_and_small_by_default(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.jobs.next_job.states = [RUNNING]
    run = plugin.resource(RUN)
    with pytest.raises(RefusedError, match="is in progress"):
        run.create({**given, "wait": False})
    name = run.preview(given)["runName"]
    bucket = given["modelsBucket"]
    spec = cloud.last("customJobs.create").body["jobSpec"]
    assert spec["workerPoolSpecs"] == [
        {
            "machineSpec": {"machineType": "n1-standard-4"},
            "diskSpec": {"bootDiskSizeGb": 100},
            "containerSpec": {
                "imageUri": IMAGE,
                "args": ["train"],
                "env": [
                    {
                        "name": "MLCLOUD_HYPERPARAMETERS",
                        "value": json.dumps(given["hyperparameters"], sort_keys=True),
                    },
                    {"name": "MLCLOUD_DATA_URI", "value": given["dataUri"]},
                ],
            },
            "replicaCount": "1",
        }
    ]
    assert spec["baseOutputDirectory"] == {"outputUriPrefix": f"gs://{bucket}/runs/{name}"}
    assert spec["scheduling"] == {"timeout": "3600s", "restartJobOnWorkerRestart": False}
    assert "network" not in spec
    assert "persistentResourceId" not in spec


def test_everything_that_was_asked_for_reaches_the_job(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    place = f"projects/{gcp.PROJECT}"
    more = {
        "timeoutS": 60.5,
        "outputUri": f"gs://{given['modelsBucket']}/elsewhere/",
        "machineType": "g2-standard-8",
        "acceleratorType": "NVIDIA_L4",
        "acceleratorCount": 1,
        "replicaCount": 3,
        "diskGb": 200,
        "spot": True,
        "restartOnWorkerRestart": True,
        "networkAttachment": f"{place}/regions/{gcp.REGION}/networkAttachments/training",
        "kmsKeyName": f"{place}/locations/{gcp.REGION}/keyRings/ml/cryptoKeys/models",
        "labels": {"stack": "dev"},
    }
    run = plugin.resource(RUN)
    run.create({**given, **more})
    asked = cloud.last("customJobs.create").body
    spec = asked["jobSpec"]
    assert [pool["replicaCount"] for pool in spec["workerPoolSpecs"]] == ["1", "2"]
    for pool in spec["workerPoolSpecs"]:
        assert pool["machineSpec"] == {
            "machineType": "g2-standard-8",
            "acceleratorType": "NVIDIA_L4",
            "acceleratorCount": 1,
        }
        assert pool["diskSpec"] == {"bootDiskSizeGb": 200}
    scheduling = {"timeout": "61s", "restartJobOnWorkerRestart": True, "strategy": "SPOT"}
    assert spec["scheduling"] == scheduling
    assert spec["pscInterfaceConfig"] == {"networkAttachment": more["networkAttachment"]}
    assert spec["serviceAccount"] == given["serviceAccount"]
    assert spec["baseOutputDirectory"]["outputUriPrefix"].endswith(f"/elsewhere/{run.id}")
    assert asked["encryptionSpec"] == {"kmsKeyName": more["kmsKeyName"]}
    assert asked["labels"] == {"stack": "dev", "mlcloud_run": run.id}
    assert asked["displayName"] == run.id


def test_a_run_on_a_persistent_resource_and_in_a_peered_network_says_so(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    network = "projects/42/global/networks/ml"
    plugin.resource(RUN).create({**given, "persistentResource": "pool", "network": network})
    spec = cloud.last("customJobs.create").body["jobSpec"]
    assert (spec["persistentResourceId"], spec["network"]) == ("pool", network)


def test_states_and_the_trainers_lines_show_while_it_trains(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.watching.entries.clear()
    progress = {"event": "progress", "step": 1, "total_steps": 2, "message": "reading"}
    cloud.watching.write(progress, 1)
    cloud.watching.write({"event": "warning", "message": "few rows"}, 2, severity="WARNING")
    cloud.watching.write({"message": json.dumps({**progress, "step": 2, "message": "done"})}, 3)
    cloud.watching.write("plain text", 4)
    run = plugin.resource(RUN, "shows")
    run.create(given)
    cloud.watching.entries.clear()
    plugin.engine.wait_for("Succeeded")
    shown = [entry.message for entry in plugin.engine.entries if entry.urn == run.urn]
    assert shown == ["Running", "[1/2] reading", "few rows", "[2/2] done", "Succeeded"]
    job_id = run.outputs["job"].rsplit("/", 1)[1]
    assert f'resource.labels.job_id="{job_id}"' in cloud.last("entries.list").body["filter"]


def test_logs_that_cannot_be_read_are_told_once_and_stop_nothing(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.refuse("entries.list", 403, "Permission logging.logEntries.list denied")
    run = plugin.resource(RUN, "no-logs")
    assert run.create(given)["status"] == "published"
    plugin.engine.wait_for("log is not shown")
    told = [entry for entry in plugin.engine.entries if entry.urn == run.urn]
    assert sum("log is not shown" in entry.message for entry in told) == 1


def test_a_model_below_its_gate_fails_and_is_not_trained_again_until_it_passes(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    for _ in range(2):
        with pytest.raises(RefusedError, match=r"accuracy is 0\.9, the gate demands at least 0\.95") as told:
            run.create({**given, "gate": {"accuracy": 0.95}})
    report = told.value.message.rsplit("Report: gs://", 1)[1].partition("/")[2]
    assert cloud.storage.get(given["modelsBucket"], report) == b"<h1>report</h1>"
    assert cloud.storage.names(given["modelsBucket"], "models/") == []
    assert run.create({**given, "gate": {"accuracy": 0.9}})["status"] == "published"
    assert trainings(cloud, given) == 1


def test_another_image_machine_or_time_limit_never_trains_again(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run = plugin.resource(RUN)
    outputs = run.create(given)
    changed = {
        **given,
        "imageUri": IMAGE.replace("0" * 64, "1" * 64),
        "machineType": "g2-standard-8",
        "timeoutS": 7200,
        "gate": {"accuracy": 0.85},
        "labels": {"stack": "dev"},
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
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    run, submitted = plugin.resource(RUN), {**given, "wait": False}
    with pytest.raises(RefusedError, match="is in progress; what was served before keeps serving") as refused:
        run.create(submitted)
    adopt(run, submitted, refused.value)
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
        ({"dataUri": "s3://data/rows.csv"}, "dataUri", "not an address in Cloud Storage"),
        ({"serviceAccount": "train"}, "serviceAccount", "not a service account"),
        ({"imageUri": "trainer:latest"}, "imageUri", "not an image by digest"),
        ({"timeoutS": 0}, "timeoutS", "from 1 to"),
        ({"replicaCount": 0}, "replicaCount", "from 1 to 100"),
        ({"diskGb": 50}, "diskGb", "from 100 to"),
        ({"acceleratorType": "NVIDIA_L4"}, "acceleratorCount", "belong together"),
        ({"network": "ml"}, "network", "not a network"),
        ({"spot": True, "persistentResource": "pool"}, "spot", "spare ones instead"),
        ({"gate": {"rmse": 1.0}}, "gate.rmse", "metric of regression"),
        ({"labels": {"a": "B"}}, "labels", "at most 63 of a-z"),
    ],
)
def test_what_vertex_ai_would_refuse_is_refused_before_anything_is_asked(
    cloud: gcp.Cloud,
    plugin: Plugin,
    given: dict[str, Any],
    *,
    changed: dict[str, Any],
    path: str,
    words: str,
) -> None:
    calls = len(cloud.calls)
    problems = plugin.resource(RUN).check({**given, **changed})
    assert list(problems) == [path]
    assert words in problems[path]
    assert len(cloud.calls) == calls

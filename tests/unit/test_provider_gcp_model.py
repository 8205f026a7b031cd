"""Versions of models in Vertex AI's registry over the plugin's gRPC, against a fake of Google's documents."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import empty_pb2
from support import provider_gcp_cloud as gcp
from support.provider_gcp_resources import MODEL, adopt, in_background, model_inputs
from support.provider_plugin import LIMIT_S, Plugin, RefusedError


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gcp.Cloud]:
    with gcp.running(tmp_path_factory.mktemp("gcp")) as started:
        yield started


@pytest.fixture(scope="module")
def plugin(cloud: gcp.Cloud) -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


@pytest.fixture
def given(cloud: gcp.Cloud, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A model of this test's own."""
    return model_inputs(f"churn-{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}")


def full_name(given: dict[str, Any]) -> str:
    return f"{gcp.LOCATION}/models/{given['modelId']}"


def stored(cloud: gcp.Cloud, given: dict[str, Any], version: str = "1") -> dict[str, Any]:
    return cloud.models.all[full_name(given)][version]


def test_a_version_is_uploaded_and_waited_for(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    model = plugin.resource(MODEL, "uploads")
    previewed = model.preview(given)
    cloud.operations.looks = 2
    outputs = model.create({**given, "aliases": ["prod"], "labels": {"stack": "dev"}})
    cloud.operations.looks = 0
    assert outputs["versionName"] == model.id == f"{full_name(given)}@1"
    assert (outputs["versionId"], outputs["status"]) == ("1", "ready")
    assert previewed["name"] == outputs["name"] == full_name(given)
    assert previewed["contentSha256"] == outputs["contentSha256"]
    assert stored(cloud, given)["versionAliases"] == ["default", "prod"]
    assert stored(cloud, given)["labels"]["stack"] == "dev"
    assert model.read() == outputs
    assert model.kinds(model.inputs) == {}


def test_what_serves_is_told_with_routes_ports_and_nothing_else(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    plugin.resource(MODEL).create(given)
    asked = cloud.last("models.upload").body["model"]
    assert asked["containerSpec"] == {
        "imageUri": given["imageUri"],
        "predictRoute": "/predict",
        "healthRoute": "/ready",
        "ports": [{"containerPort": 8080}],
    }
    assert asked["artifactUri"] == given["artifactUri"]
    assert "encryptionSpec" not in asked


def test_everything_that_was_asked_for_reaches_the_model(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    key = f"projects/{gcp.PROJECT}/locations/{gcp.REGION}/keyRings/ml/cryptoKeys/models"
    more = {
        "predictRoute": "/v1/predict",
        "healthRoute": "/health",
        "livenessRoute": "/live",
        "port": 9000,
        "env": {"MLCLOUD_MODEL_SHA256": "f" * 64},
        "command": ["python"],
        "args": ["serve"],
        "probePeriodS": 5,
        "probeTimeoutS": 2,
        "probeFailures": 4,
        "startupS": 61,
        "startTimeoutS": 1800,
        "sharedMemoryMb": 512,
        "kmsKeyName": key,
        "displayName": "Churn",
        "description": "the first",
    }
    plugin.resource(MODEL).create({**given, **more})
    asked = cloud.last("models.upload").body["model"]
    container = asked["containerSpec"]
    assert container["env"] == [{"name": "MLCLOUD_MODEL_SHA256", "value": "f" * 64}]
    assert (container["command"], container["args"]) == (["python"], ["serve"])
    looks = {"periodSeconds": 5, "timeoutSeconds": 2, "failureThreshold": 4}
    assert container["healthProbe"] == {"httpGet": {"path": "/health", "port": 9000}, **looks}
    assert container["livenessProbe"] == {"httpGet": {"path": "/live", "port": 9000}, **looks}
    assert container["startupProbe"] == {
        "httpGet": {"path": "/live", "port": 9000},
        "periodSeconds": 5,
        "failureThreshold": 13,
    }
    assert (container["deploymentTimeout"], container["sharedMemorySizeMb"]) == ("1800s", "512")
    assert asked["encryptionSpec"] == {"kmsKeyName": key}
    assert (asked["displayName"], asked["versionDescription"]) == ("Churn", "the first")


def test_another_content_is_a_version_beside_the_old_one_and_the_default(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    first, second = plugin.resource(MODEL, "first"), plugin.resource(MODEL, "second")
    first.create(given)
    changed = {**given, "artifactUri": "gs://models/models/b/"}
    found = first.diff(changed)
    assert (list(found.replaces), found.deleteBeforeReplace) == (["artifactUri"], False)
    assert second.create(changed)["versionId"] == "2"
    assert cloud.last("models.upload").body["parentModel"] == full_name(given)
    assert stored(cloud, given, "2")["versionAliases"] == ["default"]
    first.delete()
    assert cloud.models.versions(full_name(given)) == ["2"]
    second.delete()
    assert full_name(given) not in cloud.models.all
    second.delete()


def test_names_labels_and_aliases_change_in_place(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    model = plugin.resource(MODEL)
    outputs = model.create({**given, "aliases": ["prod", "old"], "labels": {"stack": "dev", "gone": "1"}})
    changed = {
        **given,
        "aliases": ["prod", "new"],
        "labels": {"stack": "prod"},
        "description": "better",
        "displayName": "Churn",
    }
    assert not model.diff(changed).replaces
    start = len(cloud.requests)
    assert model.update(changed) == outputs
    assert cloud.changes(start) == ["models.patch", "models.patch", "models.mergeVersionAliases"]
    version = stored(cloud, given)
    assert version["versionAliases"] == ["default", "new", "prod"]
    assert version["labels"]["stack"] == "prod"
    assert "gone" not in version["labels"]
    assert (version["versionDescription"], version["displayName"]) == ("better", "Churn")
    start = len(cloud.requests)
    model.update(changed)
    assert cloud.changes(start) == []
    assert model.kinds(changed) == {}


def test_the_newest_other_version_is_the_default_before_the_default_goes(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    first, second = plugin.resource(MODEL, "first"), plugin.resource(MODEL, "second")
    first.create(given)
    second.create({**given, "port": 9000})
    second.delete()
    assert cloud.models.versions(full_name(given)) == ["1"]
    assert stored(cloud, given)["versionAliases"] == ["default"]


@pytest.mark.parametrize("fault", ["lose", "drop"])
def test_an_upload_whose_answer_was_lost_makes_one_version(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any], fault: str
) -> None:
    getattr(cloud, fault)("models.upload")
    assert plugin.resource(MODEL).create(given)["versionId"] == "1"
    assert cloud.operations.open() == []
    assert cloud.models.versions(full_name(given)) == ["1"]


def test_a_failed_upload_says_why_leaves_nothing_and_the_next_update_succeeds(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.models.upload_failure = "The image cannot be pulled."
    model = plugin.resource(MODEL)
    with pytest.raises(RefusedError, match=r"failed: The image cannot be pulled\.") as refused:
        model.create(given)
    assert refused.value.init_failure is None
    assert full_name(given) not in cloud.models.all
    assert model.create(given)["versionId"] == "1"


def test_a_refused_upload_says_what_google_says(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    cloud.refuse("models.upload", 403, "Permission aiplatform.models.upload denied")
    with pytest.raises(RefusedError, match=r"models\.upload denied"):
        plugin.resource(MODEL).create(given)
    assert full_name(given) not in cloud.models.all


def test_cancel_ends_the_upload_and_leaves_nothing(cloud: gcp.Cloud, given: dict[str, Any]) -> None:
    first = Plugin()
    cloud.operations.looks = 10_000
    try:
        thread, errors = in_background(lambda: first.resource(MODEL, "cancelled").create(given))
        first.engine.wait_for(f"Still uploading the model {given['modelId']}")
        first.call("Cancel", empty_pb2.Empty())
        thread.join(timeout=LIMIT_S)
    finally:
        cloud.operations.looks = 0
    assert not thread.is_alive()
    assert "Stopped, as asked" in errors[0].message
    assert cloud.operations.open() == []
    assert full_name(given) not in cloud.models.all
    first.close()


def test_a_version_that_an_interrupted_update_left_is_taken_over_once(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    before, after = plugin.resource(MODEL, "before"), plugin.resource(MODEL, "after")
    before.create(given)
    uploads = cloud.count("models.upload")
    outputs = after.create({**given, "labels": {"stack": "dev"}})
    assert (outputs["versionId"], cloud.count("models.upload")) == ("1", uploads)
    assert stored(cloud, given)["labels"]["stack"] == "dev"
    # The old resource does not take away what the new one has.
    assert before.read() is None
    before.delete()
    assert cloud.models.versions(full_name(given)) == ["1"]
    assert after.read() == outputs


def test_a_version_that_serves_is_not_deleted_and_its_endpoint_is_named(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    model = plugin.resource(MODEL)
    outputs = model.create({**given, "undeployWaitS": 0})
    name = cloud.endpoints.make(f"{gcp.LOCATION}/endpoints/{given['modelId']}")
    live = {"id": "1", "model": outputs["name"], "modelVersionId": "1"}
    cloud.endpoints.all[name]["deployedModels"].append(live)
    with pytest.raises(RefusedError, match=f"still serves on {given['modelId']}: move the traffic"):
        model.delete()
    assert cloud.models.versions(full_name(given)) == ["1"]
    cloud.endpoints.all[name]["deployedModels"].clear()
    model.delete()
    assert full_name(given) not in cloud.models.all


def test_deleting_waits_until_a_version_does_not_serve_any_more(
    cloud: gcp.Cloud, given: dict[str, Any]
) -> None:
    plugin = Plugin()
    model = plugin.resource(MODEL, "waits")
    outputs = model.create({**given, "undeployWaitS": 60})
    name = cloud.endpoints.make(f"{gcp.LOCATION}/endpoints/{given['modelId']}")
    live = {"id": "1", "model": outputs["name"], "modelVersionId": "1"}
    cloud.endpoints.all[name]["deployedModels"].append(live)
    thread, errors = in_background(model.delete)
    plugin.engine.wait_for("Waiting until")
    cloud.endpoints.all[name]["deployedModels"].clear()
    thread.join(timeout=LIMIT_S)
    assert not thread.is_alive()
    assert errors == []
    assert full_name(given) not in cloud.models.all
    plugin.close()


def test_a_version_deleted_by_hand_is_gone_at_refresh(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    model = plugin.resource(MODEL)
    model.create(given)
    del cloud.models.all[full_name(given)]
    with pytest.raises(RefusedError, match="Run the update with a refresh"):
        model.update({**given, "aliases": ["prod"]})
    assert model.read() is None


def test_what_somebody_has_changed_is_shown_at_refresh_and_mended(
    cloud: gcp.Cloud, plugin: Plugin, given: dict[str, Any]
) -> None:
    model, wanted = plugin.resource(MODEL), {**given, "aliases": ["prod"], "labels": {"stack": "dev"}}
    model.create(wanted)
    stored(cloud, given)["labels"]["stack"] = "other"
    stored(cloud, given)["versionAliases"] = ["default", "mine"]
    with pytest.raises(RefusedError, match="labels, aliases of the version are not as declared") as refused:
        model.read()
    adopt(model, wanted, refused.value)
    assert model.kinds(wanted) == {"status": "UPDATE"}
    assert model.update(wanted)["status"] == "ready"
    assert stored(cloud, given)["versionAliases"] == ["default", "prod"]
    assert stored(cloud, given)["labels"]["stack"] == "dev"


@pytest.mark.parametrize(
    ("changed", "path", "words"),
    [
        ({"modelId": "Churn"}, "modelId", "not a model's identifier"),
        ({"project": "P"}, "project", "not a project"),
        ({"region": "europe"}, "region", "europe-west4"),
        ({"imageUri": "europe-docker.pkg.dev/p/r/i:latest"}, "imageUri", "not an image by digest"),
        ({"artifactUri": "s3://models/a"}, "artifactUri", "not an address in Cloud Storage"),
        ({"predictRoute": "predict"}, "predictRoute", "begins with /"),
        ({"port": 0}, "port", "from 1 to 65535"),
        ({"env": {"AIP_HTTP_PORT": "1"}}, "env", "Vertex AI's own"),
        ({"env": {"1A": "1"}}, "env", "no digit first"),
        ({"aliases": ["default"]}, "aliases", "newest version's of itself"),
        ({"aliases": ["3"]}, "aliases", "a letter first"),
        ({"labels": {"Stack": "x"}}, "labels", "a letter first in the key"),
        ({"labels": {"mlcloud_claim": "x"}}, "labels", "does not begin with `mlcloud_`"),
        ({"kmsKeyName": "key"}, "kmsKeyName", "not a key"),
        ({"startTimeoutS": 7201}, "startTimeoutS", "from 1 to 7200"),
    ],
)
def test_what_vertex_ai_would_refuse_is_refused_before_anything_is_asked(
    cloud: gcp.Cloud, plugin: Plugin, *, changed: dict[str, Any], path: str, words: str
) -> None:
    calls = len(cloud.calls)
    problems = plugin.resource(MODEL).check({**model_inputs("churn"), **changed})
    assert list(problems) == [path]
    assert words in problems[path]
    assert len(cloud.calls) == calls

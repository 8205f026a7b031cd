"""Grants that Google does not see yet: refusals for their sake are tried again, and no others."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import empty_pb2
from mlcloud.provider.gcp.clients import GcpError
from mlcloud.provider.gcp.operations import OperationError
from mlcloud.provider.gcp.propagation import missing_grant
from support import provider_gcp_cloud as gcp
from support.provider_gcp_answers import RefusedCall
from support.provider_gcp_deployments import Place, make_place
from support.provider_gcp_resources import DEPLOYMENT, MODEL, RUN, in_background, model_inputs
from support.provider_gcp_runs import own_inputs
from support.provider_plugin import LIMIT_S, Plugin, RefusedError

NO_KEY = (
    "Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource 'projects/p/locations/l/"
    "keyRings/r/cryptoKeys/k' (or it may not exist)."
)
NO_ACCOUNT = f"Service account train@{gcp.PROJECT}.iam.gserviceaccount.com does not exist."
NO_ACT_AS = "You do not have permission to act as service_account: serve@p.iam.gserviceaccount.com."
NO_AGENT = (
    "Service agents are being provisioned (https://cloud.google.com/vertex-ai/docs/general/access-control"
    "#service-agents). So please try again in a few minutes."
)
NO_IMAGE = (
    "The Vertex AI Service Agent service-1@gcp-sa-aiplatform.iam.gserviceaccount.com does not have "
    "permission to pull the image."
)
OWN_DENIAL = (
    "Permission 'aiplatform.models.upload' denied on resource '//aiplatform.googleapis.com/projects/p' "
    "(or it may not exist)."
)


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
def model(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A model of this test's own."""
    return model_inputs(f"churn-{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}")


@pytest.fixture
def place(cloud: gcp.Cloud, request: pytest.FixtureRequest) -> Place:
    """An endpoint and a model with two versions, of this test's own."""
    return make_place(cloud, hashlib.sha256(request.node.name.encode()).hexdigest()[:8])


@pytest.mark.parametrize(("status", "said"), [(403, NO_KEY), (400, NO_AGENT)])
def test_a_model_is_uploaded_once_its_grants_are_seen(
    cloud: gcp.Cloud, plugin: Plugin, model: dict[str, Any], status: int, said: str
) -> None:
    cloud.refuse("models.upload", status, said, times=2)
    uploads = cloud.count("models.upload")
    assert plugin.resource(MODEL).create(model)["versionId"] == "1"
    assert cloud.count("models.upload") == uploads + 3
    plugin.engine.wait_for("Where that was just granted, it takes up to 600 s")


def test_a_model_whose_upload_ends_with_a_denied_key_is_uploaded_again(
    cloud: gcp.Cloud, plugin: Plugin, model: dict[str, Any]
) -> None:
    cloud.models.upload_failure = RefusedCall(403, "PERMISSION_DENIED", NO_KEY)
    assert plugin.resource(MODEL).create(model)["versionId"] == "1"
    assert cloud.models.versions(f"{gcp.LOCATION}/models/{model['modelId']}") == ["1"]


@pytest.mark.parametrize("said", [NO_ACCOUNT, NO_ACT_AS])
def test_a_deployment_is_made_once_its_account_is_seen(
    cloud: gcp.Cloud, plugin: Plugin, place: Place, said: str
) -> None:
    cloud.refuse("endpoints.deployModel", 400, said, times=2)
    plugin.resource(DEPLOYMENT).create(place.inputs(1))
    assert place.traffic() == {place.version(1): 100}


def test_a_deployment_that_ends_with_a_denied_image_is_made_again(
    cloud: gcp.Cloud, plugin: Plugin, place: Place
) -> None:
    cloud.endpoints.deploy_failure = RefusedCall(403, "PERMISSION_DENIED", NO_IMAGE)
    plugin.resource(DEPLOYMENT).create(place.inputs(1))
    assert place.traffic() == {place.version(1): 100}


def test_a_job_is_started_once_its_account_is_seen(
    cloud: gcp.Cloud, plugin: Plugin, request: pytest.FixtureRequest
) -> None:
    cloud.storage.put("data", "data/rows.csv", b"rows")
    given, jobs = own_inputs(cloud, request), len(cloud.jobs.all)
    cloud.refuse("customJobs.create", 404, NO_ACCOUNT, times=2)
    assert plugin.resource(RUN).create(given)["status"] == "published"
    assert len(cloud.jobs.all) == jobs + 1


@pytest.mark.parametrize(
    ("said", "needs"),
    [
        (NO_KEY, "roles/cloudkms.cryptoKeyEncrypterDecrypter"),
        (NO_ACT_AS, "roles/iam.serviceAccountUser"),
        (NO_IMAGE, "roles/artifactregistry.reader"),
        (NO_ACCOUNT, "the service account has to exist"),
    ],
)
def test_what_stays_refused_is_told_with_what_is_missing(
    cloud: gcp.Cloud, plugin: Plugin, place: Place, said: str, needs: str
) -> None:
    cloud.refuse("endpoints.deployModel", 403, said, times=100)
    try:
        with pytest.raises(RefusedError) as refused:
            plugin.resource(DEPLOYMENT).create(place.inputs(1, grantWaitS=1))
    finally:
        cloud.faults["endpoints.deployModel"].clear()
    assert "was refused for 1 s (grantWaitS)" in refused.value.message
    assert said.rstrip(".") in refused.value.message
    assert needs in refused.value.message
    assert cloud.endpoints.deployed(place.endpoint) == {}


def test_what_the_callers_own_credentials_may_not_do_is_told_at_once(
    cloud: gcp.Cloud, plugin: Plugin, model: dict[str, Any]
) -> None:
    uploads = cloud.count("models.upload")
    cloud.refuse("models.upload", 403, OWN_DENIAL)
    with pytest.raises(RefusedError, match=r"models\.upload' denied"):
        plugin.resource(MODEL).create(model)
    assert cloud.count("models.upload") == uploads + 1


def test_without_time_for_grants_every_refusal_is_told_at_once(
    cloud: gcp.Cloud, plugin: Plugin, model: dict[str, Any]
) -> None:
    uploads = cloud.count("models.upload")
    cloud.refuse("models.upload", 403, NO_KEY)
    with pytest.raises(RefusedError, match="useToEncrypt"):
        plugin.resource(MODEL).create({**model, "grantWaitS": 0})
    assert cloud.count("models.upload") == uploads + 1


def test_waiting_for_grants_is_cancelled(cloud: gcp.Cloud, model: dict[str, Any]) -> None:
    first = Plugin()
    cloud.refuse("models.upload", 403, NO_KEY, times=1000)
    try:
        thread, errors = in_background(lambda: first.resource(MODEL, "cancelled").create(model))
        first.engine.wait_for("Waiting until Google sees the grants")
        first.call("Cancel", empty_pb2.Empty())
        thread.join(timeout=LIMIT_S)
    finally:
        cloud.faults["models.upload"].clear()
    assert not thread.is_alive()
    assert "Stopped, as asked" in errors[0].message
    first.close()


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, 7, OWN_DENIAL),
        (400, 3, "Machine type n1-standard-3 is not supported."),
        (400, 9, "The image cannot be pulled."),
        (404, 5, "The model churn does not exist."),
        (429, 8, "Quota exceeded for accesses of the service account."),
        (409, 6, "The service account already has access."),
    ],
)
def test_other_refusals_are_no_grants_on_their_way(status: int, code: int, said: str) -> None:
    assert missing_grant(GcpError("POST x", status, "", said)) is None
    assert missing_grant(OperationError("deploying x", {"code": code, "message": said})) is None


@pytest.mark.parametrize("said", [NO_KEY, NO_ACCOUNT, NO_ACT_AS, NO_AGENT, NO_IMAGE])
def test_refusals_of_others_may_be_grants_on_their_way(said: str) -> None:
    assert missing_grant(GcpError("POST x", 403, "", said)) is not None
    assert missing_grant(OperationError("deploying x", {"code": 7, "message": said})) is not None

"""How Azure is asked: what is tried again, what never is blindly, and what people read."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlcloud.provider.azure import addresses, blobs, operations
from mlcloud.provider.azure import clients as module
from mlcloud.provider.azure.clients import AzureError, Clients, LostError
from mlcloud.provider.azure.transport import Answer
from mlcloud.provider.errors import Cancelled, ResourceError
from mlcloud.provider.resource import Context
from support import provider_azure_cloud as az
from support.provider_azure_answers import RefusedCall

JOB = f"{az.WORKSPACE_ID}/jobs/one"
BODY = {"properties": {"jobType": "Command", "command": "true", "environmentId": "/e"}}


class Stop:
    """The engine's wish to stop: as soon as somebody has waited so often."""

    def __init__(self, waits: int) -> None:
        self.waits = waits

    def is_set(self) -> bool:
        return self.waits <= 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits -= 1
        return self.is_set()


def context(waits: int = 1000) -> Context:
    def log(message: str, *, severity: str = "info", ephemeral: bool = False) -> None:
        """Nobody looks."""

    return Context(urn="", log=log, cancellation=Stop(waits))


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[az.Cloud]:
    monkeypatch.setattr(module, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(blobs, "_FIRST_PAUSE_S", 0.001)
    with az.running(tmp_path) as started:
        yield started


@pytest.fixture
def clients(cloud: az.Cloud) -> Clients:
    found = Clients(az.SUBSCRIPTION)
    found.put(JOB, BODY)
    return found


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(cloud: az.Cloud, clients: Clients, status: int) -> None:
    cloud.refuse("jobs_get", status, times=3)
    assert clients.get(JOB)["name"] == "one"
    assert cloud.count("jobs_get") == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 501])
def test_what_will_not_pass_is_told_at_once(cloud: az.Cloud, clients: Clients, status: int) -> None:
    cloud.refuse("jobs_get", status, times=3)
    with pytest.raises(AzureError, match="told to fail") as refused:
        clients.get(JOB)
    assert refused.value.status == status
    assert cloud.count("jobs_get") == 1


def test_a_lost_connection_is_tried_again_and_not_for_ever(cloud: az.Cloud, clients: Clients) -> None:
    cloud.drop("jobs_get")
    assert clients.get(JOB)["name"] == "one"
    cloud.refuse("jobs_get", times=100)
    with pytest.raises(AzureError):
        clients.get(JOB)
    assert cloud.count("jobs_get") == 2 + 8


def test_azure_says_when_it_wants_to_be_asked_again(
    cloud: az.Cloud, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    cloud.refuse("jobs_get", 429, retry_after_s=7)
    assert clients.get(JOB)["name"] == "one"
    assert pauses == [7.0]


@pytest.mark.parametrize("fault", ["lose", "drop"])
def test_an_action_whose_answer_was_lost_is_sent_again_only_where_that_changes_nothing(
    cloud: az.Cloud, clients: Clients, fault: str
) -> None:
    getattr(cloud, fault)("jobs_cancel")
    with pytest.raises(LostError, match="may have been carried out"):
        clients.post(f"{JOB}/cancel")
    assert cloud.count("jobs_cancel") == 1
    cloud.jobs.all["one"].states = [{"status": "Running"}]
    cloud.refuse("jobs_cancel")
    assert clients.post(f"{JOB}/cancel", repeat=True).status == 202
    assert cloud.count("jobs_cancel") == 3


def test_a_busy_service_has_not_begun_so_an_action_is_sent_again(cloud: az.Cloud, clients: Clients) -> None:
    cloud.refuse("jobs_cancel", 429, times=2)
    clients.post(f"{JOB}/cancel")
    assert cloud.count("jobs_cancel") == 3


@pytest.mark.parametrize("fault", ["lose", "drop"])
def test_a_put_whose_answer_was_lost_makes_one(cloud: az.Cloud, clients: Clients, fault: str) -> None:
    getattr(cloud, fault)("jobs_create_or_update")
    assert clients.put(f"{az.WORKSPACE_ID}/jobs/two", BODY).body["name"] == "two"
    assert sorted(cloud.jobs.all) == ["one", "two"]


def test_what_is_not_there_is_none_to_find_and_no_error_to_delete(cloud: az.Cloud, clients: Clients) -> None:
    assert clients.find(f"{az.WORKSPACE_ID}/jobs/none") is None
    cloud.refuse("jobs_delete", 404)
    assert clients.delete(f"{az.WORKSPACE_ID}/jobs/none") is None


def test_lists_are_read_page_by_page(cloud: az.Cloud, clients: Clients) -> None:
    for number in range(5):
        clients.put(f"{az.WORKSPACE_ID}/jobs/{number}", BODY)
    found = clients.pages(f"{az.WORKSPACE_ID}/jobs")
    assert [item["name"] for item in found] == ["one", "0", "1", "2", "3", "4"]
    assert cloud.count("jobs_list") == 3


@pytest.mark.parametrize("by_location", [True, False])
def test_an_operation_is_followed_to_its_end(cloud: az.Cloud, clients: Clients, *, by_location: bool) -> None:
    done: list[str] = []
    cloud.operations.looks = 3
    told = cloud.operations.start(lambda: done.append("done"), by_location=by_location)
    started = _answer(cloud, "PUT", JOB, told.headers)
    found = operations.finish(context(), clients, started, 60, "making it")
    assert done == ["done"]
    assert by_location or found["name"] == "one"


@pytest.mark.parametrize("by_location", [True, False])
def test_an_operation_that_fails_says_why(cloud: az.Cloud, clients: Clients, *, by_location: bool) -> None:
    def fail() -> None:
        raise RefusedCall(400, "OutOfCapacity", "The region has no machine of this size.")

    told = cloud.operations.start(fail, by_location=by_location)
    started = _answer(cloud, "PUT", JOB, told.headers)
    with pytest.raises(ResourceError, match="The region has no machine of this size"):
        operations.finish(context(), clients, started, 60, "making it")


def test_an_operation_is_left_when_the_engine_asks_to_stop(cloud: az.Cloud, clients: Clients) -> None:
    cloud.operations.looks = 1000
    started = _answer(cloud, "PUT", JOB, cloud.operations.start(dict).headers)
    with pytest.raises(Cancelled, match="Stopped, as asked, while making it; that goes on in Azure"):
        operations.finish(context(waits=3), clients, started, 60, "making it")


def test_an_operation_without_an_end_ends_by_its_limit(cloud: az.Cloud, clients: Clients) -> None:
    cloud.operations.looks = 1000
    started = _answer(cloud, "PUT", JOB, cloud.operations.start(dict).headers)
    with pytest.raises(ResourceError, match="took longer than 0 s"):
        operations.finish(context(), clients, started, 0, "making it")


def _answer(cloud: az.Cloud, method: str, path: str, headers: dict[str, str]) -> Answer:
    told = {name.lower(): value for name, value in headers.items()}
    return Answer(method=method, url=f"{cloud.url}{path}", status=201, headers=told, content=b"")


def test_blobs_are_read_written_listed_and_copied_without_keys(cloud: az.Cloud, clients: Clients) -> None:
    cloud.storage.container("churndev", "data")
    folder = blobs.place_of("https://churndev.blob.core.windows.net/data/a b")
    for name in ("1.csv", "2.csv", "3.csv"):
        blobs.write(clients, folder / name, name.encode(), "text/csv")
    assert blobs.read(clients, folder / "1.csv") == b"1.csv"
    assert blobs.size(clients, folder / "2.csv") == 5
    assert (blobs.read(clients, folder / "4"), blobs.size(clients, folder / "4")) == (None, None)
    assert list(blobs.names(clients, folder)) == ["1.csv", "2.csv", "3.csv"]
    cloud.storage.pending_copies = 2
    blobs.copy(context(), clients, folder / "1.csv", folder / "copy")
    assert cloud.storage.get("churndev", "data", "a b/copy") == b"1.csv"
    blobs.clear(clients, folder)
    assert cloud.storage.names("churndev", "data") == []
    blobs.delete(clients, folder / "1.csv")


def test_a_blob_that_may_not_be_read_is_told_with_azures_code(cloud: az.Cloud, clients: Clients) -> None:
    cloud.storage.put("churndev", "data", "x", b"1")
    cloud.refuse("blobs_head", 403, code="AuthorizationPermissionMismatch")
    with pytest.raises(AzureError, match="give them the role") as refused:
        blobs.size(clients, blobs.place_of("https://churndev.blob.core.windows.net/data/x"))
    assert (refused.value.status, refused.value.code) == (403, "AuthorizationPermissionMismatch")
    assert blobs.is_not_permitted(refused.value)


def test_each_service_gets_a_token_of_its_own(cloud: az.Cloud, clients: Clients) -> None:
    cloud.storage.put("churndev", "data", "x", b"1")
    blobs.read(clients, blobs.place_of("https://churndev.blob.core.windows.net/data/x"))
    given = {request.given["resource"] for request in cloud.requests if request.method == "token_get"}
    assert given == {"https://management.azure.com", "https://storage.azure.com"}


def test_credentials_that_are_refused_say_that_the_update_goes_on_from_here(
    cloud: az.Cloud, clients: Clients
) -> None:
    cloud.refuse("token_get", 400, "identity not found")
    with pytest.raises(ResourceError, match="cannot be used") as refused:
        Clients(az.SUBSCRIPTION).get(JOB)
    assert "goes on from here" in str(refused.value)
    assert clients.get(JOB)


def test_without_azure_core_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(ResourceError, match=r"`mlcloud\[azure\]`"):
        Clients(az.SUBSCRIPTION)


def test_services_have_their_public_names_unless_told_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MANAGEMENT", "BLOB"):
        monkeypatch.delenv(f"MLCLOUD_AZURE_ENDPOINT_{name}", raising=False)
    assert addresses.url("/subscriptions") == "https://management.azure.com/subscriptions"
    assert addresses.endpoint("blob", "a.blob.core.windows.net") == "https://a.blob.core.windows.net"
    monkeypatch.setenv("MLCLOUD_AZURE_ENDPOINT_BLOB", "http://127.0.0.1:1")
    with pytest.raises(ResourceError, match="does not begin with https://"):
        addresses.endpoint("blob", "a.blob.core.windows.net")


def test_a_refusal_names_the_role_that_is_missing() -> None:
    text = str(AzureError("GET /x", 403, "AuthorizationFailed", "No permission"))
    assert text.startswith("Azure refused GET /x: No permission (AuthorizationFailed).")
    assert "give them the role" in text


def test_starting_checking_and_previewing_import_no_sdk_of_a_cloud() -> None:
    script = """
import sys
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.provider.protocol import provider_pb2
from mlcloud.provider.values import encode

servicer = make_servicer(Engine(None))
assert servicer.GetSchema(None, None).schema.count("mlcloud:azure:") >= 3
urn = "urn:pulumi:dev::project::mlcloud:azure:RegistryLogin::one"
given = encode({"loginServer": "churndev.azurecr.io"})
assert not servicer.Check(provider_pb2.CheckRequest(urn=urn, news=given), None).failures
servicer.Create(provider_pb2.CreateRequest(urn=urn, properties=given, preview=True), None)
print(sorted(name for name in sys.modules if name.startswith(("azure.", "msal", "requests"))))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"

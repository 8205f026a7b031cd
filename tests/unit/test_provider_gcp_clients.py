"""How Google is asked: what is tried again, what never is without a look, and what people read."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.gcp import clients as module
from mlcloud.provider.gcp.clients import Clients, GcpError, LostError
from support import provider_gcp_cloud as gcp

ENDPOINT = f"{gcp.LOCATION}/endpoints/1"


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[gcp.Cloud]:
    monkeypatch.setattr(module, "_FIRST_PAUSE_S", 0.001)
    with gcp.running(tmp_path) as started:
        started.endpoints.make(ENDPOINT)
        yield started


@pytest.fixture
def clients(cloud: gcp.Cloud) -> Clients:
    return Clients(gcp.PROJECT, gcp.REGION)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(cloud: gcp.Cloud, clients: Clients, status: int) -> None:
    cloud.refuse("endpoints.get", status, times=3)
    assert clients.get("aiplatform", f"v1/{ENDPOINT}")["name"] == ENDPOINT
    assert cloud.count("endpoints.get") == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 501])
def test_what_will_not_pass_is_told_at_once(cloud: gcp.Cloud, clients: Clients, status: int) -> None:
    # google-auth itself asks for new credentials and tries twice more after a 401.
    cloud.refuse("endpoints.get", status, times=3)
    with pytest.raises(GcpError, match="told to fail") as refused:
        clients.get("aiplatform", f"v1/{ENDPOINT}")
    assert refused.value.status == status
    assert cloud.count("endpoints.get") == (3 if status == 401 else 1)


def test_a_lost_connection_is_tried_again_and_not_for_ever(cloud: gcp.Cloud, clients: Clients) -> None:
    cloud.drop("endpoints.get")
    assert clients.get("aiplatform", f"v1/{ENDPOINT}")["name"] == ENDPOINT
    cloud.refuse("endpoints.get", times=100)
    with pytest.raises(GcpError):
        clients.get("aiplatform", f"v1/{ENDPOINT}")
    assert cloud.count("endpoints.get") == 2 + 8


@pytest.mark.parametrize("fault", ["lose", "drop"])
def test_a_post_whose_answer_was_lost_is_never_sent_again_blindly(
    cloud: gcp.Cloud, clients: Clients, fault: str
) -> None:
    getattr(cloud, fault)("endpoints.create")
    with pytest.raises(LostError, match="may have been carried out"):
        clients.post("aiplatform", f"v1/{gcp.LOCATION}/endpoints", {"displayName": "x"})
    assert cloud.count("endpoints.create") == 1


@pytest.mark.parametrize(("fault", "sent"), [("lose", 1), ("drop", 2)])
def test_a_look_decides_whether_a_lost_post_is_sent_again(
    cloud: gcp.Cloud, clients: Clients, fault: str, sent: int
) -> None:
    getattr(cloud, fault)("endpoints.create")

    def happened() -> dict[str, Any] | None:
        found = [operation.told() for operation in cloud.operations.open()]
        return found[0] if found else None

    path = f"v1/{gcp.LOCATION}/endpoints"
    answer = clients.post("aiplatform", path, {"displayName": "x"}, happened=happened)
    assert answer["name"] in cloud.operations.all
    assert cloud.count("endpoints.create") == sent


def test_a_busy_service_has_not_begun_so_a_post_is_sent_again(cloud: gcp.Cloud, clients: Clients) -> None:
    cloud.refuse("endpoints.create", 429, times=2)
    clients.post("aiplatform", f"v1/{gcp.LOCATION}/endpoints", {"displayName": "x"})
    assert cloud.count("endpoints.create") == 3


def test_lists_are_read_page_by_page(cloud: gcp.Cloud, clients: Clients) -> None:
    for number in range(5):
        cloud.storage.put("data", f"{number}", b"")
    found = clients.pages("storage", "storage/v1/b/data/o", "items")
    assert [item["name"] for item in found] == ["0", "1", "2", "3", "4"]
    assert cloud.count("objects.list") == 3


def test_names_with_slashes_are_one_part_of_a_path(cloud: gcp.Cloud, clients: Clients) -> None:
    cloud.storage.bucket("data")
    clients.upload("data", "a/b c.csv", b"rows", "text/csv")
    assert cloud.storage.get("data", "a/b c.csv") == b"rows"
    assert clients.download("data", "a/b c.csv") == b"rows"


def test_what_is_gone_already_is_no_error_to_delete(cloud: gcp.Cloud, clients: Clients) -> None:
    cloud.storage.bucket("data")
    assert clients.delete("storage", clients.object_path("data", "nothing")) is None


def test_without_credentials_it_says_how_to_get_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(ResourceError, match="There are no Google credentials: log in"):
        Clients(gcp.PROJECT, gcp.REGION).get("aiplatform", f"v1/{ENDPOINT}")


def test_credentials_that_are_refused_say_that_the_update_goes_on_from_here(
    cloud: gcp.Cloud, clients: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = json.loads((tmp_path / "credentials.json").read_text())
    account["token_uri"] = f"{cloud.url}/v1/no-token"
    other = tmp_path / "expired.json"
    other.write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(other))
    with pytest.raises(ResourceError, match="cannot be used") as refused:
        clients.get("aiplatform", f"v1/{ENDPOINT}")
    assert "goes on from here" in str(refused.value)
    cloud.problems.clear()
    cloud.calls.clear()
    clients = Clients(gcp.PROJECT, gcp.REGION)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "credentials.json"))
    assert clients.get("aiplatform", f"v1/{ENDPOINT}")


def test_without_google_auth_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(ResourceError, match=r"`mlcloud\[gcp\]`"):
        Clients(gcp.PROJECT, gcp.REGION)


def test_services_have_their_public_names_unless_told_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIPLATFORM", "STORAGE"):
        monkeypatch.delenv(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}", raising=False)
    clients = Clients(gcp.PROJECT, gcp.REGION)
    assert clients.url("aiplatform") == "https://europe-west4-aiplatform.googleapis.com"
    assert clients.url("storage") == "https://storage.googleapis.com"
    assert clients.url("aiplatform", "7.europe-west4-1.prediction.vertexai.goog") == (
        "https://7.europe-west4-1.prediction.vertexai.goog"
    )


def test_a_refusal_names_the_role_that_is_missing() -> None:
    text = str(GcpError("GET v1/x", 403, "PERMISSION_DENIED", "Permission denied"))
    assert text.startswith("Google refused GET v1/x: Permission denied (PERMISSION_DENIED).")
    assert "give them the role" in text


def test_starting_checking_and_previewing_import_no_sdk_of_a_cloud() -> None:
    script = """
import sys
from mlcloud.provider.engine import Engine
from mlcloud.provider.server import make_servicer
from mlcloud.provider.protocol import provider_pb2
from mlcloud.provider.values import encode

servicer = make_servicer(Engine(None))
assert servicer.GetSchema(None, None).schema.count("mlcloud:gcp:") >= 3
urn = "urn:pulumi:dev::project::mlcloud:gcp:Model::one"
image = "europe-docker.pkg.dev/p/r/i@sha256:" + "0" * 64
given = encode({"project": "shop-1", "region": "europe-west4", "modelId": "a", "imageUri": image})
assert not servicer.Check(provider_pb2.CheckRequest(urn=urn, news=given), None).failures
servicer.Create(provider_pb2.CreateRequest(urn=urn, properties=given, preview=True), None)
print(sorted(name for name in sys.modules if name.startswith(("google.auth", "google.cloud.", "requests"))))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"

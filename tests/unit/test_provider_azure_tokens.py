"""Where tokens of Azure go, that they go nowhere else, and what never stands in a message."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError
from mlcloud.provider.azure import addresses, training_log
from mlcloud.provider.azure import clients as module
from mlcloud.provider.azure.addresses import MACHINE_LEARNING, MANAGEMENT, STORAGE
from mlcloud.provider.azure.clients import Clients, UnansweredError
from mlcloud.provider.azure.transport import Transport
from mlcloud.provider.errors import ResourceError
from support import provider_azure_cloud as az

JOB = f"{az.WORKSPACE_ID}/jobs/one"
BODY = {"properties": {"jobType": "Command", "command": "true", "environmentId": "/e"}}


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[az.Cloud]:
    monkeypatch.setattr(module, "_FIRST_PAUSE_S", 0.001)
    with az.running(tmp_path) as started:
        yield started


@pytest.mark.parametrize(
    ("scope", "address"),
    [
        (MANAGEMENT, "https://management.azure.com/subscriptions"),
        (MANAGEMENT, "https://management.azure.com:443/subscriptions?$skipToken=1"),
        (MANAGEMENT, "https://westeurope.management.azure.com/subscriptions"),
        (MACHINE_LEARNING, "https://churn.westeurope.inference.ml.azure.com/score"),
        (MACHINE_LEARNING, "https://westeurope.api.azureml.ms/history/v1.0"),
        (STORAGE, "https://churndev.blob.core.windows.net/azureml/log.txt"),
        (MANAGEMENT, "https://management.internal/subscriptions"),
        (MACHINE_LEARNING, "https://ml.internal:8443/score"),
    ],
)
def test_a_token_goes_to_its_own_service_and_to_addresses_of_ones_own(
    monkeypatch: pytest.MonkeyPatch, scope: str, address: str
) -> None:
    monkeypatch.setenv("MLCLOUD_AZURE_ENDPOINT_MANAGEMENT", "https://management.internal/azure")
    monkeypatch.setenv("MLCLOUD_AZURE_ENDPOINT_ML", "https://ml.internal:8443")
    assert addresses.stranger(address, scope) is None


@pytest.mark.parametrize(
    ("scope", "address"),
    [
        (MANAGEMENT, "https://management.azure.com.example.com/subscriptions"),
        (MANAGEMENT, "https://management.azure.com@example.com/subscriptions"),
        (MANAGEMENT, "https://evilmanagement.azure.com/subscriptions"),
        (MANAGEMENT, "http://management.azure.com/subscriptions"),
        (MANAGEMENT, "https://churn.westeurope.inference.ml.azure.com/score"),
        (MACHINE_LEARNING, "https://example.com/score"),
        (MACHINE_LEARNING, "https://management.azure.com/score"),
        (MACHINE_LEARNING, "https://ml.internal:1/score"),
        (STORAGE, "https://example.com/blob.core.windows.net"),
        ("https://unknown/.default", "https://management.azure.com/"),
    ],
)
def test_a_token_goes_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, cloud: az.Cloud, scope: str, address: str
) -> None:
    monkeypatch.setenv("MLCLOUD_AZURE_ENDPOINT_ML", "https://ml.internal:8443")
    start = len(cloud.requests)
    with pytest.raises(ResourceError, match="no token is sent there"):
        Clients(az.SUBSCRIPTION).get(address, version=None, scope=scope)
    # Nobody was asked for the token either.
    assert len(cloud.requests) == start


def test_a_next_page_elsewhere_is_not_followed(cloud: az.Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = Clients(az.SUBSCRIPTION)
    for number in range(3):
        clients.put(f"{az.WORKSPACE_ID}/jobs/{number}", BODY)
    monkeypatch.setattr(cloud.jobs, "_url", lambda: "https://example.com")
    with pytest.raises(ResourceError, match=r"example\.com is not"):
        list(clients.pages(f"{az.WORKSPACE_ID}/jobs"))


def test_a_jobs_run_history_elsewhere_gets_no_token(cloud: az.Cloud) -> None:
    services = {"Tracking": {"endpoint": "azureml://example.com/mlflow/v1.0"}}
    job = {"id": JOB, "name": "one", "properties": {"services": services}}
    with pytest.raises(ResourceError, match=r"example\.com is not"):
        training_log.details(Clients(az.SUBSCRIPTION), job)


def test_a_signature_in_an_address_stays_out_of_messages(cloud: az.Cloud) -> None:
    del cloud
    with pytest.raises(UnansweredError, match="Azure could not be asked") as told:
        training_log.read_from(Clients(), "https://127.0.0.1:1/logs/one?sv=1&sig=secret%3D&se=2", 0)
    assert "secret" not in str(told.value)
    assert "sig" not in str(told.value)


class Flaky:
    """Credentials whose service is out of reach a number of times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    def get_token(self, scope: str) -> Any:
        if self.failures:
            self.failures -= 1
            raise ServiceRequestError("login.microsoftonline.com cannot be reached")
        return type("Token", (), {"token": f"token for {scope.removesuffix('/.default')}"})


def test_a_token_that_cannot_be_renewed_just_now_is_asked_for_again(
    cloud: az.Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = Flaky(2)
    monkeypatch.setattr(Transport, "credential", property(lambda _: credential))
    clients = Clients(az.SUBSCRIPTION)
    assert clients.put(JOB, BODY).body["name"] == "one"
    credential.failures = 100
    with pytest.raises(UnansweredError, match=r"login\.microsoftonline\.com cannot be reached"):
        clients.get(JOB)
    with pytest.raises(ResourceError, match=r"login\.microsoftonline\.com cannot be reached"):
        clients.token(MANAGEMENT)

"""Predict, status, models and logs on Azure: what Azure is asked, and what people are told."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from mlcloud.azure import operations
from mlcloud.azure.descriptions import description
from mlcloud.core.errors import UserError
from mlcloud.core.operations import operations_of
from mlcloud.provider.azure import blobs
from mlcloud.provider.azure.blobs import Place
from mlcloud.provider.azure.clients import Answer, AzureError, Clients, UnansweredError
from mlcloud.provider.errors import ResourceError
from support.provider_models import LINEAGE

WORKSPACE = (
    "/subscriptions/s-1/resourceGroups/shop-dev/providers/Microsoft.MachineLearningServices/workspaces/shop"
)
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/shop-1a2b3c4"
URL = "https://shop-1a2b3c4.westeurope.inference.ml.azure.com/score"
MODEL = f"{WORKSPACE}/models/shop"
FOLDER = "https://shopdev.blob.core.windows.net/models/models/abc"
OUTPUTS = {
    "cloud": "azure",
    "account": "s-1",
    "region": "westeurope",
    "endpoint_id": ENDPOINT,
    "endpoint_url": URL,
    "training_run": "shop-dev-0a1b",
    "model_uri": FOLDER,
    "model_version": "0a1b2c3d4e5f",
    "model_sha256": "ab" * 32,
    "model_id": MODEL,
}
PUBLIC = {
    "name": "shop-1a2b3c4",
    "properties": {"scoringUri": URL, "traffic": {"v1": 90, "v2": 10}, "publicNetworkAccess": "Enabled"},
}
PRIVATE = {**PUBLIC, "properties": {**PUBLIC["properties"], "publicNetworkAccess": "Disabled"}}  # type: ignore[dict-item]


class Azure:
    """What Azure answers, by path; what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            f"{ENDPOINT}/deployments/{name}": {"name": name, "sku": {"capacity": machines}}
            for name, machines in {"v1": 3, "v2": 1}.items()
        }
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def answer(self, path: str, **asked: Any) -> Any:
        self.asked.append((path, asked))
        if path not in self.answers:
            raise AzureError(f"GET {path}", 404, "ResourceNotFound", f"{path} is not there")
        found = self.answers[path]
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Azure:
    told = Azure()

    def get(self: Clients, path: str, **options: Any) -> Any:
        return told.answer(path, **options)

    def post(self: Clients, path: str, body: Any = None, **options: Any) -> Answer:
        content = json.dumps(told.answer(path, body=body, **options)).encode()
        return Answer(method="POST", url=path, status=200, headers={}, content=content)

    def ask(self: Clients, path: str, **options: Any) -> Answer:
        return Answer(method="GET", url=path, status=200, headers={}, content=told.answer(path, **options))

    def pages(self: Clients, path: str, **options: Any) -> Iterator[Any]:
        return iter(told.answer(path, **options)["value"])

    for name, stub in {"get": get, "post": post, "ask": ask, "pages": pages}.items():
        monkeypatch.setattr(Clients, name, stub)
    return told


def test_operations_are_found_by_the_stacks_cloud() -> None:
    assert operations_of(OUTPUTS) is operations


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b'{"instances": [{"rooms": 3}]}', "application/json"), (b"rooms\n3\n", "text/csv")],
)
def test_a_prediction_asks_the_scoring_address_with_a_token_of_azure_ml(
    azure: Azure, body: bytes, content_type: str
) -> None:
    azure.answers |= {ENDPOINT: PUBLIC, URL: {"predictions": [1]}}
    found = operations.predict(OUTPUTS, body, content_type=content_type)
    assert (found.predictions, found.model_version) == ([1], "0a1b2c3d4e5f")
    asked = azure.asked[-1][1]
    assert asked["body"] == {"instances": [{"rooms": 3}]}
    assert asked["scope"] == "https://ml.azure.com/.default"


def test_a_refused_request_says_what_azure_said(azure: Azure) -> None:
    refusal = AzureError("POST", 424, "", "row 1: rooms is absent")
    azure.answers |= {ENDPOINT: PUBLIC, URL: refusal}
    with pytest.raises(UserError, match="row 1: rooms is absent"):
        operations.predict(OUTPUTS, b'{"instances": [{}]}', content_type="application/json")


def test_a_private_endpoint_says_from_where_it_can_be_asked(azure: Azure) -> None:
    azure.answers |= {ENDPOINT: PRIVATE, URL: UnansweredError("no connection")}
    with pytest.raises(UserError, match=r"no connection The endpoint answers by .* private endpoint alone"):
        operations.predict(OUTPUTS, b'{"instances": []}', content_type="application/json")
    azure.answers[URL] = ResourceError("no credentials")
    with pytest.raises(UserError, match=r"^no credentials$"):
        operations.predict(OUTPUTS, b'{"instances": []}', content_type="application/json")
    azure.answers[URL] = {"predictions": []}
    assert operations.predict(OUTPUTS, b'{"instances": []}', content_type="text/json").predictions == []


def test_the_status_counts_answers_errors_and_machines(azure: Azure) -> None:
    def series(code: str, *averages: float) -> dict[str, Any]:
        label = {"name": {"value": "statuscodeclass"}, "value": code}
        return {"metadatavalues": [label], "data": [{"average": value} for value in averages] + [{}]}

    counted = {"value": [{"timeseries": [series("2xx", 40, 50), series("4xx", 3), series("5xx", 7)]}]}
    azure.answers |= {ENDPOINT: PRIVATE, f"{ENDPOINT}/providers/Microsoft.Insights/metrics": counted}
    found = operations.status(OUTPUTS)
    assert (found.state, found.requests, found.errors, found.replicas) == ("serving", 100, 7, 4)
    assert found.more["traffic"] == "v1 90 %, v2 10 %"
    assert "private endpoint alone" in found.more["reached"]
    parameters = next(asked["parameters"] for path, asked in azure.asked if path.endswith("/metrics"))
    assert parameters["metricnames"] == "RequestsPerMinute"
    assert parameters["aggregation"] == "Average"


@pytest.mark.parametrize("content", [None, {**PUBLIC, "properties": {"scoringUri": URL}}])
def test_an_endpoint_without_traffic_is_down(azure: Azure, content: Any) -> None:
    if content is not None:
        azure.answers[ENDPOINT] = content
    found = operations.status(OUTPUTS)
    assert found.state == "down"
    assert "mlcloud up STACK" in found.detail


def test_versions_are_told_with_their_addresses_as_a_stack_file_pins_them(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(label: str, sha256: str, day: int, **more: Any) -> dict[str, Any]:
        return {
            "name": f"v{label}",
            "systemData": {"createdAt": f"2026-01-0{day}T00:00:00Z"},
            "properties": {
                "modelUri": f"azureml://subscriptions/s-1/datastores/models/paths/models/{sha256}",
                "properties": {"mlcloud_sha256": sha256},
                "tags": {"mlcloud-version": label},
                "description": description({"version": label, "metrics": {"r2": 0.91}}),
                **more,
            },
        }

    monkeypatch.setattr(blobs, "size", lambda clients, place: None)
    azure.answers[f"{MODEL}/versions"] = {
        "value": [version("one", "cd" * 32, 1, isArchived=True), version("two", "ab" * 32, 2)]
    }
    latest, first = operations.models(OUTPUTS)
    assert (latest.label, latest.is_live, latest.metrics) == ("two", True, {"r2": 0.91})
    assert latest.uri == f"https://shopdev.blob.core.windows.net/models/models/{'ab' * 32}"
    assert latest.created.tzinfo is not None
    assert (first.stage, first.is_live, first.refusal) == ("archived", False, "archived")
    assert (latest.lineage, latest.refusal) == (None, "")


def test_a_version_tells_where_it_comes_from_as_its_own_manifest_says(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = json.dumps({**LINEAGE, "files": {}}).encode()
    known = hashlib.sha256(manifest).hexdigest()
    read: list[str] = []

    def content(_clients: Clients, place: Place) -> bytes:
        read.append(str(place))
        return manifest

    monkeypatch.setattr(blobs, "size", lambda clients, place: len(manifest))
    monkeypatch.setattr(blobs, "read", content)
    azure.answers[f"{MODEL}/versions"] = {
        "value": [
            {
                "name": f"v{day}",
                "systemData": {"createdAt": f"2026-01-0{day}T00:00:00Z"},
                "properties": {
                    "modelUri": f"azureml://subscriptions/s-1/datastores/models/paths/models/{sha256}",
                    "properties": {"mlcloud_sha256": sha256},
                    "jobName": "shop-dev-0a1b",
                },
            }
            for day, sha256 in ((2, known), (1, "cd" * 32))
        ]
    }
    told, other = operations.models(OUTPUTS)
    assert told.lineage is not None
    assert (told.lineage.data_sha256, told.lineage.run) == ("da" * 32, "shop-dev-0a1b")
    assert other.lineage is None, "what lies there is another model"
    assert read[0] == f"https://shopdev.blob.core.windows.net/models/models/{known}/manifest.json"


def test_the_endpoints_log_is_that_of_the_deployment_with_most_requests(azure: Azure) -> None:
    path = f"{ENDPOINT}/deployments/v1/getLogs"
    azure.answers |= {ENDPOINT: PUBLIC, path: {"content": "a\nb\n"}}
    assert list(operations.logs(OUTPUTS, source="endpoint", lines=2, follow=False)) == ["a", "b"]
    assert azure.asked[-1][1]["body"] == {"containerType": "InferenceServer", "tail": 2}


def test_a_followed_log_tells_each_line_once(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_FOLLOW_EVERY_S", 0)
    path = f"{ENDPOINT}/deployments/v1/getLogs"
    told = [{"content": text} for text in ("a\nb", "a\nb", "b\nb\nc", "x\ny")]
    azure.answers |= {ENDPOINT: PUBLIC, path: told}
    lines = operations.logs(OUTPUTS, source="endpoint", lines=3, follow=True)
    assert [next(lines) for _ in range(6)] == ["a", "b", "b", "c", "x", "y"]


def test_the_trainings_log_is_in_its_run_history(azure: Azure) -> None:
    job = {
        "id": f"{WORKSPACE}/jobs/shop-dev-0a1b",
        "name": "shop-dev-0a1b",
        "properties": {"services": {"Tracking": {"endpoint": "azureml://westeurope.api.azureml.ms/mlflow"}}},
    }
    history = f"https://westeurope.api.azureml.ms/history/v1.0{WORKSPACE}/runs/shop-dev-0a1b/details"
    azure.answers |= {
        job["id"]: job,  # type: ignore[dict-item]
        history: {"logFiles": {"user_logs/std_log.txt": "https://blob/log?sig=1"}},
        "https://blob/log?sig=1": b"one\ntwo\nthree\n",
    }
    assert list(operations.logs(OUTPUTS, source="training", lines=2, follow=False)) == ["two", "three"]
    with pytest.raises(UserError, match="No log of the training"):
        del azure.answers[str(job["id"])]
        list(operations.logs(OUTPUTS, source="training", lines=2, follow=False))


def test_a_stack_that_is_not_up_is_told() -> None:
    with pytest.raises(UserError, match="it is not up"):
        operations.predict({"cloud": "azure"}, b"", content_type="text/csv")

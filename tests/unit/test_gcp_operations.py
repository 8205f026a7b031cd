"""Predict, status and logs on GCP: what Google is asked, and what people are told."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from mlcloud.core.errors import UserError
from mlcloud.core.operations import operations_of
from mlcloud.gcp import operations
from mlcloud.gcp.descriptions import description
from mlcloud.provider.gcp.clients import Clients, GcpError
from support.provider_models import LINEAGE

ENDPOINT = "projects/shop-123456/locations/europe-west4/endpoints/shop-1a2b3c4"
OUTPUTS = {
    "cloud": "gcp",
    "account": "shop-123456",
    "region": "europe-west4",
    "endpoint_id": ENDPOINT,
    "endpoint_url": f"https://europe-west4-aiplatform.googleapis.com/v1/{ENDPOINT}:predict",
    "endpoint_logs": 'resource.type="aiplatform.googleapis.com/Endpoint"',
    "training_logs": 'resource.type="ml_job" AND resource.labels.job_id="7"',
    "model_uri": "gs://shop-models/models/abc/",
    "model_version": "0a1b2c3d4e5f",
    "model_sha256": "ab" * 32,
    "model_id": "projects/shop-123456/locations/europe-west4/models/shop",
}
HOST = "shop-1a2b3c4.europe-west4-123.prediction.vertexai.goog"
PUBLIC = {"name": ENDPOINT, "dedicatedEndpointDns": HOST, "trafficSplit": {"7": 100}, "deployedModels": []}
PRIVATE = {
    **PUBLIC,
    "dedicatedEndpointDns": "",
    "privateServiceConnectConfig": {
        "enablePrivateServiceConnect": True,
        "pscAutomationConfigs": [{"ipAddress": "10.20.0.9"}],
    },
}


class Google:
    """What Google answers, by path; what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def answer(self, path: str, **asked: Any) -> Any:
        self.asked.append((path, asked))
        if path not in self.answers:
            raise GcpError(path, 404, "NOT_FOUND", f"{path} is not there")
        found = self.answers[path]
        if isinstance(found, list):
            found = found.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Google:
    told = Google()

    def get(self: Clients, service: str, path: str, **parameters: Any) -> Any:
        return told.answer(path, **parameters)

    def post(self: Clients, service: str, path: str, body: Any, **options: Any) -> Any:
        return told.answer(path, body=json.loads(json.dumps(body)), **options)

    def pages(self: Clients, service: str, path: str, member: str, **parameters: Any) -> Iterator[Any]:
        return iter(told.answer(path, **parameters).get(member, []))

    def download(self: Clients, bucket: str, name: str) -> bytes:
        return told.answer(f"{bucket}/{name}")

    for name, stub in {"get": get, "post": post, "pages": pages, "download": download}.items():
        monkeypatch.setattr(Clients, name, stub)
    return told


def series(code: str, count: int) -> dict[str, Any]:
    labels = {"response_code": code} if code else {}
    return {"metric": {"labels": labels}, "points": [{"value": {"int64Value": str(count)}}]}


def entry(number: int, text: str) -> dict[str, Any]:
    return {"insertId": str(number), "timestamp": f"2026-01-01T00:00:0{number}Z", "textPayload": text}


def test_operations_are_found_by_the_stacks_cloud() -> None:
    assert operations_of(OUTPUTS) is operations


def test_a_prediction_asks_a_dedicated_endpoint_by_its_own_name(google: Google) -> None:
    google.answers = {
        f"v1/{ENDPOINT}": PUBLIC,
        f"v1/{ENDPOINT}:predict": {"predictions": [1, 2], "deployedModelId": "7"},
    }
    body = json.dumps({"instances": [{"rooms": 3}, {"rooms": 4}]}).encode()
    found = operations.predict(OUTPUTS, body, content_type="application/json")
    assert (found.predictions, found.model_version) == ([1, 2], "0a1b2c3d4e5f")
    _, asked = google.asked[-1]
    assert asked["host"] == HOST
    assert asked["body"] == {"instances": [{"rooms": 3}, {"rooms": 4}]}


def test_csv_becomes_instances_with_missing_values(google: Google) -> None:
    google.answers = {f"v1/{ENDPOINT}": PUBLIC, f"v1/{ENDPOINT}:predict": {"predictions": [1]}}
    operations.predict(OUTPUTS, b"rooms,area,town\n3,1.5,Bonn\n,,\n", content_type="text/csv")
    assert google.asked[-1][1]["body"] == {
        "instances": [
            {"rooms": 3, "area": 1.5, "town": "Bonn"},
            {"rooms": None, "area": None, "town": None},
        ]
    }


def test_a_refused_request_says_what_google_said(google: Google) -> None:
    refusal = GcpError("POST", 400, "INVALID_ARGUMENT", "row 1: rooms is absent")
    google.answers = {f"v1/{ENDPOINT}": PUBLIC, f"v1/{ENDPOINT}:predict": refusal}
    with pytest.raises(UserError, match="row 1: rooms is absent"):
        operations.predict(OUTPUTS, b'{"instances": [{}]}', content_type="application/json")


def test_a_private_endpoint_says_from_where_it_can_be_asked(google: Google) -> None:
    google.answers = {f"v1/{ENDPOINT}": PRIVATE}
    with pytest.raises(UserError, match=r"inside its network alone .* http://10\.20\.0\.9/v1/.*:predict"):
        operations.predict(OUTPUTS, b'{"instances": []}', content_type="application/json")


def test_the_status_counts_answers_errors_and_machines(google: Google) -> None:
    google.answers = {
        f"v1/{ENDPOINT}": PRIVATE,
        "v3/projects/shop-123456/timeSeries": [
            {"timeSeries": [series("2xx", 10), series("5xx", 2)]},
            {"timeSeries": [series("200", 5), series("503", 1)]},
            {"timeSeries": [series("", 3)]},
        ],
    }
    found = operations.status(OUTPUTS)
    assert (found.state, found.requests, found.errors, found.replicas) == ("serving", 18, 3, 3)
    assert found.more["traffic"] == "7 100 %"
    assert "10.20.0.9" in found.more["reached"]
    queries = [asked["filter"] for path, asked in google.asked if path.endswith("timeSeries")]
    assert [query.split('"')[1].rsplit("online/", 1)[-1] for query in queries] == [
        "response_count",
        "private/response_count",
        "replicas",
    ]
    assert all('endpoint_id="shop-1a2b3c4"' in query for query in queries)


@pytest.mark.parametrize("content", [None, {**PUBLIC, "trafficSplit": {}}], ids=["gone", "no traffic"])
def test_an_endpoint_that_serves_nothing_is_down(google: Google, content: Any) -> None:
    google.answers = {} if content is None else {f"v1/{ENDPOINT}": content}
    found = operations.status(OUTPUTS)
    assert found.state == "down"
    assert "mlcloud up" in found.detail


def test_logs_show_the_last_lines_in_order(google: Google) -> None:
    google.answers = {"v2/entries:list": {"entries": [entry(3, "three"), entry(2, "two")]}}
    found = operations.logs(OUTPUTS, source="training", lines=2, follow=False)
    assert list(found) == ["two", "three"]
    asked = google.asked[-1][1]["body"]
    assert asked["filter"].startswith(f"({OUTPUTS['training_logs']}) AND timestamp>=")
    assert (asked["orderBy"], asked["pageSize"]) == ("timestamp desc", 2)


def test_followed_logs_show_each_line_once(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_FOLLOW_EVERY_S", 0)
    google.answers = {
        "v2/entries:list": [
            {"entries": [entry(1, "old")]},
            {"entries": [entry(1, "old"), {**entry(1, "same moment"), "insertId": "x"}]},
            {"entries": [entry(4, "new")]},
        ]
    }
    found = operations.logs(OUTPUTS, source="endpoint", lines=10, follow=True)
    assert [next(found) for _ in range(3)] == ["old", "same moment", "new"]


def test_a_log_that_is_not_there_is_told(google: Google) -> None:
    google.answers = {"v2/entries:list": {}}
    with pytest.raises(UserError, match="No log of the endpoint"):
        list(operations.logs(OUTPUTS, source="endpoint", lines=5, follow=False))


def test_a_sample_is_the_row_in_the_live_models_manifest(google: Google) -> None:
    manifest = {"smoke": {"instance": {"rooms": 3}, "prediction": 3000}}
    google.answers = {
        "storage/v1/b/shop-models/o/models%2Fabc%2Fmanifest.json": {"size": "10"},
        "shop-models/models/abc/manifest.json": json.dumps(manifest).encode(),
    }
    found = operations.sample(OUTPUTS)
    assert (found.instance, found.expected) == ({"rooms": 3}, 3000)


@pytest.mark.parametrize("content", [b"{}", b"no json"])
def test_a_manifest_without_a_row_is_told(google: Google, content: bytes) -> None:
    google.answers = {
        "storage/v1/b/shop-models/o/models%2Fabc%2Fmanifest.json": {"size": "10"},
        "shop-models/models/abc/manifest.json": content,
    }
    with pytest.raises(UserError, match="holds no row"):
        operations.sample(OUTPUTS)


def test_a_version_tells_where_it_comes_from_as_its_own_manifest_says(google: Google) -> None:
    manifest = json.dumps({**LINEAGE, "files": {}}).encode()
    known = hashlib.sha256(manifest).hexdigest()
    google.answers = {f"v1/{OUTPUTS['model_id']}:listVersions": {"models": []}}
    for number, sha256 in enumerate((known, "cd" * 32), start=1):
        env = [{"name": "MLCLOUD_MODEL_SHA256", "value": sha256}]
        version = {
            "versionId": str(number),
            "versionCreateTime": f"2026-01-0{3 - number}T00:00:00.5Z",
            "artifactUri": f"gs://shop-models/models/{number}/",
            "containerSpec": {"env": env},
        }
        google.answers[f"v1/{OUTPUTS['model_id']}:listVersions"]["models"].append(version)
        google.answers[f"storage/v1/b/shop-models/o/models%2F{number}%2Fmanifest.json"] = {"size": "10"}
        google.answers[f"shop-models/models/{number}/manifest.json"] = manifest
    told, other = operations.models(OUTPUTS)
    assert told.lineage is not None
    assert (told.lineage.data_sha256, told.lineage.trainer_version) == ("da" * 32, "0.1.0")
    assert other.lineage is None, "what lies there is another model"


def test_versions_are_listed_latest_first_with_what_they_tell_of_themselves(google: Google) -> None:
    def version(number: int, sha256: str, told: str) -> dict[str, Any]:
        env = {"MLCLOUD_MODEL_SHA256": sha256, "MLCLOUD_MODEL_VERSION": f"v{number}"}
        return {
            "versionId": str(number),
            "versionAliases": ["default"] if number == 2 else [],
            "versionCreateTime": f"2026-01-0{number}T00:00:00.5Z",
            "versionDescription": told,
            "artifactUri": f"gs://shop-models/models/{number}/",
            "containerSpec": {"env": [{"name": name, "value": value} for name, value in env.items()]},
        }

    told = description({"version": "v2", "metrics": {"r2": 0.91, "rmse": 1e-07}})
    versions = [version(1, "cd" * 32, "v1"), version(2, "ab" * 32, told)]
    google.answers = {f"v1/{OUTPUTS['model_id']}:listVersions": {"models": versions}}
    latest, first = operations.models(OUTPUTS)
    assert (latest.label, latest.stage, latest.is_live) == ("v2", "default", True)
    assert latest.metrics == {"r2": 0.91, "rmse": 1e-07}
    assert latest.created.tzinfo is not None
    assert (latest.lineage, latest.refusal) == (None, "")
    assert (first.label, first.uri, first.is_live, first.metrics) == (
        *("v1", "gs://shop-models/models/1/", False, {}),
    )


def test_a_stack_that_is_not_up_is_told() -> None:
    with pytest.raises(UserError, match="it is not up"):
        operations.predict({"cloud": "gcp"}, b"", content_type="text/csv")

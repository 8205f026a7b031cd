"""What SageMaker, Vertex AI and Azure ML ask of a container, over HTTP to the running server."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path

import httpx
import pytest
from conftest import TestModel
from mlcloud_trainer.serving.errors import StartupError
from mlcloud_trainer.serving.settings import ServerSettings
from support.serving_process import ServerProcess, serving, startup_failure

ROUTES = ("/invocations", "/score")


def as_csv(rows: list[list[object]], header: list[str] | None = None) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if header:
        writer.writerow(header)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return text.getvalue().encode()


def post_csv(
    server: ServerProcess, body: bytes, content_type: str = "text/csv", **headers: str
) -> httpx.Response:
    return server.post("/invocations", body, headers={"content-type": content_type, **headers})


# The answer, the same everywhere


@pytest.mark.parametrize("route", ROUTES)
def test_the_row_of_the_manifest_gets_the_answer_of_the_manifest(
    cancer_server: ServerProcess, cancer: TestModel, route: str
) -> None:
    answer = cancer_server.post(route, {"instances": [cancer.row]})
    assert answer.status_code == 200
    (prediction,) = answer.json()["predictions"]
    assert prediction["prediction"] == cancer.expected["prediction"]
    assert prediction["probabilities"] == pytest.approx(cancer.expected["probabilities"], abs=1e-9)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("form", ["instances", "data", "inputs", "dataframe_records", "bare", "objects"])
def test_every_common_json_form_means_the_same(
    cancer_server: ServerProcess, cancer: TestModel, route: str, form: str
) -> None:
    rows = [cancer.values, [None] * len(cancer.values)]
    bodies: dict[str, object] = {
        "bare": rows,
        "objects": {"instances": [dict(zip(cancer.names, row, strict=True)) for row in rows]},
    }
    expected = cancer_server.post(route, {"instances": rows}).json()
    assert cancer_server.post(route, bodies.get(form, {form: rows})).json() == expected


@pytest.mark.parametrize("form", ["dataframe_split", "input_data"])
def test_a_table_may_have_its_columns_in_any_order(
    cancer_server: ServerProcess, cancer: TestModel, form: str
) -> None:
    table = {"columns": cancer.names[::-1], "index": [7], "data": [cancer.values[::-1]]}
    expected = cancer_server.post("/score", {"instances": [cancer.row]}).json()
    assert cancer_server.post("/score", {form: table}).json() == expected


def test_a_regression_answers_numbers(price: TestModel) -> None:
    with serving(price.path) as server:
        answer = server.post("/invocations", {"instances": [price.row, price.values]})
        assert answer.json()["predictions"] == pytest.approx([price.manifest.smoke.prediction] * 2)
        lines = post_csv(server, as_csv([price.values]), accept="text/csv").text
        assert float(lines) == pytest.approx(price.manifest.smoke.prediction)


def test_scikit_learn_answers_as_onnx_does(
    skops_server: ServerProcess, mixed_server: ServerProcess, mixed: TestModel
) -> None:
    rows = [mixed.values, [None] * len(mixed.names), mixed.row]
    found = skops_server.post("/invocations", {"instances": rows}).json()["predictions"]
    expected = mixed_server.post("/invocations", {"instances": rows}).json()["predictions"]
    assert [row["prediction"] for row in found] == [row["prediction"] for row in expected]
    for left, right in zip(found, expected, strict=True):
        assert left["probabilities"] == pytest.approx(right["probabilities"], abs=1e-9)


def test_the_version_and_the_request_id_are_in_the_headers(cancer: TestModel) -> None:
    with serving(cancer.path, MLCLOUD_MODEL_VERSION="v7") as server:
        answer = server.post("/invocations", {"instances": []}, headers={"x-request-id": "order-66.a"})
        assert (answer.headers["x-model-version"], answer.headers["x-request-id"]) == ("v7", "order-66.a")


def test_the_version_is_by_default_the_beginning_of_the_hash(cancer_server: ServerProcess) -> None:
    ready = cancer_server.wait_for("ready")
    assert cancer_server.get("/ping").headers["x-model-version"] == str(ready["sha256"])[:12]


def fastest_s(server: ServerProcess, path: str) -> float:
    """How long the fastest of some answers takes, each of them 200."""
    with server.client() as client:
        answers = [client.get(path) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    return min(answer.elapsed.total_seconds() for answer in answers)


# SageMaker


def test_sagemaker_finds_port_8080_and_its_model_folder_without_any_setting() -> None:
    settings = ServerSettings.from_environment({})
    assert (settings.host, settings.port) == ("0.0.0.0", 8080)  # noqa: S104 - the contract
    assert settings.model_place == Path("/opt/ml/model")
    assert settings.requests.max_body_bytes == 6_291_456


def test_ping_answers_well_within_two_seconds_and_connects_within_250_ms(
    cancer_server: ServerProcess,
) -> None:
    def connected_s() -> float:
        started = time.monotonic()
        with cancer_server.connect():
            return time.monotonic() - started

    # The best of some, for this machine is shared: what is asked is whether the server can.
    assert min(connected_s() for _ in range(10)) < 0.25
    assert fastest_s(cancer_server, "/ping") < 2


@pytest.mark.parametrize("content_type", ["text/csv", "text/csv; header=present", "TEXT/CSV; charset=utf-8"])
def test_csv_may_have_a_header_line(
    cancer_server: ServerProcess, cancer: TestModel, content_type: str
) -> None:
    expected = cancer_server.post("/invocations", {"instances": [cancer.row]}).json()
    body = as_csv([cancer.values[::-1]], header=cancer.names[::-1])
    assert post_csv(cancer_server, body, content_type).json() == expected


@pytest.mark.parametrize("content_type", ["text/csv", "text/csv; header=absent"])
def test_csv_may_have_none(cancer_server: ServerProcess, cancer: TestModel, content_type: str) -> None:
    expected = cancer_server.post("/invocations", {"instances": [cancer.row]}).json()
    assert post_csv(cancer_server, as_csv([cancer.values]), content_type).json() == expected


def test_csv_keeps_quotes_commas_and_missing_cells(mixed_server: ServerProcess, mixed: TestModel) -> None:
    row = {**mixed.row, "city": "Zürich, ZH", "area_m2": None, "balcony": True}
    expected = mixed_server.post("/invocations", {"instances": [row]}).json()
    cells = [{True: "true", None: word}.get(row[name], row[name]) for name in mixed.names for word in ["NaN"]]
    assert post_csv(mixed_server, b"\xef\xbb\xbf" + as_csv([cells])).json() == expected
    cells = ["" if cell == "NaN" else cell for cell in cells]
    assert post_csv(mixed_server, as_csv([cells])).json() == expected


def test_an_answer_as_csv_has_the_prediction_and_then_the_probabilities_in_class_order(
    cancer_server: ServerProcess, cancer: TestModel
) -> None:
    answer = post_csv(cancer_server, as_csv([cancer.values] * 2), accept="text/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.reader(io.StringIO(answer.text)))
    classes = [str(value) for value in cancer.manifest.classes or ()]
    probabilities = cancer.manifest.smoke.probabilities or {}
    assert [line[0] for line in lines] == [cancer.expected["prediction"]] * 2
    assert [float(cell) for cell in lines[0][1:]] == pytest.approx([probabilities[key] for key in classes])


def test_json_lines_in_and_out(cancer_server: ServerProcess, cancer: TestModel) -> None:
    body = "\n".join(json.dumps(row) for row in [cancer.row, cancer.values]).encode() + b"\n"
    headers = {"content-type": "application/jsonlines", "accept": "application/jsonlines"}
    lines = cancer_server.post("/invocations", body, headers=headers).text.splitlines()
    expected = cancer_server.post("/invocations", {"instances": [cancer.row]}).json()["predictions"][0]
    assert [json.loads(line) for line in lines] == [expected, expected]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "image/png, application/*;q=0.5", ""])
def test_json_is_the_answer_to_whoever_accepts_it(
    cancer_server: ServerProcess, cancer: TestModel, accept: str
) -> None:
    answer = cancer_server.post("/invocations", {"instances": [cancer.row]}, headers={"accept": accept})
    assert answer.headers["content-type"] == "application/json"


def test_a_client_that_accepts_no_form_we_have_is_told(
    cancer_server: ServerProcess, cancer: TestModel
) -> None:
    answer = cancer_server.post("/invocations", {"instances": [cancer.row]}, headers={"accept": "image/png"})
    assert answer.status_code == 406


def test_a_body_of_the_platforms_largest_size_is_read_and_one_byte_more_is_not(
    cancer_server: ServerProcess, cancer: TestModel
) -> None:
    body = json.dumps({"instances": [cancer.row]}).encode()
    assert cancer_server.post("/invocations", body.ljust(6_291_456)).status_code == 200
    answer = cancer_server.post("/invocations", body.ljust(6_291_457))
    assert answer.status_code == 413
    assert "6291456 bytes" in answer.json()["error"]


def test_a_request_full_of_rows_is_answered_in_time_and_health_meanwhile(
    cancer_server: ServerProcess, cancer: TestModel
) -> None:
    # 25,000 rows: close to SageMaker's body limit; Azure ML waits 5 s by default, Vertex AI's probe 1 s.
    row = json.dumps(cancer.values).encode()
    body = b"[" + b",".join([row] * 25_000) + b"]"
    assert 4_000_000 < len(body) < 6_291_456

    def in_time() -> bool:
        """Once is enough: this machine is shared, and what is asked is whether the server can."""
        taken_s, slowest_ping_s, received = asked_for_health_meanwhile(cancer_server, body)
        assert received > 25_000 * 50
        return taken_s < 5 and slowest_ping_s < 1

    assert any(in_time() for _ in range(8))


def asked_for_health_meanwhile(server: ServerProcess, body: bytes) -> tuple[float, float, int]:
    """Seconds until the answer, the longest time that /ping took meanwhile, and the answer's bytes."""
    slowest: list[float] = []
    with server.client() as client, server.connect() as connection:
        head = (
            b"POST /invocations HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            % len(body)
        )
        connection.sendall(head + body)
        started = time.monotonic()
        connection.setblocking(False)
        received = 0
        while True:
            slowest.append(client.get("/ping").elapsed.total_seconds())
            try:
                while part := connection.recv(1 << 20):
                    received += len(part)
                break
            except BlockingIOError:
                continue
        return time.monotonic() - started, max(slowest), received


def test_serving_leaves_the_model_folder_as_it_was(cancer: TestModel) -> None:
    def state() -> list[tuple[str, int, int]]:
        return sorted(
            (path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in cancer.path.iterdir()
        )

    before = state()
    with serving(cancer.path) as server:
        server.post("/invocations", {"instances": [cancer.row]})
        assert server.terminate() == 0
    assert state() == before


# Vertex AI


@pytest.fixture(scope="module")
def vertex_server(mixed: TestModel):
    variables = {
        "AIP_STORAGE_URI": mixed.path,
        "AIP_HTTP_PORT": 0,
        "AIP_HEALTH_ROUTE": "/v1/health",
        "AIP_PREDICT_ROUTE": "/v1/predict",
        # AIP_HTTP_PORT is the one that counts; this one could not be bound.
        "MLCLOUD_HTTP_PORT": 1,
    }
    with serving(None, **variables) as server:
        yield server


def test_vertex_gets_its_port_its_routes_and_its_model(
    vertex_server: ServerProcess, mixed: TestModel
) -> None:
    assert vertex_server.get("/v1/health").status_code == 200
    answer = vertex_server.post("/v1/predict", {"instances": [mixed.row], "parameters": {}})
    assert answer.json()["predictions"][0]["prediction"] == mixed.expected["prediction"]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_vertex_gets_as_many_predictions_as_it_sent_instances(
    vertex_server: ServerProcess, mixed: TestModel, rows: int
) -> None:
    answer = vertex_server.post("/v1/predict", {"instances": [mixed.row] * rows, "parameters": None})
    assert len(answer.json()["predictions"]) == rows


def test_vertex_is_told_that_the_model_takes_no_parameters(
    vertex_server: ServerProcess, mixed: TestModel
) -> None:
    answer = vertex_server.post("/v1/predict", {"instances": [mixed.row], "parameters": {"confidence": 0.5}})
    assert answer.status_code == 400
    assert "parameters" in answer.json()["error"]


@pytest.mark.parametrize("body", [[[1]], {"data": [[1]]}, {"instances": [], "more": 1}, {}])
def test_vertex_sends_instances_and_nothing_else(vertex_server: ServerProcess, body: object) -> None:
    answer = vertex_server.post("/v1/predict", body)
    assert answer.status_code == 400
    assert "instances" in answer.json()["error"]


def test_vertex_bodies_are_capped_at_what_its_shared_endpoints_take(
    vertex_server: ServerProcess, mixed: TestModel
) -> None:
    body = json.dumps({"instances": [mixed.row]}).encode()
    assert vertex_server.post("/v1/predict", body.ljust(1_500_000)).status_code == 200
    assert vertex_server.post("/v1/predict", body.ljust(1_500_001)).status_code == 413


def test_a_dedicated_vertex_endpoint_may_raise_the_cap() -> None:
    settings = ServerSettings.from_environment(
        {"AIP_HTTP_PORT": "8080", "MLCLOUD_MAX_BODY_BYTES": "10000000"}
    )
    assert settings.requests.max_body_bytes == 10_000_000


def test_vertex_health_is_answered_within_its_probes_second(vertex_server: ServerProcess) -> None:
    assert fastest_s(vertex_server, "/v1/health") < 1


@pytest.mark.parametrize("address", ["http://host/model", "gs://bucket", "s3://bucket/../model"])
def test_what_is_no_path_and_no_address_of_an_object_is_refused_by_its_variable(address: str) -> None:
    message = startup_failure(None, AIP_STORAGE_URI=address)
    assert "AIP_STORAGE_URI" in message
    assert "gs://BUCKET/KEY" in message
    assert "mounted" in message


# Azure ML


def test_azure_finds_its_model_below_the_folder_it_mounts(mixed: TestModel, tmp_path: Path) -> None:
    (tmp_path / "registered").symlink_to(mixed.path, target_is_directory=True)
    with serving(None, AZUREML_MODEL_DIR=tmp_path) as server:
        for route in ("/", "/v2/health/live", "/v2/health/ready"):
            assert server.get(route).status_code == 200
        answer = server.post("/score", {"input_data": {"columns": mixed.names, "data": [mixed.values]}})
        assert answer.json()["predictions"][0]["prediction"] == mixed.expected["prediction"]


def test_our_own_variable_wins_over_the_platforms() -> None:
    environment = {
        "MLCLOUD_MODEL_URI": "file:///a%20b",
        "AIP_STORAGE_URI": "/gcs/x",
        "AZUREML_MODEL_DIR": "/z",
    }
    assert ServerSettings.from_environment(environment).model_place == Path("/a b")


def test_all_wrong_settings_are_told_at_once() -> None:
    with pytest.raises(StartupError) as caught:
        ServerSettings.from_environment(
            {
                "MLCLOUD_MODEL_SHA256": "abc",
                "MLCLOUD_HTTP_PORT": "70000",
                "MLCLOUD_MAX_BODY_BYTES": "6 MiB",
                "MLCLOUD_BODY_TIMEOUT_S": "0",
                "MLCLOUD_MODEL_NAME": "a/b",
                "MLCLOUD_ACCESS_LOG": "yes",
                "AIP_PREDICT_ROUTE": "predict",
                "MLCLOUD_MODEL_URI": "http://host/model",
            }
        )
    assert len(caught.value.problems) == 8
    assert all(problem.startswith(("MLCLOUD_", "AIP_")) for problem in caught.value.problems)
    assert all("'" in problem for problem in caught.value.problems)

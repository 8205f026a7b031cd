"""What is wrong with a request is told to its client: the right status, the row, the feature, the way out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import TestModel
from support.processes import cpu_seconds
from support.serving_artefacts import product_model
from support.serving_process import ServerProcess, raw_exchange, serving

LARGEST = 3.4028234663852886e38


def refused(server: ServerProcess, body: object, status: int = 400, path: str = "/invocations") -> str:
    answer = server.post(path, body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert "Traceback" not in answer.text
    return str(answer.json()["error"])


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b"[1,", b'{"instances": [NaN]}', b'{"instances": [1e999]}', b"\xff", b'"\xed\xa0\x80"'],
)
def test_what_is_not_json_is_400(mixed_server: ServerProcess, body: bytes) -> None:
    for path in ("/invocations", "/score", "/v2/models/model/infer"):
        refused(mixed_server, body, path=path)


@pytest.mark.parametrize(
    "body", [1, "text", None, True, {}, {"rows": []}, {"instances": [], "data": []}, {"instances": {}}]
)
def test_a_body_of_another_shape_is_400_and_names_the_form(mixed_server: ServerProcess, body: object) -> None:
    assert "instances" in refused(mixed_server, body)


def test_a_feature_that_is_not_known_is_named_with_the_nearest_one(
    mixed_server: ServerProcess, mixed: TestModel
) -> None:
    row = {**mixed.row, "aera_m2": 3.0}
    del row["area_m2"]
    message = refused(mixed_server, {"instances": [mixed.row, row]})
    assert "instances[1]: unknown feature 'aera_m2', did you mean 'area_m2'?" in message
    assert "lacks 'area_m2'" in message


def test_the_column_that_is_predicted_is_to_be_left_out(
    mixed_server: ServerProcess, mixed: TestModel
) -> None:
    message = refused(mixed_server, {"instances": [{**mixed.row, "grade": "high"}]})
    assert message == "instances[0]: 'grade' is what the model predicts, leave it out"


def test_an_absent_feature_is_refused_because_null_says_missing(
    mixed_server: ServerProcess, mixed: TestModel
) -> None:
    row = {key: value for key, value in mixed.row.items() if key != "city"}
    message = refused(mixed_server, {"instances": [row]})
    assert "instances[0]: lacks 'city'" in message
    assert "null" in message


@pytest.mark.parametrize(
    ("feature", "value", "expected"),
    [
        ("area_m2", "55", "the text '55', expected a number"),
        ("area_m2", True, "true, expected a number"),
        ("area_m2", [1], "a list, expected a number"),
        ("area_m2", {}, "an object, expected a number"),
        ("rooms", "three", "expected a number"),
        ("balcony", "true", "the text 'true', expected true or false"),
        ("balcony", 2, "is 2, expected true, false or null"),
        ("city", 5, "the number 5, expected text"),
        ("city", False, "false, expected text"),
        ("area_m2", 1e39, "expected a number between"),
        ("area_m2", -(10**60), "expected a number between"),
    ],
)
def test_a_value_of_a_wrong_type_or_range_is_named_by_row_and_feature(
    mixed_server: ServerProcess, mixed: TestModel, feature: str, value: object, expected: str
) -> None:
    message = refused(mixed_server, {"instances": [mixed.row, {**mixed.row, feature: value}]})
    assert expected in message
    assert f"instances[1].{feature}" in message


@pytest.mark.parametrize("digits", [400, 30_000, 3_000_000])
def test_a_number_of_any_length_is_read_quickly_or_refused(mixed_server: ServerProcess, digits: int) -> None:
    whole, fraction = b"1" * digits, b"0." + b"1" * digits
    for number, status in ((whole, 400), (fraction, 200)):
        body = b'{"instances": [["Bern", %s, 3, true, "gas"]]}' % number
        began = cpu_seconds(mixed_server.process.pid)
        assert mixed_server.post("/invocations", body).status_code == status
        assert cpu_seconds(mixed_server.process.pid) - began < 1


def test_several_problems_are_told_at_once_but_not_thousands(
    mixed_server: ServerProcess, mixed: TestModel
) -> None:
    wrong = {**mixed.row, "area_m2": "x", "city": 1}
    message = refused(mixed_server, {"instances": [wrong, wrong]})
    for place in ("[0].area_m2", "[1].area_m2", "[0].city", "[1].city"):
        assert place in message
    assert len(refused(mixed_server, {"instances": [wrong] * 5000})) < 2000


@pytest.mark.parametrize("row", [[1], [1, 2, 3, 4, 5, 6], 5, "x", None, [[1, 2, 3, 4, 5]]])
def test_a_row_of_a_wrong_shape_is_named(mixed_server: ServerProcess, mixed: TestModel, row: object) -> None:
    assert "instances[1]" in refused(mixed_server, {"instances": [mixed.values, row]})


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"columns": ["a"], "data": [[1]]}, "unknown feature 'a'"),
        ({"columns": "city", "data": []}, "columns"),
        ({"data": []}, "columns"),
        ({"columns": [1], "data": []}, "columns"),
        ({"columns": ["city", "city", "area_m2", "rooms", "balcony", "heating"], "data": []}, "twice"),
        (
            {"columns": ["city", "area_m2", "rooms", "balcony", "heating"], "data": [["x"]]},
            "[0]: has 1 values",
        ),
        ({"columns": ["city", "area_m2", "rooms", "balcony", "heating"], "data": {"a": 1}}, "list of lists"),
    ],
)
def test_a_wrong_table_is_refused(mixed_server: ServerProcess, table: object, word: str) -> None:
    assert word in refused(mixed_server, {"dataframe_split": table})


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"Bern,abc,3,true,gas", "line 1, area_m2: is 'abc'"),
        (b"Bern,1_000,3,true,gas", "line 1, area_m2"),
        (b"Bern,inf,3,true,gas", "line 1, area_m2"),
        ("Bern,٣,3,true,gas".encode(), "line 1, area_m2"),
        (b"Bern,0x10,3,true,gas", "line 1, area_m2"),
        (b"Bern,1e999,3,true,gas", "line 1, area_m2"),
        (b"Bern,1,3,maybe,gas", "line 1, balcony"),
        (b"Bern,1,3,true", "line 1: has 4 values"),
        (b'Bern,1,3,true,"gas', "CSV"),
        (b"Bern,1,3,true,\xff", "UTF-8"),
        (b"city,area,rooms,balcony,heating\nBern,1,3,true,gas", "did you mean 'area_m2'"),
        (b"city,city,area_m2,rooms,balcony,heating\nBern,1,3,true,gas,1", "twice"),
        (b"city,area_m2,rooms,balcony,heating\nBern,1,3,true,gas\nBern,x,3,true,gas", "line 3, area_m2"),
    ],
)
def test_wrong_csv_is_named_by_line_and_feature(mixed_server: ServerProcess, body: bytes, word: str) -> None:
    answer = mixed_server.post("/invocations", body, headers={"content-type": "text/csv"})
    assert answer.status_code == 400
    assert word in answer.json()["error"]


def test_a_line_that_is_not_json_is_named(mixed_server: ServerProcess) -> None:
    answer = mixed_server.post("/invocations", b"[]\n{", headers={"content-type": "application/jsonlines"})
    assert (answer.status_code, "line 1" in answer.json()["error"]) == (400, True)


# Missing values and numbers at the edge


def test_null_is_imputed_as_in_training(mixed_server: ServerProcess, mixed: TestModel) -> None:
    answer = mixed_server.post("/invocations", {"instances": [dict.fromkeys(mixed.names)]})
    probabilities = answer.json()["predictions"][0]["probabilities"]
    assert sum(probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("value", [LARGEST, -LARGEST, 1e-320, 0, -0.0, 2**63, 2**64 - 1])
def test_extreme_numbers_never_bring_nan_into_an_answer(
    cancer_server: ServerProcess, cancer: TestModel, value: float
) -> None:
    answer = cancer_server.post("/invocations", {"instances": [[value] * len(cancer.names)]})
    assert answer.status_code in (200, 400)
    for token in ("NaN", "Infinity", "null"):
        assert token not in answer.text


def test_an_answer_that_is_not_finite_is_the_requests_fault_and_names_the_row(tmp_path: Path) -> None:
    with serving(product_model(tmp_path / "model")) as server:
        assert server.post("/invocations", [[2, 3]]).json() == {"predictions": [6.0]}
        for path, content_type in (("/invocations", "application/json"), ("/score", "application/json")):
            answer = server.post(path, [[2, 3], [1e38, 1e38]], headers={"content-type": content_type})
            assert answer.status_code == 400
            assert "row 1" in answer.json()["error"]


def test_unknown_text_is_a_category_like_any_that_training_did_not_see(
    mixed_server: ServerProcess, mixed: TestModel
) -> None:
    for city in ("Atlantis", "", "\u0000", "\U0001f980", "x" * 100_000, "'; DROP TABLE--"):
        answer = mixed_server.post("/invocations", {"instances": [{**mixed.row, "city": city}]})
        assert answer.status_code == 200, city[:20]


# Routes, methods, media types


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/invocations", "POST"),
        ("PUT", "/score", "POST"),
        ("DELETE", "/v2/models/model/infer", "POST"),
        ("OPTIONS", "/invocations", "POST"),
        ("POST", "/ping", "GET, HEAD"),
        ("POST", "/metrics", "GET, HEAD"),
        ("PATCH", "/v2/models/model", "GET, HEAD"),
        ("TRACE", "/", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_405_and_says_which_is_right(
    cancer_server: ServerProcess, method: str, path: str, allowed: str
) -> None:
    with cancer_server.client() as client:
        answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_health_may_be_asked_with_head(cancer_server: ServerProcess) -> None:
    with cancer_server.client() as client:
        answer = client.head("/ping")
        assert (answer.status_code, answer.content) == (200, b"")
        assert client.get("/ping").status_code == 200


@pytest.mark.parametrize("path", ["/nothing", "/ping/", "/invocations/x", "/%2e%2e/ping", "/v2/models"])
def test_an_unknown_route_is_404(cancer_server: ServerProcess, path: str) -> None:
    assert cancer_server.get(path).status_code == 404
    assert cancer_server.post(path, b"x" * 100_000).status_code == 404


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/invocations", "text/plain"),
        ("/invocations", "application/x-npy"),
        ("/invocations", "application/octet-stream"),
        ("/score", "text/csv"),
        ("/v2/models/model/infer", "text/csv"),
        ("/invocations", "application/json; charset=utf-16"),
        ("/invocations", "multipart/form-data; boundary=x"),
    ],
)
def test_a_wrong_media_type_is_415(cancer_server: ServerProcess, path: str, content_type: str) -> None:
    answer = cancer_server.post(path, b"{}", headers={"content-type": content_type})
    assert answer.status_code == 415


def test_without_a_content_type_a_body_is_json(cancer_server: ServerProcess, cancer: TestModel) -> None:
    body = json.dumps({"instances": [cancer.row]}).encode()
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(
        body
    )
    with cancer_server.connect() as connection:
        status, received = raw_exchange(connection, head + body)
    assert status == 200
    assert b"predictions" in received


def test_a_chunked_body_is_read_too(cancer_server: ServerProcess, cancer: TestModel) -> None:
    body = json.dumps({"instances": [cancer.row]}).encode()
    with cancer_server.client() as client:
        content = iter([body[:7], body[7:100], body[100:]])
        headers = {"content-type": "application/json"}
        assert client.post("/invocations", content=content, headers=headers).status_code == 200


def test_a_client_that_waits_for_100_continue_gets_it_or_the_refusal(
    cancer_server: ServerProcess, cancer: TestModel
) -> None:
    body = json.dumps({"instances": [cancer.row]}).encode()
    head = "POST /invocations HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n"
    with cancer_server.connect() as connection:
        connection.sendall(head.format(len(body)).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    with cancer_server.connect() as connection:
        status, _ = raw_exchange(connection, head.format(10_000_000_000).encode())
        assert status == 413


def test_two_requests_in_one_packet_get_two_answers_in_order(cancer_server: ServerProcess) -> None:
    request = "GET {} HTTP/1.1\r\nhost: x\r\n{}\r\n"
    with cancer_server.connect() as connection:
        both = request.format("/ping", "") + request.format("/nothing", "connection: close\r\n")
        _, received = raw_exchange(connection, both.encode())
    assert received.index(b"HTTP/1.1 200") < received.index(b"HTTP/1.1 404")


def test_metrics_count_what_was_answered(cancer: TestModel) -> None:
    with serving(cancer.path, MLCLOUD_MAX_CONCURRENCY=2, MLCLOUD_MAX_QUEUE=5) as server:
        server.post("/invocations", {"instances": [cancer.row] * 3})
        server.post("/invocations", {"instances": [5]})
        server.get("/anything?secret=1")
        text = server.get("/metrics").text
    assert 'mlcloud_requests_total{route="/invocations",status="200"} 1' in text
    assert 'mlcloud_requests_total{route="/invocations",status="400"} 1' in text
    assert 'mlcloud_requests_total{route="other",status="404"} 1' in text
    assert "mlcloud_predicted_rows_total 3" in text
    assert "mlcloud_requests_capacity 7" in text
    assert 'mlcloud_request_duration_seconds_count{route="/invocations"} 2' in text
    assert "mlcloud_model_info{" in text
    assert "anything" not in text

"""Open Inference Protocol v2, raw and with the real Triton client."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import tritonclient.http as triton
from conftest import TestModel
from support.serving_process import ServerProcess, serving
from tritonclient.utils import InferenceServerException

INFER = "/v2/models/model/infer"


def tensors(model: TestModel, rows: int = 1, **changes: object) -> list[dict[str, object]]:
    """One tensor a feature, as the metadata describes them."""
    kinds = {"string": "BYTES", "boolean": "BOOL"}
    return [
        {
            "name": column.name,
            "datatype": kinds.get(column.type, "FP64"),
            "shape": [rows, 1],
            "data": [changes.get(column.name, model.row[column.name])] * rows,
        }
        for column in model.manifest.inputs
    ]


def outputs(answer: dict[str, object]) -> dict[str, dict[str, object]]:
    return {str(output["name"]): output for output in answer["outputs"]}


def test_health_and_metadata(mixed_server: ServerProcess, mixed: TestModel) -> None:
    assert mixed_server.get("/v2/health/live").json() == {"live": True}
    assert mixed_server.get("/v2/health/ready").json() == {"ready": True}
    assert mixed_server.get("/v2/models/model/ready").status_code == 200
    assert mixed_server.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    version = mixed_server.get("/ping").headers["x-model-version"]
    metadata = mixed_server.get("/v2/models/model").json()
    assert metadata["versions"] == [version]
    assert {tensor["name"]: tensor["datatype"] for tensor in metadata["inputs"]} == {
        "city": "BYTES",
        "area_m2": "FP64",
        "rooms": "FP64",
        "balcony": "BOOL",
        "heating": "BYTES",
    }
    assert metadata["outputs"] == [
        {"name": "predict", "datatype": "BYTES", "shape": [-1]},
        {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3]},
    ]
    assert mixed_server.get(f"/v2/models/model/versions/{version}").json() == metadata


@pytest.mark.parametrize(
    "path", ["/v2/models/other", "/v2/models/other/ready", "/v2/models/model/versions/9"]
)
def test_another_model_or_version_is_not_here(mixed_server: ServerProcess, path: str) -> None:
    assert mixed_server.get(path).status_code == 404


def test_one_tensor_a_feature(mixed_server: ServerProcess, mixed: TestModel) -> None:
    body = {"id": "a-1", "inputs": tensors(mixed, rows=2)[::-1]}
    answer = mixed_server.post(INFER, body).json()
    assert (answer["id"], answer["model_name"]) == ("a-1", "model")
    found = outputs(answer)
    expected = [mixed.expected["prediction"]] * 2
    assert found["predict"] == {"name": "predict", "shape": [2], "datatype": "BYTES", "data": expected}
    probabilities = mixed.manifest.smoke.probabilities or {}
    row = [probabilities[str(value)] for value in mixed.manifest.classes or ()]
    assert found["predict_proba"]["shape"] == [2, 3]
    assert found["predict_proba"]["data"] == pytest.approx(row * 2)


@pytest.mark.parametrize("nested", [False, True])
def test_one_tensor_with_all_features(cancer_server: ServerProcess, cancer: TestModel, nested: bool) -> None:
    rows = [cancer.values] * 2
    data = rows if nested else [value for row in rows for value in row]
    tensor = {"name": "x", "shape": [2, 30], "datatype": "FP64", "data": data}
    body = {"inputs": [tensor], "outputs": [{"name": "predict"}]}
    answer = cancer_server.post(INFER, body).json()
    (output,) = answer["outputs"]
    assert output["data"] == [cancer.expected["prediction"]] * 2


def test_null_is_imputed_as_in_the_other_protocols(mixed_server: ServerProcess, mixed: TestModel) -> None:
    row = {**mixed.row, "area_m2": None, "city": None, "balcony": None}
    expected = mixed_server.post("/invocations", {"instances": [row]}).json()["predictions"][0]
    body = {"inputs": tensors(mixed, area_m2=None, city=None, balcony=None)}
    assert outputs(mixed_server.post(INFER, body).json())["predict"]["data"] == [expected["prediction"]]


def test_a_regression_has_one_output(price: TestModel) -> None:
    with serving(price.path, MLCLOUD_MODEL_NAME="price-1.b") as server:
        answer = server.post("/v2/models/price-1.b/infer", {"inputs": tensors(price)}).json()
        (output,) = answer["outputs"]
        assert (output["datatype"], output["shape"]) == ("FP64", [1])
        assert output["data"] == pytest.approx([price.manifest.smoke.prediction])


WRONG: dict[str, tuple[object, str]] = {
    "no tensors": ({}, "inputs"),
    "a list": ([1], "inputs"),
    "an unknown feature": (
        {"inputs": [{"name": "are_m2", "shape": [1], "datatype": "FP64", "data": [1]}]},
        "area_m2",
    ),
    "a matrix for a model with text": (
        {"inputs": [{"name": "x", "shape": [1, 5], "datatype": "FP64", "data": [1] * 5}]},
        "lacks 'city'",
    ),
    "no shape": ({"inputs": [{"name": "x", "datatype": "FP64", "data": [1]}]}, "shape"),
    "a negative shape": (
        {"inputs": [{"name": "x", "shape": [-1, 5], "datatype": "FP64", "data": [1]}]},
        "shape",
    ),
    "a datatype that is none": (
        {"inputs": [{"name": "x", "shape": [1], "datatype": "X", "data": [1]}]},
        "datatype",
    ),
    "too little data": ({"inputs": [{"name": "x", "shape": [2, 5], "datatype": "FP64", "data": [1]}]}, "10"),
    "a huge shape": (
        {"inputs": [{"name": "x", "shape": [10**12, 5], "datatype": "FP64", "data": [1]}]},
        "at most 100000",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_tensor_is_said(mixed_server: ServerProcess, case: str) -> None:
    body, word = WRONG[case]
    answer = mixed_server.post(INFER, body)
    assert answer.status_code in (400, 413)
    assert word in answer.json()["error"]


@pytest.mark.parametrize(
    ("feature", "change", "word"),
    [
        ("city", {"datatype": "FP64", "data": [1.0]}, "BYTES"),
        ("area_m2", {"datatype": "BYTES", "data": ["big"]}, "a number or BOOL"),
        ("area_m2", {"data": ["big"]}, "inputs.area_m2[0]"),
        ("balcony", {"datatype": "INT64", "data": [7]}, "true, false"),
        ("rooms", {"shape": [2], "data": [1, 2]}, "[1]"),
        ("city", {"shape": [1, 2], "data": ["a", "b"]}, "[1]"),
    ],
)
def test_a_tensor_that_does_not_fit_its_feature_is_named(
    mixed_server: ServerProcess, mixed: TestModel, feature: str, change: dict[str, object], word: str
) -> None:
    inputs = tensors(mixed)
    next(tensor for tensor in inputs if tensor["name"] == feature).update(change)
    answer = mixed_server.post(INFER, {"inputs": inputs})
    assert answer.status_code == 400
    assert feature in answer.json()["error"]
    assert word in answer.json()["error"]


@pytest.mark.parametrize("wanted", [[{"name": "labels"}], [{"name": "predict"}] * 2, [{}], "predict", [1]])
def test_outputs_that_there_are_not_are_refused(
    mixed_server: ServerProcess, mixed: TestModel, wanted: object
) -> None:
    answer = mixed_server.post(INFER, {"inputs": tensors(mixed), "outputs": wanted})
    assert answer.status_code == 400
    assert "outputs" in answer.json()["error"]


# The binary tensor data extension


def binary_request(header: object, data: bytes) -> tuple[bytes, dict[str, str]]:
    text = json.dumps(header).encode()
    return text + data, {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(len(text)),
    }


@pytest.mark.parametrize(
    ("claimed", "data"),
    [
        (240, b"\0" * 239),
        (240, b"\0" * 241),
        (239, b"\0" * 239),
        (-1, b""),
        (10**15, b""),
        (True, b"\0"),
        ("8", b""),
    ],
)
def test_binary_data_of_a_wrong_size_is_refused(
    cancer_server: ServerProcess, claimed: object, data: bytes
) -> None:
    header = {
        "inputs": [
            {"name": "x", "shape": [1, 30], "datatype": "FP64", "parameters": {"binary_data_size": claimed}}
        ]
    }
    body, headers = binary_request(header, data)
    assert cancer_server.post(INFER, body, headers=headers).status_code == 400


@pytest.mark.parametrize("length", ["-1", "x", "99999999", "9" * 40, ""])
def test_a_wrong_header_length_is_refused(cancer_server: ServerProcess, length: str) -> None:
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": length}
    assert cancer_server.post(INFER, b"{}", headers=headers).status_code == 400


@pytest.mark.parametrize("data", [struct.pack("<I", 9) + b"x", b"\1\0", struct.pack("<I", 2) + b"\xff\xfe"])
def test_text_elements_that_are_cut_short_or_not_utf_8_are_refused(
    mixed_server: ServerProcess, mixed: TestModel, data: bytes
) -> None:
    inputs = tensors(mixed)
    city = next(tensor for tensor in inputs if tensor["name"] == "city")
    del city["data"]
    city["parameters"] = {"binary_data_size": len(data)}
    body, headers = binary_request({"inputs": inputs}, data)
    answer = mixed_server.post(INFER, body, headers=headers)
    assert answer.status_code == 400
    assert "inputs[0]" in answer.json()["error"]


# Triton's own client


def triton_inputs(model: TestModel, binary: bool) -> list[triton.InferInput]:
    numpy_types = {"BYTES": np.object_, "BOOL": np.bool_, "FP64": np.float64}
    made: list[triton.InferInput] = []
    for tensor in tensors(model, rows=2, area_m2=55.5, rooms=3.0, city="Bern", heating="gas", balcony=True):
        name, datatype = str(tensor["name"]), str(tensor["datatype"])
        made.append(triton.InferInput(name, [2, 1], datatype))
        array = np.array(tensor["data"], dtype=numpy_types[datatype]).reshape(2, 1)
        made[-1].set_data_from_numpy(array, binary_data=binary)
    return made


@pytest.mark.parametrize("binary", [False, True])
def test_tritons_client_reads_health_and_metadata_and_infers(
    mixed_server: ServerProcess, mixed: TestModel, binary: bool
) -> None:
    expected = mixed_server.post(
        "/invocations",
        {"instances": [{"area_m2": 55.5, "rooms": 3, "city": "Bern", "heating": "gas", "balcony": True}]},
    ).json()["predictions"][0]
    client = triton.InferenceServerClient(mixed_server.url.removeprefix("http://"))
    try:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("model")
        assert client.get_server_metadata()["name"] == "mlcloud-trainer"
        (version,) = client.get_model_metadata("model")["versions"]
        wanted = [
            triton.InferRequestedOutput(name, binary_data=binary) for name in ("predict", "predict_proba")
        ]
        result = client.infer(
            "model", triton_inputs(mixed, binary), model_version=version, outputs=wanted, request_id="7"
        )
        label = result.as_numpy("predict")[0]
        assert (label.decode() if isinstance(label, bytes) else label) == expected["prediction"]
        found = result.as_numpy("predict_proba")[1]
        assert found.tolist() == pytest.approx(list(expected["probabilities"].values()))
        assert result.get_response()["id"] == "7"
    finally:
        client.close()


def test_tritons_client_sends_one_matrix_with_nan_for_a_missing_value(
    cancer_server: ServerProcess, cancer: TestModel
) -> None:
    values = [None, *cancer.values[1:]]
    expected = cancer_server.post("/invocations", {"instances": [values]}).json()["predictions"][0]
    matrix = np.array([values], dtype=np.float32)
    tensor = triton.InferInput("features", [1, 30], "FP32")
    tensor.set_data_from_numpy(matrix)
    client = triton.InferenceServerClient(cancer_server.url.removeprefix("http://"))
    try:
        # Without requested outputs the client asks for all of them in binary form.
        result = client.infer("model", [tensor])
        assert result.as_numpy("predict")[0] in (expected["prediction"], expected["prediction"].encode())
        assert result.as_numpy("predict_proba").shape == (1, 2)
        with pytest.raises(InferenceServerException, match="no such route, or no model"):
            client.infer("other", [tensor])
    finally:
        client.close()

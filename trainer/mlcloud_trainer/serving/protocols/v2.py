"""Open Inference Protocol v2: health, metadata and `infer`, as KServe's and Triton's clients speak it.

A request has either one tensor a feature, named after it, of shape [rows] or [rows, 1]; or, for a model
without string features, a single tensor of any other name and shape [rows, features]. Outputs are `predict`
(classes or values, [rows]) and `predict_proba` ([rows, classes]), the names that MLServer's scikit-learn
runtime uses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import orjson

from mlcloud_trainer.manifest import InputColumn, Scalar
from mlcloud_trainer.serving.codecs import parse_json
from mlcloud_trainer.serving.errors import BadRequestError, joined
from mlcloud_trainer.serving.model import ServedModel
from mlcloud_trainer.serving.prediction import Prediction, class_text
from mlcloud_trainer.serving.protocols import Call, Request, Response
from mlcloud_trainer.serving.protocols.tensors import (
    NUMPY_TYPES,
    BinaryPart,
    Tensor,
    binary_texts,
    read_tensor,
)
from mlcloud_trainer.serving.rows import Batch, RowReader, Values

SERVER_NAME = "mlcloud-trainer"
PREDICT, PROBABILITIES = "predict", "predict_proba"
HEADER_LENGTH = b"inference-header-content-length"
_OCTETS = "application/octet-stream"


def server_metadata(version: str) -> object:
    """`GET /v2`."""
    return {"name": SERVER_NAME, "version": version, "extensions": ["binary_tensor_data"]}


def model_metadata(model: ServedModel) -> object:
    """`GET /v2/models/{m}`: one input tensor a feature, and the outputs."""
    inputs = [
        {"name": column.name, "datatype": _feature_datatype(column), "shape": [-1, 1]}
        for column in model.manifest.inputs
    ]
    outputs: list[object] = [
        {"name": PREDICT, "datatype": _label_datatype(model.manifest.classes), "shape": [-1]}
    ]
    if model.manifest.classes is not None and model.manifest.smoke.probabilities is not None:
        outputs.append(
            {"name": PROBABILITIES, "datatype": "FP64", "shape": [-1, len(model.manifest.classes)]}
        )
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": f"mlcloud_{model.manifest.runtime}",
        "inputs": inputs,
        "outputs": outputs,
    }


def _feature_datatype(column: InputColumn) -> str:
    return {"string": "BYTES", "boolean": "BOOL"}.get(column.type, "FP64")


def _label_datatype(classes: Sequence[Scalar] | None) -> str:
    if classes is None:
        return "FP64"
    for kind, datatype in ((bool, "BOOL"), (int, "INT64"), (float, "FP64")):
        if all(type(value) is kind for value in classes):
            return datatype
    return "BYTES"


class V2Adapter:
    """`POST /v2/models/{m}/infer`."""

    content_types = frozenset({"", "application/json", _OCTETS})

    def parse(self, request: Request, model: ServedModel) -> Call:
        """Read a request."""
        header, binary = _split(request)
        # A request may hold one tensor a feature, each value of it in a list of its own.
        parsed = parse_json(header, model.reader, values_a_row=model.reader.width)
        if not isinstance(parsed, dict):
            raise BadRequestError('expected {"inputs": [...]}')
        body = cast("dict[str, object]", parsed)
        inputs = body.get("inputs")
        if not isinstance(inputs, list):
            raise BadRequestError("inputs: expected a list of tensors")
        tensors = [
            read_tensor(value, f"inputs[{index}]", binary, model.reader.check_size)
            for index, value in enumerate(cast("list[object]", inputs))
        ]
        binary.demand_end()
        batch = _batch(tensors, model.reader)
        request_id = body.get("id")
        if request_id is not None and not isinstance(request_id, str):
            raise BadRequestError("id: expected text")
        outputs = _requested(body, model)
        return Call(batch=batch, render=lambda prediction: _render(prediction, model, request_id, outputs))


def _split(request: Request) -> tuple[bytes, BinaryPart]:
    """The JSON part and the binary part; without the extension's header all is JSON."""
    stated = request.headers.get(HEADER_LENGTH)
    if stated is None:
        if request.content_type == _OCTETS:
            raise BadRequestError("application/octet-stream needs the header inference-header-content-length")
        return request.body, BinaryPart(b"")
    length = int(stated) if stated.isdigit() and len(stated) < 12 else -1
    if not 0 <= length <= len(request.body):
        raise BadRequestError("inference-header-content-length: expected a length within the body")
    return request.body[:length], BinaryPart(request.body[length:])


def _batch(tensors: Sequence[Tensor], reader: RowReader) -> Batch:
    # Without string features a single tensor of another name is a matrix of all of them.
    if len(tensors) == 1 and tensors[0].name not in reader.names and not any(reader.is_text):
        return _matrix(tensors[0], reader)
    problems = list(reader.name_problems([tensor.name for tensor in tensors], "inputs"))
    by_name = {tensor.name: tensor for tensor in tensors}
    if len(by_name) != len(tensors):
        problems.append("inputs: a tensor is named twice")
    if problems:
        raise BadRequestError(joined(problems))
    rows = tensors[0].shape[0]
    reader.check_size(rows)
    columns: list[Values] = []
    for name, is_text in zip(reader.names, reader.is_text, strict=True):
        tensor = by_name[name]
        if tensor.shape not in ((rows,), (rows, 1)):
            problems.append(
                f"inputs.{name}: has shape {list(tensor.shape)}, expected [{rows}] or [{rows}, 1]"
            )
        if (tensor.datatype == "BYTES") != is_text:
            expected = "BYTES" if is_text else "a number or BOOL"
            problems.append(f"inputs.{name}: has datatype {tensor.datatype}, expected {expected}")
        columns.append(_values(tensor))
    if problems:
        raise BadRequestError(joined(problems))
    return reader.from_rows(list(zip(*columns, strict=True)), where=lambda row, name: f"inputs.{name}[{row}]")


def _matrix(tensor: Tensor, reader: RowReader) -> Batch:
    """One tensor with all features."""
    if tensor.datatype == "BYTES":
        raise BadRequestError("inputs[0].datatype: is BYTES, expected a number or BOOL")
    if len(tensor.shape) != 2 or tensor.shape[1] != reader.width:
        raise BadRequestError(
            f"inputs[0].shape: is {list(tensor.shape)}, the model has {reader.width} features: "
            f"expected [rows, {reader.width}]"
        )
    rows, width = tensor.shape

    def where(row: int, name: str) -> str:
        return f"inputs[0][{row}].{name}"

    if isinstance(tensor.values, np.ndarray):
        numbers = np.asarray(tensor.values, dtype=np.float64).reshape(rows, width)
        batch = Batch(numbers=numbers, texts=np.empty((rows, 0), dtype=object))
        reader.check_range(batch, where)
        return batch
    flat = _values(tensor)
    return reader.from_rows(
        [flat[start : start + width] for start in range(0, rows * width, width)], where=where
    )


def _values(tensor: Tensor) -> Values:
    """The elements with JSON's types; a BOOL tensor's as 0 and 1, so that it may feed any number."""
    values: Values = (
        cast("list[object]", tensor.values.tolist())
        if isinstance(tensor.values, np.ndarray)
        else tensor.values
    )
    if tensor.datatype == "BYTES":
        return values
    numbers = [None if isinstance(value, float) and math.isnan(value) else value for value in values]
    if tensor.datatype == "BOOL":
        return [int(value) if type(value) is bool else value for value in numbers]
    return numbers


@dataclass(frozen=True, slots=True)
class _Output:
    name: str
    is_binary: bool


def _requested(body: Mapping[str, object], model: ServedModel) -> list[_Output]:
    """The outputs to answer with: those that the request names, else all."""
    available = [PREDICT]
    if model.manifest.classes is not None and model.manifest.smoke.probabilities is not None:
        available.append(PROBABILITIES)
    by_default = _flag(body.get("parameters"), "binary_data_output", False)
    wanted = body.get("outputs")
    if wanted is None or wanted == []:
        return [_Output(name, by_default) for name in available]
    if not isinstance(wanted, list):
        raise BadRequestError("outputs: expected a list")
    outputs: list[_Output] = []
    for index, item in enumerate(cast("list[object]", wanted)):
        output = cast("dict[str, object]", item) if isinstance(item, dict) else {}
        name = output.get("name")
        if not isinstance(name, str) or name not in available or any(name == known.name for known in outputs):
            raise BadRequestError(
                f"outputs[{index}].name: expected each at most once of {', '.join(available)}"
            )
        outputs.append(_Output(name, _flag(output.get("parameters"), "binary_data", by_default)))
    return outputs


def _flag(parameters: object, name: str, default: bool) -> bool:
    held = cast("dict[str, object]", parameters) if isinstance(parameters, dict) else {}
    return held.get(name, default) is True


def _render(
    prediction: Prediction, model: ServedModel, request_id: str | None, outputs: Sequence[_Output]
) -> Response:
    body: dict[str, object] = {"model_name": model.name, "model_version": model.version}
    if request_id is not None:
        body["id"] = request_id
    described: list[object] = []
    binary: list[bytes] = []
    for output in outputs:
        shape, datatype, data = _output_data(output, prediction, model)
        entry: dict[str, object] = {"name": output.name, "shape": shape, "datatype": datatype}
        if output.is_binary:
            content = _as_bytes(data, datatype)
            entry["parameters"] = {"binary_data_size": len(content)}
            binary.append(content)
        else:
            entry["data"] = data
        described.append(entry)
    body["outputs"] = described
    header = orjson.dumps(body)
    if not binary:
        return Response(body=header)
    return Response(
        body=header + b"".join(binary),
        content_type=_OCTETS.encode(),
        headers=((HEADER_LENGTH, str(len(header)).encode()),),
    )


def _output_data(
    output: _Output, prediction: Prediction, model: ServedModel
) -> tuple[list[int], str, Sequence[object]]:
    """Shape, datatype and flat data of one output."""
    rows = len(prediction.values)
    if output.name == PROBABILITIES:
        held = prediction.probabilities
        classes = len(model.manifest.classes or ())
        flat = cast("list[object]", [] if held is None else held.ravel().tolist())
        return [rows, classes], "FP64", flat
    datatype = _label_datatype(model.manifest.classes)
    labels = model.labels.of(prediction)
    return [rows], datatype, [class_text(label) for label in labels] if datatype == "BYTES" else labels


def _as_bytes(data: Sequence[object], datatype: str) -> bytes:
    if datatype == "BYTES":
        return binary_texts(cast("Sequence[str]", data))
    return np.array(data, dtype=NUMPY_TYPES[datatype]).tobytes()

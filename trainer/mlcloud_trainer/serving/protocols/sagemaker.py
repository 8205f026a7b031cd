"""SageMaker: `POST /invocations` with JSON, JSON lines or CSV; `Accept` chooses the answer's form."""

from __future__ import annotations

import orjson

from mlcloud_trainer.serving.codecs import read_csv_rows, read_json_lines, read_json_rows
from mlcloud_trainer.serving.errors import BadRequestError, NotAcceptableError
from mlcloud_trainer.serving.model import ServedModel
from mlcloud_trainer.serving.prediction import Labels, Prediction
from mlcloud_trainer.serving.protocols import Call, Request, Response
from mlcloud_trainer.serving.rows import Batch

JSON_LINES = frozenset({"application/jsonlines", "application/x-jsonlines", "application/x-ndjson"})
_JSON, _CSV = "application/json", "text/csv"


class SageMakerAdapter:
    """Reads and writes the forms that SageMaker's real-time, serverless and batch inference use."""

    content_types = frozenset({"", _JSON, _CSV}) | JSON_LINES

    def parse(self, request: Request, model: ServedModel) -> Call:
        """Read a request."""
        accepted = _accepted(request.headers.get(b"accept"))
        return Call(
            batch=_read(request, model), render=lambda prediction: _render(prediction, model.labels, accepted)
        )


def _read(request: Request, model: ServedModel) -> Batch:
    if request.content_type == _CSV:
        stated = request.content_parameters.get("header")
        if stated not in (None, "present", "absent"):
            raise BadRequestError(f"content type: header is {stated[:40]!r}, expected present or absent")
        header = None if stated is None else stated == "present"
        return read_csv_rows(request.body, model.reader, header=header)
    if request.content_type in JSON_LINES:
        return read_json_lines(request.body, model.reader)
    return read_json_rows(request.body, model.reader)


def _accepted(header: bytes | None) -> str:
    """The first media type of `Accept` that can be answered; JSON where the client does not say."""
    if not header:
        return _JSON
    wanted = [part.split(";")[0].strip().lower() for part in header.decode("latin-1").split(",")]
    for media_type in wanted:
        if media_type in (_CSV, *JSON_LINES):
            return media_type
        if media_type in (_JSON, "application/*", "*/*"):
            return _JSON
        if media_type == "text/*":
            return _CSV
    raise NotAcceptableError(f"this route answers {_JSON}, application/jsonlines or {_CSV}")


def _render(prediction: Prediction, labels: Labels, accepted: str) -> Response:
    if accepted == _CSV:
        return Response(body=labels.as_csv(prediction), content_type=b"text/csv; charset=utf-8")
    elements = labels.as_json(prediction)
    if accepted in JSON_LINES:
        lines = b"".join(orjson.dumps(element) + b"\n" for element in elements)
        return Response(body=lines, content_type=accepted.encode())
    return Response(body=orjson.dumps({"predictions": elements}))

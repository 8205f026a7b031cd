"""Vertex AI: `POST AIP_PREDICT_ROUTE` with `{"instances": [...]}`, answered with as many `predictions`."""

from __future__ import annotations

from typing import cast

import orjson

from mlcloud_trainer.serving.codecs import parse_json, read_json_object
from mlcloud_trainer.serving.errors import BadRequestError
from mlcloud_trainer.serving.model import ServedModel
from mlcloud_trainer.serving.protocols import Call, Request, Response

_FORMS = frozenset({"instances"})


class VertexAdapter:
    """Reads and writes the request and response of online and batch prediction with custom containers."""

    content_types = frozenset({"", "application/json"})

    def parse(self, request: Request, model: ServedModel) -> Call:
        """Read a request."""
        parsed = parse_json(request.body, model.reader)
        if not isinstance(parsed, dict):
            raise BadRequestError('expected {"instances": [...]}')
        batch = read_json_object(cast("dict[str, object]", parsed), model.reader, forms=_FORMS)
        return Call(
            batch=batch,
            render=lambda prediction: Response(
                body=orjson.dumps({"predictions": model.labels.as_json(prediction)})
            ),
        )

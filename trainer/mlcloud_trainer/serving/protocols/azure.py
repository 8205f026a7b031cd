"""Azure ML: `POST /score` with any of the JSON forms, as the environment's inference config declares it."""

from __future__ import annotations

import orjson

from mlcloud_trainer.serving.codecs import read_json_rows
from mlcloud_trainer.serving.model import ServedModel
from mlcloud_trainer.serving.protocols import Call, Request, Response


class AzureAdapter:
    """Reads and writes JSON; `input_data` and `data` are the forms that Azure's own samples send."""

    content_types = frozenset({"", "application/json"})

    def parse(self, request: Request, model: ServedModel) -> Call:
        """Read a request."""
        return Call(
            batch=read_json_rows(request.body, model.reader),
            render=lambda prediction: Response(
                body=orjson.dumps({"predictions": model.labels.as_json(prediction)})
            ),
        )

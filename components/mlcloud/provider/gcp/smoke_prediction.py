"""A smoke prediction of a new version: the row of the model's manifest, through the endpoint's own door.

Vertex AI offers no way to ask a deployed model that has no traffic (only `explain` and `invoke` name one, and
a model with a predict route has neither), so the new version first gets a small share. Each answer says which
deployed model gave it (PredictResponse.deployedModelId), and the endpoint is asked until the new one answers.
"""

import json
import time
from typing import Any, Final

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.gcp import model_folder
from mlcloud.provider.gcp.clients import Clients
from mlcloud.provider.gcp.deployed_model import Endpoint, identifier
from mlcloud.provider.gcp.model_deployment_inputs import VertexModelDeploymentInputs
from mlcloud.provider.manifest import BadModelError
from mlcloud.provider.resource import Context
from mlcloud.provider.smoke import Smoke

_FIRST_PAUSE_S: Final = 0.05
# At a share of 1 % about 100 predictions are needed, which must fit into the time.
_LONGEST_PAUSE_S: Final = 0.5
_PAUSE_GROWTH: Final = 1.2


def expected(clients: Clients, new: VertexModelDeploymentInputs) -> Smoke | None:
    """The row that the model's manifest brings; None where no model is named, or it brings none.

    Raises:
        ResourceError: the model is not there, or not the one that the hash names: nothing has moved yet.
    """
    if new.model_uri is None:
        return None
    try:
        model = model_folder.read_folder(clients, new.model_uri)
    except BadModelError as error:
        raise ResourceError(f"modelUri: {error}") from None
    return Smoke.of_model(model, uri=new.model_uri, sha256=new.model_sha256)


def ask(
    context: Context,
    clients: Clients,
    new: VertexModelDeploymentInputs,
    endpoint: Endpoint,
    smoke: Smoke | None,
) -> None:
    """Ask the endpoint until the wanted deployed model has answered the row rightly.

    Errors are not counted against it before the time is over: they may be the other version's, which need not
    know the new one's columns, and a moved share takes a moment to arrive.

    Raises:
        ResourceError: it answers wrongly, or not in time.
        Cancelled: the engine asked to stop.
    """
    if smoke is None:
        return
    if endpoint.is_private:
        context.log(
            f"{new.name} is not asked for a smoke prediction: its endpoint answers inside its network alone. "
            "The server has predicted the same row before it was healthy.",
            ephemeral=True,
        )
        return
    deployed = identifier(new)
    context.log(f"Asking {new.name}-{deployed} for a smoke prediction.", ephemeral=True)
    deadline, pause_s = time.monotonic() + new.smoke_timeout_s, _FIRST_PAUSE_S
    asked, last_error = 0, ""
    while True:
        asked += 1
        try:
            answer = _predict(clients, new.endpoint, endpoint.host, smoke)
        except ResourceError as error:
            last_error = f"; the last error: {error}"
        else:
            if str(answer.get("deployedModelId")) == deployed:
                failure = smoke.failure(json.dumps(answer).encode())
                if failure is None:
                    return
                raise ResourceError(failure)
        if time.monotonic() >= deadline:
            limit = f"{new.smoke_timeout_s:g} s (smokeTimeoutS)"
            raise ResourceError(f"it did not answer one of {asked} predictions in {limit}{last_error}")
        context.pause(pause_s)
        pause_s = min(pause_s * _PAUSE_GROWTH, _LONGEST_PAUSE_S)


def _predict(clients: Clients, endpoint: str, host: str | None, smoke: Smoke) -> dict[str, Any]:
    path = f"v1/{endpoint}:predict"
    return clients.post("aiplatform", path, smoke.body, repeat=True, attempts=1, host=host)

"""A smoke prediction of a new deployment: the row of the model's manifest, before it gets any traffic.

A request with the header `azureml-model-deployment` goes to that deployment, whatever the traffic says
(https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints), so that each
answer is the new one's own.
"""

import time
from typing import Final

from mlcloud.provider.azure import blobs, model_folder
from mlcloud.provider.azure.addresses import MACHINE_LEARNING
from mlcloud.provider.azure.blobs import place_of
from mlcloud.provider.azure.clients import AzureError, Clients, UnansweredError, is_out_of_reach
from mlcloud.provider.azure.online_endpoint import Endpoint
from mlcloud.provider.azure.traffic_inputs import AzureTrafficInputs
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.manifest import BadModelError
from mlcloud.provider.resource import Context
from mlcloud.provider.smoke import Smoke

_DEPLOYMENT: Final = "azureml-model-deployment"
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 5.0
_PAUSE_GROWTH: Final = 1.5


def expected(context: Context, clients: Clients, new: AzureTrafficInputs, endpoint: Endpoint) -> Smoke | None:
    """The row that the model's manifest brings; None where no model is named, or it brings none.

    The storage of an endpoint inside a network answers inside it alone, as the endpoint does: if it cannot be
    reached from here, that is told, and no reason to stop.

    Raises:
        ResourceError: the model is not there, or not the one that the hash names: nothing has moved yet.
    """
    if new.model_uri is None:
        return None
    try:
        model = model_folder.read_folder(clients, place_of(new.model_uri))
    except BadModelError as error:
        raise ResourceError(f"modelUri: {error}") from None
    except ResourceError as error:
        if not (endpoint.is_private and blobs.is_out_of_reach(error)):
            raise
        context.log(
            f"{new.deployment} is not asked for a smoke prediction: its model is inside its network, which "
            "is out of reach. The server has predicted the same row before it was healthy.",
            ephemeral=True,
        )
        return None
    return Smoke.of_model(model, uri=new.model_uri, sha256=new.model_sha256)


def ask(
    context: Context, clients: Clients, new: AzureTrafficInputs, endpoint: Endpoint, smoke: Smoke | None
) -> None:
    """Ask the wanted deployment until it has answered the row rightly.

    Errors are not counted against it before the time is over: a role takes minutes to be known everywhere,
    and a deployment that has just been made may be busy. An endpoint inside a network answers inside it
    alone, where this machine need not be: if it cannot be reached, that is told, and no reason to stop.
    Azure ML has waited for the readiness route, and our server has predicted the same row before.

    Raises:
        ResourceError: it answers wrongly, or not in time.
        Cancelled: the engine asked to stop.
    """
    if smoke is None:
        return
    context.log(f"Asking {new.deployment} for a smoke prediction.", ephemeral=True)
    deadline, pause_s, asked = time.monotonic() + new.smoke_timeout_s, _FIRST_PAUSE_S, 0
    while True:
        asked += 1
        try:
            answer = _predict(clients, new, endpoint, smoke)
        except (AzureError, UnansweredError) as error:
            if endpoint.is_private and is_out_of_reach(error):
                context.log(
                    f"{new.deployment} is not asked for a smoke prediction: its endpoint answers inside its "
                    "network alone. The server has predicted the same row before it was healthy.",
                    ephemeral=True,
                )
                return
            last_error = str(error)
        else:
            failure = smoke.failure(answer)
            if failure is None:
                return
            raise ResourceError(failure)
        if time.monotonic() >= deadline:
            limit = f"{new.smoke_timeout_s:g} s (smokeTimeoutS)"
            raise ResourceError(
                f"it did not answer one of {asked} predictions in {limit}; the last error: {last_error}"
            )
        context.pause(pause_s)
        pause_s = min(pause_s * _PAUSE_GROWTH, _LONGEST_PAUSE_S)


def _predict(clients: Clients, new: AzureTrafficInputs, endpoint: Endpoint, smoke: Smoke) -> bytes:
    answer = clients.post(
        new.scoring_url or endpoint.scoring_url,
        smoke.body,
        version=None,
        scope=MACHINE_LEARNING,
        headers={_DEPLOYMENT: new.deployment},
        repeat=True,
        attempts=1,
    )
    return answer.content

"""A smoke prediction of an endpoint: the row of the model's manifest, through SageMaker's own door.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html has the errors.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from mlcloud.provider.aws import model_archive
from mlcloud.provider.aws.clients import AwsError, Clients
from mlcloud.provider.aws.endpoint_inputs import EndpointInputs
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.manifest import BadModelError
from mlcloud.provider.resource import Context
from mlcloud.provider.smoke import Smoke

# A serverless endpoint makes its first server when it is asked; the load balancer may need a moment, too.
_LIMIT_S: Final = 180.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0
_PAUSE_GROWTH: Final = 2.0
_NOT_YET: Final = ("ModelNotReadyException", "ServiceUnavailable", "InternalFailure")
_JSON: Final = "application/json"
# The container refused: an answer of the model, not of AWS.
_ANSWERED: Final = "ModelError"
_BUSY: Final = "(503)"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a smoke prediction says of an endpoint.

    Attributes:
        failure: what is wrong with its answer; None where that is right.
        unasked: why there is no answer at all, which says nothing of the model; None where there is one.
    """

    failure: str | None = None
    unasked: str | None = None

    @property
    def reason(self) -> str | None:
        """Either of them."""
        return self.failure if self.failure is not None else self.unasked


def expected(clients: Clients, new: EndpointInputs) -> Smoke | None:
    """The row that the model's manifest brings; None where no model is named, or it brings none.

    Raises:
        ResourceError: the model is not there, or not the one that the hash names: nothing has moved yet.
    """
    if new.model_uri is None:
        return None
    try:
        model = model_archive.read_manifest(clients, new.model_uri)
    except BadModelError as error:
        raise ResourceError(f"modelUri: {error}") from None
    return Smoke.of_model(model, uri=new.model_uri, sha256=new.model_sha256)


def ask(
    context: Context, clients: Clients, endpoint: str, config: Mapping[str, Any], smoke: Smoke | None
) -> Verdict:
    """Ask an endpoint that is in service for the prediction of the row.

    An asynchronous endpoint takes requests from a bucket and may have no machine at all: it is not asked. Its
    containers have predicted the same row before they were healthy, as every server of this trainer does.

    Raises:
        Cancelled: the engine asked to stop.
    """
    if smoke is None or config.get("AsyncInferenceConfig"):
        return Verdict()
    context.log(f"The endpoint {endpoint}: in service, a smoke prediction", ephemeral=True)
    deadline, pause_s = time.monotonic() + _LIMIT_S, _FIRST_PAUSE_S
    while True:
        try:
            return Verdict(failure=smoke.failure(_invoke(clients, endpoint, smoke)))
        except AwsError as error:
            not_yet = error.code in _NOT_YET or (error.code == _ANSWERED and _BUSY in error.reason)
            if not_yet and time.monotonic() < deadline:
                context.pause(pause_s)
                pause_s = min(pause_s * _PAUSE_GROWTH, _LONGEST_PAUSE_S)
                continue
            if error.code == _ANSWERED or not_yet:
                return Verdict(failure=f"it did not answer a prediction: {error.reason}")
            return Verdict(unasked=str(error))
        except ResourceError as error:
            return Verdict(unasked=str(error))


def _invoke(clients: Clients, endpoint: str, smoke: Smoke) -> bytes:
    body = json.dumps(smoke.body).encode()
    answer = clients.call(
        "sagemaker-runtime",
        "invoke_endpoint",
        EndpointName=endpoint,
        Body=body,
        ContentType=_JSON,
        Accept=_JSON,
    )
    return cast(bytes, clients.run("invoke_endpoint", answer["Body"].read))

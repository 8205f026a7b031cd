"""Long-running operations of Vertex AI: followed to their end, and cancelled when asked to stop.

https://google.aip.dev/151.
"""

import time
from collections.abc import Callable, Collection
from typing import Any, Final, cast

from mlcloud.provider.errors import Cancelled, ResourceError
from mlcloud.provider.gcp.clients import Clients, GcpError
from mlcloud.provider.resource import Context

_FIRST_POLL_S: Final = 0.05
_LONGEST_POLL_S: Final = 15.0
_POLL_GROWTH: Final = 1.5
# What a cancelled operation has to come to its end; the engine kills a plugin that takes much longer.
_CANCEL_LIMIT_S: Final = 60.0
_CANCEL_POLL_S: Final = 0.25


class OperationError(ResourceError):
    """An operation ended with an error.

    Attributes:
        code: Google's number of the error (google.rpc.Code), 0 where there is none.
        reason: Google's own message.
    """

    def __init__(self, doing: str, error: dict[str, Any]) -> None:
        self.code = int(error.get("code", 0))
        self.reason = str(error.get("message", "Google gives no reason")).strip().rstrip(".")
        super().__init__(f"{_sentence(doing)} failed: {self.reason}.")


def finish(
    context: Context, clients: Clients, operation: dict[str, Any], limit_s: float, doing: str
) -> dict[str, Any]:
    """Wait for an operation's end; returns its response.

    Args:
        context: shows that it goes on, and says when to stop: the operation is then cancelled.
        clients: Google's APIs.
        operation: as the call that started it answered.
        limit_s: seconds that it may take; beyond them it is cancelled.
        doing: what it does, for messages (`deploying churn-1`).

    Raises:
        OperationError: it failed.
        ResourceError: it took too long.
        Cancelled: the engine asked to stop; the operation has ended, or was told to.
    """
    try:
        ended = wait(context, clients, operation, limit_s, doing)
    except Cancelled:
        cancel(clients, str(operation["name"]))
        raise
    if not ended.get("done"):
        cancel(clients, str(operation["name"]))
        raise ResourceError(f"{_sentence(doing)} took longer than {limit_s:g} s and was cancelled.")
    if "error" in ended:
        raise OperationError(doing, cast("dict[str, Any]", ended["error"]))
    return cast("dict[str, Any]", ended.get("response", {}))


def wait(
    context: Context, clients: Clients, operation: dict[str, Any], limit_s: float, doing: str
) -> dict[str, Any]:
    """Wait for the end of an operation that is left alone, whoever has started it.

    Returns:
        The operation as it was last seen; it has not ended where the time was over before.

    Raises:
        Cancelled: the engine asked to stop; the operation goes on.
    """
    deadline, poll_s = time.monotonic() + limit_s, _FIRST_POLL_S
    while not operation.get("done") and time.monotonic() <= deadline:
        context.pause(poll_s)
        poll_s = min(poll_s * _POLL_GROWTH, _LONGEST_POLL_S)
        operation = look(clients, str(operation["name"]))
        context.log(f"Still {doing}.", ephemeral=True)
    return operation


def look(clients: Clients, name: str) -> dict[str, Any]:
    """An operation as it is now."""
    return clients.get("aiplatform", f"v1/{name}")


def open_on(clients: Clients, parent: str) -> list[dict[str, Any]]:
    """The operations on a resource that have not ended; none where the resource is not there yet."""
    try:
        found = list(clients.pages("aiplatform", f"v1/{parent}/operations", "operations"))
    except GcpError as error:
        if error.is_missing:
            return []
        raise
    return [operation for operation in found if not operation.get("done")]


def names_on(clients: Clients, parent: str) -> set[str]:
    """Names of the operations on a resource that have not ended."""
    return {str(operation["name"]) for operation in open_on(clients, parent)}


def outlast(
    context: Context,
    clients: Clients,
    parent: str,
    before: Collection[str],
    *,
    kind: str,
    limit_s: float,
    doing: str,
    end: Callable[[Clients, str], None] | None = None,
) -> None:
    """Wait for the operations that a call may have started whose answer was lost.

    An operation does not say what it is about, so that nothing is concluded from one that is there: when
    all of its kind have ended, the resource itself says whether the call was carried out.

    Args:
        context: says when to stop.
        clients: Google's APIs.
        parent: what they are on.
        before: names of those that were open before the call: they are somebody else's.
        kind: the last part of their metadata's type (`DeployModelOperationMetadata`).
        limit_s: seconds for all of them.
        doing: what they do, for messages.
        end: what is done with them when the engine asks to stop. Default: they go on.
    """
    deadline = time.monotonic() + limit_s
    for operation in open_on(clients, parent):
        name = str(operation["name"])
        told = str(cast("dict[str, Any]", operation.get("metadata", {})).get("@type", ""))
        if name in before or told.rpartition(".")[2] != kind:
            continue
        try:
            wait(context, clients, operation, max(0.0, deadline - time.monotonic()), doing)
        except Cancelled:
            if end is not None:
                end(clients, name)
            raise


def cancel(clients: Clients, name: str) -> None:
    """Tell an operation to end, and wait a while until it has; one that cannot be cancelled goes on."""
    try:
        clients.post("aiplatform", f"v1/{name}:cancel", {}, repeat=True)
        deadline = time.monotonic() + _CANCEL_LIMIT_S
        while not look(clients, name).get("done") and time.monotonic() < deadline:
            time.sleep(_CANCEL_POLL_S)
    except GcpError as error:
        # Ended in between, or of a kind that cannot be cancelled.
        if not error.is_missing and error.status not in (400, 501):
            raise


def _sentence(doing: str) -> str:
    return f"{doing[:1].upper()}{doing[1:]}"

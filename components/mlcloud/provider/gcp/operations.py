"""Long-running operations of Vertex AI: followed to their end, and cancelled when asked to stop.

https://google.aip.dev/151.
"""

import time
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
        ResourceError: it failed, or took too long.
        Cancelled: the engine asked to stop; the operation has ended, or was told to.
    """
    deadline, poll_s = time.monotonic() + limit_s, _FIRST_POLL_S
    try:
        while not operation.get("done"):
            if time.monotonic() > deadline:
                cancel(clients, str(operation["name"]))
                raise ResourceError(f"{doing.capitalize()} took longer than {limit_s:g} s and was cancelled.")
            context.pause(poll_s)
            poll_s = min(poll_s * _POLL_GROWTH, _LONGEST_POLL_S)
            operation = look(clients, str(operation["name"]))
            context.log(f"Still {doing}.", ephemeral=True)
    except Cancelled:
        cancel(clients, str(operation["name"]))
        raise
    if "error" in operation:
        error = cast("dict[str, Any]", operation["error"])
        raise ResourceError(
            f"{doing.capitalize()} failed: {str(error.get('message', 'Google gives no reason')).strip()}"
        )
    return cast("dict[str, Any]", operation.get("response", {}))


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

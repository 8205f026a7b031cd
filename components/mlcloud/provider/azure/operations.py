"""Long-running operations of Azure Resource Manager: followed to their end, and left when asked to stop.

https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations. There is no general way
to cancel one: who began it undoes it when it has ended.
"""

import time
from collections.abc import Mapping
from typing import Any, Final, cast

from mlcloud.provider.azure.clients import ML_VERSION, AzureError, Clients
from mlcloud.provider.azure.transport import Answer
from mlcloud.provider.errors import Cancelled, ResourceError
from mlcloud.provider.resource import Context

SUCCEEDED: Final = "succeeded"
ENDED: Final = (SUCCEEDED, "failed", "canceled")
_ACCEPTED: Final = 202
_MAKING: Final = ("PUT", "PATCH")
_FIRST_POLL_S: Final = 0.05
_LONGEST_POLL_S: Final = 15.0
_POLL_GROWTH: Final = 1.5


def finish(
    context: Context,
    clients: Clients,
    started: Answer,
    limit_s: float,
    doing: str,
    *,
    version: str = ML_VERSION,
) -> dict[str, Any]:
    """Wait for the end of what a call has begun; returns the resource, or what the operation tells.

    Args:
        context: shows that it goes on, and says when to stop following it.
        clients: Azure's APIs.
        started: the answer to the call that began it.
        limit_s: seconds that it may take.
        doing: what it does, for messages (`deploying churn-1`).
        version: of the API that the resource is read with.

    Raises:
        ResourceError: it failed, or took too long; then it goes on in Azure.
        Cancelled: the engine asked to stop; then it goes on in Azure.
    """
    watched = started.headers.get("azure-asyncoperation") or started.headers.get("location")
    if watched is None:
        ready = _state(started.body) in ("", SUCCEEDED)
        return started.body if ready else _settle(context, clients, started, limit_s, doing, version=version)
    by_status = "azure-asyncoperation" in started.headers
    clock, answer = _Clock(context, limit_s, doing), started
    while True:
        clock.pause(answer)
        answer = clients.ask(watched, version=None)
        if by_status and _status(answer.body) in ENDED:
            break
        if not by_status and answer.status != _ACCEPTED:
            return answer.body
    if _status(answer.body) != SUCCEEDED:
        raise ResourceError(f"{doing.capitalize()} failed: {reason_of(answer.body)}")
    if started.method not in _MAKING:
        return answer.body
    return clients.find(started.url.partition("?")[0], version=version) or {}


def settled(
    context: Context, clients: Clients, path: str, limit_s: float, doing: str, *, version: str = ML_VERSION
) -> dict[str, Any] | None:
    """A resource when nothing goes on with it any more, whoever began it; None when there is none.

    Args:
        context: as `finish` takes it.
        clients: Azure's APIs.
        path: the resource's id.
        limit_s: seconds that it may take.
        doing: what goes on, for messages.
        version: of the API.

    Raises:
        ResourceError: it took too long.
        Cancelled: the engine asked to stop.
    """
    clock = _Clock(context, limit_s, doing)
    while True:
        found = clients.find(path, version=version)
        if found is None or _state(found) in ("", *ENDED):
            return found
        clock.pause(None)


def _settle(
    context: Context, clients: Clients, started: Answer, limit_s: float, doing: str, *, version: str
) -> dict[str, Any]:
    """A call that told no operation: the resource's own state says when it has ended."""
    found = settled(context, clients, started.url.partition("?")[0], limit_s, doing, version=version)
    if found is None or _state(found) != SUCCEEDED:
        raise ResourceError(f"{doing.capitalize()} failed: {reason_of(found or {})}")
    return found


class _Clock:
    """Pauses between looks, which grow, or are what Azure asks for; and the limit of them all."""

    def __init__(self, context: Context, limit_s: float, doing: str) -> None:
        self._context, self._limit_s, self._doing = context, limit_s, doing
        self._deadline, self._poll_s = time.monotonic() + limit_s, _FIRST_POLL_S

    def pause(self, answer: Answer | None) -> None:
        if time.monotonic() > self._deadline:
            raise ResourceError(
                f"{self._doing.capitalize()} took longer than {self._limit_s:g} s; it goes on in Azure."
            )
        asked_s = None if answer is None else answer.retry_after_s
        try:
            self._context.pause(self._poll_s if asked_s is None else min(asked_s, _LONGEST_POLL_S))
        except Cancelled:
            raise Cancelled(f"Stopped, as asked, while {self._doing}; that goes on in Azure.") from None
        self._poll_s = min(self._poll_s * _POLL_GROWTH, _LONGEST_POLL_S)
        self._context.log(f"Still {self._doing}.", ephemeral=True)


def reason_of(told: Mapping[str, Any]) -> str:
    """Why it failed, in Azure's words, with the details that it gives."""
    error = told.get("error")
    if not isinstance(error, dict):
        return "Azure gives no reason"
    known = cast("dict[str, Any]", error)
    details = [
        str(item.get("message", "")) for item in cast("list[dict[str, Any]]", known.get("details") or [])
    ]
    words = [text.strip() for text in (str(known.get("message") or ""), *details) if text.strip()]
    return "; ".join(words) or str(known.get("code") or "Azure gives no reason")


def is_busy(error: AzureError) -> bool:
    """Whether something else goes on with the resource just now: wait for it (`settled`), and try again."""
    return error.status == 409


def _status(told: Mapping[str, Any]) -> str:
    return str(told.get("status", "")).lower()


def _state(resource: Mapping[str, Any]) -> str:
    """The resource's provisioning state; empty where it has none."""
    properties = resource.get("properties")
    known = cast("dict[str, Any]", properties) if isinstance(properties, dict) else {}
    return str(known.get("provisioningState") or "").lower()

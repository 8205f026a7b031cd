"""Azure's REST APIs with azure-core and azure-identity: one typed door, retries, and Azure's errors in words.

Retries follow https://learn.microsoft.com/azure/architecture/best-practices/retry-service-specific and the
`Retry-After` of https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling.
"""

import functools
import json
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from mlcloud.provider.azure.addresses import MANAGEMENT, stranger, url
from mlcloud.provider.azure.transport import Answer, Call, Lost, Transport
from mlcloud.provider.errors import ResourceError

# The API of Azure Machine Learning that azure-native speaks, too.
ML_VERSION: Final = "2025-12-01"
_ATTEMPTS: Final = 8
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 20.0
_BUSY: Final = 429
_RETRYABLE: Final = frozenset({408, _BUSY, 500, 502, 503, 504})
_DENIED: Final = 403
_UNAUTHENTICATED: Final = 401
_MISSING: Final = 404
_MULTIPLE_CHOICES: Final = 300


class AzureError(ResourceError):
    """Azure refused a call.

    Attributes:
        status: the HTTP status.
        code: Azure's code of the error (`ResourceNotFound`), empty where the service gives none.
        reason: Azure's own message.
    """

    def __init__(self, operation: str, status: int, code: str, reason: str) -> None:
        hint = ""
        if status == _DENIED:
            hint = " The credentials in use may not do this: give them the role that the stack's guide names."
        elif status == _UNAUTHENTICATED:
            hint = (
                " The credentials have expired: log in again (`az login`), and run the update again; it "
                "goes on from here."
            )
        super().__init__(f"Azure refused {operation}: {reason} ({code or status}).{hint}")
        self.status = status
        self.code = code
        self.reason = reason

    @property
    def is_missing(self) -> bool:
        """Whether the thing asked for is not there."""
        return self.status == _MISSING


class UnansweredError(ResourceError):
    """No answer came.

    Attributes:
        is_silent: somebody took the call, and did not answer in time.
    """

    def __init__(self, message: str, *, is_silent: bool = False) -> None:
        super().__init__(message)
        self.is_silent = is_silent


class LostError(UnansweredError):
    """No answer came, and whether the call was carried out is not known."""


def is_unreached(error: ResourceError) -> bool:
    """Whether no connection came about: what it was to reach answers elsewhere, as inside a network alone."""
    return isinstance(error, UnansweredError) and not error.is_silent


def is_out_of_reach(error: ResourceError) -> bool:
    """Whether what answers inside a network alone was not reached, or that network let nobody in."""
    return is_unreached(error) or (isinstance(error, AzureError) and error.status == _DENIED)


class Clients:
    """Azure's APIs by the default credentials; a subscription is what paths of Azure Resource Manager name.

    Every call
    may be sent again after a lost answer, for what this provider makes has names of its own and Azure's PUT
    of the same content changes nothing; `post` says what it does.
    """

    def __init__(self, subscription: str = "") -> None:
        self.subscription = subscription
        self._transport = Transport()

    @property
    def credential(self) -> Any:
        """The default credentials, for libraries that ask for tokens themselves."""
        return self._transport.credential

    def token(self, scope: str) -> str:
        """An Entra token for what a scope names, such as `MANAGEMENT`.

        Raises:
            ResourceError: the credentials give none.
        """
        return self._transport.token(scope)

    def workspace(self, resource_group: str, workspace: str) -> str:
        """The path of a workspace, which is also its id."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
        )

    def get(
        self,
        path: str,
        *,
        version: str | None = ML_VERSION,
        scope: str | None = MANAGEMENT,
        parameters: Mapping[str, object] | None = None,
    ) -> dict[str, Any]:
        """Read something.

        Args:
            path: of Azure Resource Manager (`/subscriptions/...`), or a whole address.
            version: of the API; None where the address has it.
            scope: what the token is for; None sends none.
            parameters: of the query, as the API reference names them; None is left out.

        Raises:
            AzureError: Azure refused it.
            ResourceError: it could not be asked.
        """
        return self.ask(path, version=version, scope=scope, parameters=parameters).body

    def ask(
        self,
        path: str,
        *,
        version: str | None = ML_VERSION,
        scope: str | None = MANAGEMENT,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, object] | None = None,
    ) -> Answer:
        """Read something, with the answer's headers; as `get`."""
        call = Call(
            method="GET",
            url=url(path),
            parameters=_query(version, parameters),
            headers=headers or {},
            scope=scope,
        )
        return self._repeat(call)

    def find(
        self, path: str, *, version: str | None = ML_VERSION, parameters: Mapping[str, object] | None = None
    ) -> dict[str, Any] | None:
        """Read something; None when there is none."""
        try:
            return self.get(path, version=version, parameters=parameters)
        except AzureError as error:
            if error.is_missing:
                return None
            raise

    def put(self, path: str, body: Mapping[str, Any], *, version: str = ML_VERSION) -> Answer:
        """Make or change something; the same again changes nothing. `operations.finish` waits for its end."""
        return self._repeat(
            Call(method="PUT", url=url(path), scope=MANAGEMENT, parameters=_query(version), body=body)
        )

    def patch(self, path: str, body: Mapping[str, Any], *, version: str = ML_VERSION) -> Answer:
        """Set what the body has; the same again changes nothing."""
        return self._repeat(
            Call(method="PATCH", url=url(path), scope=MANAGEMENT, parameters=_query(version), body=body)
        )

    def delete(self, path: str, *, version: str = ML_VERSION) -> Answer | None:
        """Delete something; None where it is gone already."""
        try:
            return self._repeat(
                Call(method="DELETE", url=url(path), scope=MANAGEMENT, parameters=_query(version))
            )
        except AzureError as error:
            if error.is_missing:
                return None
            raise

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        version: str | None = ML_VERSION,
        scope: str | None = MANAGEMENT,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        repeat: bool = False,
        attempts: int = _ATTEMPTS,
    ) -> Answer:
        """Ask for an action.

        Args:
            path: as `get` takes it.
            body: as the API reference names it; None sends none.
            version: of the API; None where the address has it or needs none.
            scope: what the token is for; None sends none.
            headers: more of them.
            form: a body as a form instead.
            repeat: a second time changes nothing, so it may be sent again blindly. Else it is sent again only
                where Azure says that it has not begun.
            attempts: how often it is tried at most.

        Raises:
            AzureError: Azure refused it.
            LostError: whether it was carried out is not known.
        """
        call = Call(
            method="POST",
            url=url(path),
            parameters=_query(version),
            headers=headers or {},
            body=body,
            form=form,
            scope=scope,
        )
        return self._repeat(call, attempts, blindly=repeat)

    def pages(
        self, path: str, *, version: str = ML_VERSION, parameters: Mapping[str, object] | None = None
    ) -> Iterator[dict[str, Any]]:
        """All items of a list that comes in pages (`value`, `nextLink`)."""
        answer = self.get(path, version=version, parameters=parameters)
        while True:
            yield from cast("list[dict[str, Any]]", answer.get("value", []))
            following = answer.get("nextLink")
            if not following:
                return
            answer = self.get(str(following), version=None)

    # One call, again and again

    def _repeat(self, call: Call, attempts: int = _ATTEMPTS, *, blindly: bool = True) -> Answer:
        reason = None if call.scope is None else stranger(call.url, call.scope)
        if reason is not None:
            raise ResourceError(f"{call.operation}: {reason}")
        pause_s = _FIRST_PAUSE_S
        for attempt in range(1, attempts + 1):
            found = self._transport.send(call)
            answer, lost = (None, found) if isinstance(found, Lost) else (found, Lost())
            if answer is not None and answer.status < _MULTIPLE_CHOICES:
                return answer
            if answer is not None and answer.status not in _RETRYABLE:
                raise _refusal(call.operation, answer)
            # Too many requests: Azure says that it has not begun. Everything else may have been carried out.
            if not blindly and (answer is None or answer.status != _BUSY):
                said = lost.reason if answer is None else str(_refusal(call.operation, answer))
                raise LostError(
                    f"Azure gave no answer to {call.operation}, which may have been carried out: {said}"
                )
            if attempt == attempts:
                if answer is not None:
                    raise _refusal(call.operation, answer)
                told = f"Azure could not be asked ({call.operation}): {lost.reason}"
                raise UnansweredError(told, is_silent=lost.is_silent)
            after_s = None if answer is None else answer.retry_after_s
            # Half of it at random, so that several that were refused together do not come back together.
            time.sleep(min(after_s or pause_s * random.uniform(0.5, 1.0), _LONGEST_PAUSE_S))  # noqa: S311
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        raise AssertionError(call)


@functools.cache
def clients_in(subscription: str = "") -> Clients:
    """Azure's APIs for a subscription, or for services that belong to none: one for the process."""
    return Clients(subscription)


def short_name(name: str) -> str:
    """The last part of a resource's id."""
    return name.rsplit("/", 1)[-1]


def _query(version: str | None, more: Mapping[str, object] | None = None) -> dict[str, object]:
    found = dict(more or {})
    return found if version is None else {"api-version": version, **found}


def _refusal(operation: str, answer: Answer) -> AzureError:
    """Azure Resource Manager and Azure ML tell one `error`, the registry a list of `errors`."""
    try:
        told: Any = json.loads(answer.content)
        found: Any = told["errors"][0] if "errors" in told else told.get("error", told)
        details = cast("dict[str, Any]", found)
        reason, code = str(details["message"]), str(details.get("code", ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        reason, code = answer.content.decode(errors="replace")[:200] or "no reason", ""
    return AzureError(operation, answer.status, code, reason.strip().rstrip("."))

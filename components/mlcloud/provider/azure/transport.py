"""One call of Azure over azure-core's pipeline, by azure-identity's default credentials."""

import importlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError

_CONNECT_TIMEOUT_S: Final = 10.0
_READ_TIMEOUT_S: Final = 120.0
_LOG_IN: Final = (
    "log in (`az login`), or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or "
    "AZURE_FEDERATED_TOKEN_FILE. `az account get-access-token` shows whether they work."
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer to a call that went well.

    Attributes:
        method: of the call, such as `PUT`.
        url: the address that was asked, with its query.
        status: the HTTP status, 200 to 299.
        headers: names in lower case.
        content: as it came.
    """

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> dict[str, Any]:
        """The content as an object; empty where it is none."""
        return _object(self.content)

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which Azure wants to be asked again; None where it does not say."""
        after = self.headers.get("retry-after", "")
        return float(after) if after.isdigit() else None


@dataclass(frozen=True, kw_only=True)
class Lost:
    """That there is no answer to a call.

    Attributes:
        reason: why, for people.
        is_silent: somebody took the call, and did not answer in time.
    """

    reason: str = ""
    is_silent: bool = False


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call.

    Attributes:
        method: such as `PUT`.
        url: the whole address, without what `parameters` say.
        scope: what the token is for; None sends none.
        parameters: of the query; None is left out.
        headers: more of them.
        body: sent as JSON.
        form: sent as a form instead.
    """

    method: str
    url: str
    scope: str | None
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None

    @property
    def operation(self) -> str:
        """The call for people."""
        return f"{self.method} {self.url.partition('?')[0]}"


class Transport:
    """Tokens and connections of one process; both are made when they are first needed.

    azure-core and azure-identity are imported here and nowhere else, when an operation starts.
    """

    def __init__(self) -> None:
        try:
            self._core = cast(Any, importlib.import_module("azure.core"))
            self._policies = cast(Any, importlib.import_module("azure.core.pipeline.policies"))
            self._requests = cast(Any, importlib.import_module("azure.core.rest"))
            self._errors = cast(Any, importlib.import_module("azure.core.exceptions"))
            self._identity = cast(Any, importlib.import_module("azure.identity"))
        except ImportError:
            raise ResourceError(
                "Resources of Azure need azure-core and azure-identity: install mlcloud with its extra, "
                "`mlcloud[azure]`."
            ) from None
        self._lock = threading.Lock()
        self._pipeline: Any = None
        self._credential: Any = None

    @property
    def credential(self) -> Any:
        """The default credentials, found when they are first asked for a token."""
        with self._lock:
            if self._credential is None:
                self._credential = self._identity.DefaultAzureCredential()
            return self._credential

    def token(self, scope: str) -> str:
        """An Entra token; azure-identity keeps it until shortly before it expires.

        Args:
            scope: what it is for, such as `MANAGEMENT`.

        Raises:
            ResourceError: the credentials give none.
        """
        try:
            return self._token(scope)
        except self._errors.AzureError as error:
            raise ResourceError(f"Azure could not be asked for a token: {first_line(error)}") from None

    def _token(self, scope: str) -> str:
        """As `token`; where the service that gives them is out of reach, that error is azure-core's."""
        try:
            return str(self.credential.get_token(scope).token)
        except self._errors.ClientAuthenticationError as error:
            raise ResourceError(
                f"The Azure credentials cannot be used: {first_line(error)} Run the update again with "
                f"others; it goes on from here: {_LOG_IN}"
            ) from None

    def send(self, call: Call) -> Answer | Lost:
        """One try: the answer, or why there is none."""
        headers = dict(call.headers)
        try:
            if call.scope is not None:
                headers["Authorization"] = f"Bearer {self._token(call.scope)}"
            return self._sent(call, headers)
        except self._errors.AzureError as error:
            is_silent = isinstance(error, self._errors.ServiceResponseTimeoutError)
            return Lost(reason=first_line(error), is_silent=is_silent)

    def _sent(self, call: Call, headers: Mapping[str, str]) -> Answer:
        request = self._requests.HttpRequest(
            call.method,
            call.url,
            params={name: str(value) for name, value in call.parameters.items() if value is not None},
            headers=headers,
            json=call.body,
            data=call.form,
        )
        response: Any = self._connection().send_request(
            request, connection_timeout=_CONNECT_TIMEOUT_S, read_timeout=_READ_TIMEOUT_S
        )
        content = cast(bytes, response.read())
        told = {str(name).lower(): str(value) for name, value in response.headers.items()}
        return Answer(
            method=call.method,
            url=str(response.request.url),
            status=int(response.status_code),
            headers=told,
            content=content,
        )

    def _connection(self) -> Any:
        """azure-core's pipeline: no retries and redirects of its own, for those are ours to decide."""
        with self._lock:
            if self._pipeline is None:
                policies = [self._policies.RequestIdPolicy(), self._policies.UserAgentPolicy("mlcloud")]
                self._pipeline = self._core.PipelineClient("", policies=policies)
            return self._pipeline


def _object(content: bytes) -> dict[str, Any]:
    if not content:
        return {}
    try:
        found: object = json.loads(content)
    except ValueError:
        raise ResourceError(f"Azure's answer is not JSON: {content[:200]!r}") from None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def first_line(error: object) -> str:
    """What an error says first: the rest is for those who mend libraries.

    Queries of addresses are left out: a signature in one lets anybody read what it names.
    """
    line = next(iter(str(error).splitlines()), type(error).__name__)
    return re.sub(r"\?[^\s)'\"]+", "", line)

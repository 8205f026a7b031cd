"""Google's REST APIs with google-auth: one typed door, retries, and Google's errors in words.

Retries follow https://cloud.google.com/storage/docs/retry-strategy and https://google.aip.dev/194.
"""

import functools
import importlib
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import quote

from mlcloud.provider.errors import ResourceError

_SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)
_ATTEMPTS: Final = 8
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 20.0
_TIMEOUT_S: Final = (10.0, 120.0)
_BUSY: Final = 429
_RETRYABLE: Final = (_BUSY, 500, 502, 503, 504)
_DENIED: Final = 403
_UNAUTHENTICATED: Final = 401
_MISSING: Final = 404
_MULTIPLE_CHOICES: Final = 300
# gcloud's own properties as environment variables, for private access and emulators
# (https://cloud.google.com/sdk/docs/properties, api_endpoint_overrides).
_OVERRIDE: Final = "CLOUDSDK_API_ENDPOINT_OVERRIDES_"

Happened = Callable[[], dict[str, Any] | None]


class GcpError(ResourceError):
    """Google refused a call.

    Attributes:
        status: the HTTP status.
        code: Google's code of the error (`NOT_FOUND`), empty where the service gives none.
        reason: Google's own message.
    """

    def __init__(self, operation: str, status: int, code: str, reason: str) -> None:
        hint = ""
        if status == _DENIED:
            hint = " The credentials in use may not do this: give them the role that the stack's guide names."
        elif status == _UNAUTHENTICATED:
            hint = (
                " The credentials have expired: log in again (`gcloud auth application-default login`), and "
                "run the update again; it goes on from here."
            )
        super().__init__(f"Google refused {operation}: {reason} ({code or status}).{hint}")
        self.status = status
        self.code = code
        self.reason = reason

    @property
    def is_missing(self) -> bool:
        """Whether the thing asked for is not there."""
        return self.status == _MISSING


class LostError(ResourceError):
    """No answer came, and whether the call was carried out is not known."""


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: int
    body: bytes
    retry_after_s: float | None


@dataclass(frozen=True)
class _Call:
    method: str
    base: str
    path: str
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])
    content: bytes | None = None
    content_type: str = "application/json"

    @property
    def operation(self) -> str:
        """The call for people."""
        return f"{self.method} {self.path}"


class Clients:
    """Google's APIs for one project and region, by application default credentials.

    google-auth is imported here and nowhere else, when an operation starts.
    """

    def __init__(self, project: str, region: str) -> None:
        self.project = project
        self.region = region
        self.location = f"projects/{project}/locations/{region}"
        try:
            self._auth = cast(Any, importlib.import_module("google.auth"))
            self._transport = cast(Any, importlib.import_module("google.auth.transport.requests"))
            self._auth_errors = cast(Any, importlib.import_module("google.auth.exceptions"))
            self._http_errors = cast(Any, importlib.import_module("requests.exceptions"))
        except ImportError:
            raise ResourceError(
                "Resources of GCP need google-auth: install mlcloud with its extra, `mlcloud[gcp]`."
            ) from None
        self._local = threading.local()

    def url(self, service: str, host: str | None = None) -> str:
        """The address of a service, without a slash at the end.

        Args:
            service: `aiplatform`, `storage`, `logging`, `monitoring` or `cloudquotas`.
            host: a name of its own, such as a dedicated endpoint's. Default: the service's public one.
        """
        override = os.environ.get(f"{_OVERRIDE}{service.upper()}")
        if override:
            return override.rstrip("/")
        regional = f"{self.region}-{service}" if service == "aiplatform" else service
        return f"https://{host or f'{regional}.googleapis.com'}"

    def get(self, service: str, path: str, **parameters: object) -> dict[str, Any]:
        """Read something.

        Args:
            service: as `url` takes it.
            path: below the service's address, with its version.
            parameters: of the query, as the API reference names them; None is left out.

        Raises:
            GcpError: Google refused it.
            ResourceError: it could not be asked.
        """
        return _object(self._repeat(_Call("GET", self.url(service), path, parameters)))

    def post(
        self,
        service: str,
        path: str,
        body: Mapping[str, Any],
        *,
        happened: Happened | None = None,
        repeat: bool = False,
        parameters: Mapping[str, object] | None = None,
        attempts: int = _ATTEMPTS,
        host: str | None = None,
    ) -> dict[str, Any]:
        """Start or change something.

        A call whose answer was lost may have been carried out: it is sent again only where `happened` finds
        nothing of it, or where `repeat` says that a second time changes nothing.

        Args:
            service: as `url` takes it.
            path: below the service's address, with its version.
            body: as the API reference names it.
            happened: looks whether the call was carried out; returns what its answer would have been.
            repeat: the call may be sent again blindly.
            parameters: of the query; None is left out.
            attempts: how often it is tried at most.
            host: as `url` takes it.

        Raises:
            GcpError: Google refused it.
            LostError: whether it was carried out is not known.
        """
        look = happened if happened is not None else (_nothing if repeat else None)
        call = _Call("POST", self.url(service, host), path, parameters or {}, _json(body))
        return _object(self._repeat(call, look, attempts))

    def patch(self, service: str, path: str, body: Mapping[str, Any], mask: str) -> dict[str, Any]:
        """Set the named fields; the same again changes nothing."""
        call = _Call("PATCH", self.url(service), path, {"updateMask": mask}, _json(body))
        return _object(self._repeat(call))

    def delete(self, service: str, path: str) -> dict[str, Any] | None:
        """Delete something; returns the operation, or None where it is gone already."""
        try:
            return _object(self._repeat(_Call("DELETE", self.url(service), path)))
        except GcpError as error:
            if error.is_missing:
                return None
            raise

    def pages(self, service: str, path: str, member: str, **parameters: object) -> Iterator[dict[str, Any]]:
        """All items of a list that comes in pages; `member` holds them."""
        token: object = None
        while True:
            answer = self.get(service, path, **parameters, pageToken=token)
            yield from cast("list[dict[str, Any]]", answer.get(member, []))
            token = answer.get("nextPageToken")
            if not token:
                return

    # Cloud Storage, whose names are parts of the path and whose contents are not JSON

    def object_path(self, bucket: str, name: str) -> str:
        """The path of an object."""
        return f"storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"

    def download(self, bucket: str, name: str) -> bytes:
        """The content of an object."""
        path = self.object_path(bucket, name)
        return self._repeat(_Call("GET", self.url("storage"), path, {"alt": "media"}))

    def upload(self, bucket: str, name: str, content: bytes, content_type: str) -> None:
        """Write an object; the same again changes nothing."""
        path = f"upload/storage/v1/b/{quote(bucket, safe='')}/o"
        parameters = {"uploadType": "media", "name": name}
        call = _Call("POST", self.url("storage"), path, parameters, content, content_type)
        self._repeat(call, _nothing)

    # One call, again and again

    def _repeat(self, call: _Call, happened: Happened | None = None, attempts: int = _ATTEMPTS) -> bytes:
        pause_s = _FIRST_PAUSE_S
        for attempt in range(1, attempts + 1):
            answer, lost = self._send(call)
            if answer is not None and answer.status < _MULTIPLE_CHOICES:
                return answer.body
            if answer is not None and answer.status not in _RETRYABLE:
                raise _refusal(call.operation, answer)
            # Too many requests: Google says that it has not begun. Everything else may have been carried out.
            if call.method == "POST" and (answer is None or answer.status != _BUSY):
                found = _find(call, lost, answer, happened)
                if found is not None:
                    return json.dumps(found).encode()
            if attempt == attempts:
                if answer is not None:
                    raise _refusal(call.operation, answer)
                raise ResourceError(f"Google could not be asked ({call.operation}): {lost}")
            after_s = None if answer is None else answer.retry_after_s
            # Half of it at random, so that several that were refused together do not come back together.
            time.sleep(min(after_s or pause_s * random.uniform(0.5, 1.0), _LONGEST_PAUSE_S))  # noqa: S311
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        raise AssertionError(call)

    def _send(self, call: _Call) -> tuple[_Answer | None, str]:
        """One try: the answer, or why there is none."""
        try:
            response: Any = self._session().request(
                call.method,
                f"{call.base}/{call.path}",
                params={name: value for name, value in call.parameters.items() if value is not None},
                data=call.content,
                headers={} if call.content is None else {"Content-Type": call.content_type},
                timeout=_TIMEOUT_S,
                allow_redirects=False,
            )
        except self._auth_errors.RefreshError as error:
            raise ResourceError(
                f"The Google credentials cannot be used: {_first_line(error)} Log in again (`gcloud auth "
                "application-default login`), and run the update again; it goes on from here."
            ) from None
        except (self._auth_errors.TransportError, self._http_errors.RequestException) as error:
            return None, _first_line(error)
        after = str(response.headers.get("Retry-After", ""))
        answer = _Answer(
            status=int(response.status_code),
            body=cast(bytes, response.content),
            retry_after_s=float(after) if after.isdigit() else None,
        )
        return answer, ""

    def _session(self) -> Any:
        """A session of this thread's own: requests promises nothing for several at once."""
        session: Any = getattr(self._local, "session", None)
        if session is None:
            try:
                credentials, _ = self._auth.default(scopes=_SCOPES, quota_project_id=None)
            except self._auth_errors.DefaultCredentialsError:
                raise ResourceError(
                    "There are no Google credentials: log in (`gcloud auth application-default login`), "
                    "or set GOOGLE_APPLICATION_CREDENTIALS. `gcloud auth application-default "
                    "print-access-token` shows whether they work."
                ) from None
            session = self._transport.AuthorizedSession(credentials)
            session.headers["User-Agent"] = "mlcloud"
            self._local.session = session
        return session


@functools.cache
def clients_in(project: str, region: str) -> Clients:
    """Google's APIs for a project and region: one for the process."""
    return Clients(project, region)


def short_name(name: str) -> str:
    """The last part of a resource's name."""
    return name.rsplit("/", 1)[-1]


def _nothing() -> dict[str, Any] | None:
    return None


def _find(call: _Call, lost: str, answer: _Answer | None, happened: Happened | None) -> dict[str, Any] | None:
    """What an unsure call has done; None when nothing, so that it can be sent again."""
    if happened is not None:
        return happened()
    said = lost if answer is None else str(_refusal(call.operation, answer))
    raise LostError(f"Google gave no answer to {call.operation}, which may have been carried out: {said}")


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _object(content: bytes) -> dict[str, Any]:
    if not content:
        return {}
    try:
        found: object = json.loads(content)
    except ValueError:
        raise ResourceError(f"Google's answer is not JSON: {content[:200]!r}") from None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _first_line(error: object) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _refusal(operation: str, answer: _Answer) -> GcpError:
    try:
        told: object = json.loads(answer.body)["error"]
    except (ValueError, LookupError, TypeError):
        told = answer.body.decode(errors="replace")[:200]
    details = cast("dict[str, Any]", told) if isinstance(told, dict) else {"message": str(told)}
    reason = str(details.get("message") or "no reason").strip().rstrip(".")
    return GcpError(operation, answer.status, str(details.get("status", "")), reason)

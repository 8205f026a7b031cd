"""AWS's API by boto3, which has no types: one typed door, and AWS's errors in words."""

import functools
import importlib
import threading
from collections.abc import Iterator
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError

# Of botocore's "standard" mode: throttling, timeouts and lost connections are tried again, ever later
# (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
_ATTEMPTS: Final = 8
_CONNECT_TIMEOUT_S: Final = 10
_READ_TIMEOUT_S: Final = 60
_DENIED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403")
_EXPIRED: Final = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")


class AwsError(ResourceError):
    """AWS refused a call.

    Attributes:
        code: AWS's code of the error (`ValidationException`).
        reason: AWS's own message.
    """

    def __init__(self, operation: str, code: str, reason: str) -> None:
        hint = ""
        if code in _DENIED:
            hint = " The credentials in use may not do this: let the stack's deployer policy allow it."
        elif code in _EXPIRED:
            hint = (
                " The credentials have expired: log in again, and run the update again; it goes on from here."
            )
        super().__init__(f"AWS refused {operation}: {reason} ({code}).{hint}")
        self.code = code
        self.reason = reason

    @property
    def is_missing(self) -> bool:
        """Whether the thing asked for is not there; SageMaker says so in words only."""
        if self.code in ("404", "NoSuchKey", "NoSuchBucket", "ResourceNotFound", "ResourceNotFoundException"):
            return True
        words = self.reason.lower()
        return self.code == "ValidationException" and (
            "could not find" in words or "not found" in words or "does not exist" in words
        )


class Clients:
    """AWS's services in one region, by the default chain of credentials.

    boto3 is imported here and nowhere else, when an operation starts.
    """

    def __init__(self, region: str) -> None:
        self.region = region
        try:
            self._boto3 = cast(Any, importlib.import_module("boto3"))
            self._config = cast(Any, importlib.import_module("botocore.config"))
            self._exceptions = cast(Any, importlib.import_module("botocore.exceptions"))
        except ImportError:
            raise ResourceError(
                "Resources of AWS need boto3: install mlcloud with its extra, `mlcloud[aws]`."
            ) from None
        self._session: Any = self._boto3.session.Session(region_name=region)
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}

    def of(self, service: str) -> Any:
        """boto3's own client, for what is more than one call."""
        with self._lock:
            if service not in self._clients:
                config: Any = self._config.Config(
                    retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                    connect_timeout=_CONNECT_TIMEOUT_S,
                    read_timeout=_READ_TIMEOUT_S,
                    user_agent_appid="mlcloud",
                )
                self._clients[service] = self._session.client(service, config=config)
            return self._clients[service]

    def url(self, service: str) -> str:
        """The address of a service."""
        return str(self.of(service).meta.endpoint_url).rstrip("/")

    def call(self, service: str, operation: str, **parameters: object) -> dict[str, Any]:
        """One call of the API.

        Args:
            service: boto3's name of the service.
            operation: boto3's name of the operation (`create_endpoint`).
            parameters: as the API reference names them; None is left out.

        Raises:
            AwsError: AWS refused it.
            ResourceError: it could not be asked.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        function = getattr(self.of(service), operation, None)
        if function is None:
            version = self._boto3.__version__
            raise ResourceError(
                f"boto3 {version} does not know {operation} of {service}: install a later one."
            )
        return cast("dict[str, Any]", self.run(operation, function, **given))

    def pages(self, service: str, operation: str, member: str, **parameters: object) -> Iterator[Any]:
        """All items of an operation that answers in pages; `member` holds them."""
        paginator: Any = self.of(service).get_paginator(operation)
        pages: Any = iter(paginator.paginate(**parameters))
        while True:
            page: Any = self.run(operation, next, pages, None)
            if page is None:
                return
            yield from page[member]

    def run(self, operation: str, function: Any, *arguments: object, **parameters: object) -> Any:
        """Call a function of boto3's and put its errors into words.

        Raises:
            AwsError: AWS refused it.
            ResourceError: it could not be asked.
        """
        try:
            return function(*arguments, **parameters)
        except self._exceptions.ClientError as error:
            details = cast("dict[str, str]", error.response.get("Error", {}))
            reason = details.get("Message", str(error)).strip().rstrip(".")
            name = "".join(part.capitalize() for part in operation.split("_"))
            raise AwsError(name, details.get("Code", "unknown"), reason) from None
        except self._exceptions.NoCredentialsError:
            raise ResourceError(
                "There are no AWS credentials: log in (`aws sso login`), or set AWS_PROFILE or the variables "
                "that your organisation uses. `aws sts get-caller-identity` shows whether they work."
            ) from None
        except self._exceptions.BotoCoreError as error:
            raise ResourceError(f"AWS could not be asked ({operation}): {error}") from None


@functools.cache
def clients_in(region: str) -> Clients:
    """AWS in a region: one for the process, for reading a service's model takes longer than asking it."""
    return Clients(region)


def tag_list(tags: dict[str, str]) -> list[dict[str, str]] | None:
    """Tags as SageMaker takes them; None when there are none."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())] or None

"""Blobs with azure-storage-blob, by the default credentials: the accounts of a stack have no keys.

https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory. Roles that were
given just now take up to ten minutes to count
(https://learn.microsoft.com/azure/role-based-access-control/troubleshooting).
"""

import contextlib
import importlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote, unquote, urlsplit

from mlcloud.provider.azure.addresses import endpoint
from mlcloud.provider.azure.clients import AzureError, Clients, UnansweredError, is_unreached
from mlcloud.provider.azure.transport import first_line
from mlcloud.provider.errors import ResourceError
from mlcloud.provider.resource import Context

_HOST: Final = ".blob.core.windows.net"
_ATTEMPTS: Final = 5
_FIRST_PAUSE_S: Final = 0.1
_NOT_PERMITTED: Final = "AuthorizationPermissionMismatch"
_NETWORK_REFUSES: Final = "AuthorizationFailure"
_COPY_POLL_S: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a blob, or a folder of blobs, is.

    Attributes:
        account: the storage account.
        container: the container.
        name: the blob's name, without a slash at either end; empty for the container itself.
    """

    account: str
    container: str
    name: str = ""

    def __str__(self) -> str:
        """The address as people write it."""
        path = f"{self.container}/{quote(self.name)}".rstrip("/")
        return f"https://{self.account}{_HOST}/{path}"

    def __truediv__(self, name: str) -> "Place":
        """What is called so below it."""
        return Place(account=self.account, container=self.container, name=f"{self.name}/{name}".lstrip("/"))


def place_of(uri: str) -> Place:
    """Read `https://<account>.blob.core.windows.net/<container>/<blob>`, as `checks.blob_uri` allows it."""
    parts = urlsplit(uri)
    container, _, name = unquote(parts.path).strip("/").partition("/")
    return Place(account=parts.netloc.removesuffix(_HOST), container=container, name=name)


def size(clients: Clients, place: Place) -> int | None:
    """Bytes of a blob; None when there is none."""
    try:
        with _asking(f"HEAD {place}"):
            return int(_blob(clients, place).get_blob_properties().size)
    except AzureError as error:
        if error.is_missing:
            return None
        raise


def read(clients: Clients, place: Place) -> bytes | None:
    """The content of a small blob; None when there is none."""
    try:
        with _asking(f"GET {place}"):
            return cast(bytes, _blob(clients, place).download_blob().readall())
    except AzureError as error:
        if error.is_missing:
            return None
        raise


def names(clients: Clients, folder: Place) -> Iterator[str]:
    """Names of the blobs below a folder, from the folder on."""
    prefix = f"{folder.name}/" if folder.name else ""
    with _asking(f"GET {folder}"):
        for name in _container(clients, folder).list_blob_names(name_starts_with=prefix):
            yield str(name).removeprefix(prefix)


def write(clients: Clients, place: Place, content: object, content_type: str) -> None:
    """Write a blob from bytes or an open file; the same again changes nothing."""
    models = _library("azure.storage.blob")
    settings = models.ContentSettings(content_type=content_type)
    with _asking(f"PUT {place}"):
        _blob(clients, place).upload_blob(content, overwrite=True, content_settings=settings)


def copy(context: Context, clients: Clients, source: Place, target: Place) -> None:
    """Copy a blob inside its account; the same again changes nothing.

    The service itself reads the source, by the caller's own right
    (https://learn.microsoft.com/rest/api/storageservices/copy-blob).

    Raises:
        ResourceError: the copy failed.
        Cancelled: the engine asked to stop; the copy may go on.
    """
    blob = _blob(clients, target)
    with _asking(f"PUT {target}"):
        status = str(blob.start_copy_from_url(str(_blob(clients, source).url))["copy_status"])
        while status == "pending":
            context.pause(_COPY_POLL_S)
            status = str(blob.get_blob_properties().copy.status)
    if status != "success":
        raise ResourceError(f"Copying {source} to {target} ended in the state {status}.")


def delete(clients: Clients, place: Place) -> None:
    """Delete a blob; one that is gone already is no error."""
    try:
        with _asking(f"DELETE {place}"):
            _blob(clients, place).delete_blob()
    except AzureError as error:
        if not error.is_missing:
            raise


def clear(clients: Clients, folder: Place) -> None:
    """Delete the blobs below a folder."""
    for name in list(names(clients, folder)):
        delete(clients, folder / name)


def is_not_permitted(error: AzureError) -> bool:
    """Whether the caller lacks a role, or has one that does not count yet."""
    return error.code == _NOT_PERMITTED


def is_out_of_reach(error: ResourceError) -> bool:
    """Whether the account's network lets nobody in from here: no connection, or the network's own refusal.

    https://learn.microsoft.com/troubleshoot/azure/azure-storage/blobs/authentication/storage-troubleshoot-403-errors
    """
    return is_unreached(error) or (isinstance(error, AzureError) and error.code == _NETWORK_REFUSES)


def _container(clients: Clients, place: Place) -> Any:
    address = endpoint("blob", f"{place.account}{_HOST}")
    # An emulator, or a test, has the account in the path.
    account = address if address.endswith(_HOST) else f"{address}/{place.account}"
    return _library("azure.storage.blob").ContainerClient(
        account,
        place.container,
        credential=clients.credential,
        retry_total=_ATTEMPTS,
        initial_backoff=_FIRST_PAUSE_S,
        increment_base=2,
        user_agent="mlcloud",
    )


def _blob(clients: Clients, place: Place) -> Any:
    return _container(clients, place).get_blob_client(place.name)


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ResourceError(
            "Blobs need azure-storage-blob: install mlcloud with its extra, `mlcloud[azure]`."
        ) from None


@contextlib.contextmanager
def _asking(operation: str) -> Generator[None]:
    """Azure's errors of one operation in words."""
    errors = _library("azure.core.exceptions")
    try:
        yield
    except errors.HttpResponseError as error:
        if error.status_code is None:
            raise ResourceError(
                f"The Azure credentials cannot be used: {first_line(error)} Log in (`az login`) and run the "
                "update again; it goes on from here."
            ) from None
        told = getattr(error, "error_code", None) or ""
        code = str(getattr(told, "value", told))
        reason = first_line(error.message or error.reason)
        raise AzureError(operation, int(error.status_code), code, reason.rstrip(".")) from None
    except (errors.ServiceRequestError, errors.ServiceResponseError) as error:
        silent = isinstance(error, errors.ServiceResponseError)
        told = f"Azure could not be asked ({operation}): {first_line(error)}"
        raise UnansweredError(told, is_silent=silent) from None
    except errors.AzureError as error:
        raise ResourceError(f"Azure could not be asked ({operation}): {first_line(error)}") from None

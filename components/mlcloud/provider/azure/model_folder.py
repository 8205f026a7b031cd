"""Models in Blob Storage."""

import importlib
from typing import Any, Final, cast
from urllib.parse import urlsplit

from mlcloud.provider.azure.clients import Clients, endpoint
from mlcloud.provider.manifest import BadModelError, Manifest

MANIFEST: Final = "manifest.json"


def read_folder(clients: Clients, uri: str) -> Manifest:
    """The manifest of the model in a folder.

    Raises:
        BadModelError: there is none.
    """
    blob = cast(Any, importlib.import_module("azure.storage.blob"))
    errors = cast(Any, importlib.import_module("azure.core.exceptions"))
    parts = urlsplit(uri)
    base = endpoint("blob", parts.netloc)
    account = parts.netloc.partition(".")[0]
    place = f"{base}/{account}" if not base.endswith(parts.netloc) else base
    client = blob.BlobClient.from_blob_url(
        f"{place}{parts.path.rstrip('/')}/{MANIFEST}", credential=clients.credential
    )
    try:
        return Manifest(source=cast(bytes, client.download_blob().readall()))
    except errors.ResourceNotFoundError:
        raise BadModelError(
            f"There is no {MANIFEST} in {uri}: was another image than mlcloud's trainer used?"
        ) from None

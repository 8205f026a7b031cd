"""pyarrow's filesystem for an address: its endpoint, its credentials, and how long a connection may stall.

The variables are those that each cloud's own tools read:
https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html,
https://cloud.google.com/python/docs/reference/storage/latest (STORAGE_EMULATOR_HOST) and
https://learn.microsoft.com/azure/storage/blobs/authorize-data-operations-cli.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from mlcloud_trainer.storage.address import Address
from mlcloud_trainer.storage.errors import StorageError

_CONNECT_S = 10
_STALL_S = 30
_ATTEMPTS = 5


def library(name: str) -> Any:
    """A module of pyarrow, which has no types.

    Raises:
        StorageError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise StorageError(
            "Addresses of object storage need pyarrow, which is not installed; or mount the bucket"
        ) from None


def filesystem_for(address: Address, environment: Mapping[str, str]) -> Any:
    """The filesystem; nothing but the region of a bucket on S3 is asked, and only where no variable says it.

    Raises:
        StorageError: A variable cannot be used, or pyarrow was built without this service.
    """
    fs = library("pyarrow.fs")
    makers = {"s3": _s3, "gs": _gcs, "azure": _azure}
    try:
        return makers[address.service](fs, address, environment)
    except (AttributeError, ImportError):
        raise StorageError(f"{address}: this build of pyarrow cannot reach {address.service}") from None
    except (OSError, ValueError) as error:
        raise StorageError(f"{address}: cannot be reached: {' '.join(str(error).split())}") from None


def _endpoint(environment: Mapping[str, str], *names: str) -> tuple[str, str] | None:
    """Scheme and `host:port` of the first of these variables that is set."""
    for name in names:
        text = environment.get(name, "")
        if text:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
                raise StorageError(f"{name}: is {text!r}, expected http(s)://HOST[:PORT]")
            return parts.scheme, parts.netloc
    return None


def _s3(fs: Any, address: Address, environment: Mapping[str, str]) -> Any:
    endpoint = _endpoint(environment, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not region and endpoint is None:
        region = fs.resolve_s3_region(address.bucket)
    scheme, host = endpoint or ("https", None)
    return fs.S3FileSystem(
        region=region or None,
        scheme=scheme,
        endpoint_override=host,
        connect_timeout=_CONNECT_S,
        request_timeout=_STALL_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        # Small objects are then one request, and no object is begun that is not written.
        allow_delayed_open=True,
    )


def _gcs(fs: Any, address: Address, environment: Mapping[str, str]) -> Any:
    del address
    emulator = _endpoint(environment, "STORAGE_EMULATOR_HOST")
    scheme, host = emulator or ("https", None)
    return fs.GcsFileSystem(
        # An emulator knows no identities.
        anonymous=emulator is not None,
        scheme=scheme,
        endpoint_override=host,
        retry_time_limit=timedelta(seconds=2 * _STALL_S),
    )


def _azure(fs: Any, address: Address, environment: Mapping[str, str]) -> Any:
    endpoint = _endpoint(environment, "AZURE_STORAGE_SERVICE_ENDPOINT")
    scheme, host = endpoint or ("https", None)
    credentials: dict[str, str] = {}
    if environment.get("AZURE_STORAGE_SAS_TOKEN"):
        credentials["sas_token"] = environment["AZURE_STORAGE_SAS_TOKEN"]
    elif environment.get("AZURE_STORAGE_KEY"):
        credentials["account_key"] = environment["AZURE_STORAGE_KEY"]
    elif _is_managed_identity(environment):
        # Which of several identities of the machine; the default chain takes only the machine's own.
        credentials["client_id"] = environment["AZURE_CLIENT_ID"]
    return fs.AzureFileSystem(
        address.account,
        blob_storage_authority=host,
        dfs_storage_authority=host,
        blob_storage_scheme=scheme,
        dfs_storage_scheme=scheme,
        **credentials,
    )


def _is_managed_identity(environment: Mapping[str, str]) -> bool:
    others = ("AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH")
    return bool(environment.get("AZURE_CLIENT_ID")) and not any(environment.get(name) for name in others)

"""Addresses of objects, as each cloud's tools write them.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html,
https://cloud.google.com/storage/docs/buckets#naming and
https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-introduction-abfs-uri.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import SplitResult, quote, unquote, urlsplit

from mlcloud_trainer.storage.errors import StorageError

Service = Literal["s3", "gs", "azure"]

FORMS = (
    "s3://BUCKET/KEY, gs://BUCKET/KEY, https://ACCOUNT.blob.core.windows.net/CONTAINER/KEY or "
    "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/KEY"
)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_BLOB_HOST = ".blob.core.windows.net"
_LAKE_HOST = ".dfs.core.windows.net"


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where an object, or a folder of objects, is.

    Attributes:
        service: S3, Google Cloud Storage, or Azure Blob Storage.
        bucket: The bucket; in Azure, the container.
        key: The object's name, without a slash at either end.
        account: In Azure, the storage account; else empty.
    """

    service: Service
    bucket: str
    key: str
    account: str = ""

    def __str__(self) -> str:
        """The address as people write it."""
        if self.service == "azure":
            return f"https://{self.account}{_BLOB_HOST}/{self.bucket}/{quote(self.key)}"
        return f"{self.service}://{self.bucket}/{self.key}"

    @property
    def path(self) -> str:
        """The name that pyarrow's filesystems take."""
        return f"{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    def __truediv__(self, name: str) -> Address:
        """The object of this name in the folder."""
        return replace(self, key=f"{self.key}/{name}")

    def beside(self, name: str) -> Address:
        """The object of this name in the same folder."""
        folder, slash, _ = self.key.rpartition("/")
        return replace(self, key=f"{folder}{slash}{name}")


def is_remote(text: str) -> bool:
    """Whether a text is an address with a scheme, and neither a path nor a `file:` URI."""
    return "://" in text and urlsplit(text).scheme != "file"


def parse_address(text: str) -> Address:
    """Read an address.

    Raises:
        StorageError: It is of another form, or has what no address has: `..`, a query, a password.
    """
    parts = urlsplit(text)
    found = _azure(parts) if parts.scheme in ("https", "abfs", "abfss") else _bucket(text, parts)
    if found is None:
        raise StorageError(f"{_without_query(text)!r} is no address of object storage; write {FORMS}")
    segments = found.key.split("/")
    if (
        found.key == ""
        or any(segment in ("", ".", "..") for segment in segments)
        or not found.key.isprintable()
    ):
        raise StorageError(
            f"{_without_query(text)!r} names no object or folder in a bucket; write {FORMS}, without empty "
            "parts, `.` and `..`"
        )
    return found


def _bucket(text: str, parts: SplitResult) -> Address | None:
    """An address of S3 or Google Cloud Storage, whose keys may hold any character, `?` and `#` too."""
    bucket, _, key = text.partition("://")[2].partition("/")
    if parts.scheme not in ("s3", "gs") or not _BUCKET.fullmatch(bucket):
        return None
    return Address(service="s3" if parts.scheme == "s3" else "gs", bucket=bucket, key=key.rstrip("/"))


def _azure(parts: SplitResult) -> Address | None:
    # A query would be a key of the account (SAS): it belongs into AZURE_STORAGE_SAS_TOKEN, not into logs.
    if parts.query or parts.fragment:
        return None
    path = unquote(parts.path).lstrip("/").rstrip("/")
    if parts.scheme == "https":
        account, host = parts.netloc.removesuffix(_BLOB_HOST), _BLOB_HOST
        container, _, key = path.partition("/")
    else:
        container, _, authority = parts.netloc.rpartition("@")
        account, host, key = authority.removesuffix(_LAKE_HOST), _LAKE_HOST, path
    if not parts.netloc.endswith(host) or not _ACCOUNT.fullmatch(account) or not _BUCKET.fullmatch(container):
        return None
    return Address(service="azure", bucket=container, key=key, account=account)


def _without_query(text: str) -> str:
    """The text as a message may quote it: a query or a user's name may hold a secret."""
    return re.sub(r"//[^/@]*:[^/@]*@", "//***@", text.partition("?")[0])

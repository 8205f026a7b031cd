"""A model that lies in another bucket than an endpoint reads: its address there, and what copies it."""

import shlex
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

_COPY: Final[Mapping[str, str]] = {
    "aws": "aws s3 cp",
    "gcp": "gcloud storage cp -r",
    "azure": "azcopy copy --recursive",
}
"""What copies an object or a folder between two of a cloud's own places."""


def address_in(bucket: str, uri: str) -> str:
    """Return where a model lies in another bucket: under the same key, which holds its hash."""
    return urlunsplit(urlsplit(uri)._replace(netloc=bucket))


def copy_command(cloud: str, uri: str, bucket: str) -> str:
    """Return the command that copies a model into another bucket, to the same key.

    A folder is copied into the one above it: onto its own name, it may come to lie one folder deeper
    (https://cloud.google.com/storage/docs/gsutil/addlhelp/HowSubdirectoriesWork).
    """
    source, target = uri.rstrip("/"), address_in(bucket, uri).rstrip("/")
    if not target.endswith((".tar.gz", ".tgz")):
        target = f"{target.rpartition('/')[0]}/"
    return f"{_COPY[cloud]} {shlex.quote(source)} {shlex.quote(target)}"


def own_bucket_of(outputs: Mapping[str, Any]) -> str | None:
    """Return the bucket that a stack's endpoint reads, as `address_in` takes it; None where it is not known.

    On this machine an endpoint reads any folder: there is no such bucket.
    """
    cloud, bucket = outputs.get("cloud"), outputs.get("models_bucket")
    if cloud in ("aws", "gcp"):
        return str(bucket) if bucket else None
    if cloud == "azure":
        # What is live there lies in the stack's own account; no other output tells its host.
        return urlsplit(str(outputs.get("model_uri", ""))).netloc or None
    return None

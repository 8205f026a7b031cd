"""Models in Cloud Storage: taken out of a job's output, and kept under their hash."""

import hashlib
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from mlcloud.provider.gcp.clients import Clients, GcpError
from mlcloud.provider.manifest import BadModelError, Manifest

MANIFEST: Final = "manifest.json"
REPORT: Final = "report.html"
# A manifest names a few files and columns: what is larger is not ours.
_LARGEST_MANIFEST_BYTES: Final = 16 * 1024 * 1024


def model_prefix(sha256: str) -> str:
    """Where a bucket keeps a model."""
    return f"models/{sha256}"


def model_uri(bucket: str, sha256: str) -> str:
    """The folder that Vertex AI gives to a server."""
    return f"gs://{bucket}/{model_prefix(sha256)}/"


def report_uri(bucket: str, sha256: str) -> str:
    """The report in the folder."""
    return f"{model_uri(bucket, sha256)}{REPORT}"


def split_uri(uri: str) -> tuple[str, str]:
    """`gs://bucket/name` as bucket and name, without a slash at the end."""
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return bucket, name.rstrip("/")


def find(clients: Clients, bucket: str, name: str) -> dict[str, Any] | None:
    """What Cloud Storage knows of an object; None when there is none."""
    try:
        return clients.get("storage", clients.object_path(bucket, name))
    except GcpError as error:
        if error.is_missing:
            return None
        raise


def names(clients: Clients, bucket: str, prefix: str) -> Iterator[str]:
    """Names of the objects below a prefix."""
    path = f"storage/v1/b/{quote(bucket, safe='')}/o"
    for item in clients.pages("storage", path, "items", prefix=prefix, fields="items(name),nextPageToken"):
        yield str(item["name"])


def read_text(clients: Clients, bucket: str, name: str) -> str | None:
    """The content of a small object; None when there is none."""
    try:
        return clients.download(bucket, name).decode(errors="replace")
    except GcpError as error:
        if error.is_missing:
            return None
        raise


def read_folder(clients: Clients, uri: str) -> Manifest:
    """The manifest of the model in a folder.

    Raises:
        BadModelError: there is none.
    """
    bucket, folder = split_uri(uri)
    found = find(clients, bucket, f"{folder}/{MANIFEST}")
    if found is None:
        raise BadModelError(
            f"There is no {MANIFEST} in {uri}: was another image than mlcloud's trainer used?"
        )
    if int(found.get("size", 0)) > _LARGEST_MANIFEST_BYTES:
        raise BadModelError(f"The {MANIFEST} in {uri} has {found['size']} bytes: it is not a manifest.")
    return Manifest(source=clients.download(bucket, f"{folder}/{MANIFEST}"))


def is_published(clients: Clients, bucket: str, sha256: str) -> bool:
    """Whether the bucket has the whole model: the manifest, which is written last, and all that it names."""
    prefix = model_prefix(sha256)
    try:
        content = clients.download(bucket, f"{prefix}/{MANIFEST}")
    except GcpError as error:
        if error.is_missing:
            return False
        raise
    if hashlib.sha256(content).hexdigest() != sha256:
        return False
    there = set(names(clients, bucket, f"{prefix}/"))
    return all(f"{prefix}/{name}" in there for name in Manifest(source=content).files)


def publish(clients: Clients, source: str, model: Manifest, bucket: str) -> None:
    """Copy a folder under its model's hash, inside Cloud Storage; the manifest comes last and makes it whole.

    Raises:
        BadModelError: the folder lacks a file that its manifest names.
    """
    if is_published(clients, bucket, model.sha256):
        return
    source_bucket, folder = split_uri(source)
    there = {name.removeprefix(f"{folder}/") for name in names(clients, source_bucket, f"{folder}/")}
    missing = sorted(set(model.files) - there)
    if missing:
        raise BadModelError(f"{source} lacks {', '.join(missing)}, which its {MANIFEST} names.")
    prefix = model_prefix(model.sha256)
    for name in [*model.files, *([REPORT] if REPORT in there and REPORT not in model.files else [])]:
        copy(clients, (source_bucket, f"{folder}/{name}"), (bucket, f"{prefix}/{name}"))
    clients.upload(bucket, f"{prefix}/{MANIFEST}", model.source, "application/json")


def copy(clients: Clients, source: tuple[str, str], target: tuple[str, str]) -> None:
    """Copy an object inside Cloud Storage, in as many steps as it takes; the same again changes nothing.

    https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite.
    """
    (source_bucket, source_name), (bucket, name) = source, target
    path = (
        f"{clients.object_path(source_bucket, source_name)}/rewriteTo/b/{quote(bucket, safe='')}"
        f"/o/{quote(name, safe='')}"
    )
    token: object = None
    while True:
        parameters = {"rewriteToken": token}
        answer = clients.post("storage", path, {}, repeat=True, parameters=parameters)
        if answer.get("done"):
            return
        token = answer["rewriteToken"]


def clear(clients: Clients, bucket: str, prefix: str) -> None:
    """Delete the objects below a prefix."""
    for name in list(names(clients, bucket, prefix)):
        clients.delete("storage", clients.object_path(bucket, name))

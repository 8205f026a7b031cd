"""Models in Blob Storage: taken out of a job's output, and kept under their hash."""

import hashlib
from typing import Final

from mlcloud.provider.azure import blobs
from mlcloud.provider.azure.blobs import Place
from mlcloud.provider.azure.clients import Clients
from mlcloud.provider.manifest import BadModelError, Manifest
from mlcloud.provider.resource import Context

MANIFEST: Final = "manifest.json"
REPORT: Final = "report.html"
# A manifest names a few files and columns: what is larger is not ours.
_LARGEST_MANIFEST_BYTES: Final = 16 * 1024 * 1024


def model_place(models: Place, sha256: str) -> Place:
    """Where a container keeps a model."""
    return models / "models" / sha256


def model_uri(models: Place, sha256: str) -> str:
    """The folder that a model version of Azure ML names."""
    return f"{model_place(models, sha256)}/"


def report_uri(models: Place, sha256: str) -> str:
    """The report in the folder."""
    return str(model_place(models, sha256) / REPORT)


def read_folder(clients: Clients, folder: Place) -> Manifest:
    """The manifest of the model in a folder.

    Raises:
        BadModelError: there is none.
    """
    size = blobs.size(clients, folder / MANIFEST)
    if size is not None and size > _LARGEST_MANIFEST_BYTES:
        raise BadModelError(f"The {MANIFEST} in {folder} has {size} bytes: it is not a manifest.")
    content = None if size is None else blobs.read(clients, folder / MANIFEST)
    if content is None:
        raise BadModelError(
            f"There is no {MANIFEST} in {folder}: was another image than mlcloud's trainer used?"
        )
    return Manifest(source=content)


def is_published(clients: Clients, models: Place, sha256: str) -> bool:
    """Whether the container has the whole model: the manifest, written last, and all that it names."""
    folder = model_place(models, sha256)
    content = blobs.read(clients, folder / MANIFEST)
    if content is None or hashlib.sha256(content).hexdigest() != sha256:
        return False
    there = set(blobs.names(clients, folder))
    return all(name in there for name in Manifest(source=content).files)


def publish(context: Context, clients: Clients, source: Place, model: Manifest, models: Place) -> None:
    """Copy a folder under its model's hash, inside the account; the manifest comes last and makes it whole.

    Raises:
        BadModelError: the folder lacks a file that its manifest names.
    """
    if is_published(clients, models, model.sha256):
        return
    there = set(blobs.names(clients, source))
    missing = sorted(set(model.files) - there)
    if missing:
        raise BadModelError(f"{source} lacks {', '.join(missing)}, which its {MANIFEST} names.")
    target = model_place(models, model.sha256)
    for name in [*model.files, *([REPORT] if REPORT in there and REPORT not in model.files else [])]:
        blobs.copy(context, clients, source / name, target / name)
    blobs.write(clients, target / MANIFEST, model.source, "application/json")

"""Writes the model folder into object storage: its files, or one archive of them."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Mapping

from mlcloud_trainer.manifest import MANIFEST_NAME
from mlcloud_trainer.storage import Address, open_store
from mlcloud_trainer.training.platforms import ARCHIVE_SUFFIX


def write_objects(address: Address, files: Mapping[str, bytes], limit_s: float) -> None:
    """Write the files below `address`, `manifest.json` last; or one archive, where it ends in `.tar.gz`.

    Each object is there whole or not at all. A folder whose manifest is not of its files is never served: the
    server compares every file with its hash.

    Raises:
        StorageError: The storage cannot be written to.
    """
    store = open_store(address, os.environ, limit_s)
    if address.name.endswith(ARCHIVE_SUFFIX):
        store.write(address, archive_of(files))
        return
    for name in sorted(files, key=lambda name: name == MANIFEST_NAME):
        store.write(address / name, files[name])


def archive_of(files: Mapping[str, bytes]) -> bytes:
    """A compressed archive as SageMaker packs a model folder; equal for equal files."""
    target = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()

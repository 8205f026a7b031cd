"""Finds a model in object storage; only the objects of this one model are ever read.

pyarrow is imported when the first object is read, and so never by a server whose model is a folder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from mlcloud_trainer.manifest import MANIFEST_NAME
from mlcloud_trainer.serving.archive import is_archive_name
from mlcloud_trainer.serving.errors import StartupError
from mlcloud_trainer.serving.places import MAX_MANIFEST_BYTES, Archive, Folder, several_models, unknown_format
from mlcloud_trainer.storage import Address, StorageError, Store, open_store
from mlcloud_trainer.storage.errors import MissingError


def find_remote(address: Address, variable: str, limit_s: float) -> Folder | Archive:
    """Find the model at an address.

    Args:
        address: A folder with `manifest.json`, an archive of such a folder, or a folder that holds one of
            these and nothing else of the kind.
        variable: Where the address came from, for messages.
        limit_s: Seconds that reading one object may take.

    Raises:
        StartupError: There is no model, or several, or the storage cannot be read.
    """
    try:
        objects = _Objects(store=open_store(address, os.environ, limit_s))
        if is_archive_name(address.name):
            return objects.archive(address)
        try:
            return objects.folder(address)
        except MissingError:
            return objects.only_model_below(address, variable)
    except StorageError as error:
        raise StartupError([error.problem]) from None


@dataclass(frozen=True, kw_only=True)
class _Objects:
    store: Store

    def folder(self, address: Address) -> Folder:
        manifest = self.store.read(address / MANIFEST_NAME, MAX_MANIFEST_BYTES)
        return Folder(
            place=str(address), manifest=manifest, read=lambda name, most: self._read(address / name, most)
        )

    def archive(self, address: Address) -> Archive:
        return Archive(place=str(address), name=address.name, read=lambda most: self._read(address, most))

    def only_model_below(self, address: Address, variable: str) -> Folder | Archive:
        """The model of a folder that holds one archive or one model folder, as Azure ML's do."""
        names = [item.relative for item in self.store.objects(address)]
        archives = [name for name in names if "/" not in name and is_archive_name(name)]
        folders = [
            name.removesuffix(f"/{MANIFEST_NAME}")
            for name in names
            if name.count("/") == 1 and name.endswith(f"/{MANIFEST_NAME}")
        ]
        if len(archives) + len(folders) > 1:
            raise StartupError([several_models(str(address), variable, [*archives, *folders])])
        if archives:
            return self.archive(address / archives[0])
        if folders:
            return self.folder(address / folders[0])
        if not names:
            raise StartupError(
                [
                    f"no model at {address} ({variable}): in the bucket {address.bucket}, no object "
                    f"begins with {address.key}/; set MLCLOUD_MODEL_URI to a model folder or an archive"
                ]
            )
        raise StartupError([unknown_format(str(address), names)])

    def _read(self, address: Address, most: int) -> bytes:
        try:
            return self.store.read(address, most)
        except StorageError as error:
            raise StartupError([error.problem]) from None

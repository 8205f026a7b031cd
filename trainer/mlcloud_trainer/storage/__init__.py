"""Objects in a cloud's storage: S3, Google Cloud Storage and Azure Blob Storage, by pyarrow's filesystems.

`parse_address` tells an object's address from a path, and imports nothing. `open_store` imports pyarrow,
which takes time and memory, when a first object is read or written; who reads local files never does.
"""

from mlcloud_trainer.storage.address import Address, is_remote, parse_address
from mlcloud_trainer.storage.errors import StorageError
from mlcloud_trainer.storage.store import DEFAULT_LIMIT_S, Store, StoredObject, open_store

__all__ = [
    "DEFAULT_LIMIT_S",
    "Address",
    "StorageError",
    "Store",
    "StoredObject",
    "is_remote",
    "open_store",
    "parse_address",
]

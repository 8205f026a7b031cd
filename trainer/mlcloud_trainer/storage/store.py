"""Reads, lists and writes objects, each within a time and a size.

pyarrow does the transfer, its retries, and the search for credentials: the environment, the machine's or
the job's identity, files of the clouds' own tools (https://arrow.apache.org/docs/python/filesystems.html).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from mlcloud_trainer.storage.address import Address
from mlcloud_trainer.storage.errors import StorageError
from mlcloud_trainer.storage.explain import Action, explained
from mlcloud_trainer.storage.filesystems import filesystem_for, library

Result = TypeVar("Result")

# A model of 1 GiB over 100 Mbit/s takes a minute and a half.
DEFAULT_LIMIT_S = 300.0
MOST_LISTED = 10_000
_CHUNK_BYTES = 8 * 1024 * 1024
_CONTENT_TYPES = {".json": "application/json", ".html": "text/html; charset=utf-8"}


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One object of a listing.

    Attributes:
        address: Where it is.
        relative: Its name below the listed folder.
        size: Its bytes.
    """

    address: Address
    relative: str
    size: int


class Store:
    """The objects of one address's service."""

    def __init__(self, connect: Callable[[], Any], limit_s: float) -> None:
        """Give what makes pyarrow's filesystem, and the seconds that one object, or one listing, may take."""
        self._connect = connect
        self._limit_s = limit_s
        self._known: Any = None

    @property
    def _filesystem(self) -> Any:
        # Made within the time limit, too: it may ask for a region, and waits for calls that hang.
        if self._known is None:
            self._known = self._connect()
        return self._known

    def read(self, address: Address, most: int) -> bytes:
        """The bytes of an object.

        Raises:
            MissingError: There is no such object.
            StorageError: It cannot be read, in time, or has more than `most` bytes.
        """

        def work() -> bytes:
            content = bytearray()
            # A stream: asking an open file for its size would hold up every other thread (pyarrow keeps the
            # interpreter's lock meanwhile). Without `compression` it would unpack what is called *.gz.
            with self._filesystem.open_input_stream(address.path, compression=None) as stream:
                while part := stream.read(_CHUNK_BYTES):
                    content += part
                    if len(content) > most:
                        raise StorageError(f"{address}: has more than the {most} bytes that are allowed")
            return bytes(content)

        return self._bounded("read", address, work)

    def objects(self, folder: Address) -> list[StoredObject]:
        """The objects below a folder, by name; none where there is no such folder.

        Raises:
            StorageError: It cannot be listed, in time, or holds more than `MOST_LISTED` objects.
        """

        def work() -> list[StoredObject]:
            fs = library("pyarrow.fs")
            selector = fs.FileSelector(folder.path, recursive=True, allow_not_found=True)
            return [
                StoredObject(
                    address=folder / info.path.removeprefix(f"{folder.path}/"),
                    relative=info.path.removeprefix(f"{folder.path}/"),
                    size=int(info.size),
                )
                for info in self._filesystem.get_file_info(selector)
                # A name that ends in a slash is how consoles draw an empty folder.
                if info.type == fs.FileType.File and not info.path.endswith("/")
            ]

        found = self._bounded("list", folder, work)
        if len(found) > MOST_LISTED:
            raise StorageError(f"{folder}: holds {len(found)} objects, more than the {MOST_LISTED} allowed")
        return sorted(found, key=lambda item: item.relative)

    def write(self, address: Address, content: bytes) -> None:
        """Write an object; it is there whole or not at all.

        Raises:
            StorageError: It cannot be written, in time.
        """
        suffix = "." + address.name.rpartition(".")[2]
        metadata = {"Content-Type": _CONTENT_TYPES.get(suffix, "application/octet-stream")}

        def work() -> None:
            # Without `compression` pyarrow compresses what is called *.gz once more.
            stream = self._filesystem.open_output_stream(address.path, compression=None, metadata=metadata)
            stream.write(content)
            # Only closing makes the object: a write that failed leaves none.
            stream.close()

        self._bounded("write", address, work)

    def _bounded(self, action: Action, address: Address, work: Callable[[], Result]) -> Result:
        """Run `work` for at most `limit_s` seconds; pyarrow has no limit of its own on all platforms."""
        done: list[Result] = []
        failed: list[Exception] = []

        def run() -> None:
            try:
                done.append(work())
            except Exception as error:  # noqa: BLE001 - handed to the caller, whatever it is
                failed.append(error)

        # A daemon: one that hangs in a connection keeps no process alive.
        thread = threading.Thread(target=run, name=f"storage-{action}", daemon=True)
        thread.start()
        thread.join(self._limit_s)
        if done:
            return done[0]
        if not failed:
            raise StorageError(
                f"{address}: took longer than {self._limit_s:g} s (MLCLOUD_STORAGE_TIMEOUT_S) to {action}; "
                "is there a way from here to the storage: a route, an endpoint in the private network?"
            )
        raise explained(action, address, failed[0]) from None


def open_store(address: Address, environment: Mapping[str, str], limit_s: float = DEFAULT_LIMIT_S) -> Store:
    """The store that holds an address; nothing is asked yet.

    Args:
        address: An object or a folder.
        environment: Says which endpoint and which credentials; see docs/guides/container.md.
        limit_s: Seconds that one object, or one listing, may take.

    """
    return Store(lambda: filesystem_for(address, environment), limit_s)

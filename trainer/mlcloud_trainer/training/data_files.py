"""Finds the data files of a run: in the platform's channels, in a folder, or in object storage."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol, cast

from mlcloud_trainer.storage import Address, Store, StoredObject, open_store
from mlcloud_trainer.training.errors import TrainingError, listing
from mlcloud_trainer.training.platforms import Layout, read_config

DATA_SUFFIXES = (".csv", ".parquet")


class DataFile(Protocol):
    """One file of data: a path, or an object that is read when it is asked for."""

    @property
    def name(self) -> str:
        """The file's name."""
        ...

    @property
    def suffix(self) -> str:
        """The name's ending, with its dot."""
        ...

    def read_bytes(self) -> bytes:
        """The whole content."""
        ...


@dataclass(frozen=True, kw_only=True)
class DataObject:
    """A data file in object storage."""

    store: Store
    address: Address

    @property
    def name(self) -> str:
        """The object's name without its folder."""
        return self.address.name

    @property
    def suffix(self) -> str:
        """The name's ending, with its dot."""
        return PurePosixPath(self.name).suffix

    def read_bytes(self) -> bytes:
        """The whole object; one that is larger than this machine's memory is not begun."""
        return self.store.read(self.address, memory_bytes())


def memory_bytes() -> int:
    """This machine's memory: the data must fit into it."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def find_data_files(layout: Layout) -> list[DataFile]:
    """The data files, sorted by name: those that a variable names, or those of the channel `train`.

    Raises:
        TrainingError: There is no data file; no channel, several without one called train, or a channel that
            is streamed.
        StorageError: The storage cannot be listed.
    """
    if isinstance(layout.data, Address):
        return _objects(layout.data, layout.storage_timeout_s)
    if layout.data is not None:
        return [layout.data] if _is_data(layout.data) else _files(layout.data)
    channels = read_config(layout.config_dir / "inputdataconfig.json")
    for name, channel in channels.items():
        settings = cast("dict[str, object]", channel) if isinstance(channel, dict) else {}
        if settings.get("TrainingInputMode", "File") == "Pipe":
            raise TrainingError(f"Channel {name}: input mode Pipe is not supported; use File or FastFile.")
    return _files(_find_channel(layout.data_dir))


def _is_data(path: Path) -> bool:
    return path.suffix.lower() in DATA_SUFFIXES and path.is_file()


def _files(folder: Path) -> list[DataFile]:
    if not folder.is_dir():
        raise TrainingError(f"{folder}: is neither a folder nor a *.csv or *.parquet file.")
    files = sorted(
        (path for path in folder.rglob("*") if _is_data(path)),
        key=lambda path: path.relative_to(folder).as_posix(),
    )
    if not files:
        raise TrainingError(_no_data(str(folder), sorted(path.name for path in folder.iterdir())))
    return [*files]


def _no_data(place: str, others: list[str]) -> str:
    found = f" It holds: {listing(others)}." if others else " It is empty."
    return f"{place}: holds no *.csv or *.parquet file.{found}"


def _objects(address: Address, limit_s: float) -> list[DataFile]:
    store = open_store(address, os.environ, limit_s)
    if PurePosixPath(address.name).suffix.lower() in DATA_SUFFIXES:
        return [DataObject(store=store, address=address)]
    objects = store.objects(address)
    files = [item for item in objects if PurePosixPath(item.relative).suffix.lower() in DATA_SUFFIXES]
    if not files:
        raise TrainingError(_no_data(str(address), [item.relative for item in objects]))
    _demand_memory(address, files)
    return [DataObject(store=store, address=item.address) for item in files]


def _demand_memory(address: Address, files: list[StoredObject]) -> None:
    total, most = sum(item.size for item in files), memory_bytes()
    if total > most:
        raise TrainingError(
            f"{address}: its files have {total} bytes, more than the {most} of this machine's memory; use a "
            "larger machine or fewer rows."
        )


def _find_channel(data_dir: Path) -> Path:
    folders = sorted(path for path in data_dir.iterdir() if path.is_dir()) if data_dir.is_dir() else []
    if data_dir / "train" in folders:
        return data_dir / "train"
    if len(folders) == 1:
        return folders[0]
    if not folders:
        raise TrainingError(f"{data_dir}: holds no data; put the files into {data_dir / 'train'}.")
    raise TrainingError(
        f"{data_dir}: holds several channels ({listing(path.name for path in folders)}); call the one with "
        "the training data `train`."
    )

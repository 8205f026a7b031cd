"""The registry on this machine: a JSON file for each version, in a folder for each model's name.

A version that another one has followed stays, as `kept`: it is what a rollback needs. It goes with its model,
or with the resource that registered it.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.claims import make_folders, remove_empty_folders
from mlcloud.provider.local.files import path_of, read_json, sweep, write_json
from mlcloud.provider.local.models import model_sha256

KEPT: Final = "kept"
"""The stage of a version that another one has followed."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A version in the registry.

    Attributes:
        name: name of the model.
        version: label of the version.
        uri: the model's `file://` URI.
        sha256: the model's SHA-256.
        stage: what the version is for; `kept` once another one has followed.
        metrics: its metrics on held-out rows, by name.
        lineage: where it comes from (`mlcloud.core.lineage`); None where its manifest does not tell.
        created: when it was registered first, in seconds since 1970.
        until: when another one followed it; None while it is its resource's own.
        urn: the resource that registered it.
        token: which creation of that resource.
    """

    name: str
    version: str
    uri: str
    sha256: str
    stage: str
    metrics: dict[str, float]
    lineage: dict[str, Any] | None
    created: float
    until: float | None
    urn: str
    token: str

    @property
    def is_there(self) -> bool:
        """Whether its model is: a folder with this very manifest, or an archive."""
        try:
            model = path_of(self.uri)
        except ResourceError:
            return False
        return model.is_file() or model_sha256(model) == self.sha256


def entry_path(registry: Path, name: str, version: str) -> Path:
    """Where a version's entry is."""
    return registry / name / f"{version}.json"


def read_entry(path: Path) -> Entry | None:
    """The entry in a file; None where there is none. One of an older version lacks times and lineage."""
    content = read_json(path)
    if content is None or not isinstance(content.get("sha256"), str):
        return None
    lineage, metrics = content.get("lineage"), content.get("metrics")
    return Entry(
        name=str(content.get("name", path.parent.name)),
        version=str(content.get("version", path.stem)),
        uri=str(content.get("uri", "")),
        sha256=content["sha256"],
        stage=str(content.get("stage", "")),
        metrics=cast("dict[str, float]", metrics) if isinstance(metrics, dict) else {},
        lineage=cast("dict[str, Any]", lineage) if isinstance(lineage, dict) else None,
        created=float(content.get("created") or path.stat().st_mtime),
        until=content.get("until"),
        urn=str(content.get("urn", "")),
        token=str(content.get("token", "")),
    )


def entries(registry: Path) -> dict[Path, Entry]:
    """Every entry of a registry by its file."""
    found = {path: read_entry(path) for path in sorted(registry.glob("*/*.json"))}
    return {path: entry for path, entry in found.items() if entry is not None}


def register(registry: Path, entry: Entry) -> None:
    """Write a resource's own entry; of what was there before, whatever has its model still is kept."""
    path = entry_path(registry, entry.name, entry.version)
    make_folders(path.parent)
    sweep(path.parent)
    before = read_entry(path)
    if before is not None and before.sha256 == entry.sha256:
        entry = replace(entry, created=before.created)
    elif before is not None:
        # The same label for another model: the earlier one is found by its hash from now on.
        _write(path.with_name(f"{before.version}.{before.sha256[:12]}.json"), _kept(before))
    _write(path, entry)
    for other, found in entries(registry).items():
        if other != path and found.urn == entry.urn and found.until is not None and not found.is_there:
            _remove(other)


def unregister(registry: Path, path: Path, urn: str, token: str) -> None:
    """Take a resource's entry back: kept where another has followed; else all of the resource's goes."""
    own = read_entry(path)
    if own is not None and own.token != token:
        return
    owners = {urn} if own is None else {urn, own.urn}
    others = {
        other: found for other, found in entries(registry).items() if other != path and found.urn in owners
    }
    if any(found.until is None for found in others.values()):
        if own is not None:
            _write(path, _kept(own))
        return
    for doomed in (path, *others):
        _remove(doomed)


def _kept(entry: Entry) -> Entry:
    until = entry.until if entry.until is not None else time.time()
    return replace(entry, stage=KEPT, until=until)


def _write(path: Path, entry: Entry) -> None:
    content: Mapping[str, object] = asdict(entry)
    write_json(path, content)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    remove_empty_folders(path.parent)

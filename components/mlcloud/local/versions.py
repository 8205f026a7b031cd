"""The versions of a local stack's model: what its registry keeps, and what else lies in its bucket."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

from mlcloud.core.errors import UserError
from mlcloud.core.lineage import Lineage
from mlcloud.core.operations import ModelVersion
from mlcloud.provider.local.models import MANIFEST, REPORT, metrics_of
from mlcloud.provider.local.registry import KEPT, Entry, entries

_LIVE: Final = "live"
_LABEL_DIGITS: Final = 12


def listed(outputs: Mapping[str, Any]) -> list[ModelVersion]:
    """List the versions whose models are there, the latest first; each model once.

    A registry that an earlier version of mlcloud has written knows the live version alone: the models in the
    stack's bucket are listed beside it.
    """
    found: dict[str, ModelVersion] = {}
    for version in (*_registered(outputs), *_beside(outputs)):
        # A model that was live under several labels is listed under the one that it has now.
        known = found.get(version.sha256)
        if known is None or (version.is_live and not known.is_live):
            found[version.sha256] = version
    return sorted(found.values(), key=lambda version: version.created, reverse=True)


def _registered(outputs: Mapping[str, Any]) -> Iterator[ModelVersion]:
    """The registry's entries, those that were followed last first."""
    registry = outputs.get("registry")
    known = entries(Path(registry)) if isinstance(registry, str) else {}
    ordered = sorted(known.values(), key=lambda entry: entry.until or float("inf"), reverse=True)
    for entry in ordered:
        if entry.is_there:
            yield _version_of(entry, outputs)


def _version_of(entry: Entry, outputs: Mapping[str, Any]) -> ModelVersion:
    live = (str(outputs.get("model_sha256", "")), str(outputs.get("model_version", "")))
    is_live = (entry.sha256, entry.version) == live
    lineage = Lineage.of_plain(entry.lineage)
    if lineage is None:
        lineage = _lineage(_path(entry.uri))
    stage = entry.stage
    if stage in (_LIVE, KEPT):
        # The stack knows better: an update that fails has registered its version before.
        stage = _LIVE if is_live else KEPT
    return ModelVersion(
        label=entry.version,
        stage=stage,
        sha256=entry.sha256,
        uri=entry.uri,
        created=datetime.fromtimestamp(entry.created, UTC),
        is_live=is_live,
        metrics=entry.metrics,
        lineage=lineage,
    )


def _beside(outputs: Mapping[str, Any]) -> Iterator[ModelVersion]:
    """The live model, and those in the bucket: the stack's own, or the live model's where that is not known.

    Folders alone are opened: an archive that was pinned tells no more than what the stack knows of it.
    """
    live = _live_model(outputs)
    if live.is_file() or (live / MANIFEST).is_file():
        yield _found(live, outputs, is_live=True)
    bucket = outputs.get("models_bucket")
    if isinstance(bucket, str):
        others = Path(bucket).glob(f"models/*/{MANIFEST}")
    else:
        others = iter(()) if live.is_file() else live.parent.glob(f"*/{MANIFEST}")
    for manifest in others:
        if manifest.parent != live:
            yield _found(manifest.parent, outputs, is_live=False)


def _found(model: Path, outputs: Mapping[str, Any], *, is_live: bool) -> ModelVersion:
    """A model that no entry tells of."""
    file = model if model.is_file() else model / MANIFEST
    sha256 = str(outputs.get("model_sha256", "")) if is_live else model.name
    metrics: Any = outputs.get("metrics") if model.is_file() else metrics_of(_manifest(model))
    return ModelVersion(
        label=str(outputs.get("model_version", "")) if is_live else sha256[:_LABEL_DIGITS],
        stage=_LIVE if is_live else KEPT,
        sha256=sha256,
        uri=model.as_uri() if model.is_file() else f"{model.as_uri()}/",
        created=datetime.fromtimestamp(file.stat().st_mtime, UTC),
        is_live=is_live,
        metrics=metrics or {},
        lineage=_lineage(model),
    )


def _lineage(model: Path) -> Lineage | None:
    report = model / REPORT
    return Lineage.of_manifest(_manifest(model), report=str(report) if report.is_file() else "")


def _manifest(model: Path) -> Mapping[str, Any]:
    """A folder's manifest; nothing where it has none, or where the model is an archive."""
    try:
        content = json.loads((model / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}
    return cast("Mapping[str, Any]", content) if isinstance(content, dict) else {}


def _live_model(outputs: Mapping[str, Any]) -> Path:
    uri = outputs.get("model_uri")
    if not uri:
        raise UserError("The stack has no output 'model_uri': it is not up. Run `mlcloud up STACK` first.")
    return _path(str(uri))


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))

"""Which version of a model is meant: by its label or hash, or as the one that was live before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlcloud.core.errors import UserError
from mlcloud.core.operations import ModelVersion


def with_one_live(versions: Iterable[ModelVersion]) -> list[ModelVersion]:
    """Return the versions of a registry, the latest first, of which one at most is live.

    A model that is live again has two entries in a registry that takes each registration for a new version:
    the later one is meant.
    """
    found: list[ModelVersion] = []
    seen = False
    for version in sorted(versions, key=lambda item: item.created, reverse=True):
        found.append(replace(version, is_live=version.is_live and not seen))
        seen = seen or version.is_live
    return found


def version_named(versions: Sequence[ModelVersion], wanted: str) -> ModelVersion:
    """Return the version that a label or hash names, or the beginning of one where it is the only such.

    Raises:
        UserError: none or several are so named, or it may not be served; the message lists those that may.
    """
    exact = [version for version in versions if wanted in (version.label, version.sha256)]
    found = exact or [
        version
        for version in versions
        if version.label.startswith(wanted) or version.sha256.startswith(wanted)
    ]
    if not found:
        raise UserError(f"There is no version {wanted!r}. {told(versions)}")
    if len({version.sha256 for version in found}) > 1:
        labels = ", ".join(f"{version.label} ({version.sha256[:16]})" for version in found)
        raise UserError(f"{wanted!r} names several versions: {labels}. Give more of the label or the hash.")
    return _served(found[0], versions)


def version_before(
    versions: Sequence[ModelVersion], live: str, past: Iterable[Mapping[str, Any] | None]
) -> ModelVersion:
    """Return the version that was live before the present one, as the history of the stack's updates tells.

    Args:
        versions: Those in the registry.
        live: SHA-256 of the live model.
        past: The stack's outputs after each update that succeeded, the latest first; None where they cannot
            be read.

    Raises:
        UserError: that is not certain, or the version is gone; the message lists those that are there.
    """
    for outputs in past:
        if outputs is None:
            raise UserError(
                "Which version was live before the present one is not certain: a part of the history of the "
                f"stack's updates cannot be read. {told(versions)}"
            )
        sha256 = outputs.get("model_sha256")
        if not isinstance(sha256, str) or sha256 == live:
            continue
        for version in versions:
            if version.sha256 == sha256:
                return _served(version, versions)
        label = outputs.get("model_version") or sha256[:12]
        raise UserError(f"The version before, {label}, is not in the registry any more. {told(versions)}")
    raise UserError(
        "As far as the history of the stack's updates goes, no other version was live before. "
        f"{told(versions)}"
    )


def told(versions: Sequence[ModelVersion]) -> str:
    """Return which versions may be chosen, as the end of a message."""
    live = {version.sha256 for version in versions if version.is_live}
    able = [version for version in versions if not _refusal(version) and version.sha256 not in live]
    labels = list(dict.fromkeys(version.label for version in able))
    if not labels:
        return "The registry has no other version that may be served: `mlcloud models STACK` lists it."
    return f"Choose one: {', '.join(labels)}. `mlcloud models STACK` tells more of each."


def _refusal(version: ModelVersion) -> str:
    return version.refusal or ("" if version.sha256 else "something that tells no hash")


def _served(version: ModelVersion, versions: Sequence[ModelVersion]) -> ModelVersion:
    if refusal := _refusal(version):
        raise UserError(
            f"The version {version.label} may not be served: the registry has it as {refusal}. "
            f"{told(versions)}"
        )
    return version

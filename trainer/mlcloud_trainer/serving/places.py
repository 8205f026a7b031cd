"""What every place of a model offers: a folder whose files are read one by one, or one archive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlcloud_trainer.manifest import MANIFEST_NAME

MAX_MANIFEST_BYTES = 4 * 1024 * 1024

_PICKLES = (".pkl", ".pickle", ".joblib", ".sav", ".npy", ".pt", ".pth", ".h5")


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A model folder.

    Attributes:
        place: Where it is, for messages.
        manifest: The bytes of its `manifest.json`.
        read: The bytes of a file by its name, at most so many; raises StartupError.
    """

    place: str
    manifest: bytes
    read: Callable[[str, int], bytes]


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A model folder as one archive.

    Attributes:
        place: Where it is, for messages.
        name: Its file's name, which says whether it is compressed.
        read: Its bytes, at most so many; raises StartupError.
    """

    place: str
    name: str
    read: Callable[[int], bytes]


def several_models(place: str, variable: str, names: Sequence[str]) -> str:
    """What to say of a place with more than one model."""
    return f"{place} ({variable}) holds several models: {', '.join(names)}; set MLCLOUD_MODEL_URI to one"


def unknown_format(place: str, names: Sequence[str]) -> str:
    """What to say of a place without a model, by what is there."""
    pickles = [name for name in names if name.endswith(_PICKLES)]
    if pickles:
        return (
            f"{place}: {', '.join(pickles)} is in a format that can run code when it is loaded, "
            "so it is never loaded; train the model with `mlcloud-trainer train`, "
            f"which writes {MANIFEST_NAME} with safe files"
        )
    found = ", ".join(names[:10]) or "nothing"
    return f"{place}: is not a model of this server's format: no {MANIFEST_NAME}; found {found}"

"""Writes the model folder so that it is either whole or not there.

Files are written into a folder beside their place and moved at the end, `manifest.json` last: a folder
without a manifest is no model. An earlier model in the same place loses its manifest first.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from mlcloud_trainer.manifest import MANIFEST_NAME, FileEntry

KNOWN_FILES = (MANIFEST_NAME, "model.skops", "model.onnx", "report.html")


def file_entry(content: bytes) -> FileEntry:
    """Size and hash of a file."""
    return FileEntry(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def prepare_scratch(scratch_dir: Path) -> None:
    """An empty folder for files that are not ready; an earlier one is removed.

    Raises:
        OSError: The model folder cannot be written to.
    """
    discard_scratch(scratch_dir)
    scratch_dir.mkdir(parents=True)


def discard_scratch(scratch_dir: Path) -> None:
    """Remove what is not ready."""
    shutil.rmtree(scratch_dir, ignore_errors=True)


def write_folder(model_dir: Path, scratch_dir: Path, files: Mapping[str, bytes]) -> None:
    """Put the files into `model_dir`, by way of `scratch_dir` in the same file system.

    Raises:
        OSError: The folder cannot be written to.
    """
    for name, content in files.items():
        (scratch_dir / name).write_bytes(content)
    for name in KNOWN_FILES:
        (model_dir / name).unlink(missing_ok=True)
    for name in sorted(files, key=lambda name: name == MANIFEST_NAME):
        (scratch_dir / name).replace(model_dir / name)

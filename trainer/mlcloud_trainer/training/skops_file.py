"""Writes a pipeline as skops bytes that are equal for equal pipelines.

skops names objects and files by their addresses in memory and stamps the time; both are replaced: addresses
by numbers in the order of their first use, the time by the earliest that a zip archive can hold.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any, cast

from mlcloud_trainer.training.untyped import library

EARLIEST = (1980, 1, 1, 0, 0, 0)
SCHEMA = "schema.json"


def dump_skops(pipeline: Any) -> bytes:
    """The bytes of `model.skops`."""
    return _canonical(library("skops.io").dumps(pipeline))


def _canonical(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema: object = json.loads(members.pop(SCHEMA))
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}
    renamed = _renumber(schema, numbers, files)
    members = {files[name]: members[name] for name in sorted(members, key=lambda name: _order(files[name]))}
    members[SCHEMA] = json.dumps(renamed, indent=1).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, date_time=EARLIEST), data)
    return buffer.getvalue()


def _order(name: str) -> int:
    return int(re.sub(r"\D.*", "", name))


def _renumber(node: object, numbers: dict[int, int], files: dict[str, str]) -> object:
    """A copy of the schema in which each address, and each file named after one, is a running number."""
    if isinstance(node, list):
        return [_renumber(item, numbers, files) for item in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    copy: dict[str, object] = {}
    for key, value in cast("dict[str, object]", node).items():
        if key == "__id__" and isinstance(value, int):
            copy[key] = numbers.setdefault(value, len(numbers) + 1)
        elif key == "file" and isinstance(value, str):
            suffix = value[value.rfind(".") :] if "." in value else ""
            copy[key] = files.setdefault(value, f"{len(files) + 1}{suffix}")
        else:
            copy[key] = _renumber(value, numbers, files)
    return copy

"""Checks a skops file's sizes and types, before skops and scikit-learn are even imported."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import cast

from mlcloud_trainer.serving.errors import StartupError
from mlcloud_trainer.serving.runtimes.skops_types import ALLOWED_NODES

# A forest of 500 trees has about 2500 members.
MAX_MEMBERS = 50_000
# skops stores without compression; anything that grows this much was not written by it.
MAX_RATIO = 50


def inspect_skops(content: bytes, max_bytes: int) -> None:
    """Refuse a file that holds more, or other types, than a served model may.

    Args:
        content: The file.
        max_bytes: Most bytes that it may unpack to.

    Raises:
        StartupError: It does, or is not a readable skops file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if len(members) > MAX_MEMBERS or size > min(max_bytes, max(len(content), 1) * MAX_RATIO):
                raise StartupError(
                    [f"model.skops has {len(members)} members of {size} bytes: more than it may"]
                )
            if len({member.filename for member in members}) != len(members):
                raise StartupError(["model.skops holds a member twice"])
            schema: object = json.loads(archive.read("schema.json"))
    except (
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        RecursionError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise StartupError([f"model.skops is not a readable skops file ({type(error).__name__})"]) from None
    refused = sorted({found for found in _nodes(schema) if found[1] not in ALLOWED_NODES.get(found[0], ())})
    if refused:
        names = ", ".join(f"{type_name} ({loader})" for loader, type_name in refused[:10])
        raise StartupError(
            [f"model.skops holds types that are not on the server's list, nothing was loaded: {names}"]
        )


def _nodes(schema: object) -> Iterator[tuple[str, str]]:
    """Every node's kind and the type that it names. A node without either is reported as an empty name."""
    waiting: list[object] = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(cast("list[object]", value))
        elif isinstance(value, dict):
            node = cast("dict[str, object]", value)
            waiting.extend(node.values())
            if "__loader__" in node or "__class__" in node or "__module__" in node:
                yield (
                    str(node.get("__loader__", "")),
                    f"{node.get('__module__', '')}.{node.get('__class__', '')}",
                )

"""What a stack exported after each of its updates, by either engine: from the history beside its state."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from mlcloud.embedded.project.project import Project
from mlcloud.embedded.state.backend import FileBackend, backend_url
from mlcloud.embedded.state.records import STACK_TYPE
from mlcloud.embedded.state.secrets import Passphrase

_ENTRY = ".history.json"
_CHECKPOINT = ".checkpoint.json"


def past_outputs(project: Project, stack: str, home: Path) -> Iterator[Mapping[str, Any] | None]:
    """Yield the stack's outputs after each update that succeeded, the latest first.

    Secrets stay encrypted. None stands for an update whose checkpoint is not there, or cannot be read.

    Args:
        project: The project.
        stack: The stack's name.
        home: The state folder.
    """
    root = FileBackend.open(backend_url(home), Passphrase(home=home)).root
    folder = root / ".pulumi" / "history" / project.name / stack
    files = folder.glob(f"{stack}-*{_ENTRY}")
    # `<stack>-<nanoseconds since 1970>.history.json`: numbers of one length until the year 2286.
    for file in sorted(files, key=lambda path: path.name, reverse=True):
        entry = _read(file)
        if entry is None:
            yield None
        elif (entry.get("kind"), entry.get("result")) == ("update", "succeeded"):
            yield _outputs(_read(file.with_name(file.name.removesuffix(_ENTRY) + _CHECKPOINT)))


def _outputs(document: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    try:
        resources: Any = document["checkpoint"]["latest"]["resources"] if document is not None else None
        for resource in resources or ():
            if resource["type"] == STACK_TYPE:
                return cast("dict[str, Any]", resource.get("outputs") or {})
    except (KeyError, TypeError, AttributeError):
        return None
    return None


def _read(file: Path) -> Mapping[str, Any] | None:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return cast("dict[str, Any]", content) if isinstance(content, dict) else None

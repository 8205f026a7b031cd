"""A stack's outputs, as its state holds them: no program is run and no provider is started."""

from pathlib import Path
from typing import Any

from mlcloud.embedded.project.project import Project
from mlcloud.embedded.properties import values
from mlcloud.embedded.state.backend import FileBackend, backend_url
from mlcloud.embedded.state.records import STACK_TYPE, Snapshot
from mlcloud.embedded.state.secrets import Passphrase


def stack_outputs(project: Project, stack: str, home: Path, *, show_secrets: bool = False) -> dict[str, Any]:
    """Return what a stack exported when it was last updated.

    The stack's config is not read: a stack file with an error must not hide what is up.

    Args:
        project: The project.
        stack: The stack's name.
        home: The state folder.
        show_secrets: Give secrets in plain text instead of ``[secret]``.

    Raises:
        EngineError: when there is neither such a stack file nor such a state, or the state cannot be used.
    """
    passphrase = Passphrase(home=home)
    state = FileBackend.open(backend_url(home), passphrase).stack(project.name, stack)
    if not state.exists():
        project.require_stack_file(stack)
    return exported(state.read(), show_secrets=show_secrets)


def exported(snapshot: Snapshot, *, show_secrets: bool) -> dict[str, Any]:
    """Return the outputs that a state holds; secrets are ``[secret]`` unless they are asked for."""
    for record in snapshot.resources:
        if record.type == STACK_TYPE:
            return values.plain(record.outputs) if show_secrets else values.shown(record.outputs)
    return {}

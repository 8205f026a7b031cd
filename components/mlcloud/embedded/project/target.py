"""One stack of a project, ready to be run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlcloud.embedded.project.project import Project
from mlcloud.embedded.state.secrets import Passphrase


@dataclass(frozen=True, kw_only=True)
class Target:
    """The stack that is worked on."""

    project: str
    stack: str
    root: Path
    """The folder of Pulumi.yaml."""
    folder: Path
    """The folder of the program."""
    config: Mapping[str, str] = field(default_factory=dict[str, str])
    secret_keys: frozenset[str] = frozenset()
    secret_texts: frozenset[str] = frozenset()
    """What is encrypted in the stack file, in plain: no message shows it."""
    raw_config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The config as the stack file has it, for the history: secrets are encrypted."""
    plugins: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """Package to the folder of its local plugin."""

    @classmethod
    def open(cls, project: Project, stack: str, passphrase: Passphrase) -> "Target":
        """The stack as its file has it; secrets of the config are decrypted.

        Raises:
            EngineError: when the stack file or its config cannot be used.
        """
        config = project.config(stack, passphrase)
        return cls(
            project=project.name,
            stack=stack,
            root=project.root,
            folder=project.program_dir,
            config=config.values,
            secret_keys=frozenset(config.secret_keys),
            secret_texts=frozenset(config.secret_texts),
            raw_config=config.raw,
            plugins={plugin.name: plugin.path for plugin in project.plugins},
        )

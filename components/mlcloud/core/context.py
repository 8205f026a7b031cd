"""What every component of a stack knows: whose stack it is, where it lives, and how its things are named."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote, urlsplit

from mlcloud.core.errors import UserError
from mlcloud.core.home import home_directory
from mlcloud.core.names import Service, name_for
from mlcloud.core.scope import Scope
from mlcloud.core.settings import Cloud, Environment, Settings

_LABEL_MAX: Final = 63


@dataclass(frozen=True, kw_only=True)
class StackContext:
    """A stack, as its components see it.

    Attributes:
        project: The Pulumi project's name.
        stack: The stack's name.
        environment: What the stack is for.
        cloud: Where it lives.
        region: The cloud's own name of the region; None on local.
        tags: Labels of every resource: the stack's own, and those of its settings.
        root: The project's folder; relative paths of the settings begin there.
        home: The state folder; on local, everything that the stack makes lies below it.
    """

    project: str
    stack: str
    environment: Environment
    cloud: Cloud
    region: str | None
    tags: Mapping[str, str]
    root: Path
    home: Path

    @classmethod
    def of(
        cls, settings: Settings, *, project: str, stack: str, root: Path, home: Path | None = None
    ) -> "StackContext":
        """Return the context of a stack.

        Args:
            settings: The stack's settings.
            project: The Pulumi project's name.
            stack: The stack's name.
            root: The project's folder.
            home: The state folder. Default: `home_directory(root)`.
        """
        own = {
            "mlcloud-project": project,
            "mlcloud-stack": stack,
            "mlcloud-environment": settings.environment,
        }
        labels = {key: label(value) for key, value in own.items()}
        return cls(
            project=project,
            stack=stack,
            environment=settings.environment,
            cloud=settings.cloud,
            region=settings.region,
            tags=MappingProxyType({**settings.tags, **labels}),
            root=root,
            home=home_directory(root) if home is None else home,
        )

    @classmethod
    def from_pulumi(cls, settings: Settings) -> "StackContext":
        """Return the context of the stack that the running Pulumi program belongs to."""
        import pulumi

        root = Path(pulumi.get_root_directory())
        return cls.of(settings, project=pulumi.get_project(), stack=pulumi.get_stack(), root=root)

    @property
    def is_prod(self) -> bool:
        """Whether the stack serves people: it is protected from deletion."""
        return self.environment == "prod"

    @property
    def local_directory(self) -> Path:
        """Where a local stack keeps its buckets, runs and endpoints."""
        return self.home / "local" / self.project / self.stack

    def name(self, service: Service, part: str, *, account: str = "") -> str:
        """Return the name of one of the stack's things, of project, stack and part, as the service allows."""
        return name_for(service, self.project, self.stack, part, account=account)

    def scope(self, account: str) -> Scope:
        """Return what the components of a cloud are given: this stack in an account.

        Args:
            account: The account of AWS, the project id of GCP or the subscription id of Azure.

        Raises:
            UserError: the stack has no region.
        """
        if self.region is None:
            raise UserError(f"The stack {self.stack} has no region. Add `mlcloud:region` to its stack file.")
        return Scope(
            project=self.project,
            stack=self.stack,
            environment=self.environment,
            account=account,
            region=self.region,
            tags=self.tags,
        )

    def file(self, path: str) -> Path:
        """Return the file that a setting names: a path from the project's folder, or a `file://` URI."""
        plain = unquote(urlsplit(path).path) if path.startswith("file://") else path
        return self.root / Path(plain).expanduser()

    def as_declared(self, path: Path) -> Path:
        """Return a path as a cloud's state is to hold it: inside the project, from the program's folder.

        The state is shared between checkouts, and both engines run a program in its folder: a path that began
        at the checkout would be a change on every other machine.
        """
        if not path.is_relative_to(self.root):
            return path
        return Path(os.path.relpath(self.root.resolve())) / path.relative_to(self.root)


def label(text: str) -> str:
    """Return a text as a label value for every cloud: lower case, digits, _ and -, at most 63 characters."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower())[:_LABEL_MAX]

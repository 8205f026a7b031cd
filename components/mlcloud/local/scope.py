"""Where a local stack's things live and whom they belong to: what each component here is given first."""

from dataclasses import dataclass
from pathlib import Path

from mlcloud.core.context import StackContext
from mlcloud.core.names import Service, name_for
from mlcloud.core.settings import Environment


@dataclass(frozen=True, kw_only=True)
class LocalScope:
    """The place of a component's resources on this machine, as plain values.

    The sibling of the clouds' `mlcloud.core.scope.Scope`: a folder stands for account and region.
    A stack makes it with `LocalScope.of`, a program of one's own writes it out.

    Attributes:
        project: The Pulumi project's name, or any name for what belongs together.
        stack: The stack's name.
        environment: What the stack is for; prod keeps and protects what holds data.
        directory: Absolute path of the folder below which everything lies.
    """

    project: str
    stack: str
    environment: Environment
    directory: Path

    @classmethod
    def of(cls, context: StackContext) -> "LocalScope":
        """Return the scope of a stack's components: the stack's own folder in the state folder."""
        return cls(
            project=context.project,
            stack=context.stack,
            environment=context.environment,
            directory=context.local_directory,
        )

    @property
    def is_prod(self) -> bool:
        """Whether the stack serves people: what holds data is protected and kept."""
        return self.environment == "prod"

    def name(self, service: Service, *parts: str) -> str:
        """Return the name of a thing, of project, stack and parts, as the service allows.

        Args:
            service: Whose limits hold.
            parts: What it is within the stack; none for the stack's only one.
        """
        return name_for(service, self.project, self.stack, *parts)

    def folder(self, *parts: str) -> str:
        """Return the absolute path of a folder of the stack."""
        return str(self.directory.joinpath(*parts))

"""Where a cloud's things live and whom they belong to: what every component of a cloud is given first."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mlcloud.core.names import Service, name_for
from mlcloud.core.settings import Environment

_HASH_DIGITS: Final = 8


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The place of a component's resources: stack, account and region, as plain values.

    A stack makes it with `StackContext.scope`, a program of one's own writes it out; nothing is looked up.

    Attributes:
        project: The Pulumi project's name, or any name for what belongs together.
        stack: The stack's name.
        environment: What the stack is for; prod keeps and protects what holds data.
        account: The account of AWS (12 digits), the project id of GCP or the subscription id of Azure.
        region: The cloud's own name of the region.
        tags: Labels of every resource that can carry them. Default: none.
    """

    project: str
    stack: str
    environment: Environment
    account: str
    region: str
    tags: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def is_prod(self) -> bool:
        """Whether the stack serves people: what holds data is protected and kept."""
        return self.environment == "prod"

    def name(self, service: Service, *parts: str) -> str:
        """Return the name of a thing, of project, stack and parts, as the service allows.

        Args:
            service: Whose limits hold.
            parts: What it is within the stack, such as `data` or `training`; none for the stack's only one.
        """
        return name_for(service, self.project, self.stack, *parts, account=self.account)

    def prefix(self, service: Service, *parts: str, longest: int) -> str:
        """Return a name that leaves room for what makes it one of many.

        Args:
            service: Whose limits hold.
            parts: What it is within the stack; none for the stack's only one.
            longest: Most characters.
        """
        name = self.name(service, *parts)
        if len(name) <= longest:
            return name
        digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_DIGITS]
        return f"{name[: longest - _HASH_DIGITS - 1].rstrip('-')}-{digest}"

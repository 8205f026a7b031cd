"""What a stack on Azure needs first: a resource group, a vault, logs, and in prod a key of its own."""

from dataclasses import dataclass

import pulumi

from mlcloud.azure.encryption import Encryption
from mlcloud.core.scope import Scope


@dataclass(frozen=True, kw_only=True)
class AzureFoundationArgs:
    """What the foundation of a stack on Azure is made from.

    Attributes:
        scope: Whose it is and where.
        tenant_id: The tenant of Microsoft Entra ID that the subscription belongs to.
        log_retention_days: Logs are kept for so many days, 30 to 730. Default 365.
        private: Whether the vault answers in a network alone; prod demands it. Default false.
    """

    scope: Scope
    tenant_id: str
    log_retention_days: int = 365
    private: bool = False


class AzureFoundation(pulumi.ComponentResource):
    """A resource group with a vault and logs."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    resource_group: pulumi.Output[str]
    """The resource group's name."""
    resource_group_id: pulumi.Output[str]
    vault_id: pulumi.Output[str]
    log_workspace_id: pulumi.Output[str]
    insights_id: pulumi.Output[str]
    encryption: Encryption | None
    """The stack's own key, in prod."""

    def __init__(
        self, name: str, args: AzureFoundationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzureFoundation", name, {}, opts)
        raise NotImplementedError(args)

"""The workspace of Azure Machine Learning, with its places for data and models."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from mlcloud.azure.encryption import Encryption
from mlcloud.core.scope import Scope


@dataclass(frozen=True, kw_only=True)
class AzureWorkspaceArgs:
    """What a workspace is made from.

    Attributes:
        scope: Whose it is and where.
        resource_group: Name of the resource group.
        identity_id: Resource id of the user-assigned identity that it acts with.
        storage_account_id: Resource id of its storage account.
        storage_account: Name of the account.
        data_container: Name of the container of the datastore `data`.
        models_container: Name of the container of the datastore `models`.
        vault_id: Resource id of its vault.
        insights_id: Resource id of its Application Insights.
        registry_id: Resource id of its registry.
        log_workspace_id: Resource id of the Log Analytics workspace that takes its logs.
        encryption: The stack's own key; prod demands it. Default: Microsoft's keys.
        private: Whether it answers in a network alone, and what runs in it reaches nothing else; prod demands
            it. Default false.
        ready: What must be there first: the identity's roles. Default: nothing.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    identity_id: pulumi.Input[str]
    storage_account_id: pulumi.Input[str]
    storage_account: pulumi.Input[str]
    data_container: pulumi.Input[str]
    models_container: pulumi.Input[str]
    vault_id: pulumi.Input[str]
    insights_id: pulumi.Input[str]
    registry_id: pulumi.Input[str]
    log_workspace_id: pulumi.Input[str]
    encryption: Encryption | None = None
    private: bool = False
    ready: Sequence[pulumi.Resource] = ()


class AzureWorkspace(pulumi.ComponentResource):
    """Where jobs run, models are registered and endpoints answer."""

    id: pulumi.Output[str]
    """Resource id of the workspace."""
    name: pulumi.Output[str]
    """The workspace's name."""

    def __init__(
        self, name: str, args: AzureWorkspaceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzureWorkspace", name, {}, opts)
        raise NotImplementedError(args)

"""Identities on Azure: one that trains, one that serves, one for the workspace, and what a deployer may do."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from mlcloud.azure.deployer import Deployer
from mlcloud.core.scope import Scope


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A user-assigned identity.

    Attributes:
        id: Its resource id.
        client_id: Its client id, by which code asks for its tokens.
        principal_id: Its object id, which roles are assigned to.
    """

    id: pulumi.Output[str]
    client_id: pulumi.Output[str]
    principal_id: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class AzureIdentityArgs:
    """What the identities of a stack on Azure are made from.

    Attributes:
        scope: Whose they are and where.
        resource_group: Name of the resource group.
        resource_group_id: Its resource id.
        storage_account_id: Resource id of the storage account.
        data_container: Name of the container that training reads.
        models_container: Name of the container that training writes and serving reads.
        registry_id: Resource id of the registry that holds the image.
        vault_id: Resource id of the workspace's vault.
        insights_id: Resource id of the workspace's Application Insights.
        deployers: Who brings new data, images and models into a stack that is up. Default: nobody but who may
            already.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    resource_group_id: pulumi.Input[str]
    storage_account_id: pulumi.Input[str]
    data_container: pulumi.Input[str]
    models_container: pulumi.Input[str]
    registry_id: pulumi.Input[str]
    vault_id: pulumi.Input[str]
    insights_id: pulumi.Input[str]
    deployers: Sequence[Deployer] = ()


class AzureIdentity(pulumi.ComponentResource):
    """Identities that can be used at once: ids are known only when they have their roles."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    training: Identity
    endpoint: Identity
    workspace: Identity
    granted: Sequence[pulumi.Resource]
    """The role assignments of all three."""
    deployer_role: pulumi.Output[str]
    """Resource id of the role of whoever brings new data, images and models into a stack that is up."""

    def __init__(
        self, name: str, args: AzureIdentityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzureIdentity", name, {}, opts)
        raise NotImplementedError(args)

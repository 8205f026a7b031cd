"""The workspace of Azure Machine Learning, with its places for data and models."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import machinelearningservices as ml
from pulumi_azure_native import monitor

from mlcloud.azure.encryption import Encryption, after_key
from mlcloud.azure.placement import private_in_prod
from mlcloud.core.args import needed_in_prod, validate
from mlcloud.core.options import child_options
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
        job_identity_ids: Resource ids of the user-assigned identities that jobs without a cluster work as:
            such a job takes an identity of its workspace alone. Default: none.
        log_workspace_id: Resource id of the Log Analytics workspace that takes its logs.
        encryption: The stack's own key; prod demands it. Default: Microsoft's keys.
        private: Whether it answers in a network alone, and what runs in it reaches nothing but what the
            workspace is made with; prod demands it. It cannot be taken back. Default false.
        isolated: Whether what runs in it is in a network that Azure ML looks after and that lets it out; the
            machines of a cluster, which have no address of their own, need it. It cannot be taken back.
            Default: where it is private.
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
    isolated: bool = False
    job_identity_ids: Sequence[pulumi.Input[str]] = ()
    ready: Sequence[pulumi.Resource] = ()

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The workspace",
            needed_in_prod(
                "encryption", self.encryption, "a key of the stack's own", prod=self.scope.is_prod
            ),
            private_in_prod(self.scope, private=self.private),
        )


class AzureWorkspace(pulumi.ComponentResource):
    """Where jobs run, models are registered and endpoints answer."""

    id: pulumi.Output[str]
    """Resource id of the workspace."""
    name: pulumi.Output[str]
    """The workspace's name, known once its datastores are there."""

    def __init__(
        self, name: str, args: AzureWorkspaceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzureWorkspace", name, {}, opts)
        scope = args.scope
        self._args = args
        workspace = self._workspace(name)
        options = child_options(self, environment=scope.environment)
        datastores = [
            ml.Datastore(
                f"{name}-{part}",
                name=part,
                workspace_name=workspace.name,
                resource_group_name=args.resource_group,
                properties=_without_keys(args, container),
                opts=options,
            )
            for part, container in (("data", args.data_container), ("models", args.models_container))
        ]
        monitor.DiagnosticSetting(
            f"{name}-logs",
            name=scope.name("azure-monitor", "workspace"),
            resource_uri=workspace.id,
            workspace_id=args.log_workspace_id,
            # What endpoints log is theirs to say.
            logs=[monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)],
            opts=options,
        )
        self.id = workspace.id
        self.name = pulumi.Output.all(workspace.name, *[place.id for place in datastores]).apply(
            lambda known: str(known[0])
        )
        self.register_outputs({"id": self.id, "name": self.name})

    def _workspace(self, name: str) -> ml.Workspace:
        args, scope = self._args, self._args.scope
        # https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute, identity support.
        acting = [args.identity_id, *args.job_identity_ids]
        if args.encryption is not None:
            acting.append(args.encryption.identity_id)
        before = pulumi.ResourceOptions(depends_on=list(args.ready))
        return ml.Workspace(
            f"{name}-workspace",
            workspace_name=scope.name("azure-ml-workspace"),
            resource_group_name=args.resource_group,
            location=scope.region,
            kind="Default",
            sku=ml.SkuArgs(name="Basic", tier=ml.SkuTier.BASIC),
            friendly_name=f"{scope.project}/{scope.stack}",
            identity=ml.ManagedServiceIdentityArgs(type="UserAssigned", user_assigned_identities=acting),
            primary_user_assigned_identity=args.identity_id,
            storage_account=args.storage_account_id,
            key_vault=args.vault_id,
            application_insights=args.insights_id,
            container_registry=args.registry_id,
            # The account has no keys.
            system_datastores_auth_mode="Identity",
            v1_legacy_mode=False,
            public_network_access="Disabled" if args.private else "Enabled",
            managed_network=_managed_network(args) if args.private or args.isolated else None,
            # A deployment does not wait for the network
            # (https://learn.microsoft.com/azure/machine-learning/how-to-managed-network,
            # "Manually provision a managed VNet").
            provision_network_now=args.private or args.isolated or None,
            encryption=None if args.encryption is None else _encryption(args.encryption),
            tags=scope.tags,
            opts=pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions.merge(
                    child_options(self, environment=scope.environment, holds_data=True),
                    after_key(args.encryption),
                ),
                before,
            ),
        )


def _managed_network(args: AzureWorkspaceArgs) -> ml.ManagedNetworkSettingsArgs:
    """Return the network in which Azure ML runs jobs and endpoints, and what is reached from there.

    Private endpoints to the workspace's own storage (blob and file), vault and registry are Azure ML's
    (https://learn.microsoft.com/azure/machine-learning/how-to-managed-network, "List of required rules").
    """
    if not args.private:
        return ml.ManagedNetworkSettingsArgs(isolation_mode="AllowInternetOutbound")
    return ml.ManagedNetworkSettingsArgs(
        isolation_mode="AllowOnlyApprovedOutbound",
        outbound_rules={
            # Arrow's filesystem, with which the trainer writes, asks here whether there are folders.
            "storage-dfs": ml.PrivateEndpointOutboundRuleArgs(
                type="PrivateEndpoint",
                category="UserDefined",
                destination=ml.PrivateEndpointDestinationArgs(
                    service_resource_id=args.storage_account_id,
                    subresource_target="dfs",
                    spark_enabled=False,
                ),
            )
        },
    )


def _encryption(encryption: Encryption) -> ml.EncryptionPropertyArgs:
    """Return how Azure ML encrypts what it knows of runs, models and endpoints.

    It is kept in the subscription, in a group that Azure ML looks after
    (https://learn.microsoft.com/azure/machine-learning/concept-customer-managed-keys). Azure ML's other way,
    on its own side, is a preview that reaches no vault without public access.
    """
    return ml.EncryptionPropertyArgs(
        status="Enabled",
        identity=ml.IdentityForCmkArgs(user_assigned_identity=encryption.identity_id),
        key_vault_properties=ml.KeyVaultPropertiesArgs(
            key_vault_arm_id=encryption.vault_id,
            key_identifier=encryption.key_version_uri,
            identity_client_id=encryption.client_id,
        ),
    )


def _without_keys(args: AzureWorkspaceArgs, container: pulumi.Input[str]) -> ml.AzureBlobDatastoreArgs:
    """Return a datastore that is read and written by whoever runs, with its own rights.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-datastore, "identity-based access".
    """
    return ml.AzureBlobDatastoreArgs(
        datastore_type="AzureBlob",
        account_name=args.storage_account,
        container_name=container,
        endpoint="core.windows.net",
        protocol="https",
        credentials=ml.NoneDatastoreCredentialsArgs(credentials_type="None"),
        service_data_access_auth_identity="WorkspaceUserAssignedIdentity",
    )

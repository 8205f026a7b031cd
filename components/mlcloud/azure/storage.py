"""Storage on Azure: one account without keys, with a container each for data and models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import authorization, monitor, storage

from mlcloud.azure.deployer import Deployer
from mlcloud.azure.encryption import Encryption, after_key
from mlcloud.azure.placement import private_in_prod
from mlcloud.azure.resources import AzureBlob
from mlcloud.azure.roles import assign
from mlcloud.core.args import needed_in_prod, validate, within
from mlcloud.core.datafile import DataFile
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# From 1 to 365 days (https://learn.microsoft.com/azure/storage/blobs/soft-delete-blob-overview).
_SOFT_DELETE_DAYS: Final = (1, 365)
# Days, hours, minutes and seconds; a longer one is told in the logs
# (https://learn.microsoft.com/azure/storage/common/sas-expiration-policy).
_SAS_PERIOD: Final = "1.00:00:00"
_LOGGED: Final = ("StorageRead", "StorageWrite", "StorageDelete")


@dataclass(frozen=True, kw_only=True)
class AzureStorageArgs:
    """What the storage of a stack on Azure is made from.

    Attributes:
        scope: Whose it is and where. In prod it is kept in three zones, which the region must have.
        resource_group: Name of the resource group.
        log_workspace_id: Resource id of the Log Analytics workspace that takes its access logs.
        data: A data file to upload into the data container. Default: none.
        uploader: Who brings the stack up first, and gets the right to write both containers: no role of a
            subscription's owner has it, and data is uploaded and models are read and published with one's own
            credentials. Who comes later takes no part in it. Default: somebody who has it already.
        noncurrent_after_days: Overwritten and deleted blobs are kept as versions for so many days.
            Default 90.
        soft_delete_days: What was deleted for good can be restored, and is billed, for so many days, 1 to
            365. Default 7.
        encryption: The stack's own key; prod demands it. Default: Microsoft's keys.
        private: Whether it answers in a network alone; prod demands it. Default false.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    log_workspace_id: pulumi.Input[str]
    data: DataFile | None = None
    uploader: Deployer | None = None
    noncurrent_after_days: int = 90
    soft_delete_days: int = 7
    encryption: Encryption | None = None
    private: bool = False

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        low, high = _SOFT_DELETE_DAYS
        validate(
            "The storage",
            within("noncurrent_after_days", self.noncurrent_after_days, low=1),
            within("soft_delete_days", self.soft_delete_days, low=low, high=high),
            needed_in_prod(
                "encryption", self.encryption, "a key of the stack's own", prod=self.scope.is_prod
            ),
            private_in_prod(self.scope, private=self.private),
        )


class AzureStorage(pulumi.ComponentResource):
    """A storage account with the content-addressed data file, and a place for models."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    account_id: pulumi.Output[str]
    """Resource id of the account."""
    account: pulumi.Output[str]
    """The account's name."""
    data: pulumi.Output[str]
    """Name of the data container."""
    models: pulumi.Output[str]
    """Name of the models container."""
    data_uri: pulumi.Output[str] | None
    """`https://<account>.blob.core.windows.net/<container>/...` of the uploaded file, if any."""
    models_uri: pulumi.Output[str]
    """`https://<account>.blob.core.windows.net/<container>`, without a slash at the end."""

    def __init__(self, name: str, args: AzureStorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AzureStorage", name, {}, opts)
        scope = args.scope
        self._args = args
        self._keeps = child_options(self, environment=scope.environment, holds_data=True)
        account = self._account(name)
        self.id = self.account_id = account.id
        self.name = self.account = account.name
        blobs = self._blob_service(name, account)
        data, models = (self._container(name, part, blobs) for part in ("data", "models"))
        writes = self._let_write(name, {"data": data, "models": models})
        self.data = data.name
        # Known once it can be read: our provider looks into it for whoever runs the update.
        self.models = pulumi.Output.all(models.name, *[grant.id for grant in writes]).apply(
            lambda known: str(known[0])
        )
        self.models_uri = pulumi.Output.concat(
            "https://", account.name, ".blob.core.windows.net/", self.models
        )
        self.data_uri = None if args.data is None else self._upload(name, args.data, data, writes)
        self.register_outputs(
            {
                "id": self.id,
                "name": self.name,
                "account_id": self.account_id,
                "account": self.account,
                "data": self.data,
                "models": self.models,
                "data_uri": self.data_uri,
                "models_uri": self.models_uri,
            }
        )

    def _account(self, name: str) -> storage.StorageAccount:
        args, scope = self._args, self._args.scope
        return storage.StorageAccount(
            f"{name}-account",
            account_name=scope.name("azure-storage-account"),
            resource_group_name=args.resource_group,
            location=scope.region,
            kind="StorageV2",
            sku=storage.SkuArgs(name="Standard_ZRS" if scope.is_prod else "Standard_LRS"),
            access_tier=storage.AccessTier.HOT,
            minimum_tls_version="TLS1_2",
            enable_https_traffic_only=True,
            allow_blob_public_access=False,
            allow_shared_key_access=False,
            default_to_o_auth_authentication=True,
            allow_cross_tenant_replication=False,
            is_local_user_enabled=False,
            is_sftp_enabled=False,
            # A workspace's own account must not have it
            # (https://learn.microsoft.com/azure/machine-learning/how-to-manage-workspace).
            is_hns_enabled=False,
            sas_policy=storage.SasPolicyArgs(expiration_action="Log", sas_expiration_period=_SAS_PERIOD),
            network_rule_set=storage.NetworkRuleSetArgs(
                default_action=storage.DefaultAction.DENY if args.private else storage.DefaultAction.ALLOW,
                bypass="AzureServices",
            ),
            public_network_access="Disabled" if args.private else "Enabled",
            identity=None if args.encryption is None else _identity(args.encryption),
            encryption=_encryption(args.encryption),
            tags=scope.tags,
            opts=pulumi.ResourceOptions.merge(self._keeps, after_key(args.encryption)),
        )

    def _blob_service(self, name: str, account: storage.StorageAccount) -> storage.BlobServiceProperties:
        """Declare what holds for all blobs: versions, soft delete, who deletes old ones, who logs."""
        args, scope = self._args, self._args.scope
        options = child_options(self, environment=scope.environment)
        retention = storage.DeleteRetentionPolicyArgs(enabled=True, days=args.soft_delete_days)
        blobs = storage.BlobServiceProperties(
            f"{name}-blobs",
            blob_services_name="default",
            account_name=account.name,
            resource_group_name=args.resource_group,
            is_versioning_enabled=True,
            delete_retention_policy=retention,
            container_delete_retention_policy=retention,
            opts=options,
        )
        storage.ManagementPolicy(
            f"{name}-lifecycle",
            management_policy_name="default",
            account_name=account.name,
            resource_group_name=args.resource_group,
            policy=storage.ManagementPolicySchemaArgs(rules=[_old_versions_go(args.noncurrent_after_days)]),
            opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[blobs])),
        )
        monitor.DiagnosticSetting(
            f"{name}-access-logs",
            name=scope.name("azure-monitor", "storage"),
            resource_uri=pulumi.Output.concat(account.id, "/blobServices/default"),
            workspace_id=args.log_workspace_id,
            logs=[
                monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True) for category in _LOGGED
            ],
            opts=options,
        )
        return blobs

    def _container(self, name: str, part: str, blobs: storage.BlobServiceProperties) -> storage.BlobContainer:
        return storage.BlobContainer(
            f"{name}-{part}",
            container_name=part,
            account_name=self.account,
            resource_group_name=self._args.resource_group,
            public_access=storage.PublicAccess.NONE,
            # Versions are kept from the first blob on.
            opts=pulumi.ResourceOptions.merge(self._keeps, pulumi.ResourceOptions(depends_on=[blobs])),
        )

    def _let_write(
        self, name: str, containers: Mapping[str, storage.BlobContainer]
    ) -> list[authorization.RoleAssignment]:
        """Let who brings the stack up write the containers."""
        args, scope = self._args, self._args.scope
        if args.uploader is None:
            return []
        return [
            assign(
                f"{name}-uploader-{part}",
                scope=scope,
                role="Storage Blob Data Contributor",
                on=container.id,
                principal_id=args.uploader.principal_id,
                principal_type=args.uploader.principal_type,
                # Whoever comes next is no other stack.
                opts=child_options(
                    self,
                    environment=scope.environment,
                    extra=pulumi.ResourceOptions(ignore_changes=["principalId", "principalType"]),
                ),
            )
            for part, container in containers.items()
        ]

    def _upload(
        self,
        name: str,
        data: DataFile,
        container: storage.BlobContainer,
        writes: Sequence[authorization.RoleAssignment],
    ) -> pulumi.Output[str]:
        """Upload a file under its hash: other content is another blob, and what was trained on stays.

        pulumi-azure-native uploads with the account's keys, which are off
        (https://github.com/pulumi/pulumi-azure-native/issues/2015); our provider, with the default
        credentials, and it waits until they may.
        """
        scope = self._args.scope
        uploaded = AzureBlob(
            f"{name}-data-file",
            account=self.account,
            container=container.name,
            key=f"objects/{data.sha256}/{data.path.name}",
            path=str(data.path),
            sha256=data.sha256,
            opts=child_options(
                self,
                environment=scope.environment,
                extra=pulumi.ResourceOptions(retain_on_delete=scope.is_prod or None, depends_on=list(writes)),
            ),
        )
        return uploaded.uri


def _identity(encryption: Encryption) -> storage.IdentityArgs:
    return storage.IdentityArgs(
        type=storage.IdentityType.USER_ASSIGNED, user_assigned_identities=[encryption.identity_id]
    )


def _encryption(encryption: Encryption | None) -> storage.EncryptionArgs:
    """Return how blobs and files are encrypted: twice, with the stack's own key where there is one.

    Infrastructure encryption can be switched on only when the account is made
    (https://learn.microsoft.com/azure/storage/common/infrastructure-encryption-enable).
    """
    service = storage.EncryptionServiceArgs(enabled=True, key_type="Account")
    services = storage.EncryptionServicesArgs(blob=service, file=service)
    if encryption is None:
        return storage.EncryptionArgs(
            key_source="Microsoft.Storage", require_infrastructure_encryption=True, services=services
        )
    return storage.EncryptionArgs(
        key_source="Microsoft.Keyvault",
        require_infrastructure_encryption=True,
        services=services,
        # Without a version: a rotated key is followed.
        key_vault_properties=storage.KeyVaultPropertiesArgs(
            key_name=encryption.key_name, key_vault_uri=encryption.vault_uri
        ),
        encryption_identity=storage.EncryptionIdentityArgs(
            encryption_user_assigned_identity=encryption.identity_id
        ),
    )


def _old_versions_go(days: int) -> storage.ManagementPolicyRuleArgs:
    return storage.ManagementPolicyRuleArgs(
        name="old-versions",
        type="Lifecycle",
        enabled=True,
        definition=storage.ManagementPolicyDefinitionArgs(
            filters=storage.ManagementPolicyFilterArgs(blob_types=["blockBlob"]),
            actions=storage.ManagementPolicyActionArgs(
                version=storage.ManagementPolicyVersionArgs(
                    delete=storage.DateAfterCreationArgs(days_after_creation_greater_than=days)
                )
            ),
        ),
    )

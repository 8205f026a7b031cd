"""What a stack on Azure needs first: a resource group, a vault, logs, and in prod a key of its own.

Resource providers of a fresh subscription are registered by pulumi-azure-native when it first uses them: its
client is azcore's, which does so unless it is told not to
(https://pkg.go.dev/github.com/Azure/azure-sdk-for-go/sdk/azcore/arm#ClientOptions, `DisableRPRegistration`).
Those of what Azure ML makes by itself are registered here, before all else.
Diagnostic settings do not say that theirs is missing
(https://github.com/pulumi/pulumi-azure-native/issues/3479), so they come after Application Insights, which
has the same one.
"""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import (
    applicationinsights,
    keyvault,
    managedidentity,
    monitor,
    operationalinsights,
    resources,
)

from mlcloud.azure.encryption import Encryption
from mlcloud.azure.grants import LONG_WAIT_S, once_seen, wait_problem
from mlcloud.azure.placement import private_in_prod
from mlcloud.azure.resources import AzureFreshNames, AzureProviderRegistration
from mlcloud.azure.roles import assign
from mlcloud.core.args import validate, within
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# What Log Analytics keeps for queries
# (https://learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure).
_RETENTION_DAYS: Final = (30, 730)
# How long a deleted vault can be recovered, and its name is taken, 7 to 90 days; it never changes
# (https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview).
_VAULT_RECOVERY_DAYS: Final = {True: 90, False: 7}
# Azure's rotation policy writes ISO 8601 durations
# (https://learn.microsoft.com/azure/key-vault/keys/how-to-configure-key-rotation). Each new version lives for
# two years: what was wrapped with an old one is unwrapped with it until the service wraps it again.
_ROTATE_AFTER: Final = "P90D"
_EXPIRES_AFTER: Final = "P2Y"
# At least so many bits are recommended for a workspace
# (https://learn.microsoft.com/azure/machine-learning/how-to-setup-customer-managed-keys); registries take RSA
# keys alone (https://learn.microsoft.com/azure/container-registry/tutorial-customer-managed-keys).
_KEY_BITS: Final = 3072
# Online endpoints, behind which Azure ML puts both
# (https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints,
# "ERROR: SubscriptionNotRegistered").
_ENDPOINTS_NEED: Final = ("Microsoft.Cdn", "Microsoft.PolicyInsights")
# What a workspace with a key of one's own keeps beside itself
# (https://learn.microsoft.com/azure/machine-learning/concept-customer-managed-keys).
_KEYS_NEED: Final = ("Microsoft.DocumentDB", "Microsoft.Search")


@dataclass(frozen=True, kw_only=True)
class AzureFoundationArgs:
    """What the foundation of a stack on Azure is made from.

    Attributes:
        scope: Whose it is and where.
        tenant_id: The tenant of Microsoft Entra ID that the subscription belongs to.
        log_retention_days: Logs are kept for so many days, 30 to 730. Default 365.
        private: Whether the vault answers in a network alone; prod demands it. Default false.
        grant_wait_s: Seconds that Azure's services take to see who may use the key, 0 to 3600. Default 600.
    """

    scope: Scope
    tenant_id: pulumi.Input[str]
    log_retention_days: int = 365
    private: bool = False
    grant_wait_s: float = LONG_WAIT_S

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        low, high = _RETENTION_DAYS
        validate(
            "The foundation",
            within("log_retention_days", self.log_retention_days, low=low, high=high),
            private_in_prod(self.scope, private=self.private),
            wait_problem(self.grant_wait_s),
        )


class AzureFoundation(pulumi.ComponentResource):
    """A resource group with a vault and logs, and in prod a key that others encrypt with."""

    id: pulumi.Output[str]
    """The resource group's id."""
    name: pulumi.Output[str]
    resource_group: pulumi.Output[str]
    """The resource group's name."""
    resource_group_id: pulumi.Output[str]
    vault_id: pulumi.Output[str]
    log_workspace_id: pulumi.Output[str]
    insights_id: pulumi.Output[str]
    """Application Insights, which a workspace must have."""
    encryption: Encryption | None
    """The stack's own key, in prod."""

    def __init__(
        self, name: str, args: AzureFoundationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:AzureFoundation", name, {}, opts)
        scope = args.scope
        self._args = args
        self._keeps = child_options(self, environment=scope.environment, holds_data=True)
        group = self._group(name)
        self.id = self.resource_group_id = group.id
        self.name = self.resource_group = group.name
        logs = self._logs(name)
        insights = self._insights(name, logs)
        vault = self._vault(name)
        self.vault_id = vault.id
        self.log_workspace_id = logs.id
        self.insights_id = insights.id
        monitor.DiagnosticSetting(
            f"{name}-vault-audit",
            name=scope.name("azure-monitor", "vault"),
            resource_uri=vault.id,
            workspace_id=logs.id,
            # Who used which secret or key.
            logs=[monitor.DiagnosticsLogSettingsArgs(category="AuditEvent", enabled=True)],
            opts=child_options(
                self, environment=scope.environment, extra=pulumi.ResourceOptions(depends_on=[insights])
            ),
        )
        self.encryption = self._encryption(name, vault) if scope.is_prod else None
        self.register_outputs(
            {
                "id": self.id,
                "name": self.name,
                "resource_group": self.resource_group,
                "resource_group_id": self.resource_group_id,
                "vault_id": self.vault_id,
                "log_workspace_id": self.log_workspace_id,
                "insights_id": self.insights_id,
            }
        )

    def _group(self, name: str) -> resources.ResourceGroup:
        """Declare the group, once providers are registered and nothing deleted holds a name of the stack."""
        scope = self._args.scope
        registered = AzureProviderRegistration(
            f"{name}-providers",
            subscription=scope.account,
            namespaces=[*_ENDPOINTS_NEED, *(_KEYS_NEED if scope.is_prod else ())],
            opts=child_options(self, environment=scope.environment),
        )
        fresh = AzureFreshNames(
            f"{name}-names",
            subscription=scope.account,
            region=scope.region,
            resource_group=scope.name("azure-resource-group"),
            vault=scope.name("azure-key-vault"),
            workspace=scope.name("azure-ml-workspace"),
            opts=child_options(self, environment=scope.environment),
        )
        return resources.ResourceGroup(
            f"{name}-group",
            resource_group_name=scope.name("azure-resource-group"),
            location=scope.region,
            tags=scope.tags,
            opts=pulumi.ResourceOptions.merge(
                self._keeps, pulumi.ResourceOptions(depends_on=[registered, fresh])
            ),
        )

    def _logs(self, name: str) -> operationalinsights.Workspace:
        scope = self._args.scope
        return operationalinsights.Workspace(
            f"{name}-logs",
            workspace_name=scope.name("azure-log-analytics"),
            resource_group_name=self.resource_group,
            location=scope.region,
            sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),
            retention_in_days=self._args.log_retention_days,
            features=operationalinsights.WorkspaceFeaturesArgs(
                disable_local_auth=True, enable_log_access_using_only_resource_permissions=True
            ),
            tags=scope.tags,
            opts=self._keeps,
        )

    def _insights(self, name: str, logs: operationalinsights.Workspace) -> applicationinsights.Component:
        scope = self._args.scope
        return applicationinsights.Component(
            f"{name}-insights",
            resource_name_=scope.name("azure-monitor"),
            resource_group_name=self.resource_group,
            location=scope.region,
            kind="web",
            application_type="web",
            ingestion_mode="LogAnalytics",
            workspace_resource_id=logs.id,
            disable_local_auth=True,
            tags=scope.tags,
            opts=child_options(self, environment=scope.environment),
        )

    def _vault(self, name: str) -> keyvault.Vault:
        """Declare the vault.

        Without purge protection, which cannot be taken back, a deleted vault's name can be freed: dev comes
        and goes, and keeps nothing in it.
        """
        scope = self._args.scope
        return keyvault.Vault(
            f"{name}-vault",
            vault_name=scope.name("azure-key-vault"),
            resource_group_name=self.resource_group,
            location=scope.region,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=self._args.tenant_id,
                sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD),
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=_VAULT_RECOVERY_DAYS[scope.is_prod],
                enable_purge_protection=scope.is_prod or None,
                enabled_for_deployment=False,
                enabled_for_disk_encryption=False,
                enabled_for_template_deployment=False,
                # Azure ML and what encrypts with a key are among the trusted services
                # (https://learn.microsoft.com/azure/key-vault/general/overview-vnet-service-endpoints).
                network_acls=keyvault.NetworkRuleSetArgs(bypass="AzureServices", default_action="Deny"),
                public_network_access="Disabled" if self._args.private else "Enabled",
            ),
            tags=scope.tags,
            opts=self._keeps,
        )

    def _encryption(self, name: str, vault: keyvault.Vault) -> Encryption:
        """Declare the key, and the identity with which services use it."""
        scope = self._args.scope
        key = keyvault.Key(
            f"{name}-key",
            key_name=scope.name("azure-key"),
            vault_name=vault.name,
            resource_group_name=self.resource_group,
            properties=keyvault.KeyPropertiesArgs(
                kty="RSA",
                key_size=_KEY_BITS,
                key_ops=["wrapKey", "unwrapKey"],
                attributes=keyvault.KeyAttributesArgs(enabled=True, exportable=False),
                rotation_policy=keyvault.RotationPolicyArgs(
                    attributes=keyvault.KeyRotationPolicyAttributesArgs(expiry_time=_EXPIRES_AFTER),
                    lifetime_actions=[
                        keyvault.LifetimeActionArgs(
                            action=keyvault.ActionArgs(type=keyvault.KeyRotationPolicyActionType.ROTATE),
                            trigger=keyvault.TriggerArgs(time_after_create=_ROTATE_AFTER),
                        )
                    ],
                ),
            ),
            tags=scope.tags,
            opts=self._keeps,
        )
        identity = managedidentity.UserAssignedIdentity(
            f"{name}-encryption",
            resource_name_=scope.name("azure-identity", "encryption"),
            resource_group_name=self.resource_group,
            location=scope.region,
            tags=scope.tags,
            opts=self._keeps,
        )
        granted = assign(
            f"{name}-encryption-key",
            scope=scope,
            role="Key Vault Crypto Service Encryption User",
            on=vault.id,
            principal_id=identity.principal_id,
            # What is kept stays readable.
            opts=self._keeps,
        )
        seen = once_seen(
            f"{name}-key-grants",
            [granted],
            wait_s=self._args.grant_wait_s,
            opts=child_options(self, environment=scope.environment),
        )
        return Encryption(
            identity_id=identity.id,
            client_id=identity.client_id,
            key_name=key.name,
            key_uri=key.key_uri,
            key_version_uri=key.key_uri_with_version,
            vault_uri=vault.properties.apply(_vault_uri),
            vault_id=vault.id,
            ready=(granted, seen),
        )


def _vault_uri(properties: keyvault.outputs.VaultPropertiesResponse) -> str:
    return str(properties.vault_uri)

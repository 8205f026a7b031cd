"""Identities on Azure: for training, for serving, for the workspace; and what a deployer may do."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, managedidentity

from mlcloud.azure.deployer import DEPLOYER_ACTIONS, Deployer
from mlcloud.azure.grants import USUAL_WAIT_S, once_seen, wait_problem
from mlcloud.azure.roles import Role, assign, stable_guid
from mlcloud.core.args import validate
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# The containers of a workspace's own datastores, where jobs put their logs and outputs
# (https://learn.microsoft.com/azure/machine-learning/how-to-datastore), in Azure's language for conditions
# (https://learn.microsoft.com/azure/storage/blobs/storage-auth-abac-examples).
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_WORKSPACES_OWN = (
    "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringStartsWith 'azureml'"
)


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
        private: Whether the workspace has a network of its own, which reaches the rest by private endpoints
            that it must be let approve. Default false.
        deployers: Who brings new data, images and models into a stack that is up. Default: nobody but who may
            already.
        grant_wait_s: Seconds that Azure's services take to see the roles, 0 to 3600. Default 300.
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
    private: bool = False
    deployers: Sequence[Deployer] = ()
    grant_wait_s: float = USUAL_WAIT_S

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate("The identities", wait_problem(self.grant_wait_s))


class AzureIdentity(pulumi.ComponentResource):
    """Identities that can be used at once: ids are known when their roles are made, and seen."""

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
        self._name = name
        self._args = args
        self._options = child_options(self, environment=args.scope.environment)
        training, endpoint, workspace = (
            self._identity(part) for part in ("training", "endpoint", "workspace")
        )
        trains = self._let_train(training.principal_id)
        serves = self._let_serve(endpoint.principal_id)
        works = self._let_work(workspace.principal_id)
        self.training = self._once_seen("training", training, trains)
        self.endpoint = self._once_seen("endpoint", endpoint, serves)
        self.workspace = self._once_seen("workspace", workspace, works)
        self.granted = (*trains, *serves, *works)
        role = self._deployer_role()
        self.deployer_role = role.id
        self._let_deploy(role, [training, endpoint])
        self.id = training.id
        self.name = training.name
        self.register_outputs(
            {
                "id": self.id,
                "name": self.name,
                "training": self.training.id,
                "endpoint": self.endpoint.id,
                "workspace": self.workspace.id,
                "deployer_role": self.deployer_role,
            }
        )

    def _identity(self, part: str) -> managedidentity.UserAssignedIdentity:
        scope = self._args.scope
        return managedidentity.UserAssignedIdentity(
            f"{self._name}-{part}",
            resource_name_=scope.name("azure-identity", part),
            resource_group_name=self._args.resource_group,
            location=scope.region,
            tags=scope.tags,
            opts=self._options,
        )

    def _grant(
        self,
        part: str,
        role: Role,
        on: pulumi.Input[str],
        principal_id: pulumi.Input[str],
        *,
        condition: str | None = None,
    ) -> authorization.RoleAssignment:
        return assign(
            f"{self._name}-{part}",
            scope=self._args.scope,
            role=role,
            on=on,
            principal_id=principal_id,
            condition=condition,
            opts=self._options,
        )

    def _once_seen(
        self,
        part: str,
        identity: managedidentity.UserAssignedIdentity,
        grants: Sequence[authorization.RoleAssignment],
    ) -> Identity:
        seen = once_seen(
            f"{self._name}-{part}-grants", grants, wait_s=self._args.grant_wait_s, opts=self._options
        ).seen

        def then(value: pulumi.Output[str]) -> pulumi.Output[str]:
            return pulumi.Output.all(value, seen).apply(lambda known: str(known[0]))

        return Identity(
            id=then(identity.id), client_id=then(identity.client_id), principal_id=then(identity.principal_id)
        )

    def _container(self, container: pulumi.Input[str]) -> pulumi.Output[str]:
        return pulumi.Output.concat(
            self._args.storage_account_id, "/blobServices/default/containers/", container
        )

    def _let_train(self, who: pulumi.Output[str]) -> Sequence[authorization.RoleAssignment]:
        args = self._args
        read, write = "Storage Blob Data Reader", "Storage Blob Data Contributor"
        return [
            self._grant("training-data", read, self._container(args.data_container), who),
            self._grant("training-models", write, self._container(args.models_container), who),
            self._grant(
                "training-logs",
                write,
                args.storage_account_id,
                who,
                condition=_in_workspaces_own("read", "write", "add/action", "move/action", "delete"),
            ),
            self._grant("training-image", "AcrPull", args.registry_id, who),
        ]

    def _let_serve(self, who: pulumi.Output[str]) -> Sequence[authorization.RoleAssignment]:
        """Give what Azure ML gives an identity that it makes for an endpoint itself, and no other container.

        Source: https://learn.microsoft.com/azure/machine-learning/concept-endpoints-online-auth, "Automatic
        role assignment for endpoint identity". The workspace is made later: metrics are allowed in the group.
        """
        args, read = self._args, "Storage Blob Data Reader"
        return [
            self._grant("endpoint-models", read, self._container(args.models_container), who),
            self._grant(
                "endpoint-artifacts",
                read,
                args.storage_account_id,
                who,
                condition=_in_workspaces_own("read"),
            ),
            self._grant("endpoint-image", "AcrPull", args.registry_id, who),
            self._grant("endpoint-metrics", "AzureML Metrics Writer", args.resource_group_id, who),
        ]

    def _let_work(self, who: pulumi.Output[str]) -> Sequence[authorization.RoleAssignment]:
        """Give what a workspace needs of each thing that it is made with, and on this alone.

        Azure's documentation gives Contributor on each
        (https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication,
        "User-assigned managed identity"). These are the services' own roles of as much as is needed: without
        keys, a workspace reads and writes its storage as itself, and keeps nothing but secrets in the vault.
        """
        args = self._args
        wanted: dict[str, tuple[Role, pulumi.Input[str]]] = {
            "workspace-account": ("Storage Account Contributor", args.storage_account_id),
            "workspace-blobs": ("Storage Blob Data Contributor", args.storage_account_id),
            "workspace-files": ("Storage File Data Privileged Contributor", args.storage_account_id),
            "workspace-vault": ("Key Vault Contributor", args.vault_id),
            "workspace-secrets": ("Key Vault Secrets Officer", args.vault_id),
            "workspace-image": ("AcrPull", args.registry_id),
            "workspace-insights": ("Application Insights Component Contributor", args.insights_id),
            # On the workspace itself, which is made later.
            "workspace-own": ("AzureML Data Scientist", args.resource_group_id),
            "workspace-compute": ("AzureML Compute Operator", args.resource_group_id),
        }
        if args.private:
            # https://learn.microsoft.com/azure/machine-learning/how-to-managed-network, "Prerequisites"
            wanted["workspace-network"] = (
                "Azure AI Enterprise Network Connection Approver",
                args.resource_group_id,
            )
        return [self._grant(part, role, on, who) for part, (role, on) in wanted.items()]

    def _deployer_role(self) -> authorization.RoleDefinition:
        scope = self._args.scope
        return authorization.RoleDefinition(
            f"{self._name}-deployer",
            role_definition_id=stable_guid(scope, "role", "deployer"),
            role_name=scope.name("azure-role", "deployer"),
            role_type="CustomRole",
            description=f"Brings new data, images and models into {scope.project}/{scope.stack}",
            scope=self._args.resource_group_id,
            assignable_scopes=[self._args.resource_group_id],
            permissions=[authorization.PermissionArgs(actions=list(DEPLOYER_ACTIONS))],
            opts=self._options,
        )

    def _let_deploy(
        self,
        role: authorization.RoleDefinition,
        identities: Sequence[managedidentity.UserAssignedIdentity],
    ) -> None:
        """Give each deployer the role, and what it may do with containers and identities on these alone."""
        args = self._args
        act_as, write = "Managed Identity Operator", "Storage Blob Data Contributor"
        for number, deployer in enumerate(args.deployers, 1):
            wanted: dict[str, tuple[Role | pulumi.Output[str], pulumi.Input[str]]] = {
                "role": (role.id, args.resource_group_id),
                "data": (write, self._container(args.data_container)),
                "models": (write, self._container(args.models_container)),
                "training": (act_as, identities[0].id),
                "endpoint": (act_as, identities[1].id),
            }
            for part, (what, on) in wanted.items():
                assign(
                    f"{self._name}-deployer-{number}-{part}",
                    scope=args.scope,
                    role=what,
                    on=on,
                    principal_id=deployer.principal_id,
                    principal_type=deployer.principal_type,
                    opts=self._options,
                )


def _in_workspaces_own(*actions: str) -> str:
    """Return the condition that blobs are read and changed in the workspace's own containers alone."""
    others = " AND ".join(f"!(ActionMatches{{'{_BLOBS}/{action}'}})" for action in actions)
    return f"(({others}) OR ({_WORKSPACES_OWN}))"

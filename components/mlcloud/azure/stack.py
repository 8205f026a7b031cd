"""The whole stack on Azure, in the order in which the data flows."""

import functools
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_azure_native as azure_native

from mlcloud.azure import settings_args
from mlcloud.azure.account import look
from mlcloud.azure.budget import AzureBudget, AzureBudgetArgs
from mlcloud.azure.cluster import AzureCluster, AzureClusterArgs
from mlcloud.azure.endpoint import AzureEndpoint, AzureEndpointArgs
from mlcloud.azure.environment import AzureEnvironment, AzureEnvironmentArgs
from mlcloud.azure.foundation import AzureFoundation, AzureFoundationArgs
from mlcloud.azure.identity import AzureIdentity, AzureIdentityArgs
from mlcloud.azure.models import AzureModel, AzureModelArgs, ServedModel
from mlcloud.azure.monitoring import (
    AzureMonitoring,
    AzureMonitoringArgs,
    AzureNotifications,
    AzureNotificationsArgs,
)
from mlcloud.azure.network import AzureNetwork, AzureNetworkArgs, NoNetwork
from mlcloud.azure.private_endpoints import AzurePrivateEndpoints, AzurePrivateEndpointsArgs
from mlcloud.azure.registry import AzureRegistry, AzureRegistryArgs
from mlcloud.azure.storage import AzureStorage, AzureStorageArgs
from mlcloud.azure.training import AzureTraining, AzureTrainingArgs
from mlcloud.azure.watches import InstanceWatch
from mlcloud.azure.workspace import AzureWorkspace, AzureWorkspaceArgs
from mlcloud.core.args import TrainingArgs
from mlcloud.core.context import StackContext
from mlcloud.core.datafile import DataFile
from mlcloud.core.image import trainer_context
from mlcloud.core.outputs import stack_outputs
from mlcloud.core.pins import warn_of_a_foreign_bucket
from mlcloud.core.settings import ClusterCompute, ModelPin, Settings
from mlcloud.core.trainingdata import uploaded_data


def build(settings: Settings, context: StackContext) -> Mapping[str, Any]:
    """Declare a stack on Azure: foundation to budget.

    Raises:
        UserError: something that the settings name cannot be used; nothing was declared.
    """
    data = uploaded_data(settings, context)
    return _Stack(settings, context, data).outputs()


class _Stack:
    """The components of a stack, each of the values of those before it."""

    def __init__(self, settings: Settings, context: StackContext, data: DataFile | None) -> None:
        self._settings = settings
        self._context = context
        self._data = data
        # One place says the region: the settings. The default provider would read `azure-native:location`.
        subscription = pulumi.Config("azure-native").get("subscriptionId")
        provider = azure_native.Provider("azure", subscription_id=subscription, location=context.region)
        self._options = pulumi.ResourceOptions(providers=[provider])
        self._account = look(context, provider)
        self._scope = self._account.scope
        self._wished_network = settings_args.network(settings)
        self._foundation = self._declare_foundation()
        self._group = self._foundation.resource_group
        self._storage = self._declare_storage()
        self._registry = self._declare_registry()
        self._identity = self._declare_identity()
        self._network = self._declare_network()
        self._workspace = self._declare_workspace()
        self._environment = self._declare_environment()
        self._cluster = self._declare_cluster()
        self._training = self._declare_training()
        self._model = self._live_model()
        self._declare_serving()

    @property
    def _private(self) -> bool:
        """Whether services answer in the network alone: where there is one."""
        return not isinstance(self._wished_network, NoNetwork)

    def _declare_foundation(self) -> AzureFoundation:
        return AzureFoundation(
            "foundation",
            AzureFoundationArgs(
                scope=self._scope,
                tenant_id=self._account.tenant_id,
                log_retention_days=self._settings.monitoring.log_retention_days,
                private=self._private,
            ),
            opts=self._options,
        )

    def _declare_storage(self) -> AzureStorage:
        return AzureStorage(
            "storage",
            AzureStorageArgs(
                scope=self._scope,
                resource_group=self._group,
                log_workspace_id=self._foundation.log_workspace_id,
                data=self._data,
                uploader=self._account.deployer,
                encryption=self._foundation.encryption,
                private=self._private,
            ),
            opts=self._options,
        )

    def _declare_registry(self) -> AzureRegistry:
        root = self._context.as_declared(trainer_context(self._context.root))
        return AzureRegistry(
            "registry",
            AzureRegistryArgs(
                scope=self._scope,
                resource_group=self._group,
                image=settings_args.image(self._settings, root),
                encryption=self._foundation.encryption,
                private=self._private,
            ),
            opts=self._options,
        )

    def _declare_identity(self) -> AzureIdentity:
        return AzureIdentity(
            "identity",
            AzureIdentityArgs(
                scope=self._scope,
                resource_group=self._group,
                resource_group_id=self._foundation.resource_group_id,
                storage_account_id=self._storage.account_id,
                data_container=self._storage.data,
                models_container=self._storage.models,
                registry_id=self._registry.registry_id,
                vault_id=self._foundation.vault_id,
                insights_id=self._foundation.insights_id,
                private=self._private,
            ),
            opts=self._options,
        )

    def _declare_network(self) -> AzureNetwork:
        return AzureNetwork(
            "network",
            AzureNetworkArgs(scope=self._scope, resource_group=self._group, network=self._wished_network),
            opts=self._options,
        )

    def _declare_workspace(self) -> AzureWorkspace:
        workspace = AzureWorkspace(
            "workspace",
            AzureWorkspaceArgs(
                scope=self._scope,
                resource_group=self._group,
                identity_id=self._identity.workspace.id,
                job_identity_ids=[self._identity.training.id],
                storage_account_id=self._storage.account_id,
                storage_account=self._storage.account,
                data_container=self._storage.data,
                models_container=self._storage.models,
                vault_id=self._foundation.vault_id,
                insights_id=self._foundation.insights_id,
                registry_id=self._registry.registry_id,
                log_workspace_id=self._foundation.log_workspace_id,
                encryption=self._foundation.encryption,
                private=self._private,
                isolated=self._settings.cluster is not None,
                ready=self._identity.granted,
            ),
            opts=self._options,
        )
        placement = self._network.placement
        if placement is not None:
            AzurePrivateEndpoints(
                "private-endpoints",
                AzurePrivateEndpointsArgs(
                    scope=self._scope,
                    resource_group=self._group,
                    placement=placement,
                    resources={
                        "blob": self._storage.account_id,
                        "dfs": self._storage.account_id,
                        "file": self._storage.account_id,
                        "vault": self._foundation.vault_id,
                        "registry": self._registry.registry_id,
                        "workspace": workspace.id,
                    },
                ),
                opts=self._options,
            )
        return workspace

    def _declare_environment(self) -> AzureEnvironment:
        return AzureEnvironment(
            "environment",
            AzureEnvironmentArgs(
                scope=self._scope,
                resource_group=self._group,
                workspace=self._workspace.name,
                image_uri=self._registry.image_uri,
            ),
            opts=self._options,
        )

    def _declare_cluster(self) -> AzureCluster | None:
        cluster = self._settings.cluster
        if cluster is None:
            return None
        return AzureCluster(
            "cluster",
            AzureClusterArgs(
                scope=self._scope,
                resource_group=self._group,
                workspace=self._workspace.name,
                accelerator=cluster.accelerator,
                accelerators=cluster.accelerators,
                max_machines=cluster.max_machines,
                identity_id=self._identity.training.id,
                spot=cluster.spot,
            ),
            opts=self._options,
        )

    def _declare_training(self) -> AzureTraining | None:
        """Declare the run; a stack that only serves a pinned model has none."""
        training = self._settings.training
        if training is None or self._data is None or self._storage.data_uri is None:
            return None
        declare = functools.partial(
            AzureTrainingArgs,
            scope=self._scope,
            resource_group=self._group,
            workspace=self._workspace.name,
            training=TrainingArgs.of(training),
            data_uri=self._storage.data_uri,
            data_sha256=self._data.sha256,
            environment_id=self._environment.id,
            identity_id=self._identity.training.id,
            client_id=self._identity.training.client_id,
            models_uri=self._storage.models_uri,
            wait=training.wait,
        )
        compute = training.compute
        if isinstance(compute, ClusterCompute):
            cluster = self._cluster
            assert cluster is not None  # noqa: S101 - the settings demand a cluster
            args = declare(compute=cluster.id, instance_type=cluster.instance_type, instances=compute.nodes)
        else:
            args = declare(
                instance_type=compute.instance_type or settings_args.TRAINING_INSTANCE_TYPE,
                instances=compute.instances,
                spot=compute.spot,
            )
        return AzureTraining("training", args, opts=self._options)

    def _live_model(self) -> ServedModel:
        """Return the live model: the pinned one, or what the run produced."""
        pin = self._settings.model
        if isinstance(pin, ModelPin):
            warn_of_a_foreign_bucket(pin, self._storage.account.apply(_host_of), cloud="azure")
            return ServedModel(
                name=pin.name,
                uri=pin.uri,
                sha256=pin.sha256,
                version=pin.version,
                image_uri=self._registry.image_uri,
            )
        assert self._training is not None  # noqa: S101 - the settings demand a run where nothing is pinned
        return ServedModel(
            name=self._context.project,
            uri=self._training.model_uri,
            sha256=self._training.model_sha256,
            image_uri=self._registry.image_uri,
        )

    def _declare_serving(self) -> None:
        settings, scope, options = self._settings, self._scope, self._options
        monitoring, training = settings.monitoring, self._training
        self._version = AzureModel(
            "model",
            AzureModelArgs(
                scope=scope,
                resource_group=self._group,
                workspace=self._workspace.name,
                model=self._model,
                metrics=None if training is None else training.metrics,
                job=None if training is None else training.job_name,
            ),
            opts=options,
        )
        receivers = AzureNotifications(
            "notifications",
            AzureNotificationsArgs(scope=scope, resource_group=self._group, emails=monitoring.notify),
            opts=options,
        )
        capacity = settings_args.capacity(settings.endpoint.capacity)
        self._endpoint = AzureEndpoint(
            "endpoint",
            AzureEndpointArgs(
                scope=scope,
                resource_group=self._group,
                workspace=self._workspace.name,
                model=self._model,
                model_version=self._version.id,
                environment_id=self._environment.id,
                identity_id=self._identity.endpoint.id,
                log_workspace_id=self._foundation.log_workspace_id,
                action_group=receivers.action_group,
                capacity=capacity,
                scaling=settings_args.scaling(capacity),
                rollout=settings.endpoint.rollout,
                private=self._private,
                latency_p99_ms=monitoring.latency_p99_ms,
                error_percent=monitoring.error_percent,
            ),
            opts=options,
        )
        AzureMonitoring(
            "monitoring",
            AzureMonitoringArgs(
                scope=scope,
                resource_group=self._group,
                workspace_id=self._workspace.id,
                # Half of the latency that 1 % may take, for the median.
                watch=InstanceWatch(
                    endpoint=self._endpoint.source, latency_p50_ms=monitoring.latency_p99_ms / 2
                ),
                action_group=receivers.action_group,
            ),
            opts=options,
        )
        budget = settings.budget
        if budget is not None:
            AzureBudget(
                "budget",
                AzureBudgetArgs(
                    scope=scope,
                    resource_group_id=self._foundation.resource_group_id,
                    monthly=budget.monthly,
                    alert_percents=budget.alert_percents,
                    action_group=receivers.action_group,
                ),
                opts=options,
            )

    def outputs(self) -> Mapping[str, Any]:
        """Return what the stack tells: what every cloud's does, and what this one's command line needs."""
        own: dict[str, Any] = {
            "deployer_role": self._identity.deployer_role,
            "endpoint_id": self._endpoint.id,
            # A version's id without the version.
            "model_id": self._version.id.apply(lambda version: version.partition("/versions/")[0]),
        }
        if self._cluster is not None:
            own |= {"cluster_name": self._cluster.name}
        told = stack_outputs(
            cloud=self._context.cloud,
            scope=self._scope,
            data_bucket=self._storage.data,
            models_bucket=self._storage.models,
            image_uri=self._registry.image_uri,
            endpoint=self._endpoint,
            model=self._version,
            training=self._training,
        )
        return told | own


def _host_of(account: str) -> str:
    return f"{account}.blob.core.windows.net"

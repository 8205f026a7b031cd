"""The whole stack on GCP, in the order in which the data flows."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp

from mlcloud.core.args import TrainingArgs
from mlcloud.core.context import StackContext
from mlcloud.core.datafile import DataFile
from mlcloud.core.errors import UserError
from mlcloud.core.image import trainer_context
from mlcloud.core.outputs import stack_outputs
from mlcloud.core.pins import warn_of_a_foreign_bucket
from mlcloud.core.scope import Scope
from mlcloud.core.settings import ClusterCompute, ModelPin, Settings
from mlcloud.core.trainingdata import uploaded_data
from mlcloud.gcp import settings_args
from mlcloud.gcp.budget import CHANNELS_MAX as BUDGET_CHANNELS_MAX
from mlcloud.gcp.budget import GcpBudget, GcpBudgetArgs
from mlcloud.gcp.cluster import GcpCluster, GcpClusterArgs
from mlcloud.gcp.endpoint import GcpEndpoint, GcpEndpointArgs
from mlcloud.gcp.foundation import GcpFoundation, GcpFoundationArgs
from mlcloud.gcp.identity import GcpIdentity, GcpIdentityArgs
from mlcloud.gcp.models import GcpModel, GcpModelArgs, ServedModel
from mlcloud.gcp.monitoring import (
    GcpMonitoring,
    GcpMonitoringArgs,
    GcpNotifications,
    GcpNotificationsArgs,
)
from mlcloud.gcp.network import GcpNetwork, GcpNetworkArgs
from mlcloud.gcp.registry import GcpRegistry, GcpRegistryArgs
from mlcloud.gcp.storage import GcpStorage, GcpStorageArgs
from mlcloud.gcp.training import GcpTraining, GcpTrainingArgs
from mlcloud.gcp.watches import InstanceWatch


def build(settings: Settings, context: StackContext) -> Mapping[str, Any]:
    """Declare a stack on GCP: foundation to budget.

    Raises:
        UserError: something that the settings name cannot be used; nothing was declared.
    """
    data = uploaded_data(settings, context)
    return _Stack(settings, context, data).outputs()


@dataclass(frozen=True, kw_only=True)
class _Account:
    """What is looked up, here and nowhere else.

    Attributes:
        scope: The stack's place.
        registry: Who pushes images.
    """

    scope: Scope
    registry: settings_args.RegistryLogin


def _look(context: StackContext, setup: gcp.Provider) -> _Account:
    client = gcp.organizations.get_client_config(opts=pulumi.InvokeOptions(provider=setup))
    if not client.project:
        raise UserError(
            "The stack's project of GCP is not known. Write it into the stack file, "
            "`pulumi config set gcp:project MY-PROJECT`, or export GOOGLE_PROJECT."
        )
    return _Account(
        scope=context.scope(client.project),
        registry=settings_args.RegistryLogin(token=pulumi.Output.secret(client.access_token)),
    )


class _Stack:
    """The components of a stack, each of the values of those before it."""

    def __init__(self, settings: Settings, context: StackContext, data: DataFile | None) -> None:
        self._settings = settings
        self._context = context
        self._data = data
        # One place says the region: the settings. The default provider would read `gcp:region`.
        # It names no quota project: Google would demand there the APIs that it is about to enable, while
        # those of gcloud's own client are on (terraform-provider-google, issues 14174 and 7660).
        setup = gcp.Provider("gcp-setup", project=pulumi.Config("gcp").get("project"), region=context.region)
        found = _look(context, setup)
        self._scope = found.scope
        self._foundation = self._declare_foundation(setup)
        # Whatever this provider makes comes after the foundation: APIs are enabled, agents are there.
        self._provider = gcp.Provider(
            "gcp",
            project=self._scope.account,
            region=self._scope.region,
            # A user's own credentials have no project whose quota they could use.
            user_project_override=True,
            billing_project=self._scope.account,
            opts=pulumi.ResourceOptions(depends_on=[self._foundation]),
        )
        self._options = pulumi.ResourceOptions(providers=[self._provider])
        self._storage = self._declare_storage()
        self._registry = self._declare_registry(found)
        self._identity = self._declare_identity()
        self._network = self._declare_network()
        self._cluster = self._declare_cluster()
        self._training = self._declare_training()
        self._model = self._live_model()
        self._declare_serving()

    def _declare_foundation(self, setup: gcp.Provider) -> GcpFoundation:
        return GcpFoundation(
            "foundation",
            GcpFoundationArgs(scope=self._scope, services=settings_args.services(self._settings)),
            opts=pulumi.ResourceOptions(providers=[setup]),
        )

    def _declare_storage(self) -> GcpStorage:
        return GcpStorage(
            "storage",
            GcpStorageArgs(
                scope=self._scope,
                agents=self._foundation.agents,
                data=self._data,
                log_retention_days=self._settings.monitoring.log_retention_days,
            ),
            opts=self._options,
        )

    def _declare_registry(self, found: _Account) -> GcpRegistry:
        root = self._context.as_declared(trainer_context(self._context.root))
        return GcpRegistry(
            "registry",
            GcpRegistryArgs(
                scope=self._scope,
                image=settings_args.image(self._settings, root, found.registry),
                key_name=self._storage.key_name,
                agents=self._foundation.agents,
            ),
            opts=self._options,
        )

    def _declare_identity(self) -> GcpIdentity:
        return GcpIdentity(
            "identity",
            GcpIdentityArgs(
                scope=self._scope,
                data_bucket=self._storage.data.name,
                models_bucket=self._storage.models.name,
                agents=self._foundation.agents,
            ),
            opts=self._options,
        )

    def _declare_network(self) -> GcpNetwork:
        def network_of(subnet: str) -> str:
            options = pulumi.InvokeOptions(provider=self._provider)
            link = gcp.compute.get_subnetwork(self_link=subnet, opts=options).network
            return f"projects/{link.split('/projects/', 1)[-1]}"

        network = settings_args.network(self._settings, agents=self._foundation.agents, network_of=network_of)
        return GcpNetwork("network", GcpNetworkArgs(scope=self._scope, network=network), opts=self._options)

    def _declare_cluster(self) -> GcpCluster | None:
        cluster = self._settings.cluster
        if cluster is None:
            return None
        return GcpCluster(
            "cluster",
            GcpClusterArgs(
                scope=self._scope,
                accelerator=cluster.accelerator,
                accelerators=cluster.accelerators,
                max_machines=cluster.max_machines,
                key_name=self._storage.key_name,
                placement=self._network.placement,
            ),
            opts=self._options,
        )

    def _declare_training(self) -> GcpTraining | None:
        """Declare the run; a stack that only serves a pinned model has none."""
        training = self._settings.training
        if training is None or self._data is None or self._storage.data_uri is None:
            return None
        declare = functools.partial(
            GcpTrainingArgs,
            scope=self._scope,
            training=TrainingArgs.of(training),
            data_uri=self._storage.data_uri,
            data_sha256=self._data.sha256,
            image_uri=self._registry.image_uri,
            service_account=self._identity.training_account,
            models_bucket=self._storage.models.name,
            placement=self._network.placement,
            key_name=self._storage.key_name,
            wait=training.wait,
        )
        compute = training.compute
        if isinstance(compute, ClusterCompute):
            cluster = self._cluster
            assert cluster is not None  # noqa: S101 - the settings demand a cluster
            args = declare(
                persistent_resource=cluster.name,
                machine_type=cluster.machine_type,
                accelerator_type=cluster.accelerator_type,
                accelerator_count=cluster.accelerator_count,
                disk_gb=cluster.disk_gb,
                instances=compute.nodes,
            )
        else:
            args = declare(
                machine_type=compute.instance_type or settings_args.TRAINING_MACHINE_TYPE,
                instances=compute.instances,
                spot=compute.spot,
            )
        return GcpTraining("training", args, opts=self._options)

    def _live_model(self) -> ServedModel:
        """Return the live model: the pinned one, or what the run produced."""
        pin = self._settings.model
        if isinstance(pin, ModelPin):
            warn_of_a_foreign_bucket(pin, self._storage.models.name, cloud="gcp")
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
        monitoring, key_name = settings.monitoring, self._storage.key_name
        self._version = GcpModel(
            "model",
            GcpModelArgs(
                scope=scope,
                model=self._model,
                key_name=key_name,
                metrics=None if self._training is None else self._training.metrics,
            ),
            opts=options,
        )
        channels = GcpNotifications(
            "notifications", GcpNotificationsArgs(scope=scope, emails=monitoring.notify), opts=options
        ).channels
        capacity = settings_args.capacity(settings.endpoint.capacity)
        self._endpoint = GcpEndpoint(
            "endpoint",
            GcpEndpointArgs(
                scope=scope,
                model=self._model,
                model_version=self._version.id,
                capacity=capacity,
                service_account=self._identity.endpoint_account,
                channels=channels,
                scaling=settings_args.scaling(capacity),
                rollout=settings.endpoint.rollout,
                placement=self._network.placement,
                key_name=key_name,
                latency_p99_ms=monitoring.latency_p99_ms,
                error_percent=monitoring.error_percent,
            ),
            opts=options,
        )
        GcpMonitoring(
            "monitoring",
            GcpMonitoringArgs(
                scope=scope,
                # Half of the latency that 1 % may take, for the median.
                watch=InstanceWatch(
                    endpoint=self._endpoint.source, latency_p50_ms=monitoring.latency_p99_ms / 2
                ),
                channels=channels,
                # A log bucket that was deleted is found again with its old key, which dev has thrown away.
                log_key_name=key_name if scope.is_prod else None,
                log_retention_days=monitoring.log_retention_days,
            ),
            opts=options,
        )
        self._declare_budget(channels)

    def _declare_budget(self, channels: Sequence[pulumi.Output[str]]) -> None:
        budget = self._settings.budget
        if budget is None or budget.billing_account is None:
            return
        GcpBudget(
            "budget",
            GcpBudgetArgs(
                scope=self._scope,
                project_number=self._foundation.number,
                billing_account=budget.billing_account,
                monthly=budget.monthly,
                currency=budget.currency,
                alert_percents=budget.alert_percents,
                channels=channels[:BUDGET_CHANNELS_MAX],
            ),
            opts=self._options,
        )

    def outputs(self) -> Mapping[str, Any]:
        """Return what the stack tells: what every cloud's does, and what this one's command line needs."""
        own: dict[str, Any] = {
            "deployer_role": self._identity.deployer_role,
            "endpoint_id": self._endpoint.id,
            # A version's name without the version.
            "model_id": self._version.id.apply(lambda version: version.partition("@")[0]),
        }
        if self._cluster is not None:
            own |= {"cluster_name": self._cluster.name}
        told = stack_outputs(
            cloud=self._context.cloud,
            scope=self._scope,
            data_bucket=self._storage.data.name,
            models_bucket=self._storage.models.name,
            image_uri=self._registry.image_uri,
            endpoint=self._endpoint,
            model=self._version,
            training=self._training,
        )
        return told | own

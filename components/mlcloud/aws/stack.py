"""The whole stack on AWS, in the order in which the data flows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from mlcloud.aws import settings_args
from mlcloud.aws.budget import AwsBudget, AwsBudgetArgs
from mlcloud.aws.capacity import VARIANT_NAME
from mlcloud.aws.cluster import AwsCluster, AwsClusterArgs
from mlcloud.aws.cluster_training import AwsClusterTraining, AwsClusterTrainingArgs
from mlcloud.aws.endpoint import AwsEndpoint, AwsEndpointArgs
from mlcloud.aws.identity import AwsIdentity, AwsIdentityArgs
from mlcloud.aws.instances import TRAINING_INSTANCE_TYPE
from mlcloud.aws.models import AwsModel, AwsModelArgs, ServedModel
from mlcloud.aws.monitoring import (
    AwsMonitoring,
    AwsMonitoringArgs,
    AwsNotifications,
    AwsNotificationsArgs,
)
from mlcloud.aws.network import AwsNetwork, AwsNetworkArgs
from mlcloud.aws.prefixes import sagemaker_prefix
from mlcloud.aws.registry import AwsRegistry, AwsRegistryArgs
from mlcloud.aws.scaling import AwsScaling, AwsScalingArgs
from mlcloud.aws.storage import AwsStorage, AwsStorageArgs
from mlcloud.aws.training import AwsTraining, AwsTrainingArgs
from mlcloud.core.args import TrainingArgs
from mlcloud.core.context import StackContext
from mlcloud.core.datafile import DataFile
from mlcloud.core.image import trainer_context
from mlcloud.core.outputs import stack_outputs
from mlcloud.core.pins import warn_of_a_foreign_bucket
from mlcloud.core.scope import Scope
from mlcloud.core.settings import ClusterCompute, ModelPin, Settings
from mlcloud.core.trainingdata import uploaded_data

_ANSWERS: Final = "answers"
_CLUSTER: Final = "cluster"


def build(settings: Settings, context: StackContext) -> Mapping[str, Any]:
    """Declare a stack on AWS: storage to budget.

    Raises:
        UserError: something that the settings name cannot be used; nothing was declared.
    """
    data = uploaded_data(settings, context)
    # One place says the region: the settings. The default provider would read `aws:region`.
    provider = aws.Provider("aws", region=context.region)
    return _Stack(settings, context, provider, data).outputs()


@dataclass(frozen=True, kw_only=True)
class _Account:
    """What is looked up, here and nowhere else.

    Attributes:
        scope: The stack's place.
        zones: Availability zones of the region.
        registry: Who pushes images, and the token for it.
    """

    scope: Scope
    zones: list[str]
    registry: settings_args.RegistryLogin


def _look(context: StackContext, provider: aws.Provider) -> _Account:
    options = pulumi.InvokeOptions(provider=provider)
    account = aws.get_caller_identity(opts=options).account_id
    # Local Zones that the account has opted into are left out: they have neither SageMaker nor most machines.
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html
    regional = aws.GetAvailabilityZonesFilterArgs(name="opt-in-status", values=["opt-in-not-required"])
    zones = aws.get_availability_zones(state="available", filters=[regional], opts=options).names
    token = aws.ecr.get_authorization_token_output(
        registry_id=account, opts=pulumi.InvokeOutputOptions(provider=provider)
    )
    return _Account(
        scope=context.scope(account),
        zones=list(zones),
        registry=settings_args.RegistryLogin(username=token.user_name, password=token.password),
    )


class _Stack:
    """The components of a stack, each of the values of those before it."""

    def __init__(
        self, settings: Settings, context: StackContext, provider: aws.Provider, data: DataFile | None
    ) -> None:
        self._settings = settings
        self._context = context
        self._data = data
        self._options = pulumi.ResourceOptions(providers=[provider])
        found = _look(context, provider)
        self._scope = found.scope
        self._retention_days = settings_args.retention_days(settings.monitoring.log_retention_days)
        self._endpoint_name = sagemaker_prefix(found.scope)
        self._storage = self._declare_storage()
        self._registry = self._declare_registry(found)
        # Roles may join the stack's own subnets and no others, so that the network comes before them.
        self._network = self._declare_network(found)
        self._identity = self._declare_identity()
        self._cluster = self._declare_cluster()
        self._training = self._declare_training()
        self._model = self._live_model()
        self._declare_serving()

    def _declare_storage(self) -> AwsStorage:
        return AwsStorage(
            "storage",
            AwsStorageArgs(scope=self._scope, data=self._data, log_retention_days=self._retention_days),
            opts=self._options,
        )

    def _declare_registry(self, found: _Account) -> AwsRegistry:
        root = self._context.as_declared(trainer_context(self._context.root))
        return AwsRegistry(
            "registry",
            AwsRegistryArgs(
                scope=self._scope,
                image=settings_args.image(self._settings, root, found.registry),
                key_arn=self._storage.key_arn,
            ),
            opts=self._options,
        )

    def _declare_network(self, found: _Account) -> AwsNetwork:
        network = settings_args.network(
            self._settings,
            zones=found.zones,
            buckets=[self._storage.data.arn, self._storage.models.arn],
            key_arn=self._storage.key_arn,
        )
        return AwsNetwork("network", AwsNetworkArgs(scope=self._scope, network=network), opts=self._options)

    def _declare_identity(self) -> AwsIdentity:
        answers = pulumi.Output.concat(self._storage.data.arn, f"/{_ANSWERS}/*")
        asynchronous = self._settings.endpoint.capacity.kind == "asynchronous"
        return AwsIdentity(
            "identity",
            AwsIdentityArgs(
                scope=self._scope,
                data_bucket_arn=self._storage.data.arn,
                models_bucket_arn=self._storage.models.arn,
                key_arn=self._storage.key_arn,
                repository_arn=self._registry.repository_arn,
                endpoint_name=self._endpoint_name,
                placement=self._network.placement,
                answers=[answers] if asynchronous else [],
                cluster_name=self._scope.name("aws-batch", _CLUSTER) if self._compute else None,
            ),
            opts=self._options,
        )

    def _declare_cluster(self) -> AwsCluster | None:
        cluster, placement = self._settings.cluster, self._network.placement
        if cluster is None or placement is None:
            return None
        compute = self._compute
        return AwsCluster(
            _CLUSTER,
            AwsClusterArgs(
                scope=self._scope,
                accelerator=cluster.accelerator,
                accelerators=cluster.accelerators,
                max_machines=cluster.max_machines,
                jobs=settings_args.cluster_jobs(cluster, compute),
                placement=placement,
                key_arn=self._storage.key_arn,
                image_uri=self._registry.image_uri,
                data_bucket_arn=self._storage.data.arn,
                models_bucket_arn=self._storage.models.arn,
                log_retention_days=self._retention_days,
            ),
            opts=self._options,
        )

    @property
    def _compute(self) -> ClusterCompute | None:
        """Machines of the cluster that the run takes; None where it takes none of them."""
        training = self._settings.training
        compute = None if training is None else training.compute
        return compute if isinstance(compute, ClusterCompute) else None

    def _declare_training(self) -> AwsTraining | AwsClusterTraining | None:
        """Declare the run; a stack that only serves a pinned model has none."""
        training = self._settings.training
        if training is None or self._data is None or self._storage.data_uri is None:
            return None
        compute = training.compute
        if isinstance(compute, ClusterCompute):
            assert self._cluster is not None  # noqa: S101 - the settings demand a cluster and its network
            return AwsClusterTraining(
                "training",
                AwsClusterTrainingArgs(
                    scope=self._scope,
                    training=TrainingArgs.of(training),
                    data_uri=self._storage.data_uri,
                    data_sha256=self._data.sha256,
                    queue_arn=self._cluster.queue_arn,
                    job_definition_arn=self._cluster.job_definition_arn,
                    log_group=self._cluster.logs,
                    models_bucket=self._storage.models.name,
                    nodes=compute.nodes,
                    kms_key_arn=self._storage.key_arn,
                    wait=training.wait,
                ),
                opts=self._options,
            )
        return AwsTraining(
            "training",
            AwsTrainingArgs(
                scope=self._scope,
                training=TrainingArgs.of(training),
                data_uri=self._storage.data_uri,
                data_sha256=self._data.sha256,
                image_uri=self._registry.image_uri,
                role_arn=self._identity.training_role_arn,
                models_bucket=self._storage.models.name,
                instance_type=compute.instance_type or TRAINING_INSTANCE_TYPE,
                instances=compute.instances,
                spot=compute.spot,
                placement=self._network.placement,
                kms_key_arn=self._storage.key_arn,
                wait=training.wait,
            ),
            opts=self._options,
        )

    def _live_model(self) -> ServedModel:
        """Return the live model: the pinned one, or what the run produced."""
        pin = self._settings.model
        if isinstance(pin, ModelPin):
            warn_of_a_foreign_bucket(pin, self._storage.models.name, cloud="aws")
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
        monitoring, key_arn = settings.monitoring, self._storage.key_arn
        self._version = AwsModel(
            "model",
            AwsModelArgs(
                scope=scope,
                model=self._model,
                approval="Approved",
                metrics=None if self._training is None else self._training.metrics,
            ),
            opts=options,
        )
        topic_arn = AwsNotifications(
            "notifications",
            AwsNotificationsArgs(scope=scope, key_arn=key_arn, emails=monitoring.notify),
            opts=options,
        ).topic_arn
        capacity = settings_args.capacity(
            settings.endpoint.capacity,
            placement=self._network.placement,
            key_arn=key_arn,
            answers_uri=pulumi.Output.concat(self._storage.data.uri, f"/{_ANSWERS}/"),
        )
        self._endpoint = AwsEndpoint(
            "endpoint",
            AwsEndpointArgs(
                scope=scope,
                model=self._model,
                capacity=capacity,
                role_arn=self._identity.endpoint_role_arn,
                topic_arn=topic_arn,
                rollout=settings.endpoint.rollout,
                log_key_arn=key_arn,
                log_retention_days=self._retention_days,
                latency_p99_ms=monitoring.latency_p99_ms,
                error_percent=monitoring.error_percent,
            ),
            opts=options,
        )
        scaling = settings_args.scaling(settings.endpoint.capacity, capacity, self._endpoint.name)
        if scaling is not None:
            AwsScaling("scaling", AwsScalingArgs(scope=scope, scaling=scaling), opts=options)
        AwsMonitoring(
            "monitoring",
            AwsMonitoringArgs(
                scope=scope,
                watch=settings_args.watch(capacity, self._endpoint.name, monitoring.latency_p99_ms),
                topic_arn=topic_arn,
                key_arn=key_arn,
                log_retention_days=self._retention_days,
            ),
            opts=options,
        )
        if settings.budget is not None:
            budget = settings.budget
            AwsBudget(
                "budget",
                AwsBudgetArgs(
                    scope=scope,
                    monthly=budget.monthly,
                    currency=budget.currency,
                    alert_percents=budget.alert_percents,
                    topic_arn=topic_arn,
                ),
                opts=options,
            )

    def outputs(self) -> Mapping[str, Any]:
        """Return what the stack tells: what every cloud's does, and what this one's command line needs."""
        own: dict[str, Any] = {
            "deployer_policy_arns": self._identity.deployer_policy_arns,
            "variant_name": VARIANT_NAME,
        }
        if self._cluster is not None:
            own |= {
                "cluster_queue": self._cluster.queue_arn,
                "cluster_job_definition": self._cluster.job_definition_arn,
            }
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

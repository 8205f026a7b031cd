"""From a stack's settings to the arguments of AWS's components: the one place that reads both."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi

from mlcloud.aws import capacity as kinds
from mlcloud.aws.cluster import MultiNode, SingleNode
from mlcloud.aws.instances import SERVING_INSTANCE_TYPE
from mlcloud.aws.logs import RETENTION_DAYS
from mlcloud.aws.network import CLUSTER_SERVICES, SERVICES, ExistingNetwork, ManagedNetwork, NoNetwork
from mlcloud.aws.placement import Placement
from mlcloud.aws.registry import ImageFromDigest
from mlcloud.aws.scaling import AsynchronousScaling, InstanceScaling, Scaling
from mlcloud.aws.watches import AsynchronousWatch, InstanceWatch, ServerlessWatch, Watch
from mlcloud.core import settings as config
from mlcloud.core.errors import UserError
from mlcloud.core.image import IMAGE_SOURCES, ImageFromBuild

# Room for a burst until the next machine is there, which takes minutes.
_CPU_PERCENT: Final = 60


@dataclass(frozen=True, kw_only=True)
class RegistryLogin:
    """Who pushes images, and with which token.

    Attributes:
        username: The name that goes with the token.
        password: The token.
    """

    username: pulumi.Input[str]
    password: pulumi.Input[str]


def image(settings: config.Settings, root: Path, login: RegistryLogin) -> ImageFromDigest | ImageFromBuild:
    """Return where the trainer's image comes from. SageMaker's containers run as root."""
    if settings.image != "build":
        return ImageFromDigest(image_uri=settings.image)
    return ImageFromBuild(
        context=root,
        dockerfile=root / "trainer" / "Dockerfile",
        sources=IMAGE_SOURCES,
        target="root",
        username=login.username,
        password=login.password,
    )


def cluster_jobs(cluster: config.Cluster, compute: config.ClusterCompute | None) -> SingleNode | MultiNode:
    """Return the cluster's jobs: on as many machines as the run that it trains, or on one."""
    if compute is not None and compute.nodes > 1:
        return MultiNode(nodes=compute.nodes)
    return SingleNode(spot=cluster.spot)


def network(
    settings: config.Settings,
    *,
    zones: Sequence[str],
    buckets: Sequence[pulumi.Input[str]],
    key_arn: pulumi.Input[str],
) -> ManagedNetwork | ExistingNetwork | NoNetwork:
    """Return the network: what the settings say, or a managed one in prod.

    Raises:
        UserError: the region has fewer zones than the settings ask for.
    """
    wished = settings.network
    if wished is None:
        prod = settings.environment == "prod"
        wished = config.ManagedNetwork() if prod else config.NoNetwork(kind="none")
    match wished:
        case config.NoNetwork():
            return NoNetwork()
        case config.ExistingNetwork():
            return ExistingNetwork(subnet_ids=wished.subnets, security_group_ids=wished.security_groups)
        case config.ManagedNetwork():
            if len(zones) < wished.zones:
                raise UserError(
                    f"mlcloud:network.zones = {wished.zones}: {settings.region} has {len(zones)} for this "
                    f"account, {', '.join(zones)}. Set it to that number or less, or choose another region."
                )
            return ManagedNetwork(
                zones=zones[: wished.zones],
                buckets=buckets,
                key_arn=key_arn,
                cidr=wished.cidr,
                services=SERVICES if settings.cluster is None else (*SERVICES, *CLUSTER_SERVICES),
                log_retention_days=retention_days(settings.monitoring.log_retention_days),
            )


def capacity(
    wished: config.Capacity,
    *,
    placement: Placement | None,
    key_arn: pulumi.Input[str],
    answers_uri: pulumi.Input[str],
) -> kinds.Capacity:
    """Return what answers the requests; scaling changes the number of machines afterwards."""
    match wished:
        case config.ServerlessCapacity():
            return kinds.ServerlessCapacity(
                memory_mb=wished.memory_mb, max_concurrency=wished.max_concurrency
            )
        case config.AsynchronousCapacity():
            return kinds.AsynchronousCapacity(
                output_uri=answers_uri,
                instance_type=wished.instance_type or SERVING_INSTANCE_TYPE,
                instances=max(wished.min, 1),
                placement=placement,
                kms_key_arn=key_arn,
            )
        case config.InstanceCapacity():
            return kinds.InstanceCapacity(
                instance_type=wished.instance_type or SERVING_INSTANCE_TYPE,
                instances=wished.min,
                placement=placement,
                kms_key_arn=key_arn,
            )


def scaling(
    wished: config.Capacity, declared: kinds.Capacity, endpoint_name: pulumi.Input[str]
) -> Scaling | None:
    """Return how machines come and go; None where their number is fixed."""
    match wished, declared:
        case config.InstanceCapacity(max=int(most)), kinds.InstanceCapacity() if most > wished.min:
            return InstanceScaling(
                endpoint=declared.source(endpoint_name), min=wished.min, max=most, cpu_percent=_CPU_PERCENT
            )
        case config.AsynchronousCapacity(), kinds.AsynchronousCapacity():
            return AsynchronousScaling(
                endpoint=declared.source(endpoint_name), min=wished.min, max=wished.max
            )
        case _:
            return None


def watch(declared: kinds.Capacity, endpoint_name: pulumi.Input[str], latency_p99_ms: float) -> Watch:
    """Return what is watched besides the alarms that roll an update back; half the latency for the median."""
    match declared:
        case kinds.ServerlessCapacity():
            return ServerlessWatch(endpoint=declared.source(endpoint_name), latency_p50_ms=latency_p99_ms / 2)
        case kinds.AsynchronousCapacity():
            return AsynchronousWatch(endpoint=declared.source(endpoint_name))
        case kinds.InstanceCapacity():
            return InstanceWatch(endpoint=declared.source(endpoint_name), latency_p50_ms=latency_p99_ms / 2)


def retention_days(days: int) -> int:
    """Return the shortest time that CloudWatch can keep logs and that is not below the wished one."""
    return next((allowed for allowed in RETENTION_DAYS if allowed >= days), RETENTION_DAYS[-1])

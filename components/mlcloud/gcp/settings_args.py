"""From a stack's settings to the arguments of GCP's components: the one place that reads both."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi

from mlcloud.core import settings as config
from mlcloud.core.errors import UserError
from mlcloud.core.image import IMAGE_SOURCES, ImageFromBuild
from mlcloud.gcp.capacity import InstanceCapacity
from mlcloud.gcp.foundation import BUDGET_SERVICES, NETWORK_SERVICES, SERVICES, ServiceAgents
from mlcloud.gcp.network import ExistingNetwork, ManagedNetwork, NoNetwork
from mlcloud.gcp.registry import ImageFromDigest
from mlcloud.gcp.scaling import InstanceScaling

TRAINING_MACHINE_TYPE: Final = "n1-standard-4"
SERVING_MACHINE_TYPE: Final = "n1-standard-2"
# Who pushes with an access token (https://cloud.google.com/artifact-registry/docs/docker/authentication#token).
_PUSHES_AS: Final = "oauth2accesstoken"
# Room for a burst until the next machine is there, which takes minutes.
_USE_PERCENT: Final = 60


@dataclass(frozen=True, kw_only=True)
class RegistryLogin:
    """Which token pushes images.

    Attributes:
        token: An access token of whoever deploys.
    """

    token: pulumi.Input[str]


def services(settings: config.Settings) -> tuple[str, ...]:
    """Return the APIs that a stack needs."""
    return (
        *SERVICES,
        *(NETWORK_SERVICES if isinstance(_wished_network(settings), config.ManagedNetwork) else ()),
        *(BUDGET_SERVICES if settings.budget is not None else ()),
    )


def image(settings: config.Settings, root: Path, login: RegistryLogin) -> ImageFromDigest | ImageFromBuild:
    """Return where the trainer's image comes from. Vertex AI runs containers as the image's own user."""
    if settings.image != "build":
        return ImageFromDigest(image_uri=settings.image)
    return ImageFromBuild(
        context=root,
        dockerfile=root / "trainer" / "Dockerfile",
        sources=IMAGE_SOURCES,
        target="nonroot",
        username=_PUSHES_AS,
        password=login.token,
    )


def network(
    settings: config.Settings, *, agents: ServiceAgents, network_of: Callable[[str], str]
) -> ManagedNetwork | ExistingNetwork | NoNetwork:
    """Return the network: what the settings say, or a managed one in prod.

    Args:
        settings: The stack's settings.
        agents: Google's agents of the project.
        network_of: Looks up the network of a subnet, both by their full names.

    Raises:
        UserError: the subnets are of several networks.
    """
    match _wished_network(settings):
        case config.NoNetwork():
            return NoNetwork()
        case config.ExistingNetwork(subnets=subnets):
            networks = {subnet: network_of(subnet) for subnet in subnets}
            if len(set(networks.values())) > 1:
                told = ", ".join(f"{subnet} of {name}" for subnet, name in networks.items())
                raise UserError(f"mlcloud:network.subnets: they are of several networks: {told}. Name one's.")
            return ExistingNetwork(agents=agents, network=networks[subnets[0]], subnet_ids=subnets)
        case config.ManagedNetwork(cidr=cidr):
            return ManagedNetwork(agents=agents, cidr=cidr)


def _wished_network(settings: config.Settings) -> config.Network:
    if settings.network is not None:
        return settings.network
    prod = settings.environment == "prod"
    return config.ManagedNetwork() if prod else config.NoNetwork(kind="none")


def capacity(wished: config.Capacity) -> InstanceCapacity:
    """Return what answers the requests; the settings refuse the kinds that GCP does not have."""
    assert isinstance(wished, config.InstanceCapacity)  # noqa: S101 - core/settings/refused.py
    return InstanceCapacity(
        machine_type=wished.instance_type or SERVING_MACHINE_TYPE, min=wished.min, max=wished.max
    )


def scaling(declared: InstanceCapacity) -> InstanceScaling | None:
    """Return what the number of machines follows; None where it is fixed."""
    if declared.most == declared.min:
        return None
    gpu = _USE_PERCENT if declared.accelerator is not None else None
    return InstanceScaling(cpu_percent=_USE_PERCENT, gpu_percent=gpu)

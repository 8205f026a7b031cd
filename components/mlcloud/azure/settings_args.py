"""From a stack's settings to the arguments of Azure's components: the one place that reads both."""

from pathlib import Path
from typing import Final

from mlcloud.azure.capacity import InstanceCapacity
from mlcloud.azure.network import ExistingNetwork, ManagedNetwork, NoNetwork
from mlcloud.azure.registry import ImageFromDigest
from mlcloud.azure.scaling import InstanceScaling
from mlcloud.core import settings as config
from mlcloud.core.image import IMAGE_SOURCES, ImageSources

TRAINING_INSTANCE_TYPE: Final = "Standard_DS3_v2"
SERVING_INSTANCE_TYPE: Final = "Standard_DS2_v2"
# Room for a burst until the next machine is there, which takes minutes.
_USE_PERCENT: Final = 60


def image(settings: config.Settings, root: Path) -> ImageFromDigest | ImageSources:
    """Return where the trainer's image comes from. Azure ML runs containers as the image's own user."""
    if settings.image != "build":
        return ImageFromDigest(image_uri=settings.image)
    return ImageSources(
        context=root, dockerfile=root / "trainer" / "Dockerfile", sources=IMAGE_SOURCES, target="nonroot"
    )


def network(settings: config.Settings) -> ManagedNetwork | ExistingNetwork | NoNetwork:
    """Return the network: what the settings say, or a managed one in prod."""
    match settings.network:
        case config.NoNetwork():
            return NoNetwork()
        case config.ExistingNetwork(subnets=subnets):
            return ExistingNetwork(subnet_id=subnets[0])
        case config.ManagedNetwork(cidr=cidr):
            return ManagedNetwork(cidr=cidr)
        case None:
            return ManagedNetwork() if settings.environment == "prod" else NoNetwork()


def capacity(wished: config.Capacity) -> InstanceCapacity:
    """Return what answers the requests; the settings refuse the kinds that Azure does not have."""
    assert isinstance(wished, config.InstanceCapacity)  # noqa: S101 - core/settings/refused.py
    return InstanceCapacity(
        instance_type=wished.instance_type or SERVING_INSTANCE_TYPE, min=wished.min, max=wished.max
    )


def scaling(declared: InstanceCapacity) -> InstanceScaling | None:
    """Return what the number of machines follows; None where it is fixed."""
    if declared.most == declared.min:
        return None
    gpu = _USE_PERCENT if declared.has_gpu else None
    return InstanceScaling(cpu_percent=_USE_PERCENT, gpu_percent=gpu)

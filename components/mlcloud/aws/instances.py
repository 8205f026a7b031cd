"""What the machine types of EC2 and SageMaker have: processors, accelerators, local storage.

SageMaker's names are EC2's with `ml.` before them. All numbers are those of EC2's DescribeInstanceTypes, as
https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html prints them; a test holds them to recorded
answers.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mlcloud.core.errors import UserError

# The small ones of a stack that names none.
TRAINING_INSTANCE_TYPE: Final = "ml.m5.large"
SERVING_INSTANCE_TYPE: Final = "ml.m5.large"


@dataclass(frozen=True, kw_only=True)
class GpuFamily:
    """A family of machine types with one kind of accelerator.

    Attributes:
        family: EC2's name of the family, such as `g5`.
        accelerator: The accelerator's name.
        gpus: Accelerators by size, such as `12xlarge`.
    """

    family: str
    accelerator: str
    gpus: dict[str, int]


_GRAPHICS: Final = {
    "xlarge": 1,
    "2xlarge": 1,
    "4xlarge": 1,
    "8xlarge": 1,
    "12xlarge": 4,
    "16xlarge": 1,
    "24xlarge": 4,
    "48xlarge": 8,
}
_BLACKWELL: Final = {"2xlarge": 1, "4xlarge": 1, "8xlarge": 1, "12xlarge": 2, "24xlarge": 4, "48xlarge": 8}

GPU_FAMILIES: Final[tuple[GpuFamily, ...]] = (
    GpuFamily(
        family="g4dn",
        accelerator="T4",
        gpus={size: count for size, count in _GRAPHICS.items() if size not in ("24xlarge", "48xlarge")},
    ),
    GpuFamily(family="g5", accelerator="A10G", gpus=_GRAPHICS),
    GpuFamily(family="g6", accelerator="L4", gpus=_GRAPHICS),
    GpuFamily(family="g6e", accelerator="L40S", gpus=_GRAPHICS),
    GpuFamily(family="g7", accelerator="RTX PRO 4500", gpus=_BLACKWELL),
    GpuFamily(family="g7e", accelerator="RTX PRO Server 6000", gpus=_BLACKWELL),
    GpuFamily(family="p3", accelerator="V100", gpus={"2xlarge": 1, "8xlarge": 4, "16xlarge": 8}),
    GpuFamily(family="p3dn", accelerator="V100", gpus={"24xlarge": 8}),
    GpuFamily(family="p4d", accelerator="A100", gpus={"24xlarge": 8}),
    GpuFamily(family="p4de", accelerator="A100", gpus={"24xlarge": 8}),
    GpuFamily(family="p5", accelerator="H100", gpus={"4xlarge": 1, "48xlarge": 8}),
    GpuFamily(family="p5e", accelerator="H200", gpus={"48xlarge": 8}),
    GpuFamily(family="p5en", accelerator="H200", gpus={"48xlarge": 8}),
    GpuFamily(family="p6-b200", accelerator="B200", gpus={"48xlarge": 8}),
    GpuFamily(family="p6-b300", accelerator="B300", gpus={"48xlarge": 8}),
)

# The drivers of Batch's image for GPUs have dropped the V100
# (https://docs.aws.amazon.com/batch/latest/APIReference/API_Ec2Configuration.html).
BATCH_FAMILIES: Final = tuple(row for row in GPU_FAMILIES if row.accelerator != "V100")

_GPUS: Final = {f"{row.family}.{size}": count for row in GPU_FAMILIES for size, count in row.gpus.items()} | {
    "p2.xlarge": 1,
    "p2.8xlarge": 8,
    "p2.16xlarge": 16,
}
# Sizes whose number of processors does not follow from the name.
_VCPUS: Final = {"c4.8xlarge": 36, "t2.medium": 2, "t3.medium": 2}
# A `d` after the generation says local storage; these families have it without one.
_LOCAL_STORAGE: Final = re.compile(r"[a-z]+\d+[a-z]*d[a-z]*|g5|g6e?|g7e?|gr6|p5|p5en?|p6.*|trn\d.*|dl1")


def gpus_of(instance_type: str) -> int:
    """Return the number of NVIDIA GPUs of a machine type; 0 for one without."""
    return _GPUS.get(_plain(instance_type), 0)


def vcpus_of(instance_type: str) -> int:
    """Return the number of virtual processors of a machine type.

    Raises:
        UserError: The name is not that of a machine type.
    """
    plain = _plain(instance_type)
    if plain in _VCPUS:
        return _VCPUS[plain]
    size = re.fullmatch(r"[a-z0-9-]+\.(?:(medium)|(large)|(\d*)xlarge)", plain)
    if size is None:
        raise UserError(
            f"{instance_type!r} is not the name of a machine type. It has a family and a size, such as "
            "ml.m5.large."
        )
    return 1 if size[1] else 2 if size[2] else 4 * int(size[3] or 1)


def has_local_storage(instance_type: str) -> bool:
    """Return whether a machine type has NVMe volumes of its own.

    These are encrypted in hardware. A training job on such a type may not name a key for its volumes, and a
    key that an endpoint's configuration names does not encrypt them
    (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html, `VolumeKmsKeyId`;
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html, `KmsKeyId`).
    """
    return _LOCAL_STORAGE.fullmatch(_plain(instance_type).split(".")[0]) is not None


def instance_types_with(accelerator: str, count: int, *, families: Sequence[GpuFamily]) -> list[str]:
    """Return EC2's machine types with so many of an accelerator, smallest first; none when there is none.

    Args:
        accelerator: The accelerator's name, such as `A10G`.
        count: Accelerators of one machine.
        families: Where to look.
    """
    found = [
        f"{row.family}.{size}"
        for row in families
        for size, gpus in row.gpus.items()
        if row.accelerator == accelerator and gpus == count
    ]
    return sorted(found, key=lambda name: (vcpus_of(name), name))


def accelerator_counts(accelerator: str, *, families: Sequence[GpuFamily]) -> list[int]:
    """Return how many of an accelerator a machine may have; none where there is no such accelerator."""
    return sorted({gpus for row in families if row.accelerator == accelerator for gpus in row.gpus.values()})


def _plain(instance_type: str) -> str:
    return instance_type.removeprefix("ml.")

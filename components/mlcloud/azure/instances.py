"""What Azure's machine sizes have: processors, and the GPU sizes by accelerator.

Sources: https://learn.microsoft.com/azure/virtual-machines/sizes/overview (a page for each series) and
https://learn.microsoft.com/azure/machine-learning/reference-managed-online-endpoints-vm-sku-list.
"""

import re
from dataclasses import dataclass
from typing import Final

from mlcloud.core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """One kind of accelerator, and the machine sizes that have it.

    Attributes:
        name: Its name for people, such as `T4`.
        instance_types: Machine size by the number of accelerators in it.
    """

    name: str
    instance_types: dict[int, str]


ACCELERATORS: Final[tuple[Accelerator, ...]] = (
    # https://learn.microsoft.com/azure/virtual-machines/sizes/gpu-accelerated/ncast4v3-series
    Accelerator(name="T4", instance_types={1: "Standard_NC4as_T4_v3", 4: "Standard_NC64as_T4_v3"}),
    # .../sizes/gpu-accelerated/ncv3-series (retired in 2025) and ndv2-series
    Accelerator(name="V100", instance_types={8: "Standard_ND40rs_v2"}),
    # .../sizes/gpu-accelerated/nvadsa10v5-series
    Accelerator(name="A10", instance_types={1: "Standard_NV36ads_A10_v5", 2: "Standard_NV72ads_A10_v5"}),
    # .../sizes/gpu-accelerated/ndasra100v4-series, 40 GB each
    Accelerator(name="A100", instance_types={8: "Standard_ND96asr_v4"}),
    # .../sizes/gpu-accelerated/nca100v4-series and ndma100v4-series
    Accelerator(
        name="A100-80GB",
        instance_types={
            1: "Standard_NC24ads_A100_v4",
            2: "Standard_NC48ads_A100_v4",
            4: "Standard_NC96ads_A100_v4",
            8: "Standard_ND96amsr_A100_v4",
        },
    ),
    # .../sizes/gpu-accelerated/ncadsh100v5-series and ndh100v5-series
    Accelerator(
        name="H100",
        instance_types={
            1: "Standard_NC40ads_H100_v5",
            2: "Standard_NC80adis_H100_v5",
            8: "Standard_ND96isr_H100_v5",
        },
    ),
    # .../sizes/gpu-accelerated/nd-h200-v5-series
    Accelerator(name="H200", instance_types={8: "Standard_ND96isr_H200_v5"}),
)

# `Standard_`, the family, the processors, how many of them are used, what else it has, and versions.
_NAME: Final = re.compile(
    r"Standard_(?P<family>[A-Z]+)(?P<size>\d+)(-(?P<used>\d+))?(?P<has>[a-z]*)(_[A-Za-z0-9]+)*"
)
# In the second generation of D and DS, the number is the size's place in the row, not its processors
# (https://learn.microsoft.com/azure/virtual-machines/sizes/general-purpose/dv2-series).
_SECOND: Final = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20}
_GPU_FAMILIES: Final = ("NC", "ND", "NV")


def has_gpu(instance_type: str) -> bool:
    """Return whether a machine size has accelerators: the families NC, ND and NV are those that do."""
    found = _NAME.fullmatch(instance_type)
    return found is not None and found["family"].startswith(_GPU_FAMILIES)


def vcpus_of(instance_type: str) -> int:
    """Return the number of virtual processors of a machine size.

    Raises:
        UserError: The name is not that of a machine size.
    """
    found = _NAME.fullmatch(instance_type)
    if found is None:
        raise UserError(
            f"{instance_type!r} is not the name of a machine size. It has a family, a size and a version, "
            "such as Standard_DS3_v2."
        )
    size = int(found["used"] or found["size"])
    second = found["family"] in ("D", "DS") and instance_type.endswith("_v2")
    return _SECOND.get(size, size) if second else size

"""What Compute Engine's machine types have: processors, memory, accelerators of Vertex AI.

Sources: https://cloud.google.com/compute/docs/machine-resource and
https://cloud.google.com/vertex-ai/docs/predictions/configure-compute; a test holds the accelerators' names to
the discovery document.
"""

import re
from dataclasses import dataclass
from typing import Final

from mlcloud.core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """One kind of accelerator, and the machine types that have it.

    Attributes:
        name: Its name for people, such as `L4`.
        kind: Vertex AI's name of it.
        machine_types: Machine type by the number of accelerators in it.
        disk_type: Their boot disk: persistent disks, or Hyperdisk where the machines take nothing else
            (DiskSpec.bootDiskType in the discovery document;
            https://cloud.google.com/compute/docs/accelerator-optimized-machines).
    """

    name: str
    kind: str
    machine_types: dict[int, str]
    disk_type: str = "pd-ssd"


_N1: Final = {1: "n1-standard-8", 2: "n1-standard-16", 4: "n1-standard-32"}

ACCELERATORS: Final[tuple[Accelerator, ...]] = (
    Accelerator(name="T4", kind="NVIDIA_TESLA_T4", machine_types=_N1),
    Accelerator(name="V100", kind="NVIDIA_TESLA_V100", machine_types=_N1),
    Accelerator(
        name="L4",
        kind="NVIDIA_L4",
        machine_types={1: "g2-standard-8", 2: "g2-standard-24", 4: "g2-standard-48", 8: "g2-standard-96"},
    ),
    Accelerator(
        name="A100",
        kind="NVIDIA_TESLA_A100",
        machine_types={
            **{1: "a2-highgpu-1g", 2: "a2-highgpu-2g", 4: "a2-highgpu-4g", 8: "a2-highgpu-8g"},
            16: "a2-megagpu-16g",
        },
    ),
    Accelerator(
        name="A100-80GB",
        kind="NVIDIA_A100_80GB",
        machine_types={1: "a2-ultragpu-1g", 2: "a2-ultragpu-2g", 4: "a2-ultragpu-4g", 8: "a2-ultragpu-8g"},
    ),
    Accelerator(
        name="H100",
        kind="NVIDIA_H100_80GB",
        machine_types={1: "a3-highgpu-1g", 2: "a3-highgpu-2g", 4: "a3-highgpu-4g", 8: "a3-highgpu-8g"},
    ),
    Accelerator(
        name="H200",
        kind="NVIDIA_H200_141GB",
        machine_types={8: "a3-ultragpu-8g"},
        disk_type="hyperdisk-balanced",
    ),
    Accelerator(
        name="B200", kind="NVIDIA_B200", machine_types={8: "a4-highgpu-8g"}, disk_type="hyperdisk-balanced"
    ),
)

# Types whose number of processors does not follow from the name.
_VCPUS: Final = {
    **{f"a2-highgpu-{gpus}g": 12 * gpus for gpus in (1, 2, 4, 8)},
    "a2-megagpu-16g": 96,
    **{f"a2-ultragpu-{gpus}g": 12 * gpus for gpus in (1, 2, 4, 8)},
    **{f"a3-highgpu-{gpus}g": 26 * gpus for gpus in (1, 2, 4, 8)},
    "a3-ultragpu-8g": 224,
    "a4-highgpu-8g": 224,
}
# GB for each processor, by family and kind.
_MEMORY_GB: Final = {
    "n1": {"standard": 3.75, "highmem": 6.5, "highcpu": 0.9},
    **{family: {"standard": 4.0, "highmem": 8.0, "highcpu": 1.0} for family in ("e2", "n2", "n2d")},
    **{family: {"standard": 4.0, "highmem": 8.0, "highcpu": 2.0} for family in ("c3", "n4")},
    "g2": {"standard": 4.0},
}
_NAME: Final = re.compile(r"(?P<family>[a-z]+\d[a-z]*)-(?P<kind>[a-z]+)-(?P<size>\d+)")
# These bring their accelerators; n1 machines are given them.
_BRINGS: Final = {
    **{machine: (row.kind, count) for row in ACCELERATORS for count, machine in row.machine_types.items()},
    **{f"g2-standard-{vcpus}": ("NVIDIA_L4", 1) for vcpus in (4, 8, 12, 16, 32)},
}


def accelerator_of(machine_type: str) -> tuple[str, int] | None:
    """Return Vertex AI's name and number of the accelerators that a machine type brings, or None."""
    return None if machine_type.startswith("n1-") else _BRINGS.get(machine_type)


def vcpus_of(machine_type: str) -> int:
    """Return the number of virtual processors of a machine type.

    Raises:
        UserError: The name is not that of a machine type.
    """
    if machine_type in _VCPUS:
        return _VCPUS[machine_type]
    found = _NAME.fullmatch(machine_type)
    if found is None:
        raise UserError(
            f"{machine_type!r} is not the name of a machine type. It has a family, a kind and a size, such "
            "as n1-standard-2."
        )
    return int(found["size"])


def memory_bytes_of(machine_type: str) -> int | None:
    """Return the memory of a machine type in bytes; None where it is not known here."""
    found = _NAME.fullmatch(machine_type)
    per_vcpu = _MEMORY_GB.get(found["family"], {}).get(found["kind"]) if found else None
    return None if per_vcpu is None else int(per_vcpu * vcpus_of(machine_type) * 2**30)

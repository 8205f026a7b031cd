"""The GPU cluster on GCP: a persistent resource of Vertex AI, whose machines wait for training runs."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_gcp import vertex

from mlcloud.core.args import one_of, validate, within
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope
from mlcloud.gcp.instances import ACCELERATORS as _ROWS
from mlcloud.gcp.placement import Placement

ACCELERATORS: Final = tuple(row.name for row in _ROWS)
_POOL: Final = "gpu"


@dataclass(frozen=True, kw_only=True)
class GcpClusterArgs:
    """What a GPU cluster on GCP is made from.

    A persistent resource has one machine at least, which costs while no job runs, and no spare capacity
    (https://cloud.google.com/vertex-ai/docs/training/persistent-resource-overview).

    Attributes:
        scope: Whose it is and where.
        accelerator: The accelerator's name: one of `ACCELERATORS`, such as `L4`.
        accelerators: Accelerators of one machine.
        max_machines: Most machines at once.
        key_name: KMS key of the machines' disks; Vertex AI's agent must be allowed to use it.
        placement: The network that machines join. Default: none of one's own.
        disk_gb: Disk of a machine, 100 to 64000 GB. Default 100.
    """

    scope: Scope
    accelerator: str
    accelerators: int
    max_machines: int
    key_name: pulumi.Input[str]
    placement: Placement | None = None
    disk_gb: int = 100

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            "The cluster",
            one_of("accelerator", self.accelerator, ACCELERATORS),
            _count_problem(self.accelerator, self.accelerators),
            within("max_machines", self.max_machines, low=1),
            within("disk_gb", self.disk_gb, low=100, high=64000),
        )


def _count_problem(accelerator: str, count: int) -> Problem | None:
    counts = [number for row in _ROWS if row.name == accelerator for number in row.machine_types]
    if not counts or count in counts:
        return None
    allowed = f"{', '.join(map(str, counts))} of {accelerator} in one machine"
    return Problem(path="accelerators", value=count, allowed=allowed, fix=f"write one of {allowed}")


class GcpCluster(pulumi.ComponentResource):
    """Machines with accelerators, from one to as many as are allowed."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    """The persistent resource's identifier, which a training run names to run on it."""
    machine_type: str
    """Its machines, which such a run has to name as they are, with their accelerators and their disk."""
    accelerator_type: str
    accelerator_count: int
    disk_gb: int

    def __init__(self, name: str, args: GcpClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:GcpCluster", name, {}, opts)
        scope = args.scope
        row = next(row for row in _ROWS if row.name == args.accelerator)
        self.machine_type, self.disk_gb = row.machine_types[args.accelerators], args.disk_gb
        self.accelerator_type, self.accelerator_count = row.kind, args.accelerators
        scales = args.max_machines > 1
        resource = vertex.AiPersistentResource(
            f"{name}-machines",
            name=scope.name("gcp-vertex-persistent-resource", name),
            display_name=scope.name("gcp-display-name", name),
            project=scope.account,
            location=scope.region,
            resource_pools=[
                vertex.AiPersistentResourceResourcePoolArgs(
                    id=_POOL,
                    machine_spec=vertex.AiPersistentResourceResourcePoolMachineSpecArgs(
                        machine_type=self.machine_type,
                        accelerator_type=self.accelerator_type,
                        accelerator_count=self.accelerator_count,
                    ),
                    replica_count="1",
                    autoscaling_spec=vertex.AiPersistentResourceResourcePoolAutoscalingSpecArgs(
                        min_replica_count="1", max_replica_count=str(args.max_machines)
                    )
                    if scales
                    else None,
                    disk_spec=vertex.AiPersistentResourceResourcePoolDiskSpecArgs(
                        boot_disk_type=row.disk_type, boot_disk_size_gb=args.disk_gb
                    ),
                )
            ],
            # ServiceAccountSpec in the discovery document: jobs work as accounts of their own.
            resource_runtime_spec=vertex.AiPersistentResourceResourceRuntimeSpecArgs(
                service_account_spec=vertex.AiPersistentResourceResourceRuntimeSpecServiceAccountSpecArgs(
                    enable_custom_service_account=True
                )
            ),
            encryption_spec=vertex.AiPersistentResourceEncryptionSpecArgs(kms_key_name=args.key_name),
            psc_interface_config=None
            if args.placement is None
            else vertex.AiPersistentResourcePscInterfaceConfigArgs(
                network_attachment=args.placement.network_attachment
            ),
            labels=scope.tags,
            opts=child_options(
                self,
                environment=scope.environment,
                # Scaling changes the number of machines.
                extra=pulumi.ResourceOptions(ignore_changes=["resourcePools[0].replicaCount"])
                if scales
                else None,
            ),
        )
        self.id = resource.id
        self.name = resource.name
        self.register_outputs({"id": self.id, "name": self.name})

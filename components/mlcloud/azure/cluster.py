"""The GPU cluster on Azure: a compute cluster of the workspace, whose machines come when a run waits."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import machinelearningservices as ml

from mlcloud.azure.instances import ACCELERATORS as _ROWS
from mlcloud.core.args import one_of, validate, within
from mlcloud.core.errors import Problem
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

ACCELERATORS: Final = tuple(row.name for row in _ROWS)
# Azure ML changes a cluster's bounds, idle time, identity and tags; azure-native would send the rest as an
# update that is refused (https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster).
_FIXED: Final = ("vmSize", "vmPriority", "enableNodePublicIp", "remoteLoginPortPublicAccess", "subnet")


@dataclass(frozen=True, kw_only=True)
class AzureClusterArgs:
    """What a GPU cluster on Azure is made from.

    Its machines have no public address, which Azure ML takes only where they are in the workspace's managed
    network, or in a subnet (https://learn.microsoft.com/azure/machine-learning/how-to-secure-training-vnet,
    https://github.com/hashicorp/terraform-provider-azurerm/issues/25901).

    Attributes:
        scope: Whose it is and where.
        resource_group: Name of the resource group.
        workspace: Name of the workspace.
        accelerator: The accelerator's name: one of `ACCELERATORS`, such as `T4`.
        accelerators: Accelerators of one machine.
        max_machines: Most machines at once.
        identity_id: Resource id of the user-assigned identity that jobs may work as.
        spot: Use spare capacity, which may be taken back; Azure ML calls it low priority. Default: no.
        idle_minutes: A machine without a job goes after so many minutes, 2 to 1440. Default 15.
        subnet_id: Resource id of a subnet that machines join. Default: the workspace's managed network.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    workspace: pulumi.Input[str]
    accelerator: str
    accelerators: int
    max_machines: int
    identity_id: pulumi.Input[str]
    spot: bool = False
    idle_minutes: int = 15
    subnet_id: pulumi.Input[str] | None = None

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
            within("idle_minutes", self.idle_minutes, low=2, high=1440),
        )


def _count_problem(accelerator: str, count: int) -> Problem | None:
    counts = [number for row in _ROWS if row.name == accelerator for number in row.instance_types]
    if not counts or count in counts:
        return None
    allowed = f"{', '.join(map(str, counts))} of {accelerator} in one machine"
    return Problem(path="accelerators", value=count, allowed=allowed, fix=f"write one of {allowed}")


class AzureCluster(pulumi.ComponentResource):
    """Machines with accelerators, from none to as many as are allowed."""

    id: pulumi.Output[str]
    """Resource id of the compute, which a training run names to run on it."""
    name: pulumi.Output[str]
    instance_type: str
    """Size of its machines."""

    def __init__(self, name: str, args: AzureClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AzureCluster", name, {}, opts)
        scope = args.scope
        row = next(row for row in _ROWS if row.name == args.accelerator)
        self.instance_type = row.instance_types[args.accelerators]
        subnet = None if args.subnet_id is None else ml.ResourceIdArgs(id=args.subnet_id)
        compute = ml.Compute(
            f"{name}-machines",
            compute_name=scope.name("azure-ml-compute", name),
            resource_group_name=args.resource_group,
            workspace_name=args.workspace,
            location=scope.region,
            identity=ml.ManagedServiceIdentityArgs(
                type="UserAssigned", user_assigned_identities=[args.identity_id]
            ),
            properties=ml.AmlComputeArgs(
                compute_type="AmlCompute",
                compute_location=scope.region,
                description=f"GPU machines of {scope.project}/{scope.stack}",
                # Nobody logs in to the machines, with a password or otherwise.
                disable_local_auth=True,
                properties=ml.AmlComputePropertiesArgs(
                    os_type="Linux",
                    vm_size=self.instance_type,
                    vm_priority="LowPriority" if args.spot else "Dedicated",
                    enable_node_public_ip=False,
                    remote_login_port_public_access="Disabled",
                    subnet=subnet,
                    scale_settings=ml.ScaleSettingsArgs(
                        min_node_count=0,
                        max_node_count=args.max_machines,
                        node_idle_time_before_scale_down=f"PT{args.idle_minutes}M",
                    ),
                ),
            ),
            tags=scope.tags,
            opts=child_options(
                self,
                environment=scope.environment,
                extra=pulumi.ResourceOptions(
                    replace_on_changes=[f"properties.properties.{name}" for name in _FIXED],
                    # Its name is taken as long as the old one is there.
                    delete_before_replace=True,
                ),
            ),
        )
        self.id = compute.id
        self.name = compute.name
        self.register_outputs({"id": self.id, "name": self.name})

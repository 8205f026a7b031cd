"""Where a stack runs: its network, and machines with accelerators."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, StrictStr, Tag

from mlcloud.core.settings.base import Flag, Int, Section, Text, form, kind_or


class ManagedNetwork(Section):
    """A private network of the stack's own: what runs in it reaches the stack's services alone."""

    kind: Literal["managed"] = "managed"
    cidr: Annotated[StrictStr, form(r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$", "a block such as 10.20.0.0/16")] = (
        Field(default="10.20.0.0/16", description="Its addresses: a private IPv4 block of /16 to /24.")
    )
    zones: Int = Field(default=2, ge=2, le=6, description="Availability zones that it spans.")


# SageMaker's VpcConfig takes 16 subnets and 5 security groups at most.
class ExistingNetwork(Section):
    """Subnets and security groups that somebody else looks after."""

    kind: Literal["existing"]
    subnets: tuple[Text, ...] = Field(min_length=1, max_length=16, description="Ids of its private subnets.")
    security_groups: tuple[Text, ...] = Field(
        default=(), max_length=5, description="Ids of the security groups of what runs in it; aws needs one."
    )


class NoNetwork(Section):
    """No network of one's own: data goes over the cloud's public addresses, encrypted."""

    kind: Literal["none"]


Network = Annotated[
    Annotated[ManagedNetwork, Tag("managed")]
    | Annotated[ExistingNetwork, Tag("existing")]
    | Annotated[NoNetwork, Tag("none")],
    Discriminator(kind_or("managed")),
]


class Cluster(Section):
    """Machines with accelerators for jobs of one's own; none runs, or costs, while no job waits."""

    accelerator: Text = Field(description="The accelerator's name, such as A10G, L4 or A100.")
    accelerators: Int = Field(default=1, ge=1, le=16, description="Accelerators in each machine.")
    max_machines: Int = Field(default=1, ge=1, le=100, description="Most machines at once.")
    spot: Flag = Field(default=False, description="Use spare capacity: cheaper, and it may be taken back.")

"""What answers an endpoint's requests on GCP: machines that run all the time.

Vertex AI has no serverless and no asynchronous endpoints of one's own container.
"""

from dataclasses import dataclass

from mlcloud.core.args import validate, within
from mlcloud.core.errors import Problem
from mlcloud.gcp.instances import accelerator_of, vcpus_of


@dataclass(frozen=True, kw_only=True)
class InstanceCapacity:
    """Machines that run all the time.

    Attributes:
        machine_type: Compute Engine's name of the machine type. Default n1-standard-2.
        min: Fewest machines, 1 to 1000. Default 1.
        max: Most machines. Default: as many as `min`, no scaling.
        accelerator_type: Vertex AI's name of the accelerator. Default: what the machine type brings.
        accelerator_count: Accelerators of each machine, 1 to 16. Default: what the machine type brings.
        spot: Use spare capacity: cheaper, and it may be taken back while it answers. Default: no.
    """

    machine_type: str = "n1-standard-2"
    min: int = 1
    max: int | None = None
    accelerator_type: str | None = None
    accelerator_count: int | None = None
    spot: bool = False

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
            UserError: The machine type is none.
        """
        vcpus_of(self.machine_type)
        both = (self.accelerator_type is None) == (self.accelerator_count is None)
        alone = Problem(
            path="accelerator_count",
            value=self.accelerator_count,
            allowed="a type and a number, or neither",
            fix="give both",
        )
        validate(
            "The capacity",
            # DedicatedResources.minReplicaCount: 1 or more.
            within("min", self.min, low=1, high=1000),
            within("max", self.max, low=self.min, high=1000),
            within("accelerator_count", self.accelerator_count, low=1, high=16),
            None if both else alone,
        )

    @property
    def accelerator(self) -> tuple[str, int] | None:
        """Vertex AI's name and the number of each machine's accelerators; None: none."""
        if self.accelerator_type is not None and self.accelerator_count is not None:
            return self.accelerator_type, self.accelerator_count
        return accelerator_of(self.machine_type)

    @property
    def most(self) -> int:
        """Most machines."""
        return self.min if self.max is None else self.max

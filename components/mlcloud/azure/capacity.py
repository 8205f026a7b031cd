"""What answers an endpoint's requests on Azure: machines that run all the time, and how they are asked.

Azure ML has no serverless and no asynchronous endpoints of one's own container.
"""

from dataclasses import dataclass
from typing import Final

from mlcloud.azure.instances import has_gpu, vcpus_of
from mlcloud.core.args import validate, within

# https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas (online endpoints)
INSTANCES_MAX: Final = 50
_REQUEST_TIMEOUT_MAX_S: Final = 180
# Large requests that our server lets wait behind one for each processor (docs/guides/container.md).
_QUEUE: Final = 64
_PROBE_PERIOD_S: Final = 10
_PROBE_TIMEOUT_S: Final = 2
_PROBE_DELAY_S: Final = 10
# A server that does not say for a minute that it lives is started again.
_LIVENESS_FAILURES: Final = 6


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How Azure ML asks a container how it is.

    Attributes:
        initial_delay_s: Seconds before the first question.
        period_s: Seconds between two.
        timeout_s: Seconds in which it must answer.
        failures: Questions in a row without a good answer until it counts as bad.
    """

    initial_delay_s: int
    period_s: int
    timeout_s: int
    failures: int


@dataclass(frozen=True, kw_only=True)
class InstanceCapacity:
    """Machines that run all the time.

    Attributes:
        instance_type: Azure's name of the machine size. Default Standard_DS2_v2.
        min: Fewest machines, 1 to 50. Default 1.
        max: Most machines. Default: as many as `min`, no scaling.
        concurrent_requests: Requests that a machine works on at once. Azure ML lets one through where nothing
            is said. Default: what our server takes, one for each processor and 64 that wait.
        request_timeout_s: Seconds in which a request must be answered, 1 to 180. Azure ML gives 5 where
            nothing is said. Default 60, as on the other clouds.
        startup_s: Seconds that the server may take until the model is loaded and it is asked for predictions,
            10 to 3600. Default 300.
    """

    instance_type: str = "Standard_DS2_v2"
    min: int = 1
    max: int | None = None
    concurrent_requests: int | None = None
    request_timeout_s: int = 60
    startup_s: int = 300

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
            UserError: The machine size is none.
        """
        vcpus_of(self.instance_type)
        validate(
            "The capacity",
            within("min", self.min, low=1, high=INSTANCES_MAX),
            within("max", self.max, low=self.min, high=INSTANCES_MAX),
            within("concurrent_requests", self.concurrent_requests, low=1),
            within("request_timeout_s", self.request_timeout_s, low=1, high=_REQUEST_TIMEOUT_MAX_S),
            within("startup_s", self.startup_s, low=10, high=3600),
        )

    @property
    def most(self) -> int:
        """Most machines."""
        return self.min if self.max is None else self.max

    @property
    def has_gpu(self) -> bool:
        """Whether the machines have accelerators."""
        return has_gpu(self.instance_type)

    @property
    def concurrency(self) -> int:
        """Requests that a machine works on at once."""
        own = vcpus_of(self.instance_type) + _QUEUE
        return own if self.concurrent_requests is None else self.concurrent_requests

    @property
    def liveness(self) -> Probe:
        """Whether the process lives, which our server says before it loads the model."""
        return Probe(
            initial_delay_s=_PROBE_DELAY_S,
            period_s=_PROBE_PERIOD_S,
            timeout_s=_PROBE_TIMEOUT_S,
            failures=_LIVENESS_FAILURES,
        )

    @property
    def readiness(self) -> Probe:
        """Whether the model is loaded: as many questions as the start may take.

        https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online#probesettings
        """
        return Probe(
            initial_delay_s=_PROBE_DELAY_S,
            period_s=_PROBE_PERIOD_S,
            timeout_s=_PROBE_TIMEOUT_S,
            failures=-(-self.startup_s // _PROBE_PERIOD_S),
        )

"""Scaling of endpoints: what the number of machines follows.

On Vertex AI it is a part of the deployment, so that the endpoint takes it. Numbers are in the words of the
traffic: requests per second that one machine was measured to carry, times a safety factor.
"""

from dataclasses import dataclass
from typing import Final

from mlcloud.core.args import validate, within
from mlcloud.core.errors import Problem, UserError
from mlcloud.gcp.metrics import CPU, GPU, Endpoint

_MINUTE_S: Final = 60


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One metric that the number of machines follows.

    Attributes:
        metric: `cpu`, `gpu` or `requests`, as our deployment calls it.
        target: The value that is held: percent, or requests a minute to each machine.
    """

    metric: str
    target: int


@dataclass(frozen=True, kw_only=True)
class InstanceScaling:
    """Scaling of machines that run all the time; of several goals, the one that wants most machines wins.

    Attributes:
        requests_per_s: Requests that one machine carries in a second, as measured. Default: no such goal.
        safety_factor: Share of it that is used, above 0 and at most 1. Default 0.5.
        cpu_percent: Mean use of the machines' processors, in percent. Default: no such goal.
        gpu_percent: Mean use of the machines' accelerators, in percent. Default: no such goal.
    """

    requests_per_s: float | None = None
    safety_factor: float = 0.5
    cpu_percent: int | None = None
    gpu_percent: int | None = None

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        nothing = Problem(
            path="requests_per_s",
            value=None,
            allowed="at least one of requests_per_s, cpu_percent, gpu_percent",
            fix="say when machines are added",
        )
        smallest = 1e-9
        goals = (self.requests_per_s, self.cpu_percent, self.gpu_percent)
        validate(
            "The scaling",
            within("requests_per_s", self.requests_per_s, low=smallest),
            within("safety_factor", self.safety_factor, low=smallest, high=1),
            within("cpu_percent", self.cpu_percent, low=1, high=100),
            within("gpu_percent", self.gpu_percent, low=1, high=100),
            nothing if all(goal is None for goal in goals) else None,
        )

    def goals(self, endpoint: Endpoint) -> list[Goal]:
        """Return one goal for each number that is given.

        Args:
            endpoint: The endpoint whose machines come and go.

        Raises:
            UserError: the endpoint does not publish the metric: it would never scale.
        """
        found: list[Goal] = []
        if self.requests_per_s is not None:
            per_minute = self.requests_per_s * self.safety_factor * _MINUTE_S
            found.append(Goal(metric="requests", target=max(1, round(per_minute))))
        for metric, percent in ((CPU, self.cpu_percent), (GPU, self.gpu_percent)):
            if percent is None:
                continue
            if not metric.is_published_by(endpoint) or metric.scaling_metric is None:
                raise UserError(
                    f"{metric.type} is not published by machines of the type "
                    f"{endpoint.capacity.machine_type}: the endpoint would never scale. Choose another goal, "
                    "or a machine type with accelerators."
                )
            found.append(Goal(metric=metric.scaling_metric, target=percent))
        return found

"""The cloud stacks of the repository, one line each: by which names an edit of its model is followed."""

from dataclasses import dataclass, replace
from typing import Any, Protocol


class Edited(Protocol):
    """A stack whose settings can be edited."""

    def setting(self, name: str) -> Any: ...
    def edit(self, **settings: Any) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What a stack serves with.

    Attributes:
        configuration: What is made anew for another model or machine, in this order.
        endpoint: What then moves to it.
        version: What is made anew before that for another model alone, as the endpoint refers to it.
        machine: Another type of machine, as the setting `endpoint.capacity.instance_type` has it.
        sized: What is set anew, in place, for another type of machine: limits that follow from it.
        follows: What is set anew, in place, for whatever is made anew: it names the deployment.
        retained: What outlives its replacement and the stack, since something live may refer to it.
        kept: What else outlives its replacement: the record of what was live.
        stays: What else outlives the stack, since the cloud gives its name to nobody else for a while.
    """

    configuration: tuple[str, ...]
    endpoint: str
    machine: str
    sized: frozenset[str]
    retained: frozenset[str]
    follows: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    version: tuple[str, ...] = ()
    stays: frozenset[str] = frozenset()


_AWS = Serving(
    configuration=("endpoint-revision", "endpoint-model", "endpoint-config"),
    endpoint="endpoint-endpoint",
    machine="ml.m5.xlarge",
    sized=frozenset({"monitoring-cpu"}),
    retained=frozenset({"endpoint-model", "endpoint-config"}),
)

# Another machine makes nothing anew: the deployment itself starts new machines beside the old ones.
_GCP = Serving(
    configuration=(),
    endpoint="endpoint-deployment",
    version=("model-version",),
    machine="n1-standard-8",
    sized=frozenset({"monitoring-cpu", "monitoring-memory"}),
    retained=frozenset(),
    stays=frozenset({"monitoring-logs"}),
)

# A deployment is named by its content: another one is another colour, beside the one that serves.
_AZURE = Serving(
    configuration=("endpoint-colour", "endpoint-deployment"),
    endpoint="endpoint-traffic",
    version=("model-version-name", "model-version"),
    machine="Standard_DS4_v2",
    sized=frozenset(),
    follows=frozenset({*(f"monitoring-{part}" for part in ("cpu", "memory", "disk", "workbook"))}),
    retained=frozenset(),
)

DEV = {"aws-dev": _AWS, "gcp-dev": _GCP, "azure-dev": _AZURE}
PROD = {
    "aws-prod": replace(
        _AWS, sized=frozenset({"monitoring-cpu", "scaling-cpu"}), kept=frozenset({"model-version"})
    ),
    "gcp-prod": replace(_GCP, kept=frozenset({"model-version"})),
    "azure-prod": replace(
        _AZURE,
        configuration=(*_AZURE.configuration, "endpoint-scaling"),
        follows=frozenset({*_AZURE.follows, "monitoring-saturation"}),
        kept=frozenset({"model-version"}),
    ),
}
STACKS = {**DEV, **PROD}


def other_machine(stack: Edited, serving: Serving) -> None:
    """Edit the type of the machines that serve."""
    endpoint = stack.setting("endpoint")
    stack.edit(endpoint={**endpoint, "capacity": {**endpoint["capacity"], "instance_type": serving.machine}})


def other_hyperparameter(stack: Edited) -> None:
    """Edit how the model is trained."""
    stack.edit(training={**stack.setting("training"), "hyperparameters": {"C": 0.5}})


def other_pin(stack: Edited) -> None:
    """Pin another version."""
    pinned = stack.setting("model")
    changed = "0" * 64
    uri = pinned["uri"].replace(pinned["sha256"], changed)
    stack.edit(model={**pinned, "uri": uri, "sha256": changed, "version": "v2"})

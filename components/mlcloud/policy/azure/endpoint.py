"""Controls of Azure ML's online endpoints and deployments."""

from collections.abc import Iterator
from typing import Any, Final

from mlcloud.core.errors import Problem
from mlcloud.policy.azure.workspace import WORKSPACE, is_isolated
from mlcloud.policy.control import Control
from mlcloud.policy.judging import PROD, at_least, expect, problem, says
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

ENDPOINT: Final = "azure-native:machinelearningservices:OnlineEndpoint"
DEPLOYMENT: Final = "azure-native:machinelearningservices:OnlineDeployment"
_SCALING: Final = "azure-native:monitor:AutoscaleSetting"


def is_isolated_by_its_workspace(deployment: Resource, declared: Declared) -> bool:
    """Return whether a deployment's machines are in a managed network that reaches named places alone.

    There the workspace, not the deployment, says what is reached
    (https://learn.microsoft.com/azure/machine-learning/concept-secure-online-endpoint).
    """
    workspaces = [one for one in declared.all(WORKSPACE) if one.urn in deployment.dependencies]
    return bool(workspaces) and all(map(is_isolated, workspaces))


def _sends_nothing(deployment: Resource, declared: Declared) -> Iterator[Problem]:
    value = deployment.value("properties.egressPublicNetworkAccess")
    if value != UNKNOWN and (says("Disabled")(value) or is_isolated_by_its_workspace(deployment, declared)):
        return
    fix = "set it so, or give the workspace a managed network that allows approved outbound alone"
    yield problem("properties.egressPublicNetworkAccess", value, "`Disabled`", fix)


def _enough(resource: Resource, declared: Declared) -> Iterator[Problem]:
    path = "profiles[*].capacity.minimum" if resource.type == _SCALING else "sku.capacity"
    fix = "set `mlcloud:endpoint.capacity.min` to 2 or more"
    yield from expect(path, _two, "2 or more", fix)(resource, declared)


def _two(value: Any) -> bool:
    """Return whether a number, or one that Azure Monitor has as text, is 2 or more."""
    return at_least(2)(int(value) if isinstance(value, str) and value.isdecimal() else value)


CONTROLS: Final = (
    Control(
        id="endpoint-auth",
        sources=["IM-1"],
        title="Who asks an endpoint is known by Microsoft Entra or Azure ML",
        severity="high",
        why="A key is a password that works from anywhere and never ends.",
        types=[ENDPOINT],
        judge=expect("properties.authMode", says("AADToken", "AMLToken"), "`AADToken` or `AMLToken`"),
    ),
    Control(
        id="endpoint-private",
        sources=["NS-2"],
        title="Endpoints are reached by the workspace's private endpoint alone",
        severity="high",
        why="Whoever finds a credential asks from anywhere.",
        types=[ENDPOINT],
        judge=expect("properties.publicNetworkAccess", says("Disabled"), "`Disabled`"),
    ),
    Control(
        id="endpoint-egress",
        sources=["NS-2"],
        title="What serves reaches named places alone",
        severity="high",
        why="What is asked could be sent anywhere by any library in the image.",
        types=[DEPLOYMENT],
        judge=_sends_nothing,
    ),
    Control(
        id="endpoint-machines",
        sources=["own"],
        title="In prod, two machines or more serve",
        severity="medium",
        why="One machine that fails is an endpoint that is down.",
        types=[DEPLOYMENT, _SCALING],
        judge=_enough,
        environments=PROD,
    ),
)

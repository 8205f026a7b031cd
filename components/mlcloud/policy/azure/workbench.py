"""Controls of places where people work: Azure ML's compute instances."""

from typing import Final

from mlcloud.policy.azure.cluster import COMPUTE
from mlcloud.policy.control import Control
from mlcloud.policy.judging import expect, is_given, is_one_of, is_true, says
from mlcloud.policy.resource import Declared, Resource


def _is_instance(compute: Resource, _declared: Declared) -> bool:
    return says("ComputeInstance")(compute.value("properties.computeType"))


CONTROLS: Final = (
    Control(
        id="workbench-no-local-users",
        sources=["own"],
        title="People log in to a notebook's machine by Microsoft Entra alone",
        severity="high",
        why="A password or key on a machine is nobody's to take back.",
        types=[COMPUTE],
        judge=expect("properties.disableLocalAuth", is_true, "true"),
        applies=_is_instance,
    ),
    Control(
        id="workbench-no-ssh",
        sources=["own"],
        title="Nobody reaches a notebook's machine by SSH from the internet",
        severity="high",
        why="What listens is found within minutes.",
        types=[COMPUTE],
        judge=expect("properties.properties.sshSettings.sshPublicAccess", says("Disabled"), "`Disabled`"),
        applies=_is_instance,
    ),
    Control(
        id="workbench-no-public-address",
        sources=["own"],
        title="A notebook has no public address",
        severity="high",
        why="A place that runs any code is on the internet.",
        types=[COMPUTE],
        judge=expect("properties.properties.enableNodePublicIp", is_one_of(False), "false"),
        applies=_is_instance,
    ),
    Control(
        id="workbench-shutdown",
        sources=["own"],
        title="A notebook that nobody uses stops by itself",
        severity="low",
        why="It costs by the hour until somebody notices.",
        types=[COMPUTE],
        judge=expect("properties.properties.idleTimeBeforeShutdown", is_given, "a time, such as `PT1H`"),
        applies=_is_instance,
    ),
)

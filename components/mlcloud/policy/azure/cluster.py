"""Controls of machines that people's own jobs run on: Azure ML's compute clusters."""

from typing import Final

from mlcloud.policy.control import Control
from mlcloud.policy.judging import expect, is_one_of, is_true, says
from mlcloud.policy.resource import Declared, Resource

COMPUTE: Final = "azure-native:machinelearningservices:Compute"
_KIND: Final = "properties.computeType"


def is_cluster(compute: Resource, _declared: Declared) -> bool:
    """Return whether a compute target is a cluster of machines that come and go."""
    return says("AmlCompute")(compute.value(_KIND))


CONTROLS: Final = (
    Control(
        id="cluster-no-local-users",
        sources=["CKV_AZURE_142"],
        title="People log in to machines by Microsoft Entra alone",
        severity="high",
        why="A password or key on a machine is nobody's to take back.",
        types=[COMPUTE],
        judge=expect("properties.disableLocalAuth", is_true, "true"),
        applies=is_cluster,
    ),
    Control(
        id="cluster-no-ssh",
        sources=["own"],
        title="Nobody reaches machines by SSH from the internet",
        severity="high",
        why="What listens is found within minutes.",
        types=[COMPUTE],
        judge=expect("properties.properties.remoteLoginPortPublicAccess", says("Disabled"), "`Disabled`"),
        applies=is_cluster,
    ),
    Control(
        id="cluster-no-public-address",
        sources=["own"],
        title="Machines have no public address",
        severity="high",
        why="Every port of a training machine is on the internet.",
        types=[COMPUTE],
        judge=expect("properties.properties.enableNodePublicIp", is_one_of(False), "false"),
        applies=is_cluster,
    ),
    Control(
        id="cluster-from-nothing",
        sources=["CKV_AZURE_150"],
        title="No machine waits while nothing runs",
        severity="low",
        why="It costs by the hour until somebody notices.",
        types=[COMPUTE],
        judge=expect("properties.properties.scaleSettings.minNodeCount", is_one_of(0, 0.0), "0"),
        applies=is_cluster,
    ),
)

"""Controls of Vertex AI's training runs, of the machines that wait for them, and of what they leave there."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from mlcloud.core.errors import Problem
from mlcloud.policy.control import Control, Judge
from mlcloud.policy.judging import at_least, expect, is_given, problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

RUN: Final = "mlcloud:gcp:TrainingRun"
PERSISTENT_RESOURCE: Final = "gcp:vertex/aiPersistentResource:AiPersistentResource"
_STORES: Final = tuple(
    f"gcp:vertex/ai{kind}:Ai{kind}" for kind in ("Dataset", "FeatureStore", "MetadataStore", "Tensorboard")
)


def _expect(ours: str, native: str, accept: Callable[[Any], bool], required: str) -> Judge:
    """Return a judge of a property, whether our resource or one of pulumi-gcp has it."""

    def judge(resource: Resource, declared: Declared) -> Iterator[Problem]:
        path = ours if resource.type == RUN else native
        yield from expect(path, accept, required)(resource, declared)

    return judge


def _in_a_network(resource: Resource, _declared: Declared) -> Iterator[Problem]:
    attached = "networkAttachment" if resource.type == RUN else "pscInterfaceConfig.networkAttachment"
    # A run on machines that wait already is in their network.
    paths = (attached, "network", *(["persistentResource"] if resource.type == RUN else []))
    values = [resource.value(path) for path in paths]
    if not any(value != UNKNOWN and is_given(value) for value in values):
        value = UNKNOWN if UNKNOWN in values else values[0]
        yield problem(attached, value, "a network attachment of one's own network")


CONTROLS: Final = (
    Control(
        id="training-network",
        sources=["own"],
        title="Training runs in a private network of one's own",
        severity="high",
        why="Code that trains, and every library in it, could send the data anywhere.",
        types=[RUN, PERSISTENT_RESOURCE],
        judge=_in_a_network,
    ),
    Control(
        id="training-own-key",
        sources=["CKV2_GCP_25", "CKV2_GCP_26", "CKV_GCP_92", "CKV_GCP_96", "gcp.restrictNonCmekServices"],
        title="What training makes and keeps in Vertex AI is encrypted with a key of one's own",
        severity="medium",
        why="Nobody can withdraw access to it at once, or see who decrypts.",
        types=[RUN, PERSISTENT_RESOURCE, *_STORES],
        judge=_expect("kmsKeyName", "encryptionSpec.kmsKeyName", is_given, "the name of a key of one's own"),
    ),
    Control(
        id="training-time-limit",
        sources=["own"],
        title="A run that hangs is stopped",
        severity="high",
        why="It costs until somebody notices.",
        types=[RUN],
        judge=expect("timeoutS", at_least(1), "a number of seconds"),
    ),
)

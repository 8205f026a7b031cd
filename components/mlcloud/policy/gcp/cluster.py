"""Controls of machines that people's own jobs run on: Compute Engine's templates and instances."""

from collections.abc import Iterator
from typing import Any, Final

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.control import Control
from mlcloud.policy.gcp.identity import is_own_account
from mlcloud.policy.judging import each, expect, is_given, is_not_true, is_true
from mlcloud.policy.resource import Declared, Resource

_INSTANCE: Final = "gcp:compute/instance:Instance"
_TEMPLATES: Final = (
    "gcp:compute/instanceTemplate:InstanceTemplate",
    "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate",
)
_SHIELDED: Final = "shieldedInstanceConfig"


def _on(value: Any) -> bool:
    """Return whether a metadata key is on; keys are texts of any case."""
    return value is not ABSENT and str(value).lower() in ("true", "1")


def _own_key(machine: Resource, declared: Declared) -> Iterator[Problem]:
    path = (
        "bootDisk.kmsKeySelfLink"
        if machine.type == _INSTANCE
        else "disks[*].diskEncryptionKey.kmsKeySelfLink"
    )
    yield from expect(path, is_given, "the name of a key of one's own")(machine, declared)


CONTROLS: Final = (
    Control(
        id="cluster-own-account",
        sources=["CKV_GCP_30", "CKV_GCP_31"],
        title="Machines work as an account of their own",
        severity="high",
        why="Google's default account may read every bucket of the project.",
        types=[*_TEMPLATES, _INSTANCE],
        judge=expect("serviceAccount.email", is_own_account, "a service account of their own"),
    ),
    Control(
        id="cluster-logins",
        sources=["CKV_GCP_32", "CKV_GCP_33", "CKV_GCP_34", "CKV_GCP_35"],
        title="People log in to machines by IAM (OS Login) alone",
        severity="high",
        why="SSH keys in the project's metadata open every machine, and nobody takes them back.",
        types=[*_TEMPLATES, _INSTANCE],
        # https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys
        judge=each(
            expect("metadata.enable-oslogin", _on, "`TRUE`"),
            expect("metadata.block-project-ssh-keys", _on, "`TRUE`"),
            expect("metadata.serial-port-enable", lambda value: not _on(value), "not set, or `FALSE`"),
        ),
    ),
    Control(
        id="cluster-no-forwarding",
        sources=["CKV_GCP_36"],
        title="Machines send in their own name alone",
        severity="high",
        why="A machine that forwards is a way around the network's rules.",
        types=[*_TEMPLATES, _INSTANCE],
        judge=expect("canIpForward", is_not_true, "false"),
    ),
    Control(
        id="cluster-encrypted-disks",
        sources=["CKV_GCP_37", "CKV_GCP_38"],
        title="Machines' disks are encrypted with a key of one's own",
        severity="high",
        why="Nobody can withdraw access to the training data on them.",
        types=[*_TEMPLATES, _INSTANCE],
        judge=_own_key,
    ),
    Control(
        id="cluster-shielded",
        sources=["CKV_GCP_39"],
        title="Machines start what is signed, and say when that changes",
        severity="high",
        why="What changed the machine's start stays there unseen.",
        types=[*_TEMPLATES, _INSTANCE],
        judge=each(
            expect(f"{_SHIELDED}.enableSecureBoot", is_true, "true"),
            expect(f"{_SHIELDED}.enableVtpm", is_true, "true"),
            expect(f"{_SHIELDED}.enableIntegrityMonitoring", is_true, "true"),
        ),
    ),
    Control(
        id="cluster-no-public-address",
        sources=["CKV_GCP_40"],
        title="Machines have no public address",
        severity="high",
        why="Every port of a training machine is on the internet.",
        types=[*_TEMPLATES, _INSTANCE],
        judge=each(
            *(
                expect(f"networkInterfaces[*].{key}", lambda value: not is_given(value), "none")
                for key in ("accessConfigs", "ipv6AccessConfigs")
            )
        ),
    ),
)

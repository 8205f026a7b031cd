"""Controls of KMS's keys, and of who may use them when."""

from collections.abc import Iterator
from typing import Any, Final

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.control import Control
from mlcloud.policy.gcp.endpoint import ENDPOINT, MODEL
from mlcloud.policy.gcp.monitoring import LOG_BUCKET
from mlcloud.policy.gcp.registry import REPOSITORY
from mlcloud.policy.gcp.storage import BUCKET
from mlcloud.policy.gcp.training import PERSISTENT_RESOURCE, RUN
from mlcloud.policy.judging import PROD, expect, is_given, problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

_KEY: Final = "gcp:kms/cryptoKey:CryptoKey"
_GRANT: Final = "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember"
_WAIT: Final = "mlcloud:gcp:IamPropagation"
_USE: Final = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
_DAY_S: Final = 24 * 3600
_ROTATION_S: Final = 90 * _DAY_S
# KMS's default (https://cloud.google.com/kms/docs/destroy-restore).
_DESTROY_AFTER_S: Final = 30 * _DAY_S
# Where a resource names its key, and whose agent encrypts (https://cloud.google.com/iam/docs/service-agents).
_ENCRYPTED: Final = {
    BUCKET: ("encryption.defaultKmsKeyName", "gs-project-accounts"),
    REPOSITORY: ("kmsKeyName", "gcp-sa-artifactregistry"),
    LOG_BUCKET: ("cmekSettings.kmsKeyName", "gcp-sa-logging"),
    **dict.fromkeys((ENDPOINT, PERSISTENT_RESOURCE), ("encryptionSpec.kmsKeyName", "gcp-sa-aiplatform")),
    **dict.fromkeys((MODEL, RUN), ("kmsKeyName", "gcp-sa-aiplatform")),
}


def _seconds(value: Any) -> float | None:
    """Return a duration as Google writes it, `7776000s`, in seconds; None where it is none."""
    try:
        return float(str(value).removesuffix("s"))
    except ValueError:
        return None


def _at_most(value: Any) -> bool:
    seconds = _seconds(value)
    return seconds is not None and 0 < seconds <= _ROTATION_S


def _at_least(value: Any) -> bool:
    seconds = _seconds(value)
    return seconds is not None and seconds >= _DESTROY_AFTER_S


def _encrypts(resource: Resource, _declared: Declared) -> bool:
    """Return whether a key encrypts what people store; keys that sign do not rotate by themselves."""
    return resource.value("purpose") in (ABSENT, "ENCRYPT_DECRYPT", UNKNOWN)


def _kept(key: Resource, _declared: Declared) -> Iterator[Problem]:
    for option, value in (("protect", key.protect), ("retainOnDelete", key.retain_on_delete)):
        if not value:
            yield problem(option, value, "true", f"give the option `{option}`")


def _has_the_stacks_key(resource: Resource, declared: Declared) -> bool:
    """Return whether a resource is encrypted with a key that the plan declares; others' keys are theirs."""
    path, _ = _ENCRYPTED[resource.type]
    return is_given(resource.value(path)) and any(
        key.urn in resource.dependencies for key in declared.all(_KEY)
    )


def _granted_before(resource: Resource, declared: Declared) -> Iterator[Problem]:
    _, agent = _ENCRYPTED[resource.type]
    # A wait for grants stands between them and what uses the key.
    waits = [one for one in declared.all(_WAIT) if one.urn in resource.dependencies]
    needed = {*resource.dependencies, *(urn for wait in waits for urn in wait.dependencies)}
    states = [_may_use(grant, agent) for grant in declared.all(_GRANT) if grant.urn in needed]
    if True not in states:
        value = UNKNOWN if UNKNOWN in states else ABSENT
        allowed = f"a grant of {_USE} to {agent}, made first"
        fix = "take the key's name from an output that waits for the grant, or give `depends_on`"
        yield problem("dependencies", value, allowed, fix)


def _may_use(grant: Resource, agent: str) -> Any:
    role, member = grant.value("role"), grant.value("member")
    if role not in (_USE, UNKNOWN) or (member != UNKNOWN and f"@{agent}.iam." not in str(member)):
        return False
    return UNKNOWN if UNKNOWN in (role, member) else True


CONTROLS: Final = (
    Control(
        id="keys-rotation",
        sources=["CKV_GCP_43"],
        title="Keys rotate every 90 days or sooner",
        severity="low",
        why="The more one version has encrypted, the more its loss tells.",
        types=[_KEY],
        judge=expect("rotationPeriod", _at_most, f"`{_ROTATION_S}s` or less"),
        applies=_encrypts,
    ),
    Control(
        id="keys-deletion-window",
        sources=["CKV_GCP_82", "own"],
        title="A key's version can be brought back for 30 days once destroyed",
        severity="high",
        why="A key that is gone takes everything with it that it encrypts.",
        types=[_KEY],
        # KMS's default is 30 days, too; it is wanted written, so that people see it.
        judge=expect("destroyScheduledDuration", _at_least, f"`{_DESTROY_AFTER_S}s` or more"),
    ),
    Control(
        id="keys-kept",
        sources=["CKV_GCP_82"],
        title="In prod, keys are protected and stay when the stack goes",
        severity="high",
        why="KMS never deletes a key's name, only all of its versions, and with them what they encrypt.",
        types=[_KEY],
        judge=_kept,
        environments=PROD,
    ),
    Control(
        id="keys-granted-first",
        sources=["gcp.restrictNonCmekServices", "own"],
        title="Google's agent may use the key before anything is made with it",
        severity="medium",
        why="The first `up` is refused, or what is made is encrypted with Google's key for good.",
        types=list(_ENCRYPTED),
        judge=_granted_before,
        applies=_has_the_stacks_key,
    ),
)

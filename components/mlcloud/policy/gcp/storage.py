"""Controls of Cloud Storage's buckets."""

from collections.abc import Iterator
from typing import Any, Final, cast

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.control import Control
from mlcloud.policy.judging import (
    PROD,
    at_least,
    expect,
    is_given,
    is_not_true,
    is_one_of,
    is_true,
    problem,
)
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

BUCKET: Final = "gcp:storage/bucket:Bucket"
# The shortest that Cloud Storage has, and its default (https://cloud.google.com/storage/docs/soft-delete).
_SOFT_DELETE_S: Final = 7 * 24 * 3600
_NONCURRENT: Final = ("daysSinceNoncurrentTime", "noncurrentTimeBefore", "numNewerVersions")


def takes_usage_logs(bucket: Resource, declared: Declared) -> bool:
    """Return whether a bucket is where other buckets' usage logs are written."""
    return any(one is not bucket for one in declared.referring(bucket, BUCKET, "logging.logBucket"))


def _logs_elsewhere(bucket: Resource, _declared: Declared) -> Iterator[Problem]:
    target = bucket.value("logging.logBucket")
    if target == UNKNOWN or not is_given(target):
        yield problem("logging.logBucket", target, "another bucket")
    elif target == bucket.value("name"):
        yield problem(
            "logging.logBucket", target, "another bucket", "name another: this one would fill itself"
        )


def _cleans_up(bucket: Resource, _declared: Declared) -> Iterator[Problem]:
    given = bucket.value("lifecycleRules")
    rules = cast("list[Any]", given) if isinstance(given, list) else []
    wanted = {
        "a rule that aborts uploads that were given up": any(map(_aborts, rules)),
        "a rule that deletes old versions": any(map(_deletes_versions, rules)),
    }
    for allowed, found in wanted.items():
        if not found:
            value = UNKNOWN if given == UNKNOWN or _holds_unknown(rules) else ABSENT
            yield problem("lifecycleRules", value, allowed, f"add {allowed}")


def _aborts(rule: Any) -> bool:
    return _at(rule, "action", "type") == "AbortIncompleteMultipartUpload"


def _deletes_versions(rule: Any) -> bool:
    deletes = _at(rule, "action", "type") == "Delete"
    return deletes and any(_at(rule, "condition", key) not in (None, UNKNOWN) for key in _NONCURRENT)


def _at(node: Any, *steps: str) -> Any:
    for step in steps:
        node = cast("dict[str, Any]", node).get(step) if isinstance(node, dict) else None
    return node


def _holds_unknown(node: Any) -> bool:
    if isinstance(node, dict):
        return any(map(_holds_unknown, cast("dict[str, Any]", node).values()))
    if isinstance(node, list):
        return any(map(_holds_unknown, cast("list[Any]", node)))
    return node == UNKNOWN


def _kept(bucket: Resource, declared: Declared) -> Iterator[Problem]:
    yield from expect("forceDestroy", is_not_true, "false")(bucket, declared)
    for option, value in (("protect", bucket.protect), ("retainOnDelete", bucket.retain_on_delete)):
        if not value:
            yield problem(option, value, "true", f"give the option `{option}`")


CONTROLS: Final = (
    Control(
        id="storage-public-access",
        sources=["CKV_GCP_114", "storage.publicAccessPrevention"],
        title="Every bucket prevents public access",
        severity="critical",
        why="One mistaken role or ACL shows the data to everybody.",
        types=[BUCKET],
        judge=expect("publicAccessPrevention", is_one_of("enforced"), "`enforced`"),
    ),
    Control(
        id="storage-acls-off",
        sources=["CKV_GCP_29", "storage.uniformBucketLevelAccess"],
        title="ACLs are off: IAM alone says who reads a bucket",
        severity="medium",
        why="An object's own ACL goes around the bucket's roles.",
        types=[BUCKET],
        judge=expect("uniformBucketLevelAccess", is_true, "true"),
    ),
    Control(
        id="storage-own-key",
        sources=["gcp.restrictNonCmekServices"],
        title="Objects are encrypted with a key of one's own",
        severity="medium",
        why="With Google's key nobody can withdraw access to all objects at once, or see who decrypts.",
        types=[BUCKET],
        judge=expect("encryption.defaultKmsKeyName", is_given, "the name of a key of one's own"),
    ),
    Control(
        id="storage-versions",
        sources=["CKV_GCP_78"],
        title="Overwritten and deleted objects are kept as versions",
        severity="medium",
        why="A model or data file that was overwritten is gone.",
        types=[BUCKET],
        judge=expect("versioning.enabled", is_true, "true"),
    ),
    Control(
        id="storage-soft-delete",
        sources=["prowler cloudstorage_bucket_soft_delete_enabled"],
        title="What was deleted for good can be restored for a week",
        severity="medium",
        why="Whoever may delete objects deletes every version.",
        types=[BUCKET],
        # Cloud Storage's default is a week, too; it is wanted written, so that people see it.
        judge=expect(
            "softDeletePolicy.retentionDurationSeconds", at_least(_SOFT_DELETE_S), f"{_SOFT_DELETE_S} or more"
        ),
    ),
    Control(
        id="storage-lifecycle",
        sources=["prowler cloudstorage_bucket_lifecycle_management_enabled"],
        title="Old versions expire, and uploads that were given up are removed",
        severity="medium",
        why="What nobody sees costs every month.",
        types=[BUCKET],
        judge=_cleans_up,
    ),
    Control(
        id="storage-access-log",
        sources=["CKV_GCP_62", "CKV_GCP_63"],
        title="Each access is logged in another bucket",
        severity="medium",
        why="After a leak nobody can say what was read, and by whom.",
        types=[BUCKET],
        judge=_logs_elsewhere,
    ),
    Control(
        id="storage-kept",
        sources=["own"],
        title="In prod, buckets are protected and never emptied by a destroy",
        severity="high",
        why="One command deletes data and models that cannot be made again.",
        types=[BUCKET],
        judge=_kept,
        environments=PROD,
    ),
)

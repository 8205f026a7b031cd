"""A bucket with every control that a private bucket needs."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_gcp import storage

from mlcloud.core.args import validate, within
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# Parts of uploads that were given up are billed and seen nowhere.
_ABORT_UPLOADS_AFTER_DAYS: Final = 7
# From 7 to 90 days (https://cloud.google.com/storage/docs/soft-delete).
_SOFT_DELETE_DAYS: Final = (7, 90)
_DAY_S: Final = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class GcpBucketArgs:
    """What a private bucket is made from.

    Attributes:
        scope: Whose it is and where.
        part: What it holds, a part of its name: `data`, `models`, `logs`.
        key_name: KMS key of its objects; Cloud Storage's agent must be allowed to use it.
        log_bucket: Name of the bucket that takes its usage logs. Default: they are not kept; a bucket that
            took its own would fill itself.
        expire_after_days: Objects are deleted after so many days. Default: never.
        noncurrent_after_days: Overwritten and deleted objects are kept for so many days. Default 90.
        soft_delete_days: What was deleted for good can be restored, and is billed, for so many days, 7 to
            90. Default 7.
    """

    scope: Scope
    part: str
    key_name: pulumi.Input[str]
    log_bucket: pulumi.Input[str] | None = None
    expire_after_days: int | None = None
    noncurrent_after_days: int = 90
    soft_delete_days: int = 7

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        low, high = _SOFT_DELETE_DAYS
        validate(
            f"The bucket {self.part}",
            within("expire_after_days", self.expire_after_days, low=1),
            within("noncurrent_after_days", self.noncurrent_after_days, low=1),
            within("soft_delete_days", self.soft_delete_days, low=low, high=high),
        )


class GcpBucket(pulumi.ComponentResource):
    """A private, versioned bucket, encrypted with a key of one's own."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    uri: pulumi.Output[str]

    def __init__(self, name: str, args: GcpBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:GcpBucket", name, {}, opts)
        scope = args.scope
        bucket = storage.Bucket(
            f"{name}-bucket",
            name=scope.name("gcp-storage-bucket", args.part),
            project=scope.account,
            # Cloud Storage writes regions in capitals.
            location=scope.region.upper(),
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            encryption=storage.BucketEncryptionArgs(default_kms_key_name=args.key_name),
            versioning=storage.BucketVersioningArgs(enabled=True),
            soft_delete_policy=storage.BucketSoftDeletePolicyArgs(
                retention_duration_seconds=args.soft_delete_days * _DAY_S
            ),
            lifecycle_rules=_lifecycle(args),
            logging=None
            if args.log_bucket is None
            else storage.BucketLoggingArgs(
                log_bucket=args.log_bucket, log_object_prefix=usage_log_prefix(args.part)
            ),
            force_destroy=not scope.is_prod,
            labels=scope.tags,
            opts=child_options(self, environment=scope.environment, holds_data=True),
        )
        self.id = bucket.id
        self.name = bucket.name
        self.uri = bucket.url
        self.register_outputs({"id": self.id, "name": self.name, "uri": self.uri})


def usage_log_prefix(part: str) -> str:
    """Return what the names of a bucket's usage logs begin with."""
    return f"usage/{part}"


def _lifecycle(args: GcpBucketArgs) -> list[storage.BucketLifecycleRuleArgs]:
    rules = [
        _rule("AbortIncompleteMultipartUpload", age=_ABORT_UPLOADS_AFTER_DAYS),
        _rule("Delete", days_since_noncurrent_time=args.noncurrent_after_days, with_state="ARCHIVED"),
    ]
    if args.expire_after_days is not None:
        rules.append(_rule("Delete", age=args.expire_after_days, with_state="ANY"))
    return rules


def _rule(
    action: str,
    *,
    age: int | None = None,
    days_since_noncurrent_time: int | None = None,
    with_state: str | None = None,
) -> storage.BucketLifecycleRuleArgs:
    return storage.BucketLifecycleRuleArgs(
        action=storage.BucketLifecycleRuleActionArgs(type=action),
        condition=storage.BucketLifecycleRuleConditionArgs(
            age=age, days_since_noncurrent_time=days_since_noncurrent_time, with_state=with_state
        ),
    )

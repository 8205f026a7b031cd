"""A bucket with every control that a private bucket needs."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import s3

from mlcloud.aws.policies import Statement, document
from mlcloud.core.args import validate, within
from mlcloud.core.options import child_options
from mlcloud.core.scope import Scope

# Parts of uploads that were given up are billed and seen nowhere.
_ABORT_UPLOADS_AFTER_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class AwsBucketArgs:
    """What a private bucket is made from.

    Attributes:
        scope: Whose it is and where.
        part: What it holds, a part of its name: `data`, `models`, `logs`.
        key_arn: KMS key of its objects. None encrypts with S3's own keys, for a bucket that takes access
            logs: S3 does not support SSE-KMS there (docs/adr/0008-what-awss-own-services-contradict.md).
        log_bucket: Name of the bucket that takes its access logs. Default: they are not kept; a bucket that
            took its own would fill itself.
        expire_after_days: Objects are deleted after so many days. Default: never.
        noncurrent_after_days: Overwritten and deleted objects are kept for so many days. Default 90.
        events: Send the bucket's events to EventBridge. Default: no.
        statements: What its policy allows beyond the account's own. Default: nothing.
    """

    scope: Scope
    part: str
    key_arn: pulumi.Input[str] | None
    log_bucket: pulumi.Input[str] | None = None
    expire_after_days: int | None = None
    noncurrent_after_days: int = 90
    events: bool = False
    statements: Sequence[Statement] = ()

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        validate(
            f"The bucket {self.part}",
            within("expire_after_days", self.expire_after_days, low=1),
            within("noncurrent_after_days", self.noncurrent_after_days, low=1),
        )


class AwsBucket(pulumi.ComponentResource):
    """A private, versioned, encrypted bucket that refuses unencrypted connections."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    """Its name, once all its controls are in place."""
    uri: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: AwsBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlcloud:index:AwsBucket", name, {}, opts)
        scope = args.scope
        bucket = s3.Bucket(
            f"{name}-bucket",
            bucket=scope.name("aws-s3-bucket", args.part),
            force_destroy=not scope.is_prod,
            tags=scope.tags,
            opts=child_options(self, environment=scope.environment, holds_data=True),
        )
        # A bucket that is kept keeps its controls.
        self._kept = child_options(
            self,
            environment=scope.environment,
            extra=pulumi.ResourceOptions(retain_on_delete=scope.is_prod or None),
        )
        controls = [
            *self._access(name, args, bucket),
            *self._contents(name, args, bucket),
        ]
        self.id = bucket.id
        ready = pulumi.Output.all(bucket.bucket, *[control.id for control in controls])
        self.name = ready.apply(lambda values: str(values[0]))
        self.uri = pulumi.Output.concat("s3://", self.name)
        self.arn = bucket.arn
        self.register_outputs({"id": self.id, "name": self.name, "uri": self.uri, "arn": self.arn})

    def _access(self, name: str, args: AwsBucketArgs, bucket: s3.Bucket) -> list[pulumi.CustomResource]:
        """Declare who gets in."""
        ownership = s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self._kept,
        )
        public_access = s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._kept,
        )
        policy = s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.id,
            policy=document(*_only_tls(bucket), *args.statements),
            # S3 refuses to change both at the same moment ("conflicting conditional operation").
            opts=pulumi.ResourceOptions.merge(
                self._kept, pulumi.ResourceOptions(depends_on=[public_access, ownership])
            ),
        )
        return [ownership, public_access, policy]

    def _contents(self, name: str, args: AwsBucketArgs, bucket: s3.Bucket) -> list[pulumi.CustomResource]:
        """Declare how objects are kept."""
        encryption = s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}
                    if args.key_arn is None
                    else {"sse_algorithm": "aws:kms", "kms_master_key_id": args.key_arn},
                    "bucket_key_enabled": args.key_arn is not None,
                }
            ],
            opts=self._kept,
        )
        versioning = s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.id,
            versioning_configuration={"status": "Enabled"},
            opts=self._kept,
        )
        lifecycle = s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.id,
            rules=_lifecycle(args),
            # Rules for noncurrent versions are about nothing before versions are kept.
            opts=pulumi.ResourceOptions.merge(self._kept, pulumi.ResourceOptions(depends_on=[versioning])),
        )
        controls: list[pulumi.CustomResource] = [encryption, versioning, lifecycle]
        if args.log_bucket is not None:
            controls.append(
                s3.BucketLogging(
                    f"{name}-logging",
                    bucket=bucket.id,
                    target_bucket=args.log_bucket,
                    target_prefix=access_log_prefix(args.part),
                    opts=self._kept,
                )
            )
        if args.events:
            controls.append(
                s3.BucketNotification(f"{name}-events", bucket=bucket.id, eventbridge=True, opts=self._kept)
            )
        return controls


def access_log_prefix(part: str) -> str:
    """Return where in the log bucket the access logs of a bucket lie."""
    return f"access/{part}/"


def _only_tls(bucket: s3.Bucket) -> list[Statement]:
    """Refuse what is not encrypted on its way, and TLS before 1.2."""
    everything = [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")]
    conditions = {
        "DenyInsecureTransport": {"Bool": {"aws:SecureTransport": "false"}},
        "DenyOldTls": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    }
    return [
        Statement(
            sid=sid, effect="Deny", principal="*", actions=["s3:*"], resources=everything, condition=condition
        )
        for sid, condition in conditions.items()
    ]


def _lifecycle(args: AwsBucketArgs) -> list[s3.BucketLifecycleConfigurationRuleArgs]:
    return [
        s3.BucketLifecycleConfigurationRuleArgs(
            id="keep-and-clean",
            status="Enabled",
            # An empty filter means every object.
            filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            abort_incomplete_multipart_upload=(
                s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                    days_after_initiation=_ABORT_UPLOADS_AFTER_DAYS
                )
            ),
            noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                noncurrent_days=args.noncurrent_after_days
            ),
            expiration=None
            if args.expire_after_days is None
            else s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.expire_after_days),
        )
    ]

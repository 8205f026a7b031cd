"""Controls of S3's buckets."""

from collections.abc import Iterator
from typing import Final

from mlcloud.core.errors import ABSENT, Problem
from mlcloud.policy.aws.documents import Statement, of_document, of_statements
from mlcloud.policy.control import Control
from mlcloud.policy.judging import PROD, each, expect, has, is_not_true, is_one_of, is_true, problem
from mlcloud.policy.resource import Declared, Resource

BUCKET: Final = "aws:s3/bucket:Bucket"
BUCKET_POLICY: Final = "aws:s3/bucketPolicy:BucketPolicy"
LOGGING: Final = "aws:s3/bucketLogging:BucketLogging"
_ACL: Final = "aws:s3/bucketAcl:BucketAcl"
_PUBLIC_ACCESS: Final = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_OWNERSHIP: Final = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
_ENCRYPTION: Final = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
_VERSIONING: Final = "aws:s3/bucketVersioning:BucketVersioning"
_LIFECYCLE: Final = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
_NOTIFICATION: Final = "aws:s3/bucketNotification:BucketNotification"
_REPLICATION: Final = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
_FLAGS: Final = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_DEFAULT: Final = "applyServerSideEncryptionByDefault"
_TLS: Final = 1.2


def takes_access_logs(bucket: Resource, declared: Declared) -> bool:
    """Return whether a bucket is where other buckets' access logs are written."""
    return bool(declared.referring(bucket, LOGGING, "targetBucket"))


def _nobody_else(resource: Resource, declared: Declared) -> Iterator[Problem]:
    if resource.type == _ACL:
        yield problem("acl", resource.value("acl"), "no ACL at all", "grant by the bucket's policy instead")
        return
    yield from of_statements("policy", _not_public)(resource, declared)


def _not_public(statement: Statement) -> Iterator[Problem]:
    if statement.allows and statement.is_public:
        yield problem(statement.path, "Principal *", "a named principal", "name who may")


def _only_tls(statements: list[Statement]) -> Iterator[Problem]:
    denied = [one for one in statements if not one.allows and one.is_public and _covers_all(one)]
    if not any(one.conditions("Bool").get("aws:securetransport") in ("false", False) for one in denied):
        allowed = "a Deny of everything on the bucket and its objects where `aws:SecureTransport` is false"
        yield problem("policy", ABSENT, allowed, "add the statement for `Principal` *, action `s3:*`")
    if not any(_denies_old_tls(one) for one in denied):
        allowed = f"a Deny of everything on the bucket and its objects where `s3:TlsVersion` is below {_TLS}"
        yield problem("policy", ABSENT, allowed, "add the statement for `Principal` *, action `s3:*`")


def _covers_all(statement: Statement) -> bool:
    objects = [one for one in statement.resources if one.endswith("/*")]
    bucket = [one for one in statement.resources if not one.endswith("/*")]
    return "s3:*" in statement.actions and bool(objects) and bool(bucket)


def _denies_old_tls(statement: Statement) -> bool:
    given = statement.conditions("NumericLessThan").get("s3:tlsversion")
    try:
        return float(str(given)) >= _TLS
    except ValueError:
        return False


def _kept(bucket: Resource, declared: Declared) -> Iterator[Problem]:
    yield from expect("forceDestroy", is_not_true, "false")(bucket, declared)
    for option, value in (("protect", bucket.protect), ("retainOnDelete", bucket.retain_on_delete)):
        if not value:
            yield problem(option, value, "true", f"give the option `{option}`")


CONTROLS: Final = (
    Control(
        id="storage-public-access",
        sources=["S3.1", "S3.8", "CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56", "CKV2_AWS_6"],
        title="Every bucket blocks public access in all four ways",
        severity="critical",
        why="One mistaken ACL or policy shows the data to everybody.",
        types=[BUCKET],
        judge=has(_PUBLIC_ACCESS, "bucket", each(*(expect(flag, is_true, "true") for flag in _FLAGS))),
    ),
    Control(
        id="storage-not-public",
        sources=["S3.2", "S3.3", "CKV_AWS_20", "CKV_AWS_57", "CKV_AWS_70", "CKV2_AWS_43"],
        title="No ACL, and no policy that allows everybody",
        severity="critical",
        why="Whoever knows the name reads the data, or replaces the model.",
        types=[BUCKET_POLICY, _ACL],
        judge=_nobody_else,
    ),
    Control(
        id="storage-acls-off",
        sources=["S3.12", "CKV2_AWS_65"],
        title="ACLs are off: the bucket's owner owns every object",
        severity="medium",
        why="An object's own ACL goes around the bucket's policy.",
        types=[BUCKET],
        judge=has(
            _OWNERSHIP,
            "bucket",
            expect("rule.objectOwnership", is_one_of("BucketOwnerEnforced"), "`BucketOwnerEnforced`"),
        ),
    ),
    Control(
        id="storage-tls",
        sources=["S3.5", "CKV_AWS_379"],
        title="Buckets refuse connections without TLS 1.2",
        severity="medium",
        why="Data and models could be read or changed on their way.",
        types=[BUCKET],
        judge=has(BUCKET_POLICY, "bucket", of_document("policy", _only_tls)),
    ),
    Control(
        id="storage-own-key",
        sources=["S3.17", "CKV_AWS_19", "CKV_AWS_145"],
        title="Objects are encrypted with a key of one's own, by bucket keys",
        severity="medium",
        why="With AWS's key nobody can withdraw access to all objects at once, or see who decrypts.",
        types=[BUCKET],
        judge=has(
            _ENCRYPTION,
            "bucket",
            each(
                expect(
                    f"rules[*].{_DEFAULT}.sseAlgorithm", is_one_of("aws:kms", "aws:kms:dsse"), "`aws:kms`"
                ),
                expect(
                    f"rules[*].{_DEFAULT}.kmsMasterKeyId",
                    lambda value: value not in (ABSENT, "", "alias/aws/s3"),
                    "the ARN of a key of one's own",
                ),
                expect("rules[*].bucketKeyEnabled", is_true, "true"),
            ),
        ),
    ),
    Control(
        id="storage-versions",
        sources=["S3.14", "CKV_AWS_21"],
        title="Overwritten and deleted objects are kept as versions",
        severity="medium",
        why="A model or data file that was overwritten is gone.",
        types=[BUCKET],
        judge=has(
            _VERSIONING, "bucket", expect("versioningConfiguration.status", is_one_of("Enabled"), "`Enabled`")
        ),
    ),
    Control(
        id="storage-lifecycle",
        sources=["S3.10", "S3.13", "CKV2_AWS_61", "CKV_AWS_300"],
        title="Old versions expire, and uploads that were given up are removed",
        severity="low",
        why="What nobody sees costs every month.",
        types=[BUCKET],
        judge=has(
            _LIFECYCLE,
            "bucket",
            each(
                expect("rules[*].status", is_one_of("Enabled"), "`Enabled`"),
                expect(
                    "rules[*].noncurrentVersionExpiration.noncurrentDays", lambda v: v is not ABSENT, "days"
                ),
                expect(
                    "rules[*].abortIncompleteMultipartUpload.daysAfterInitiation",
                    lambda value: value is not ABSENT,
                    "days",
                ),
            ),
        ),
    ),
    Control(
        id="storage-access-log",
        sources=["S3.9", "CKV_AWS_18"],
        title="Each access is logged in another bucket",
        severity="medium",
        why="After a leak nobody can say what was read, and by whom.",
        types=[BUCKET],
        judge=has(LOGGING, "bucket", expect("targetBucket", lambda value: value is not ABSENT, "a bucket")),
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
    Control(
        id="storage-events",
        sources=["S3.11", "CKV2_AWS_62"],
        title="Buckets send their events",
        severity="low",
        why="Nothing can follow on a new object.",
        types=[BUCKET],
        judge=has(_NOTIFICATION, "bucket", expect("eventbridge", is_true, "true")),
    ),
    Control(
        id="storage-replication",
        sources=["S3.7", "CKV_AWS_144"],
        title="Objects are copied to another region",
        severity="low",
        why="A region that is lost takes the only copy with it.",
        types=[BUCKET],
        judge=has(_REPLICATION, "bucket"),
    ),
    Control(
        id="storage-object-lock",
        sources=["S3.15"],
        title="Objects cannot be deleted for a time",
        severity="low",
        why="Whoever gets an administrator's rights deletes every version.",
        types=[BUCKET],
        judge=expect("objectLockEnabled", is_true, "true"),
    ),
    Control(
        id="storage-mfa-delete",
        sources=["S3.20"],
        title="Deleting a version needs a second factor",
        severity="low",
        why="Whoever gets an administrator's rights deletes every version.",
        types=[BUCKET],
        judge=has(
            _VERSIONING,
            "bucket",
            expect("versioningConfiguration.mfaDelete", is_one_of("Enabled"), "`Enabled`"),
        ),
    ),
)

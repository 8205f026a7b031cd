"""Models in S3: taken out of a job's output, and kept under their hash."""

import hashlib
import tarfile
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, cast

from mlcloud.provider.aws.clients import AwsError, Clients
from mlcloud.provider.manifest import BadModelError, Manifest

ARCHIVE: Final = "model.tar.gz"
MANIFEST: Final = "manifest.json"
REPORT: Final = "report.html"
# A manifest names a few files and columns, a report holds a few charts: what is larger is not ours.
_LARGEST_BYTES: Final = {MANIFEST: 16 * 1024 * 1024, REPORT: 64 * 1024 * 1024}


@dataclass(frozen=True, kw_only=True)
class ArchivedModel(Manifest):
    """What the head of a model's archive tells: its manifest, and what stands before it.

    Attributes:
        report: the HTML report, None when the archive has none.
    """

    report: bytes | None


def model_prefix(sha256: str) -> str:
    """Where a bucket keeps a model."""
    return f"models/{sha256}"


def model_uri(bucket: str, sha256: str) -> str:
    """The archive that SageMaker unpacks for a server."""
    return f"s3://{bucket}/{model_prefix(sha256)}/{ARCHIVE}"


def report_uri(bucket: str, sha256: str) -> str:
    """The report beside the archive."""
    return f"s3://{bucket}/{model_prefix(sha256)}/{REPORT}"


def split_uri(uri: str) -> tuple[str, str]:
    """`s3://bucket/key` as bucket and key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def exists(clients: Clients, uri: str) -> bool:
    """Whether there is such an object."""
    bucket, key = split_uri(uri)
    try:
        clients.call("s3", "head_object", Bucket=bucket, Key=key)
    except AwsError as error:
        if error.is_missing:
            return False
        raise
    return True


def read_archive(clients: Clients, uri: str) -> ArchivedModel:
    """Read manifest and report out of an archive as it streams; nothing is unpacked to a disk.

    Raises:
        BadModelError: the object is no archive of a model, or is not there.
    """
    found = _members(clients, uri, (MANIFEST, REPORT))
    return ArchivedModel(source=found[MANIFEST], report=found.get(REPORT))


def read_manifest(clients: Clients, uri: str) -> ArchivedModel:
    """Read the manifest alone, and no further than it stands.

    Raises:
        BadModelError: the object is no archive of a model, or is not there.
    """
    return ArchivedModel(source=_members(clients, uri, (MANIFEST,))[MANIFEST], report=None)


def _members(clients: Clients, uri: str, wanted: Collection[str]) -> dict[str, bytes]:
    bucket, key = split_uri(uri)
    try:
        body = clients.call("s3", "get_object", Bucket=bucket, Key=key)["Body"]
    except AwsError as error:
        if error.is_missing:
            raise BadModelError(f"There is no model at {uri}.") from None
        raise
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=body, mode="r|gz") as members:
            for member in members:
                name = member.name.removeprefix("./")
                is_ours = name in wanted and member.isfile() and member.size <= _LARGEST_BYTES[name]
                if is_ours and name not in found:
                    stream = members.extractfile(member)
                    found[name] = b"" if stream is None else stream.read()
                if len(found) == len(wanted):
                    break
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BadModelError(f"{uri} is not an archive of a model: {error}.") from None
    finally:
        body.close()
    if MANIFEST not in found:
        raise BadModelError(
            f"{uri} has no {MANIFEST} at its top: was another image than mlcloud's trainer used?"
        )
    return found


def is_published(clients: Clients, bucket: str, sha256: str) -> bool:
    """Whether the bucket has the whole model: the manifest, which is written last, says so."""
    prefix = model_prefix(sha256)
    try:
        body = clients.call("s3", "get_object", Bucket=bucket, Key=f"{prefix}/{MANIFEST}")["Body"]
        with body:
            content = cast(bytes, body.read(_LARGEST_BYTES[MANIFEST] + 1))
        clients.call("s3", "head_object", Bucket=bucket, Key=f"{prefix}/{ARCHIVE}")
    except AwsError as error:
        if error.is_missing:
            return False
        raise
    return hashlib.sha256(content).hexdigest() == sha256


def publish(
    clients: Clients, source: str, model: ArchivedModel, bucket: str, kms_key_arn: str | None
) -> None:
    """Copy an archive under its model's hash, inside S3; the manifest comes last and makes it whole."""
    if is_published(clients, bucket, model.sha256):
        return
    prefix = model_prefix(model.sha256)
    encryption = _encryption(kms_key_arn)
    source_bucket, source_key = split_uri(source)
    s3: Any = clients.of("s3")
    # boto3's managed copy: in parts where S3 copies at most 5 GB at once.
    clients.run(
        "copy_object",
        s3.copy,
        CopySource={"Bucket": source_bucket, "Key": source_key},
        Bucket=bucket,
        Key=f"{prefix}/{ARCHIVE}",
        ExtraArgs=encryption or None,
    )
    put_report(clients, model_uri(bucket, model.sha256), model, kms_key_arn)
    clients.call(
        "s3",
        "put_object",
        Bucket=bucket,
        Key=f"{prefix}/{MANIFEST}",
        Body=model.source,
        ContentType="application/json",
        **encryption,
    )


def put_report(clients: Clients, archive_uri: str, model: ArchivedModel, kms_key_arn: str | None) -> str:
    """Put the report beside an archive, where people can open it; returns its URI."""
    bucket, key = split_uri(archive_uri)
    key = f"{key.rpartition('/')[0]}/{REPORT}"
    if model.report is not None:
        clients.call(
            "s3",
            "put_object",
            Bucket=bucket,
            Key=key,
            Body=model.report,
            ContentType="text/html; charset=utf-8",
            **_encryption(kms_key_arn),
        )
    return f"s3://{bucket}/{key}"


def _encryption(kms_key_arn: str | None) -> dict[str, Any]:
    """How a new object is encrypted; without a key, as its bucket says."""
    return {} if kms_key_arn is None else {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_arn}

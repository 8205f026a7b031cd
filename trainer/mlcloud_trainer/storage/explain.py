"""What a storage service refused, in words for people: which object, why, and which permission it takes."""

from __future__ import annotations

import re
from typing import Literal

from mlcloud_trainer.storage.address import Address, Service
from mlcloud_trainer.storage.errors import MissingError, StorageError

Action = Literal["read", "list", "write"]

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html,
# https://cloud.google.com/storage/docs/access-control/iam-roles and
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
_PERMISSIONS: dict[tuple[Service, Action], str] = {
    ("s3", "read"): "s3:GetObject on the object, and kms:Decrypt on the bucket's key",
    ("s3", "list"): "s3:ListBucket on the bucket",
    ("s3", "write"): "s3:PutObject on the object, and kms:GenerateDataKey on the bucket's key",
    ("gs", "read"): "storage.objects.get (role Storage Object Viewer)",
    ("gs", "list"): "storage.objects.list (role Storage Object Viewer)",
    ("gs", "write"): "storage.objects.create and storage.objects.delete (role Storage Object User)",
    ("azure", "read"): "the role Storage Blob Data Reader",
    ("azure", "list"): "the role Storage Blob Data Reader",
    ("azure", "write"): "the role Storage Blob Data Contributor",
}
_DONE = {"read": "read", "list": "listed", "write": "written"}
_DENIED = re.compile(
    r"ACCESS_DENIED|AccessDenied|PERMISSION_DENIED|\b403\b|AuthorizationPermissionMismatch|Forbidden", re.I
)
_UNKNOWN_CALLER = re.compile(
    r"INVALID_ACCESS_KEY_ID|INVALID_CLIENT_TOKEN_ID|SIGNATURE_DOES_NOT_MATCH|EXPIRED_TOKEN|ExpiredToken|"
    r"UNAUTHENTICATED|OAuth2|AuthenticationFailed|DefaultAzureCredential|\b401\b|credential",
    re.I,
)
_MISSING = re.compile(
    r"NO_SUCH_BUCKET|NO_SUCH_KEY|NoSuchBucket|NOT_FOUND|not found|\b404\b|does not exist", re.I
)


def explained(action: Action, address: Address, error: Exception) -> StorageError:
    """The error as one for people; one that is already stays as it is."""
    if isinstance(error, StorageError):
        return error
    reason = _plain(str(error))
    permission = _PERMISSIONS[address.service, action]
    bucket = "container" if address.service == "azure" else "bucket"
    if isinstance(error, FileNotFoundError) or (_MISSING.search(reason) and not _DENIED.search(reason)):
        # The bucket is named apart: a wrong one is the more common mistake.
        return MissingError(
            f"{address}: is missing: the {bucket} {address.bucket} has no {address.key}, or there is no such "
            f"{bucket}"
        )
    if _DENIED.search(reason) or isinstance(error, PermissionError):
        hint = " S3 also says so of a missing object where s3:ListBucket is not granted." * (
            address.service == "s3" and action == "read"
        )
        return StorageError(
            f"{address}: cannot be {_DONE[action]}: access is denied. It takes {permission}.{hint}"
        )
    if _UNKNOWN_CALLER.search(reason):
        return StorageError(
            f"{address}: cannot be {_DONE[action]}: there are no credentials that the storage accepts. "
            f"Give the job or the server an identity with {permission}. ({reason})"
        )
    return StorageError(f"{address}: cannot be {_DONE[action]}: {reason}")


def _plain(text: str) -> str:
    """One line without control characters, and without the queries of URLs, which may hold keys."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return re.sub(r"(https?://[^\s?]+)\?\S*", r"\1", line)[:500]

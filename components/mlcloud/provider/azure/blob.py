"""A file in a container, uploaded with the default credentials: azure-native's own takes the account's keys.

https://github.com/pulumi/pulumi-azure-native/issues/2015 and
https://github.com/pulumi/pulumi-azure-native/issues/2948: its `Blob` fails where keys are off.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from typing_extensions import override

from mlcloud.provider.azure import blobs, checks
from mlcloud.provider.azure.blobs import Place
from mlcloud.provider.azure.clients import AzureError, Clients, clients_in
from mlcloud.provider.errors import Problem, ResourceError
from mlcloud.provider.fields import options
from mlcloud.provider.local import checks as common
from mlcloud.provider.resource import Context, Resource

# A role that was given in the same update counts after a while, at most ten minutes.
_PERMISSION_LIMIT_S: Final = 600.0
_FIRST_POLL_S: Final = 0.25
_LONGEST_POLL_S: Final = 15.0
_POLL_GROWTH: Final = 1.5
_CHUNK_BYTES: Final = 1024 * 1024
_TYPES: Final = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
}


def _key(value: str) -> str | None:
    parts = value.split("/")
    if len(value) <= 1024 and all(part not in ("", ".", "..") for part in parts):
        return None
    return f'"{value}" is not a blob\'s name: 1 to 1024 characters, parts joined by /, none empty, . or ...'


@dataclass(frozen=True, kw_only=True)
class AzureBlobInputs:
    """What a blob is made from.

    Attributes:
        account: name of the storage account.
        container: name of the container.
        key: the blob's name, which holds the content's hash: other content is another blob.
        path: path of the file, from the program's folder: the state is the same in every checkout. Moving a
            file without changing it uploads nothing.
        sha256: SHA-256 of its content, which the program computed when it read it.
    """

    account: str = field(metadata=options(replace=True, check=checks.account))
    container: str = field(metadata=options(replace=True, check=checks.container))
    key: str = field(metadata=options(replace=True, check=_key))
    path: str
    sha256: str = field(metadata=options(replace=True, check=common.sha256))


@dataclass(frozen=True, kw_only=True)
class AzureBlobOutputs:
    """What a blob offers.

    Attributes:
        account: name of the storage account.
        container: name of the container.
        key: the blob's name.
        uri: its `https://` address.
        bytes: its size.
    """

    account: str = field(metadata=options(stable=True))
    container: str = field(metadata=options(stable=True))
    key: str = field(metadata=options(stable=True))
    uri: str = field(metadata=options(stable=True))
    bytes: int = field(metadata=options(stable=True))


class AzureBlob(Resource[AzureBlobInputs, AzureBlobOutputs], token="mlcloud:azure:Blob"):
    """A file in a container, content-addressed: other content is another blob, and the old one goes last."""

    @override
    def check(self, old: AzureBlobInputs | None, new: AzureBlobInputs) -> Sequence[Problem]:
        """Of two contents under one name, deleting the old would take the new."""
        del old
        if new.sha256 in new.key:
            return ()
        reason = f'"{new.key}" does not hold the content\'s SHA-256: name it <sha256>.csv, or the like.'
        return (Problem(path="key", reason=reason),)

    @override
    def preview(self, new: AzureBlobInputs, old: AzureBlobOutputs | None) -> Mapping[str, object]:
        """The address follows from the inputs."""
        return {"uri": str(_place(new))} if old is None else vars(old)

    @override
    def create(self, context: Context, new: AzureBlobInputs) -> tuple[str, AzureBlobOutputs]:
        """Upload the file, if it is still the one that the program read."""
        place = _place(new)
        return str(place), _outputs(new, _upload(context, clients_in(), new))

    @override
    def read(
        self, context: Context, identifier: str, inputs: AzureBlobInputs, outputs: AzureBlobOutputs
    ) -> AzureBlobOutputs | None:
        """Gone when the blob is, or has another size."""
        return outputs if blobs.size(clients_in(), _place(inputs)) == outputs.bytes else None

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: AzureBlobInputs,
        outputs: AzureBlobOutputs,
        new: AzureBlobInputs,
    ) -> AzureBlobOutputs:
        """Another path of the same content: nothing to upload."""
        return outputs

    @override
    def delete(self, context: Context, identifier: str, outputs: AzureBlobOutputs) -> None:
        """Delete the blob; an account with versions or soft delete keeps what it keeps."""
        place = Place(account=outputs.account, container=outputs.container, name=outputs.key)
        blobs.delete(clients_in(), place)


def _place(new: AzureBlobInputs) -> Place:
    return Place(account=new.account, container=new.container, name=new.key)


def _upload(context: Context, clients: Clients, new: AzureBlobInputs) -> int:
    """Upload the file; returns its bytes."""
    path = Path(new.path)
    if not path.is_file():
        raise ResourceError(f"path: there is no file {new.path}.")
    found = _sha256_of(path)
    if found != new.sha256:
        raise ResourceError(
            f"sha256: {new.path} has changed since the program read it: its SHA-256 is {found}, not "
            f"{new.sha256}. Run the update again when nothing writes to it."
        )
    kind = _TYPES.get(Path(new.key).suffix, "application/octet-stream")
    deadline, poll_s = time.monotonic() + _PERMISSION_LIMIT_S, _FIRST_POLL_S
    while True:
        try:
            with path.open("rb") as content:
                blobs.write(clients, _place(new), content, kind)
            return path.stat().st_size
        except AzureError as error:
            if not blobs.is_not_permitted(error) or time.monotonic() > deadline:
                raise
        context.log(
            f"Waiting until a role for data in {new.account} counts: it takes up to ten minutes after it was "
            "given. Without one, cancel, and give Storage Blob Data Contributor.",
            ephemeral=True,
        )
        context.pause(poll_s)
        poll_s = min(poll_s * _POLL_GROWTH, _LONGEST_POLL_S)


def _sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _outputs(new: AzureBlobInputs, size: int) -> AzureBlobOutputs:
    return AzureBlobOutputs(
        account=new.account, container=new.container, key=new.key, uri=str(_place(new)), bytes=size
    )

"""An object in a bucket: a file under a key that holds its own SHA-256."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from typing_extensions import override

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.fields import options
from mlcloud.provider.local import checks
from mlcloud.provider.local.bucket import KIND as BUCKET
from mlcloud.provider.local.claims import MARK, Claim, has_passed_on, is_claimed, own_claim
from mlcloud.provider.local.files import OtherContentError, place_file, sha256_of, sweep
from mlcloud.provider.resource import Context, Resource

KIND: Final = "object"


def _prefix(value: str) -> str | None:
    parts = value.split("/")
    if not value or any(part in ("", ".", "..") for part in parts):
        return f'"{value}" is not a prefix: words joined by `/`, without `..` and without `/` at either end.'
    return None


def _suffix(value: str) -> str | None:
    if not re.fullmatch(r"\.[A-Za-z0-9]{1,16}", value):
        return f'"{value}" is not an ending: a dot and 1 to 16 letters or digits, as `.csv`.'
    return None


@dataclass(frozen=True, kw_only=True)
class BucketObjectInputs:
    """What an object is made from.

    Attributes:
        bucket: directory of the bucket.
        source: absolute path of the file to copy. Moving a file without changing it changes no object.
        sha256: SHA-256 of its content, which the program computed when it read it.
        prefix: what the key starts with. Default `objects`.
        suffix: ending that the object's file name gets where the source has another one: `.csv`. Readers tell
            the format of data by it. Default: the source's own.
    """

    bucket: str = field(metadata=options(replace=True, check=checks.absolute_path))
    source: str = field(metadata=options(check=checks.absolute_path))
    sha256: str = field(metadata=options(replace=True, check=checks.sha256))
    prefix: str = field(default="objects", metadata=options(replace=True, check=_prefix))
    suffix: str | None = field(default=None, metadata=options(replace=True, check=_suffix))


@dataclass(frozen=True, kw_only=True)
class BucketObjectOutputs:
    """What an object offers.

    Attributes:
        bucket: directory of the bucket.
        key: `<prefix>/<sha256>/<file name>`.
        uri: the object's `file://` URI.
        path: its absolute path.
        sha256: SHA-256 of its content.
        bytes: its size.
    """

    bucket: str
    key: str = field(metadata=options(stable=True))
    uri: str = field(metadata=options(stable=True, derived_from=("bucket",)))
    path: str = field(metadata=options(stable=True, derived_from=("bucket",)))
    sha256: str
    bytes: int = field(metadata=options(stable=True))


class BucketObject(Resource[BucketObjectInputs, BucketObjectOutputs], token="mlcloud:local:BucketObject"):
    """A file in a bucket, content-addressed: other content is another object, and the old one goes last."""

    @override
    def preview(self, new: BucketObjectInputs, old: BucketObjectOutputs | None) -> Mapping[str, object]:
        """The key follows from the inputs; a kept object keeps its file name."""
        if old is not None:
            return {}
        path = _path(new)
        return {"key": str(path.relative_to(new.bucket)), "path": str(path), "uri": path.as_uri()}

    @override
    def drift(self, identifier: str, outputs: BucketObjectOutputs) -> list[str]:
        """The file may have been removed or cut by hand; `read` looks closer."""
        path = Path(outputs.path)
        return [] if path.is_file() and path.stat().st_size == outputs.bytes else ["path"]

    @override
    def create(self, context: Context, new: BucketObjectInputs) -> tuple[str, BucketObjectOutputs]:
        """Copy the file."""
        claim = Claim.new(KIND, context.urn)
        outputs = _place(new, _path(new), claim)
        return claim.identifier(outputs.path), outputs

    @override
    def read(
        self, context: Context, identifier: str, inputs: BucketObjectInputs, outputs: BucketObjectOutputs
    ) -> BucketObjectOutputs | None:
        """Gone when the file is, or holds something else."""
        path = Path(outputs.path)
        return outputs if path.is_file() and sha256_of(path) == outputs.sha256 else None

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: BucketObjectInputs,
        outputs: BucketObjectOutputs,
        new: BucketObjectInputs,
    ) -> BucketObjectOutputs:
        """Only where the content came from has changed: copy again what is not there any more."""
        return _place(new, Path(outputs.path), Claim.of(KIND, context.urn, identifier))

    @override
    def abandon(self, context: Context, inputs: BucketObjectInputs) -> None:
        """Remove the file where it carries this object's mark."""
        path, bucket = _path(inputs), Path(inputs.bucket)
        if own_claim(_mark(path), KIND, context.urn) is not None:
            path.unlink(missing_ok=True)
            _mark(path).unlink(missing_ok=True)
        sweep(path.parent)
        _remove_empty_folders(path.parent, bucket)

    @override
    def delete(self, context: Context, identifier: str, outputs: BucketObjectOutputs) -> None:
        """Remove the file, unless it was made again since, and the folders of its key that are empty then."""
        path, bucket = Path(outputs.path), Path(outputs.bucket)
        if has_passed_on(_mark(path), Claim.of(KIND, context.urn, identifier)):
            return
        path.unlink(missing_ok=True)
        _mark(path).unlink(missing_ok=True)
        sweep(path.parent)
        _remove_empty_folders(path.parent, bucket)


def _path(new: BucketObjectInputs) -> Path:
    name = Path(Path(new.source).name)
    if new.suffix is not None and name.suffix.lower() != new.suffix.lower():
        name = name.with_suffix(new.suffix)
    return Path(new.bucket) / new.prefix / new.sha256 / name


def _mark(path: Path) -> Path:
    """Where it stands to whom an object belongs: a folder's mark cannot tell objects in it apart."""
    return path.with_name(f".{path.name}{MARK}")


def _remove_empty_folders(folder: Path, bucket: Path) -> None:
    while folder != bucket and bucket in folder.parents:
        if folder.is_dir():
            if any(folder.iterdir()):
                return
            folder.rmdir()
        folder = folder.parent


def _place(new: BucketObjectInputs, path: Path, claim: Claim) -> BucketObjectOutputs:
    bucket, source = Path(new.bucket), Path(new.source)
    if not is_claimed(bucket, BUCKET):
        raise ResourceError(
            f"bucket: {bucket} is not a bucket of the local cloud: make it first (`mlcloud:local:Bucket`)."
        )
    if not path.is_file() or sha256_of(path) != new.sha256:
        if not source.is_file():
            raise ResourceError(f"source: {source} is not a file: check the path.")
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        claim.write(_mark(path))  # first: what is here is known to be this object's, whenever that is cut off
        try:
            place_file(source, path, new.sha256)
        except OtherContentError as error:
            _mark(path).unlink(missing_ok=True)
            _remove_empty_folders(path.parent, bucket)
            raise ResourceError(
                f"source: {source} has SHA-256 {error.found}, not {new.sha256}: "
                "it changed while the stack was updated. Update again."
            ) from None
    claim.write(_mark(path))
    return BucketObjectOutputs(
        bucket=new.bucket,
        key=str(path.relative_to(bucket)),
        uri=path.as_uri(),
        path=str(path),
        sha256=new.sha256,
        bytes=path.stat().st_size,
    )

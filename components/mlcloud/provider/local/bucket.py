"""A bucket: a directory that this provider made and therefore may remove."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from typing_extensions import override

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.fields import options
from mlcloud.provider.local import checks
from mlcloud.provider.local.claims import (
    MARK,
    Claim,
    has_passed_on,
    is_claimed,
    is_mark,
    own_claim,
    remove_claimed,
    remove_empty_folders,
    take,
)
from mlcloud.provider.local.run_folder import runs_in
from mlcloud.provider.resource import Context, Resource

KIND: Final = "bucket"
_SHOWN: Final = 5


@dataclass(frozen=True, kw_only=True)
class BucketInputs:
    """What a bucket is made from.

    Attributes:
        directory: absolute path of the directory; it must not exist yet, or be empty.
        force_destroy: whether a bucket that still holds something may be deleted. Default false.
    """

    directory: str = field(metadata=options(replace=True, check=checks.absolute_path))
    force_destroy: bool = False


@dataclass(frozen=True, kw_only=True)
class BucketOutputs:
    """What a bucket offers.

    Attributes:
        directory: absolute path of the directory.
        uri: its `file://` URI, without a slash at the end.
        force_destroy: whether it may be deleted with what it holds.
    """

    directory: str
    uri: str = field(metadata=options(derived_from=("directory",)))
    force_destroy: bool


def _outputs(new: BucketInputs) -> BucketOutputs:
    return BucketOutputs(
        directory=new.directory, uri=Path(new.directory).as_uri(), force_destroy=new.force_destroy
    )


class Bucket(Resource[BucketInputs, BucketOutputs], token="mlcloud:local:Bucket"):
    """A directory that holds objects, like a bucket of a cloud."""

    @override
    def preview(self, new: BucketInputs, old: BucketOutputs | None) -> Mapping[str, object]:
        """Everything follows from the inputs."""
        return vars(_outputs(new))

    @override
    def drift(self, identifier: str, outputs: BucketOutputs) -> list[str]:
        """The directory may have been removed by hand."""
        return [] if is_claimed(Path(outputs.directory), KIND) else ["uri"]

    @override
    def create(self, context: Context, new: BucketInputs) -> tuple[str, BucketOutputs]:
        """Make the directory."""
        claim = Claim.new(KIND, context.urn)
        take(Path(new.directory), claim)
        return claim.identifier(new.directory), _outputs(new)

    @override
    def read(
        self, context: Context, identifier: str, inputs: BucketInputs, outputs: BucketOutputs
    ) -> BucketOutputs | None:
        """Gone when the directory or its mark is."""
        return outputs if is_claimed(Path(outputs.directory), KIND) else None

    @override
    def update(
        self, context: Context, identifier: str, old: BucketInputs, outputs: BucketOutputs, new: BucketInputs
    ) -> BucketOutputs:
        """Make the directory again where it is missing."""
        if not is_claimed(Path(new.directory), KIND):
            take(Path(new.directory), Claim.of(KIND, context.urn, identifier))
        return _outputs(new)

    @override
    def abandon(self, context: Context, inputs: BucketInputs) -> None:
        """Remove a directory that carries this bucket's mark."""
        claim = own_claim(Path(inputs.directory) / MARK, KIND, context.urn)
        if claim is not None:
            self.delete(context, claim.identifier(inputs.directory), _outputs(inputs))
        remove_empty_folders(Path(inputs.directory).parent)

    @override
    def delete(self, context: Context, identifier: str, outputs: BucketOutputs) -> None:
        """End training runs in it, and remove the directory; what it holds only with `forceDestroy`."""
        directory = Path(outputs.directory)
        if has_passed_on(directory / MARK, Claim.of(KIND, context.urn, identifier)):
            return
        held = sorted(_held(directory)) if directory.is_dir() else []
        if held and not outputs.force_destroy:
            more = f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else ""
            raise ResourceError(
                f"The bucket {directory} is not empty: it holds {', '.join(held[:_SHOWN])}{more}. "
                "Remove these, or set `forceDestroy: true` on the bucket and update first."
            )
        for run in runs_in(directory):
            run.end()
        remove_claimed(directory, KIND)
        remove_empty_folders(directory.parent)


def _held(directory: Path) -> list[str]:
    """Files and links in a bucket, relative to it; empty folders and marks do not count."""
    return [
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if (path.is_symlink() or not path.is_dir()) and not is_mark(path)
    ]

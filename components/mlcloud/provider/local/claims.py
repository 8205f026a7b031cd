"""Whose a place on this machine is: a mark made with it, and asked before it is removed.

A folder that this provider makes carries a mark with the kind, the resource and a token of this very
creation. The token is a part of the resource's identifier: what was made again in the same place, by a
forced replacement or under another name, survives the deletion of the one before. Folders above that were
missing are marked as such, and go with the last thing in them.
"""

import contextlib
import os
import shutil
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from mlcloud.provider.errors import ResourceError
from mlcloud.provider.local.files import is_left_over, read_json, sweep, unfinished, write_json

MARK: Final = ".mlcloud"
_FOLDER: Final = {"kind": "folder"}
# Another resource may remove a folder while this one is made in it.
_ATTEMPTS: Final = 100


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Who made a place.

    Attributes:
        kind: kind of the resource.
        urn: the resource's name.
        token: names this creation of it.
    """

    kind: str
    urn: str
    token: str

    @classmethod
    def new(cls, kind: str, urn: str) -> "Claim":
        """The claim of a resource that is made now."""
        return cls(kind=kind, urn=urn, token=uuid.uuid4().hex[:12])

    @classmethod
    def of(cls, kind: str, urn: str, identifier: str) -> "Claim":
        """The claim of a resource that was made before."""
        return cls(kind=kind, urn=urn, token=identifier.rpartition("#")[2])

    def identifier(self, place: str) -> str:
        """The resource's identifier: what it is, and which creation of it."""
        return f"{place}#{self.token}"

    def write(self, mark: Path) -> None:
        """Mark a place as this one's, whoever had it."""
        write_json(mark, asdict(self))


def claim_of(mark: Path) -> Claim | None:
    """The claim that a mark holds; None where there is none."""
    content = read_json(mark)
    try:
        return None if content is None else Claim(**content)
    except TypeError:
        return None


def own_claim(mark: Path, kind: str, urn: str) -> Claim | None:
    """The claim that a mark holds, where it is this resource's, whichever creation of it; else None."""
    there = claim_of(mark)
    return there if there is not None and (there.kind, there.urn) == (kind, urn) else None


def is_mark(path: Path) -> bool:
    """Whether a file is a mark: of the folder that it lies in, or of the file that it is named after."""
    return path.name.startswith(".") and path.name.endswith(MARK)


def is_claimed(directory: Path, kind: str) -> bool:
    """Whether a directory is there and was made for this kind of resource."""
    there = claim_of(directory / MARK)
    return there is not None and there.kind == kind


def take(directory: Path, claim: Claim) -> None:
    """Make a directory, or take over one of the same resource, and mark it.

    Raises:
        ResourceError: something else lies there already, or it belongs to another resource.
    """
    if directory.is_symlink():
        raise ResourceError(f"{directory} is a link: give the directory that it points to, or remove it.")
    if directory.exists() and not directory.is_dir():
        raise ResourceError(f"{directory} is a file: choose another directory, or remove it.")
    sweep(directory.parent)
    if _make_directory(directory, claim):
        return
    sweep(directory)
    mark = directory / MARK
    if not _mark_first(mark, claim):
        there = claim_of(mark)
        if there is not None and (there.kind, there.urn) != (claim.kind, claim.urn):
            raise ResourceError(
                f"{directory} belongs to {there.urn}: choose another directory, or delete that first."
            )
        if there is None and (read_json(mark) != _FOLDER or _names(directory) != [MARK]):
            raise _not_ours(directory, claim.kind)
        claim.write(mark)
    elif _names(directory) != [MARK]:
        mark.unlink()
        raise _not_ours(directory, claim.kind)


def _mark_first(mark: Path, claim: Claim) -> bool:
    """Mark an unmarked place, unless somebody is faster."""
    temporary = unfinished(mark)
    try:
        claim.write(temporary)
        os.link(temporary, mark)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _not_ours(directory: Path, kind: str) -> ResourceError:
    return ResourceError(
        f"{directory} exists and was not made by this resource ({kind}): "
        "choose another directory, or move its contents away."
    )


def _names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if not is_left_over(path)]


def has_passed_on(mark: Path, claim: Claim) -> bool:
    """Whether a place was made again since, by another creation, which has it now."""
    there = claim_of(mark)
    return there is not None and there.token != claim.token


def remove_claimed(directory: Path, kind: str) -> None:
    """Remove a directory that was made for this kind of resource; one that is gone already is no error.

    Raises:
        ResourceError: the directory does not carry the mark, so that it is not ours to remove.
    """
    if directory.is_symlink():
        raise ResourceError(f"{directory} is a link, which this resource ({kind}) did not make: remove it.")
    if directory.exists():
        if not is_claimed(directory, kind):
            raise ResourceError(
                f"{directory} carries no mark of this resource ({kind}), so it stays: remove it by hand."
            )
        # Renamed first: what is half removed never looks like a whole one.
        doomed = unfinished(directory)
        directory.replace(doomed)
        shutil.rmtree(doomed)
    sweep(directory.parent)


def _make_directory(directory: Path, claim: Claim) -> bool:
    """Make a directory, marked, where it is missing; those above it are marked as made by this provider."""
    for _ in range(_ATTEMPTS):
        try:
            make_folders(directory.parent)
            return not directory.exists() and _make_marked(directory, asdict(claim))
        except FileNotFoundError:
            continue
    raise ResourceError(f"{directory} cannot be made: the folder above it is removed again and again.")


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, as far as they are missing, and mark each."""
    missing: list[Path] = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    if missing:
        sweep(folder)
    for path in reversed(missing):
        _make_marked(path, _FOLDER)


def _make_marked(directory: Path, content: object) -> bool:
    """Make a directory with its mark, unless somebody is faster.

    It is made aside, so that it is never there without its mark, whenever this process is killed.
    """
    made = unfinished(directory)
    try:
        made.mkdir()
        write_json(made / MARK, content)
        made.rename(directory)
    except OSError:
        if not directory.exists():
            raise
        return False
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return True


def remove_empty_folders(folder: Path) -> None:
    """Remove a folder and those above it, as far as this provider made them and nothing is left in them."""
    while not folder.exists():
        folder = folder.parent
    sweep(folder)
    mark = folder / MARK
    with contextlib.suppress(FileNotFoundError):
        if read_json(mark) != _FOLDER or _names(folder) != [MARK]:
            return
        mark.unlink()
        try:
            folder.rmdir()
        except OSError:  # something has been put there meanwhile
            write_json(mark, _FOLDER)
            return
        remove_empty_folders(folder.parent)

"""Assets and archives: files, texts and bundles among the inputs, told apart by the hash of their content.

A value of each kind is a map with a signature and one of ``path``, ``text``, ``uri`` or ``assets``; Pulumi
adds ``hash`` when a resource is registered, keeps the map so in the state, and compares hashes alone.

Source: pulumi/pulumi, sdk/go/common/resource/asset/asset.go and archive/archive.go; the working directory is
the program's (pkg/resource/deploy/source_eval.go).
"""

import functools
import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from mlcloud.embedded.errors import EngineError
from mlcloud.embedded.properties.marks import SIGNATURE_KEY, Properties
from mlcloud.embedded.properties.trees import MISSING, rebuild, signature

ASSET_SIGNATURE = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE_SIGNATURE = "0def7320c3a5731c473e5ecbe6d01bc7"
SIGNATURES = frozenset({ASSET_SIGNATURE, ARCHIVE_SIGNATURE})
"""The signatures of assets and archives (sdk/go/common/resource/sig)."""

HASH = "hash"

_ARCHIVE_ENDINGS = (".tar", ".tgz", ".tar.gz", ".zip", ".jar")
_BOOKKEEPING = ".pulumi"
_BLOCK_BYTES = tarfile.BLOCKSIZE
_LONGEST_NAME_BYTES = 100
_CHECKSUM = slice(148, 156)


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def with_hashes(value: Any, folder: Path) -> Any:
    """A copy in which every asset and archive says the SHA-256 of its content.

    Args:
        value: Properties, or any value inside them.
        folder: Where relative paths begin: the program's folder.

    Raises:
        EngineError: when the content cannot be read, or lies on another machine.
    """

    def hashed(item: Any) -> Any:
        if signature(item) not in SIGNATURES:
            return MISSING
        return item if item.get(HASH) else {**item, HASH: _hash(item, folder)}

    return rebuild(value, hashed)


def without_content(value: Any) -> Any:
    """A copy in which assets and archives are their hashes alone, as providers are told of earlier ones."""

    def hash_alone(item: Any) -> Any:
        if signature(item) not in SIGNATURES:
            return MISSING
        return {key: item[key] for key in (SIGNATURE_KEY, HASH) if key in item}

    return rebuild(value, hash_alone)


def with_content(value: Any, known: Any) -> Any:
    """A copy in which each asset that a provider gave back by its hash is what was known by that hash."""
    if isinstance(value, list) and isinstance(known, list):
        pairs = zip(cast("list[Any]", value), cast("list[Any]", known), strict=False)
        return [with_content(item, before) for item, before in pairs] + value[len(cast("list[Any]", known)) :]
    if not isinstance(value, dict) or not isinstance(known, dict):
        return cast(Any, value)
    given, before = cast("Properties", value), cast("Properties", known)
    if given.get(SIGNATURE_KEY) in SIGNATURES:
        return before if same_content(before, given) else given
    return {key: with_content(item, before.get(key)) for key, item in given.items()}


def same_content(old: Any, new: Any) -> bool | None:
    """Whether two assets or two archives hold the same; ``None`` where the values are not two of a kind."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return None
    before, after = cast("Properties", old), cast("Properties", new)
    kind = before.get(SIGNATURE_KEY)
    if kind not in SIGNATURES or after.get(SIGNATURE_KEY) != kind:
        return None
    hashes = before.get(HASH), after.get(HASH)
    return hashes[0] == hashes[1] if all(hashes) else before == after


def _hash(value: Properties, folder: Path) -> str:
    digest = hashlib.sha256()
    try:
        if value[SIGNATURE_KEY] == ASSET_SIGNATURE:
            _digest_file(digest, _open(value, folder))
        else:
            _digest_archive(digest, value, folder)
    except OSError as error:
        raise EngineError(f"An asset cannot be read: {error.filename or ''}: {error.strerror}.") from error
    return digest.hexdigest()


def _digest_archive(digest: _Hash, archive: Properties, folder: Path) -> None:
    """An archive file by its bytes; anything else as the tar file that Pulumi would make of it."""
    place = archive.get("path") or urlsplit(str(archive.get("uri") or "")).path
    if str(place).endswith(_ARCHIVE_ENDINGS):
        _digest_file(digest, _open(archive, folder))
        return
    seen: set[str] = set()
    for name, content in _members(archive, folder):
        if name not in seen:
            seen.add(name)
            data = content()
            digest.update(_header(name, len(data)))
            digest.update(data + bytes(-len(data) % _BLOCK_BYTES))
    digest.update(bytes(2 * _BLOCK_BYTES))


def _members(archive: Properties, folder: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Name and content of what an archive holds, in Pulumi's order."""
    if archive.get("path"):
        root = folder / archive["path"]
        if not root.is_dir():
            raise EngineError(f"{root} is neither a folder nor an archive ({', '.join(_ARCHIVE_ENDINGS)}).")
        for file in _walk(root):
            yield file.relative_to(root).as_posix(), file.read_bytes
        return
    if archive.get("uri"):
        raise EngineError(f"{archive['uri']} is no archive ({', '.join(_ARCHIVE_ENDINGS)}).")
    for name, member in sorted(cast("Mapping[str, Properties]", archive.get("assets") or {}).items()):
        if member.get(SIGNATURE_KEY) == ASSET_SIGNATURE:
            yield name, functools.partial(_read, member, folder)
        else:
            _refuse_packed(name, member)
            for inner, content in _members(member, folder):
                yield f"{name}/{inner}", content


def _refuse_packed(name: str, member: Properties) -> None:
    place = str(member.get("path") or member.get("uri") or "")
    if place.endswith(_ARCHIVE_ENDINGS):
        raise EngineError(
            f"The archive {place} lies in another one, as {name!r}: the embedded engine does not unpack it; "
            "name a folder, or run this stack with pulumi."
        )


def _walk(folder: Path) -> Iterator[Path]:
    """The files below a folder, in the order of their names at each level; links to folders are left out."""
    for path in sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name)):
        if path.name == _BOOKKEEPING:
            continue
        if path.is_dir():
            if not path.is_symlink():
                yield from _walk(path)
        else:
            yield path


def _open(asset: Properties, folder: Path) -> io.BufferedIOBase:
    if asset.get("path"):
        return (folder / asset["path"]).open("rb")
    uri = str(asset.get("uri") or "")
    if uri:
        place = urlsplit(uri)
        if place.scheme != "file":
            raise EngineError(
                f"The asset {uri} lies on another machine: the embedded engine does not fetch it; "
                "name a file, or run this stack with pulumi."
            )
        return Path(place.path).open("rb")
    return io.BytesIO(str(asset.get("text") or "").encode())


def _read(asset: Properties, folder: Path) -> bytes:
    with _open(asset, folder) as file:
        return file.read()


def _digest_file(digest: _Hash, file: io.BufferedIOBase) -> None:
    with file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)


def _header(name: str, size_bytes: int) -> bytes:
    """A file's header as Go's archive/tar writes it: USTAR, mode 0600, without time and owner."""
    if len(name.encode()) > _LONGEST_NAME_BYTES or not name.isascii():
        raise EngineError(
            f"The archive's file {name!r}: the embedded engine takes names of up to {_LONGEST_NAME_BYTES} "
            "plain characters; rename it, or run this stack with pulumi."
        )
    info = tarfile.TarInfo(name)
    info.mode, info.size = 0o600, size_bytes
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT)[:_BLOCK_BYTES])
    # Python leaves the device numbers of a plain file empty, Go writes zeros.
    block[329:345] = b"0000000\0" * 2
    block[_CHECKSUM] = b" " * 8
    block[_CHECKSUM] = b"%06o\0 " % sum(block)
    return bytes(block)

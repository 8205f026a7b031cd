"""Pulumi's file backend: where stacks' state lies, so that neither a crash nor a full disk loses any of it.

The layout is that of the CLI (pulumi/pulumi: pkg/backend/diy), below the backend's folder:
``.pulumi/meta.yaml``, ``.pulumi/stacks/<project>/<stack>.json`` (and ``.json.bak``, the one before),
``.pulumi/history/<project>/<stack>/`` and ``.pulumi/locks/organization/<project>/<stack>/``.
"""

import json
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from mlcloud.embedded.errors import EngineError
from mlcloud.embedded.state.checkpoint import (
    CheckpointError,
    read_checkpoint,
    verify_integrity,
    write_checkpoint,
)
from mlcloud.embedded.state.locks import LockHolder, hold_lock
from mlcloud.embedded.state.records import Snapshot
from mlcloud.embedded.state.secrets import Passphrase, PassphraseSecrets

BACKEND_VARIABLE = "PULUMI_BACKEND_URL"
LAYOUT_VERSION = 1
ORGANIZATION = "organization"
"""The organization of every stack in a file backend."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class StateError(EngineError):
    """The state could not be read or written; the message says where it lies and what to do."""


@dataclass(frozen=True, kw_only=True)
class Update:
    """What the history keeps of one update (backend.UpdateInfo)."""

    kind: str
    """``update``, ``refresh`` or ``destroy``."""
    succeeded: bool
    start_time_s: float
    """Seconds since 1970."""
    resource_changes: dict[str, int]
    """How many resources each operation (``create``, ``same``, ...) concerned."""
    config: dict[str, Any]
    """The stack's config as its file holds it: secrets stay encrypted."""
    message: str = ""


def backend_url(home: Path) -> str:
    """Return the URL of the backend that holds the stacks: PULUMI_BACKEND_URL, or the state folder."""
    return os.environ.get(BACKEND_VARIABLE) or home.absolute().as_uri()


class FileBackend:
    """The state of all stacks below one folder."""

    def __init__(self, root: Path, passphrase: Passphrase) -> None:
        """Use the folder ``root``; nothing is read or made yet."""
        self.root = root
        self._passphrase = passphrase

    @classmethod
    def open(cls, url: str, passphrase: Passphrase) -> "FileBackend":
        """Open the backend of a ``file://`` URL; a relative path starts in the current folder, ``~`` is home.

        Raises:
            StateError: The URL is of another kind, or the folder holds a layout that is not known.
        """
        parts = urlsplit(url)
        if parts.scheme != "file":
            raise StateError(
                f"The state of this stack lies at {url}, and the embedded engine only opens file:// URLs.\n"
                "Run this stack with pulumi, or set PULUMI_BACKEND_URL to a file:// URL."
            )
        backend = cls(Path(unquote(parts.netloc + parts.path)).expanduser().absolute(), passphrase)
        backend._check_layout()
        return backend

    def stack(self, project: str, stack: str) -> "StackState":
        """Return the state of one stack; it may not exist yet."""
        for kind, name in (("project", project), ("stack", stack)):
            if not _NAME.fullmatch(name) or name in {".", ".."}:
                raise StateError(
                    f"The {kind} name {name!r} is not allowed: 1 to 100 letters, digits or any of . _ -"
                )
        return StackState(self, project, stack, self._passphrase)

    def prepare(self) -> None:
        """Make the folder and its mark, if they are absent."""
        meta = self.root / ".pulumi" / "meta.yaml"
        if not meta.exists():
            meta.parent.mkdir(parents=True, exist_ok=True)
            _write_atomically(meta, f"version: {LAYOUT_VERSION}\n".encode())

    def _check_layout(self) -> None:
        meta = self.root / ".pulumi" / "meta.yaml"
        try:
            found = yaml.safe_load(meta.read_text(encoding="utf-8"))
        except FileNotFoundError:
            # Without the mark, stacks that lie outside project folders are Pulumi's old layout, version 0.
            found = {"version": 0 if any(meta.parent.glob("stacks/*.json")) else LAYOUT_VERSION}
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise StateError(f"The state folder {self.root} cannot be used: {meta}: {error}") from error
        if found != {"version": LAYOUT_VERSION}:
            raise StateError(
                f"The state folder {self.root} has a layout that is not known: {meta} says {found!r}, "
                f"expected version: {LAYOUT_VERSION}. Upgrade it with `pulumi state upgrade`."
            )


class StackState:
    """The state of one stack: its checkpoint, lock and history."""

    def __init__(self, backend: FileBackend, project: str, stack: str, passphrase: Passphrase) -> None:
        """Take the place of the stack in the backend; nothing is read or made yet."""
        folder = backend.root / ".pulumi"
        below = Path(project, stack)
        self.path = folder / "stacks" / project / f"{stack}.json"
        self._stack = stack
        self._qualified_name = f"{ORGANIZATION}/{project}/{stack}"
        self._backend = backend
        self._lock_folder = folder / "locks" / ORGANIZATION / below
        self._history_folder = folder / "history" / below
        self._passphrase = passphrase
        self._secrets = PassphraseSecrets(passphrase)
        self._writing = threading.Lock()
        self._rescued: Path | None = None

    def exists(self) -> bool:
        """Tell whether the stack was made, be it by this engine or by the CLI."""
        return self.path.exists()

    @contextmanager
    def lock(self) -> Generator[list[LockHolder]]:
        """Hold the stack's lock in a ``with`` block; see :func:`mlcloud.embedded.state.locks.hold_lock`."""
        with hold_lock(self._lock_folder, self._stack) as taken_over:
            # Nobody else writes now: what is unfinished here was left by one that was killed.
            _sweep(self.path.parent, f".{self.path.name}-*")
            _sweep(self.path.parent, f".{_backup_of(self.path).name}-*")
            _sweep(self._history_folder, f".{self._stack}-*")
            yield taken_over

    def read(self) -> Snapshot:
        """Return the stack's state; an empty one where there is none yet.

        Raises:
            StateError: The state is damaged, or was written by an engine that can do more than this one.
            SecretsError: A secret in it cannot be decrypted.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            self._refuse_compressed()
            return Snapshot()
        except OSError as error:
            raise StateError(f"The state of {self._stack} cannot be read: {error}") from error
        try:
            snapshot = read_checkpoint(json.loads(content), self._secrets_of)
            verify_integrity(snapshot or Snapshot())
        except (ValueError, CheckpointError) as error:
            backup = _backup_of(self.path)
            hint = f"\nThe state before it is in {backup}." if backup.exists() else ""
            raise StateError(f"The state {self.path} cannot be used: {error}{hint}") from error
        return snapshot or Snapshot()

    def write(self, snapshot: Snapshot) -> None:
        """Replace the stack's state in one step; the one before stays beside it as ``.bak``.

        May be called from several threads; ``snapshot`` must not change meanwhile.

        Raises:
            StateError: It could not be written: the old state is whole, the new one where the message says.
        """
        with self._writing:
            document = write_checkpoint(self._qualified_name, snapshot, self._secrets)
            snapshot.secrets_providers = self._secrets.provider or snapshot.secrets_providers
            content = json.dumps(
                document, separators=(",", ":"), ensure_ascii=False, allow_nan=False
            ).encode()
            try:
                self._backend.prepare()
                self.path.parent.mkdir(parents=True, exist_ok=True)
                _write_atomically(self.path, content, keep_backup=True)
            except OSError as error:
                raise StateError(self._describe_failure(content, error)) from error
            if self._rescued is not None:
                # There was room again: this is newer.
                self._rescued.unlink(missing_ok=True)

    def add_history(self, update: Update) -> None:
        """Keep what an update did, and the checkpoint it left, where `pulumi stack history` looks for it."""
        stamp = f"{self._stack}-{time.time_ns()}"
        entry = {
            "kind": update.kind,
            "startTime": int(update.start_time_s),
            "message": update.message,
            "environment": {"exec.kind": "mlcloud"},
            "config": update.config,
            "version": 0,
            "result": "succeeded" if update.succeeded else "failed",
            "endTime": int(time.time()),
            "resourceChanges": update.resource_changes,
        }
        try:
            self._history_folder.mkdir(parents=True, exist_ok=True)
            _write_atomically(self._history_folder / f"{stamp}.history.json", json.dumps(entry).encode())
            if self.exists():
                _duplicate(self.path, self._history_folder / f"{stamp}.checkpoint.json")
        except OSError as error:
            raise StateError(f"The history of {self._stack} could not be written: {error}") from error

    def _secrets_of(self, salt: str | None) -> PassphraseSecrets:
        if salt != self._secrets.salt:
            self._secrets = PassphraseSecrets(self._passphrase, salt)
        return self._secrets

    def _refuse_compressed(self) -> None:
        for suffix in (".gz", ".zst"):
            if (other := self.path.with_name(self.path.name + suffix)).exists():
                raise StateError(f"The state {other} is compressed: run this stack with pulumi.")

    def _describe_failure(self, content: bytes, error: OSError) -> str:
        """Save the state that found no room somewhere else, and say where."""
        message = f"The state of {self._stack} could not be written to {self.path}: {error.strerror}.\n"
        try:
            if self._rescued is None:
                descriptor, name = tempfile.mkstemp(prefix=f"{self._stack}-", suffix=".json")
                os.close(descriptor)
                self._rescued = Path(name)
            with self._rescued.open("wb") as stream:
                stream.write(content)
        except OSError:
            if self._rescued is not None:
                self._rescued.unlink(missing_ok=True)
            return message + "The state before it is whole. Make room, then run `mlcloud up STACK`."
        return (
            f"{message}It was saved to {self._rescued}: make room, then copy that file to {self.path} "
            "and run `mlcloud up STACK`."
        )


def _sweep(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        path.unlink(missing_ok=True)


def _backup_of(path: Path) -> Path:
    return path.with_name(path.name + ".bak")


def _write_atomically(path: Path, content: bytes, *, keep_backup: bool = False) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if keep_backup and path.exists():
            _duplicate(path, _backup_of(path))
        temporary.replace(path)
        # The CLI's side file describes the content that was just replaced.
        path.with_name(path.name + ".attrs").unlink(missing_ok=True)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _duplicate(source: Path, target: Path) -> None:
    """Give ``source`` a second name: a link needs no room, and files here are never changed in place."""
    temporary = target.with_name(f".{target.name}-{os.getpid()}-{threading.get_ident()}")
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

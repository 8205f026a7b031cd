"""Secrets under a passphrase, in the format of Pulumi's own passphrase secrets manager.

A key is PBKDF2-HMAC-SHA256(passphrase, salt, 1,000,000 rounds, 32 bytes); a value is AES-256-GCM, written
``v1:<nonce>:<ciphertext>`` in base64; the salt line is ``v1:<salt>:<the value of "pulumi">``, so that a wrong
passphrase is noticed (pulumi/pulumi:
pkg/secrets/passphrase/manager.go and sdk/go/common/resource/config/crypt.go).
"""

import base64
import binascii
import functools
import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mlcloud.embedded.errors import EngineError

PBKDF2_ROUNDS = 1_000_000
KEY_BYTES = 32
NONCE_BYTES = 12
SALT_BYTES = 8
CHECK_WORD = "pulumi"

PASSPHRASE_VARIABLE = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105 - the variable's name
PASSPHRASE_FILE_VARIABLE = "PULUMI_CONFIG_PASSPHRASE_FILE"  # noqa: S105 - the variable's name


class SecretsError(EngineError):
    """A secret could not be written or read; the message says which setting to correct."""


@dataclass(frozen=True, kw_only=True)
class Passphrase:
    """Where the passphrase comes from: the environment as Pulumi reads it, else a file that is made once."""

    home: Path
    """The state folder; its file ``passphrase`` (mode 0600) is used when the environment names none."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def path(self) -> Path:
        """The file that is read when :data:`PASSPHRASE_VARIABLE` is not set."""
        named = self.environ.get(PASSPHRASE_FILE_VARIABLE)
        return Path(named) if named else self.home / "passphrase"

    def read(self, *, create: bool) -> str:
        """Return the passphrase.

        Args:
            create: Make the file in the state folder when it is missing: right where nothing is encrypted yet

        Raises:
            SecretsError: There is no passphrase, or its file cannot be read or made.
        """
        if (given := self.environ.get(PASSPHRASE_VARIABLE)) is not None:
            return given
        try:
            if create and not self.environ.get(PASSPHRASE_FILE_VARIABLE) and not self.path.exists():
                self._make()
            return self.path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise SecretsError(
                f"The passphrase of this stack's secrets is missing: there is no file {self.path}.\n"
                f"Put the file back, or set {PASSPHRASE_VARIABLE} or {PASSPHRASE_FILE_VARIABLE}."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise SecretsError(f"The passphrase file {self.path} cannot be used: {error}") from error

    def _make(self) -> None:
        """Write a random passphrase; of two processes that do it at once, one wins and both read that one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".passphrase-{secrets.token_hex(8)}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(secrets.token_urlsafe(32) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            os.link(temporary, self.path)
        except FileExistsError:
            return
        finally:
            temporary.unlink(missing_ok=True)


class PassphraseSecrets:
    """Encrypts and decrypts the secrets of one stack; derives its key only when a secret is touched."""

    def __init__(self, passphrase: Passphrase, salt: str | None = None) -> None:
        """Use ``salt`` (a whole salt line), or make one with the first secret that is written."""
        self._passphrase = passphrase
        self._salt = salt
        self._cipher: AESGCM | None = None

    @property
    def salt(self) -> str | None:
        """The salt line; None as long as there is neither a salt nor a secret."""
        return self._salt

    @property
    def provider(self) -> dict[str, Any] | None:
        """The checkpoint's ``secrets_providers``; None as long as there is no salt."""
        return {"type": "passphrase", "state": {"salt": self._salt}} if self._salt else None

    def encrypt(self, plaintext: str) -> str:
        """Return ``plaintext`` as ``v1:<nonce>:<ciphertext>``; every call uses a new nonce."""
        return _seal(self._open(), plaintext)

    def decrypt(self, ciphertext: str) -> str:
        """Return the text that :meth:`encrypt` or the Pulumi CLI encrypted.

        Raises:
            SecretsError: The passphrase is wrong or missing, or the value was damaged or changed.
        """
        if self._salt is None:
            raise SecretsError("An encrypted value was found, but no salt that says how it was encrypted.")
        return _unseal(self._open(), ciphertext)

    def _open(self) -> AESGCM:
        if self._cipher is None:
            self._cipher = self._make_salt() if self._salt is None else self._check_salt(self._salt)
        return self._cipher

    def _make_salt(self) -> AESGCM:
        salt = os.urandom(SALT_BYTES)
        cipher = AESGCM(_derive_key(self._passphrase.read(create=True), salt))
        self._salt = f"v1:{_encode(salt)}:{_seal(cipher, CHECK_WORD)}"
        return cipher

    def _check_salt(self, line: str) -> AESGCM:
        version, _, rest = line.partition(":")
        salt, _, check = rest.partition(":")
        if version != "v1" or not check:
            raise SecretsError(
                f"The encryption salt {line!r} has a form that is not known (v1:<salt>:<check>)."
            )
        cipher = AESGCM(_derive_key(self._passphrase.read(create=False), _decode(salt)))
        try:
            correct = _unseal(cipher, check) == CHECK_WORD
        except SecretsError:
            correct = False
        if not correct:
            raise SecretsError(
                f"The passphrase is wrong for this stack's secrets. It was read from {self._source()};\n"
                f"set {PASSPHRASE_VARIABLE} or {PASSPHRASE_FILE_VARIABLE} to the one that encrypted them."
            )
        return cipher

    def _source(self) -> str:
        from_variable = PASSPHRASE_VARIABLE in self._passphrase.environ
        return f"the variable {PASSPHRASE_VARIABLE}" if from_variable else f"the file {self._passphrase.path}"


@functools.lru_cache(maxsize=32)
def _derive_key(passphrase: str, salt: bytes) -> bytes:
    """Derive a key: about 0.3 s of one core, hence the cache."""
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, PBKDF2_ROUNDS, KEY_BYTES)


def _seal(cipher: AESGCM, plaintext: str) -> str:
    nonce = os.urandom(NONCE_BYTES)
    sealed = cipher.encrypt(nonce, plaintext.encode(), None)
    return f"v1:{_encode(nonce)}:{_encode(sealed)}"


def _unseal(cipher: AESGCM, ciphertext: str) -> str:
    parts = ciphertext.split(":")
    if len(parts) != 3 or parts[0] != "v1":
        raise SecretsError("An encrypted value has a form that is not known (v1:<nonce>:<ciphertext>).")
    nonce, sealed = _decode(parts[1]), _decode(parts[2])
    if len(nonce) != NONCE_BYTES:
        raise SecretsError(
            f"An encrypted value is damaged: its nonce has {len(nonce)} bytes, not {NONCE_BYTES}."
        )
    try:
        return cipher.decrypt(nonce, sealed, None).decode()
    except (InvalidTag, UnicodeDecodeError):
        raise SecretsError(
            "An encrypted value is damaged, was changed, or belongs to another stack: it does not decrypt."
        ) from None


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SecretsError("An encrypted value is damaged: it is not base64.") from None

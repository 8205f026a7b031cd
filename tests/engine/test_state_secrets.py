"""Secrets under a passphrase: what Pulumi wrote is read, and nothing is read without the passphrase."""

import base64
import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlcloud.embedded.state.secrets import Passphrase, PassphraseSecrets, SecretsError

# Written by the Pulumi CLI 3.260.0 under this passphrase.
CLI_PASSPHRASE = "correct-horse"
CLI_SALT = "v1:66L15vz4gmk=:v1:w9t5S7zCUXTw2/E8:86wFRFtqWi7DB2/U5Aku/c2TYyQDEg=="
CLI_VALUE = "v1:exsKzxd4GxgR7gGU:sKzkLlYOydXdM7Nn7zBsU1DFexn+bg=="


def passphrase(home: Path, **environ: str) -> Passphrase:
    return Passphrase(home=home, environ=environ)


def cli_secrets(text: str = CLI_PASSPHRASE) -> PassphraseSecrets:
    return PassphraseSecrets(passphrase(Path("/nowhere"), PULUMI_CONFIG_PASSPHRASE=text), CLI_SALT)


def test_a_value_that_the_pulumi_cli_encrypted_is_read() -> None:
    assert cli_secrets().decrypt(CLI_VALUE) == "s3cret"


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_every_text_comes_back_and_is_never_encrypted_the_same_twice(text: str) -> None:
    secrets = cli_secrets()
    once, twice = secrets.encrypt(text), secrets.encrypt(text)
    assert once != twice
    assert secrets.decrypt(once) == secrets.decrypt(twice) == text


@settings(max_examples=60, deadline=None)
@given(st.integers(min_value=0, max_value=27), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_of_nonce_or_ciphertext_is_noticed(position: int, change: int) -> None:
    _, nonce, sealed = CLI_VALUE.split(":")
    data = bytearray(base64.b64decode(nonce) + base64.b64decode(sealed))
    data[position] ^= change
    changed = f"v1:{base64.b64encode(data[:12]).decode()}:{base64.b64encode(data[12:]).decode()}"
    with pytest.raises(SecretsError, match="does not decrypt"):
        cli_secrets().decrypt(changed)


@pytest.mark.parametrize(
    "value",
    ["", "plain", "v2:AAAA:AAAA", "v1:AAAA", "v1:AAAA:AAAA", "v1:!!!:AAAA", "v1:exsKzxd4GxgR7gGU:é", "v1:::"],
)
def test_a_value_of_another_form_is_refused(value: str) -> None:
    with pytest.raises(SecretsError, match="encrypted value"):
        cli_secrets().decrypt(value)


def test_a_wrong_passphrase_is_named_as_such_and_says_where_it_came_from(tmp_path: Path) -> None:
    with pytest.raises(SecretsError, match=r"passphrase is wrong.*variable PULUMI_CONFIG_PASSPHRASE"):
        cli_secrets("wrong").decrypt(CLI_VALUE)
    file = tmp_path / "phrase"
    file.write_text("wrong too\n")
    from_file = passphrase(tmp_path, PULUMI_CONFIG_PASSPHRASE_FILE=str(file))
    with pytest.raises(SecretsError, match=f"passphrase is wrong.*{file}"):
        PassphraseSecrets(from_file, CLI_SALT).encrypt("anything")


@pytest.mark.parametrize("salt", ["v2:a:b", "v1:66L15vz4gmk=", "nonsense"])
def test_a_salt_of_another_form_is_refused(salt: str) -> None:
    with pytest.raises(SecretsError, match="salt"):
        PassphraseSecrets(passphrase(Path("/nowhere"), PULUMI_CONFIG_PASSPHRASE="x"), salt).encrypt("a")


def test_the_first_secret_makes_a_salt_and_a_passphrase_that_only_the_owner_reads(tmp_path: Path) -> None:
    secrets = PassphraseSecrets(passphrase(tmp_path / "home"))
    assert secrets.salt is None
    assert secrets.provider is None
    assert not (tmp_path / "home").exists()
    sealed = secrets.encrypt("hush")
    file = tmp_path / "home" / "passphrase"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().strip()) >= 40
    assert secrets.provider == {"type": "passphrase", "state": {"salt": secrets.salt}}
    assert PassphraseSecrets(passphrase(tmp_path / "home"), secrets.salt).decrypt(sealed) == "hush"
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["passphrase"]


def test_the_environment_comes_before_the_file_of_the_state_folder(tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("from home\n")
    (tmp_path / "other").write_text(" from file \n")
    named = {"PULUMI_CONFIG_PASSPHRASE_FILE": str(tmp_path / "other")}
    assert passphrase(tmp_path).read(create=False) == "from home"
    assert passphrase(tmp_path, **named).read(create=False) == "from file"
    assert passphrase(tmp_path, **named, PULUMI_CONFIG_PASSPHRASE="").read(create=False) == ""


def test_a_lost_passphrase_is_not_replaced_by_a_new_one(tmp_path: Path) -> None:
    with pytest.raises(SecretsError, match="Put the file back"):
        PassphraseSecrets(passphrase(tmp_path), CLI_SALT).encrypt("more")
    assert not (tmp_path / "passphrase").exists()


def test_a_named_passphrase_file_is_never_made(tmp_path: Path) -> None:
    named = passphrase(tmp_path, PULUMI_CONFIG_PASSPHRASE_FILE=str(tmp_path / "gone"))
    with pytest.raises(SecretsError, match="gone"):
        PassphraseSecrets(named).encrypt("a")
    assert list(tmp_path.iterdir()) == []


def test_processes_that_make_the_passphrase_at_once_all_use_the_same(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from mlcloud.embedded.state.secrets import Passphrase\n"
        "source = Passphrase(home=Path(sys.argv[1]), environ={})\n"
        "sys.stdin.read(); print(source.read(create=True))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "home")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    answers = {process.communicate(timeout=200)[0] for process in processes}
    assert len(answers) == 1
    assert answers.pop().strip() == (tmp_path / "home" / "passphrase").read_text().strip()


def test_a_passphrase_that_appears_while_one_is_made_is_the_one_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_descriptor: int) -> None:
        (tmp_path / "passphrase").write_text("from the other process\n")

    monkeypatch.setattr(os, "fsync", fsync)
    assert passphrase(tmp_path).read(create=True) == "from the other process"
    assert [path.name for path in tmp_path.iterdir()] == ["passphrase"]


def test_a_key_is_derived_once_for_a_passphrase_and_a_salt(monkeypatch: pytest.MonkeyPatch) -> None:
    cli_secrets().decrypt(CLI_VALUE)
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", lambda *_: pytest.fail("a key was derived again"))
    for _ in range(20):
        assert cli_secrets().decrypt(CLI_VALUE) == "s3cret"


def test_the_environment_of_the_process_counts_unless_another_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "from the process")
    assert Passphrase(home=tmp_path).read(create=False) == "from the process"
    with pytest.raises(SecretsError, match="missing"):
        Passphrase(home=tmp_path, environ={}).read(create=False)

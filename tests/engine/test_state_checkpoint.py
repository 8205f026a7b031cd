"""Checkpoints: Pulumi's are read and written back as they were, and contradictory ones are refused."""

import copy
import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlcloud.embedded.properties.marks import SECRET_SIGNATURE, SIGNATURE_KEY
from mlcloud.embedded.state.checkpoint import (
    CheckpointError,
    read_checkpoint,
    verify_integrity,
    write_checkpoint,
)
from mlcloud.embedded.state.records import ResourceRecord, Snapshot
from mlcloud.embedded.state.secrets import Passphrase, PassphraseSecrets, SecretsError

# Written by the Pulumi CLI 3.260.0, which was killed while it created a resource; call stacks are left out.
GOLDEN = Path(__file__).parent / "golden" / "cli-3.260.0-checkpoint.json"
PASSPHRASE = Passphrase(home=Path("/nowhere"), environ={"PULUMI_CONFIG_PASSPHRASE": "correct-horse"})
STACK = "urn:pulumi:dev::sample::pulumi:pulumi:Stack::sample-dev"
CHILD = "urn:pulumi:dev::sample::sample:index:Group$pulumi-python:dynamic:Resource::child"


def secrets_for(salt: str | None) -> PassphraseSecrets:
    return PassphraseSecrets(PASSPHRASE, salt)


def golden() -> dict[str, Any]:
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


def read_golden() -> Snapshot:
    snapshot = read_checkpoint(golden(), secrets_for)
    assert snapshot is not None
    return snapshot


def salt_of(document: dict[str, Any]) -> str:
    return document["checkpoint"]["latest"]["secrets_providers"]["state"]["salt"]


def opened(value: Any, secrets: PassphraseSecrets) -> Any:
    """Return a document with each ciphertext replaced by its text: no two encryptions are alike."""
    if isinstance(value, list):
        return [opened(item, secrets) for item in value]
    if isinstance(value, dict):
        if value.get(SIGNATURE_KEY) == SECRET_SIGNATURE:
            return {
                SIGNATURE_KEY: SECRET_SIGNATURE,
                "opened": json.loads(secrets.decrypt(value["ciphertext"])),
            }
        return {key: opened(item, secrets) for key, item in value.items()}
    return value


def without_manifest(document: dict[str, Any]) -> dict[str, Any]:
    document = copy.deepcopy(document)
    del document["checkpoint"]["latest"]["manifest"]
    return document


def secret(value: Any) -> dict[str, Any]:
    return {SIGNATURE_KEY: SECRET_SIGNATURE, "value": value}


def test_a_checkpoint_of_the_cli_is_read_with_its_secrets_and_pending_operations() -> None:
    snapshot = read_golden()
    verify_integrity(snapshot)
    child = snapshot.resources[-1]
    assert child.urn == CHILD
    assert child.name == "child"
    assert child.inputs == {"size": 3, "token": secret({"a": ["b", None]})}
    assert child.outputs["made"] == secret(True)
    assert (child.protect, child.retain_on_delete, child.ignore_changes) == (True, True, ["size"])
    assert child.property_dependencies == {"size": [], "token": []}
    assert child.extra == {"customTimeouts": {"create": 300}, "sourcePosition": "project:///__main__.py#10"}
    [operation] = snapshot.pending_operations
    assert (operation.type, operation.resource.name) == ("creating", "second")
    assert operation.resource.dependencies == [CHILD]


def test_a_checkpoint_of_the_cli_is_written_back_as_it_was() -> None:
    document = golden()
    secrets = secrets_for(salt_of(document))
    again = write_checkpoint("organization/sample/dev", read_golden(), secrets)
    assert without_manifest(opened(again, secrets)) == without_manifest(opened(document, secrets))
    assert list(again["checkpoint"]["latest"]) == list(document["checkpoint"]["latest"])


def test_the_manifest_bears_the_mark_that_pulumi_checks() -> None:
    manifest = write_checkpoint("organization/sample/dev", Snapshot(), secrets_for(None))["checkpoint"][
        "latest"
    ]["manifest"]
    assert manifest["magic"] == hashlib.sha256(manifest["version"].encode()).hexdigest()
    assert manifest["version"].startswith("mlcloud-")
    assert manifest["time"].endswith("Z")


def test_fields_that_nobody_here_knows_survive() -> None:
    document = golden()
    latest = document["checkpoint"]["latest"]
    latest["novelty"] = {"a": [1]}
    latest["manifest"]["plugins"] = [{"name": "x", "path": "", "type": "resource", "version": "1.0.0"}]
    latest["resources"][0]["novelty"] = secret("not ours")
    latest["pending_operations"][0]["resource"]["novelty"] = 1
    latest["metadata"] = {"novelty": True}
    snapshot = read_checkpoint(document, secrets_for)
    again = write_checkpoint("organization/sample/dev", snapshot, secrets_for(salt_of(document)))
    written = again["checkpoint"]["latest"]
    assert written["novelty"] == latest["novelty"]
    assert written["manifest"]["plugins"] == latest["manifest"]["plugins"]
    assert written["resources"][0]["novelty"] == latest["resources"][0]["novelty"]
    assert written["pending_operations"][0]["resource"]["novelty"] == 1
    assert written["metadata"] == {"novelty": True}


scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(allow_nan=False)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        | inner.map(secret)
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.text(), values, max_size=4), st.dictionaries(st.text(), values, max_size=4))
def test_every_property_value_comes_back(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    record = ResourceRecord(
        urn="urn:a", type="a:b:C", custom=True, id="1", inputs=inputs, outputs=outputs, init_errors=["e"]
    )
    secrets = secrets_for(salt_of(golden()))
    text = json.dumps(
        write_checkpoint("organization/p/s", Snapshot(resources=[record]), secrets), allow_nan=False
    )
    back = read_checkpoint(json.loads(text), secrets_for)
    assert back is not None
    assert back.resources == [record]


def test_numbers_that_json_cannot_write_come_back() -> None:
    record = ResourceRecord(urn="u", type="t", custom=False, outputs={"all": [math.inf, -math.inf, math.nan]})
    document = write_checkpoint("organization/p/s", Snapshot(resources=[record]), secrets_for(None))
    assert document["checkpoint"]["latest"]["resources"][0]["outputs"]["all"][0] == {
        SIGNATURE_KEY: "8ad145fe-0d11-4827-bfd7-1abcbf086f5c",
        "value": "7ff0000000000000",
    }
    back = read_checkpoint(document, secrets_for)
    assert back is not None
    numbers = back.resources[0].outputs["all"]
    assert numbers[:2] == [math.inf, -math.inf]
    assert math.isnan(numbers[2])


def test_a_secret_is_not_in_the_written_text() -> None:
    record = ResourceRecord(
        urn="u", type="t", custom=False, inputs={"a": secret({"b": secret("hush")}), "c": [secret("hush")]}
    )
    secrets = secrets_for(salt_of(golden()))
    assert "hush" not in json.dumps(
        write_checkpoint("organization/p/s", Snapshot(resources=[record]), secrets)
    )


def test_plaintext_secrets_of_an_export_are_read() -> None:
    document = golden()
    document["checkpoint"]["latest"]["resources"][0]["outputs"] = {
        "token": {SIGNATURE_KEY: SECRET_SIGNATURE, "plaintext": '{"a":1}'}
    }
    snapshot = read_checkpoint(document, secrets_for)
    assert snapshot is not None
    assert snapshot.resources[0].outputs == {"token": secret({"a": 1})}


def test_a_stack_without_secrets_needs_neither_passphrase_nor_the_time_that_a_key_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", lambda *_: pytest.fail("a key was derived"))
    secrets = PassphraseSecrets(Passphrase(home=tmp_path, environ={}))
    record = ResourceRecord(urn=STACK, type="pulumi:pulumi:Stack", custom=False, outputs={"a": 1})
    document = write_checkpoint("organization/p/s", Snapshot(resources=[record]), secrets)
    assert read_checkpoint(document, lambda salt: secrets) is not None
    assert "secrets_providers" not in document["checkpoint"]["latest"]
    assert list(tmp_path.iterdir()) == []


def test_a_stack_that_was_never_updated_is_no_snapshot() -> None:
    # What `pulumi stack init` writes.
    assert read_checkpoint({"version": 3, "checkpoint": {"stack": "organization/p/s"}}, secrets_for) is None


def set_version(document: dict[str, Any]) -> None:
    document["version"] = 5


def set_feature(document: dict[str, Any]) -> None:
    document.update(version=4, features=["byteString"])


def set_hooks(document: dict[str, Any]) -> None:
    document["checkpoint"]["latest"]["resources"][0]["resourceHooks"] = {"after-create": ["x"]}


def set_provider(document: dict[str, Any]) -> None:
    document["checkpoint"]["latest"]["secrets_providers"]["type"] = "cloud"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_version, "version is 5"),
        (set_feature, "byteString"),
        (set_hooks, "hooks"),
        (set_provider, "'cloud'"),
    ],
)
def test_what_this_engine_does_not_know_is_refused_by_name(
    change: Callable[[dict[str, Any]], None], words: str
) -> None:
    document = golden()
    change(document)
    with pytest.raises(CheckpointError, match=f"{words}.*run this stack with pulumi"):
        read_checkpoint(document, secrets_for)


@pytest.mark.parametrize(
    "damage", [[], {"version": 3}, {"version": 3, "checkpoint": {"latest": {"resources": [{}]}}}]
)
def test_what_is_no_checkpoint_is_refused(damage: Any) -> None:
    with pytest.raises(CheckpointError):
        read_checkpoint(damage, secrets_for)


def test_a_tampered_secret_is_refused() -> None:
    document = golden()
    token = document["checkpoint"]["latest"]["resources"][1]["inputs"]["token"]
    token["ciphertext"] = token["ciphertext"][:-4] + "AAA="
    with pytest.raises(SecretsError, match="does not decrypt"):
        read_checkpoint(document, secrets_for)
    token.pop("ciphertext")
    with pytest.raises(CheckpointError, match="exactly one"):
        read_checkpoint(document, secrets_for)


def test_contradictions_between_resources_are_all_reported() -> None:
    snapshot = read_golden()
    child, provider = snapshot.resources[-1], snapshot.resources[2]
    child.id = "other"
    provider.id = "other"
    child.dependencies = ["urn:gone"]
    child.property_dependencies["size"] = ["urn:later"]
    snapshot.resources[1].id = "a-component-has-none"
    snapshot.resources.append(ResourceRecord(urn=STACK, type="", custom=False))
    with pytest.raises(CheckpointError) as caught:
        verify_integrity(snapshot)
    for words in (
        "unknown provider",
        "dependency urn:gone",
        "through the property size) urn:later",
        "but has the id",
        "has no type",
        "is there 2 times",
    ):
        assert words in str(caught.value)


def test_a_child_before_its_parent_is_refused() -> None:
    snapshot = read_golden()
    snapshot.resources.insert(0, snapshot.resources.pop(1))
    with pytest.raises(CheckpointError, match=f"parent {STACK}"):
        verify_integrity(snapshot)


def test_the_old_half_of_a_replacement_may_stand_beside_the_new_one() -> None:
    snapshot = read_golden()
    old = copy.deepcopy(snapshot.resources[-1])
    old.delete = True
    snapshot.resources.append(old)
    verify_integrity(snapshot)
    old.delete = False
    with pytest.raises(CheckpointError, match="2 times"):
        verify_integrity(snapshot)


def test_a_resource_that_waits_for_its_replacement_may_name_a_provider_that_is_gone() -> None:
    snapshot = read_golden()
    snapshot.resources[-1].provider = "urn:pulumi:dev::sample::pulumi:providers:gone::default::1"
    snapshot.resources[-1].pending_replacement = True
    verify_integrity(snapshot)
    snapshot.resources[-1].pending_replacement = False
    with pytest.raises(CheckpointError, match="unknown provider"):
        verify_integrity(snapshot)

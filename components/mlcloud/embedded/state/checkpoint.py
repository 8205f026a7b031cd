"""A snapshot as Pulumi's checkpoint JSON, version 3, and the checks that Pulumi makes before it uses one.

Field names are those of apitype.DeploymentV3 and apitype.ResourceV3 (pulumi/pulumi, sdk/go/common/apitype);
what this engine does not read is kept and written back as it was.
"""

import hashlib
import json
import math
import struct
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, cast

from mlcloud.embedded.errors import EngineError
from mlcloud.embedded.properties.marks import SECRET_SIGNATURE, SIGNATURE_KEY, Properties
from mlcloud.embedded.properties.trees import MISSING, rebuild, signature
from mlcloud.embedded.state.records import PendingOperation, ResourceRecord, Snapshot, is_provider, timestamp
from mlcloud.embedded.state.secrets import PassphraseSecrets

CHECKPOINT_VERSION = 3
FLOAT_SIGNATURE = "8ad145fe-0d11-4827-bfd7-1abcbf086f5c"
"""Marks a number that JSON cannot write: NaN and the infinities, as 16 hexadecimal digits."""

_FEATURE_FIELDS = {
    "refreshBeforeUpdate": "refreshBeforeUpdate",
    "viewOf": "views",
    "resourceHooks": "hooks",
    "taint": "taint",
    "replaceWith": "replaceWith",
    "extensionRef": "extensionParameterization",
    "snippetID": "snippets-prototype",
}
"""Fields that need more than this engine does, and the feature by which Pulumi announces each."""

_FIELDS = {
    "urn": "urn",
    "custom": "custom",
    "delete": "delete",
    "id": "id",
    "type": "type",
    "inputs": "inputs",
    "outputs": "outputs",
    "parent": "parent",
    "protect": "protect",
    "external": "external",
    "dependencies": "dependencies",
    "initErrors": "init_errors",
    "provider": "provider",
    "propertyDependencies": "property_dependencies",
    "pendingReplacement": "pending_replacement",
    "additionalSecretOutputs": "additional_secret_outputs",
    "retainOnDelete": "retain_on_delete",
    "created": "created",
    "modified": "modified",
    "ignoreChanges": "ignore_changes",
}
"""A resource's fields in the checkpoint, in Pulumi's order, and the record's name of each."""

_ALWAYS_WRITTEN = frozenset({"urn", "custom", "type"})


class CheckpointError(EngineError):
    """A checkpoint cannot be used; the message says what is wrong with it."""


def read_checkpoint(document: Any, secrets_for: Callable[[str | None], PassphraseSecrets]) -> Snapshot | None:
    """Turn a checkpoint's JSON into a snapshot, with its secrets decrypted.

    Args:
        document: The parsed file: ``{"version": 3, "checkpoint": {"stack", "latest"}}``.
        secrets_for: Gives the secrets of a salt line (None where the checkpoint names no secrets provider).

    Returns:
        None for a stack that was never updated.

    Raises:
        CheckpointError: The checkpoint is of another version, needs what this engine lacks, or is damaged.
        SecretsError: A secret cannot be decrypted.
    """
    if not isinstance(document, dict) or "checkpoint" not in document:
        raise CheckpointError("it is not a checkpoint of a Pulumi stack: it has no field `checkpoint`")
    outer = cast(dict[str, Any], document)
    if (found := outer.get("version")) not in (CHECKPOINT_VERSION, CHECKPOINT_VERSION + 1):
        raise CheckpointError(
            f"its version is {found!r}, and only version 3 is known: run this stack with pulumi"
        )
    latest = cast(dict[str, Any] | None, outer["checkpoint"].get("latest"))
    if latest is None:
        return None
    resources = cast(list[dict[str, Any]], latest.get("resources") or [])
    operations = cast(list[dict[str, Any]], latest.get("pending_operations") or [])
    _refuse_features(set(cast(list[str], outer.get("features") or [])), resources)
    secrets_providers = latest.get("secrets_providers")
    reveal = _Revealer(secrets_for(_salt_of(secrets_providers)))
    try:
        snapshot = Snapshot(
            resources=[_read_resource(resource, reveal) for resource in resources],
            pending_operations=[
                PendingOperation(
                    type=operation["type"], resource=_read_resource(operation["resource"], reveal)
                )
                for operation in operations
            ],
            secrets_providers=secrets_providers,
            metadata=latest.get("metadata") or {},
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CheckpointError(f"a resource in it is damaged ({type(error).__name__}: {error})") from error
    known = {"resources", "pending_operations", "secrets_providers", "metadata"}
    snapshot.extra = {key: value for key, value in latest.items() if key not in known}
    return snapshot


def write_checkpoint(qualified_name: str, snapshot: Snapshot, secrets: PassphraseSecrets) -> dict[str, Any]:
    """Turn a snapshot into a checkpoint's JSON, with its secrets encrypted.

    Args:
        qualified_name: ``organization/<project>/<stack>``.
        snapshot: The state.
        secrets: Encrypts; its salt becomes the checkpoint's.

    Raises:
        SecretsError: A secret cannot be encrypted.
    """
    conceal = _Concealer(secrets)
    resources = [_write_resource(resource, conceal) for resource in snapshot.resources]
    operations = [
        {"resource": _write_resource(operation.resource, conceal), "type": operation.type}
        for operation in snapshot.pending_operations
    ]
    latest: dict[str, Any] = {"manifest": {**snapshot.extra.get("manifest", {}), **_manifest()}}
    if provider := secrets.provider or snapshot.secrets_providers:
        latest["secrets_providers"] = provider
    if resources:
        latest["resources"] = resources
    if operations:
        latest["pending_operations"] = operations
    latest["metadata"] = snapshot.metadata
    latest.update({key: value for key, value in snapshot.extra.items() if key != "manifest"})
    return {"version": CHECKPOINT_VERSION, "checkpoint": {"stack": qualified_name, "latest": latest}}


def verify_integrity(snapshot: Snapshot) -> None:
    """Make the checks of Pulumi's VerifyIntegrity (pkg/resource/stack/snapshot), all of them at once.

    Raises:
        CheckpointError: A resource misses its URN or type, stands before what it needs, or is there twice.
    """
    problems: list[str] = []
    seen: dict[str, list[ResourceRecord]] = {}
    provider_references: set[str] = set()
    for index, record in enumerate(snapshot.resources):
        if not record.urn:
            problems.append(f"resource number {index} has no urn")
            continue
        if not record.type:
            problems.append(f"{record.urn} has no type")
        if not record.custom and record.id:
            problems.append(f"{record.urn} is a component but has the id {record.id!r}")
        if is_provider(record.type):
            provider_references.add(record.reference)
        if record.provider and record.provider not in provider_references and not record.pending_replacement:
            problems.append(f"{record.urn} refers to the unknown provider {record.provider}")
        problems.extend(
            f"{record.urn} refers to its {kind} {urn}, which does not stand before it"
            for kind, urn in _references(record)
            if urn not in seen
        )
        seen.setdefault(record.urn, []).append(record)
    problems.extend(
        f"{urn} is there {len(records)} times"
        for urn, records in seen.items()
        if sum(not record.delete for record in records) > 1
    )
    if problems:
        raise CheckpointError("its resources contradict each other:\n  " + "\n  ".join(problems))


def _references(record: ResourceRecord) -> list[tuple[str, str]]:
    found = [("parent", record.parent)] if record.parent else []
    found += [("dependency", urn) for urn in record.dependencies]
    found += [
        (f"dependency (through the property {name})", urn)
        for name, urns in record.property_dependencies.items()
        for urn in urns
    ]
    if deleted_with := record.extra.get("deletedWith"):
        found.append(("deletedWith", deleted_with))
    return found


def _manifest() -> dict[str, Any]:
    engine = f"mlcloud-{version('mlcloud')}"
    return {
        "time": timestamp(),
        # Pulumi refuses a checkpoint whose magic is not the hash of its version (pkg/resource/deploy).
        "magic": hashlib.sha256(engine.encode()).hexdigest(),
        "version": engine,
    }


def _salt_of(secrets_providers: Any) -> str | None:
    if not secrets_providers:
        return None
    kind = secrets_providers.get("type")
    if kind != "passphrase":
        raise CheckpointError(
            f"its secrets are kept by the secrets provider {kind!r}, and only `passphrase` is known: "
            "run this stack with pulumi"
        )
    return cast(str, secrets_providers["state"]["salt"])


def _refuse_features(announced: set[str], resources: list[dict[str, Any]]) -> None:
    used = {feature for key, feature in _FEATURE_FIELDS.items() if any(r.get(key) for r in resources)}
    if features := announced | used:
        raise CheckpointError(
            f"it uses what the embedded engine does not do ({', '.join(sorted(features))}): "
            "run this stack with pulumi"
        )


def _read_resource(fields: Mapping[str, Any], reveal: "_Revealer") -> ResourceRecord:
    values = {name: fields[key] for key, name in _FIELDS.items() if fields.get(key) is not None}
    for name in ("inputs", "outputs"):
        values[name] = reveal(values.get(name, {}))
    extra = {key: value for key, value in fields.items() if key not in _FIELDS}
    return ResourceRecord(**values, extra=extra)


def _write_resource(record: ResourceRecord, conceal: "_Concealer") -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, name in _FIELDS.items():
        value = getattr(record, name)
        if value or key in _ALWAYS_WRITTEN:
            fields[key] = conceal(value) if name in ("inputs", "outputs") else value
    return {**fields, **record.extra}


class _Revealer:
    """Turns property values as the checkpoint writes them into values in memory."""

    def __init__(self, secrets: PassphraseSecrets) -> None:
        self._secrets = secrets

    def __call__(self, value: Any, *, sealed: bool = False) -> Any:
        return rebuild(value, lambda item: self._special(item, sealed))

    def _special(self, item: Any, sealed: bool) -> Any:
        match signature(item):
            case found if found == SECRET_SIGNATURE:
                return {SIGNATURE_KEY: SECRET_SIGNATURE, "value": self._reveal(item, sealed)}
            case found if found == FLOAT_SIGNATURE:
                return struct.unpack(">d", bytes.fromhex(item["value"]))[0]
            case _:
                return MISSING

    def _reveal(self, fields: Properties, sealed: bool) -> Any:
        ciphertext, plaintext = fields.get("ciphertext"), fields.get("plaintext")
        if bool(ciphertext) == bool(plaintext):
            raise CheckpointError("a secret in it has not exactly one of `ciphertext` and `plaintext`")
        if ciphertext and not sealed:
            plaintext = self._secrets.decrypt(cast(str, ciphertext))
        return self(json.loads(cast(str, plaintext or ciphertext)), sealed=True)


class _Concealer:
    """Turns property values in memory into what the checkpoint writes."""

    def __init__(self, secrets: PassphraseSecrets) -> None:
        self._secrets = secrets

    def __call__(self, value: Any, *, sealed: bool = False) -> Any:
        return rebuild(value, lambda item: self._special(item, sealed))

    def _special(self, item: Any, sealed: bool) -> Any:
        if isinstance(item, float):
            if math.isfinite(item):
                return item
            return {SIGNATURE_KEY: FLOAT_SIGNATURE, "value": struct.pack(">d", item).hex()}
        if signature(item) != SECRET_SIGNATURE:
            return MISSING
        plaintext = json.dumps(self(item["value"], sealed=True), separators=(",", ":"))
        # Inside a secret Pulumi marks a secret once more but does not encrypt it twice.
        ciphertext = plaintext if sealed else self._secrets.encrypt(plaintext)
        return {SIGNATURE_KEY: SECRET_SIGNATURE, "ciphertext": ciphertext}

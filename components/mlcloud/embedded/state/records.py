"""The records of a deployment: what a checkpoint says of each resource, in Pulumi's own terms."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mlcloud.embedded.properties.marks import Properties

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"


def urn_type(urn: str) -> str:
    """The type of a resource, without those of its parents."""
    return urn.split("::", 3)[2].rsplit("$", 1)[-1]


def urn_name(urn: str) -> str:
    """The name that the program gave to a resource; it may hold ``::``."""
    return urn.split("::", 3)[3]


@dataclass(kw_only=True)
class ResourceRecord:
    """One resource as the checkpoint holds it (apitype.ResourceV3); secrets are plain in memory only."""

    urn: str
    type: str
    custom: bool
    id: str = ""
    inputs: Properties = field(default_factory=dict[str, Any])
    outputs: Properties = field(default_factory=dict[str, Any])
    parent: str = ""
    provider: str = ""
    """``<urn>::<id>`` of the provider instance; empty for components and providers."""
    dependencies: list[str] = field(default_factory=list[str])
    property_dependencies: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    protect: bool = False
    external: bool = False
    retain_on_delete: bool = False
    delete: bool = False
    """True for the old half of a replacement that waits for its deletion."""
    pending_replacement: bool = False
    """True when it was deleted before its replacement was made (delete-before-replace)."""
    init_errors: list[str] = field(default_factory=list[str])
    additional_secret_outputs: list[str] = field(default_factory=list[str])
    ignore_changes: list[str] = field(default_factory=list[str])
    created: str = ""
    """RFC 3339 in UTC; empty for components."""
    modified: str = ""
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    """The other fields of the checkpoint, by Pulumi's names; written back as they were."""

    @property
    def name(self) -> str:
        """The name that the program gave."""
        return urn_name(self.urn)

    @property
    def reference(self) -> str:
        """``<urn>::<id>``: how others name it when it is a provider instance."""
        return f"{self.urn}::{self.id}"

    @property
    def replace_on_changes(self) -> list[str]:
        """The property paths whose changes force a replacement."""
        return self.extra.get("replaceOnChanges", [])

    def timeout_s(self, operation: str) -> float:
        """How long ``create``, ``update`` or ``delete`` may take; 0 leaves it to the provider."""
        return self.extra.get("customTimeouts", {}).get(operation, 0.0)


@dataclass(kw_only=True)
class PendingOperation:
    """An operation that was begun and whose end is not known: written before the operation starts."""

    type: str
    """``creating``, ``updating``, ``deleting`` or ``reading``, Pulumi's own words."""
    resource: ResourceRecord


@dataclass(kw_only=True)
class Snapshot:
    """The whole state of one stack."""

    resources: list[ResourceRecord] = field(default_factory=list[ResourceRecord])
    """In dependency order: nothing stands before what it depends on."""
    pending_operations: list[PendingOperation] = field(default_factory=list[PendingOperation])
    secrets_providers: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    """Fields of the deployment that this engine does not read (the last manifest among them)."""


def is_provider(type_: str) -> bool:
    """Whether a resource type is that of a provider instance."""
    return type_.startswith(PROVIDER_PREFIX)


def is_default_provider(record: ResourceRecord) -> bool:
    """Whether the engine made the provider instance by itself: people are not told of it."""
    return is_provider(record.type) and (record.name == "default" or record.name.startswith("default_"))


def reference_urn(provider: str) -> str:
    """The URN in a provider reference ``<urn>::<id>``."""
    return provider.rpartition("::")[0]


def needs(record: ResourceRecord) -> set[str]:
    """The URNs of everything that has to exist as long as the resource does."""
    urns = {record.parent, reference_urn(record.provider), *record.dependencies}
    for dependencies in record.property_dependencies.values():
        urns.update(dependencies)
    return urns - {""}


def timestamp() -> str:
    """Now, as checkpoints write it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

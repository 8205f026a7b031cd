"""The records of a deployment: what a checkpoint says of each resource, in Pulumi's own terms."""

from dataclasses import dataclass, field
from typing import Any

from mlcloud.core.errors import UserError


class EngineError(UserError):
    """A failure that its message explains to people; a command shows it without a traceback."""


Properties = dict[str, Any]
"""Property values as the provider protocol's JSON shows them: plain JSON values, where a secret is
``{SIGNATURE_KEY: SECRET_SIGNATURE, "value": plain}`` and an unknown is the string :data:`UNKNOWN`."""

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
"""The key by which Pulumi marks special values on the wire and in checkpoints (sdk/go/common/resource)."""

SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a published marker, not a secret
"""The value of :data:`SIGNATURE_KEY` that marks a secret."""

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The string that stands for a value that is not known during a preview."""


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
    """Fields of the checkpoint that this engine does not read; written back as they were."""

    @property
    def name(self) -> str:
        """The name that the program gave."""
        return urn_name(self.urn)


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

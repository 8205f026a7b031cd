"""What a run would do, as plain records: the contract of ``mlcloud preview --json``."""

import json
from dataclasses import dataclass, field, fields
from typing import Any

from mlcloud.embedded.events import Diagnostic, PropertyChange
from mlcloud.embedded.properties import values
from mlcloud.embedded.state.records import ResourceRecord

ENGINE_NAME = "embedded"


@dataclass(frozen=True, kw_only=True)
class PlannedResource:
    """One resource of a plan; values are fit to be shown."""

    urn: str
    type: str
    name: str
    custom: bool
    op: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    parent: str = ""
    provider: str = ""
    """``<urn>::<id>`` of the provider instance."""
    version: str = ""
    """The version of the provider that the program asks for."""
    dependencies: list[str] = field(default_factory=list[str])
    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool | None = None
    """``None`` when the program leaves it to the provider."""
    ignore_changes: list[str] = field(default_factory=list[str])
    aliases: list[str] = field(default_factory=list[str])
    """Every URN under which the resource would be found again."""
    changes: tuple[PropertyChange, ...] = ()
    """What differs and why; not part of the JSON."""

    @classmethod
    def of(cls, record: ResourceRecord, op: str, **more: Any) -> "PlannedResource":
        """What a run decided about a resource.

        Args:
            record: The resource as the run left it.
            op: The operation, see :class:`mlcloud.embedded.events.ResourceEvent`.
            more: What the record does not have: ``version``, ``aliases`` and so on.
        """
        shared = {item.name for item in fields(cls)} & {item.name for item in fields(record)}
        about = {name: getattr(record, name) for name in shared}
        for name in ("inputs", "outputs"):
            about[name] = values.shown(about[name])
        return cls(**about, name=record.name, op=op, **more)

    def to_dict(self) -> dict[str, Any]:
        """The record as the contract has it."""
        return {
            "urn": self.urn,
            "type": self.type,
            "name": self.name,
            "custom": self.custom,
            "op": self.op,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "parent": self.parent,
            "provider": values.shown_reference(self.provider),
            "version": self.version,
            "dependencies": sorted(self.dependencies),
            "protect": self.protect,
            "retainOnDelete": self.retain_on_delete,
            "deleteBeforeReplace": self.delete_before_replace,
            "ignoreChanges": self.ignore_changes,
            "aliases": self.aliases,
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What ``up`` would do now."""

    project: str
    stack: str
    ok: bool
    """False when something stands in the way; the diagnostics say what."""
    resources: list[PlannedResource]
    summary: dict[str, int]
    outputs: dict[str, Any]
    diagnostics: list[Diagnostic]
    duration_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values in an order that does not depend on the run: two plans of the same thing are equal."""
        return {
            "project": self.project,
            "stack": self.stack,
            "engine": ENGINE_NAME,
            "resources": [
                item.to_dict() for item in sorted(self.resources, key=lambda item: (item.urn, item.op))
            ],
            "summary": dict(sorted(self.summary.items())),
            "outputs": self.outputs,
            "diagnostics": [
                {"severity": item.severity, "message": item.message, "urn": item.urn}
                for item in sorted(self.diagnostics, key=lambda item: (item.urn, item.severity, item.message))
            ],
        }

    def to_json(self) -> str:
        """The contract's text: two spaces, sorted keys inside values, a newline at the end."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

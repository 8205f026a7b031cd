"""The words in which both engines tell of a scenario: what differs in any two runs is left out."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from mlcloud.embedded.state.records import ResourceRecord, Snapshot

from support.engine import ThingProvider

PREFIX = "urn:pulumi:dev::shop::"
STACK = f"{PREFIX}pulumi:pulumi:Stack::shop-dev"
DEFAULT_PROVIDER = f"{PREFIX}pulumi:providers:test::default"

LOOKS = frozenset({"same", "refresh"})
"""Operations that change nothing."""

_CHANGES = frozenset({"create", "update", "delete"})


def urn_of(urn: str) -> str:
    """A URN without what is the same in all of them."""
    return urn.removeprefix(PREFIX)


def asked(provider: ThingProvider) -> list[str]:
    """What a provider was asked to change in the last run, sorted: also what it then refused."""
    return sorted(f"{method} {name}" for method, name in provider.calls if method in _CHANGES)


def told_changes(paths: Iterable[str], forced: Iterable[str]) -> dict[str, list[str]]:
    """Which properties differ, and which of them force a replacement; by their first part."""
    return {"changed": _tops(paths), "forced": _tops(forced)}


def _tops(paths: Iterable[str]) -> list[str]:
    return sorted({re.split(r"[.\[]", path, maxsplit=1)[0] for path in paths})


def normal_state(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The state without what differs in any two runs, and what is usual for every resource."""
    found = [_normal(record) for record in snapshot.resources]
    found += [
        {"pending": item.type, "urn": urn_of(item.resource.urn)} for item in snapshot.pending_operations
    ]
    return sorted(
        found, key=lambda fields: (fields["urn"], fields.get("delete", False), fields.get("id", ""))
    )


def _normal(record: ResourceRecord) -> dict[str, Any]:
    fields = {key: value for key, value in vars(record).items() if value not in ("", [], {}, None, False)}
    fields |= record.extra
    for key in ("created", "modified", "type", "custom", "extra", "sourcePosition", "stackTrace"):
        fields.pop(key, None)
    if record.type.startswith("pulumi:providers:"):
        del fields["id"]
    fields["provider"] = record.provider.rpartition("::")[0]
    fields["dependencies"] = sorted(record.dependencies)
    # A program gathers those of one property in a set: their order is another in each run.
    if needed := record.property_dependencies:
        fields["property_dependencies"] = {name: sorted(urns) for name, urns in needed.items()}
    usual = {"provider": ("", DEFAULT_PROVIDER), "parent": (STACK,), "dependencies": ([],)}
    fields = {key: value for key, value in fields.items() if value not in usual.get(key, ())}
    return json.loads(json.dumps(fields).replace(PREFIX, ""))


def needs(state: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """For each URN of a normal state, those that it cannot be without."""
    found: dict[str, set[str]] = {}
    for record in state:
        urns = {record.get("parent", ""), record.get("provider", ""), *record.get("dependencies", ())}
        urns.update(*record.get("property_dependencies", {}).values())
        found.setdefault(record["urn"], set()).update(urns - {"", None})
    return found

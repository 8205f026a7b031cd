"""What an update of a scenario comes to: its operations and the state it leaves, beside the CLI's answers."""

import json
from pathlib import Path
from typing import Any

from mlcloud.embedded.state.records import ResourceRecord, Snapshot

from support.engine_programs import Ops, Scenario, Update

GOLDEN = Path(__file__).parent.parent / "engine" / "golden" / "cli-3.260.0-scenarios.json"
"""The state after each update of each scenario, as the Pulumi CLI left it.

To record it again, with `pulumi` on PATH: `MLCLOUD_RECORD=1 pytest tests/engine/test_engine_cli.py -n 0`."""

STACK = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"
DEFAULT_PROVIDER = "urn:pulumi:dev::shop::pulumi:providers:test::default"


def read_golden(scenario: Scenario) -> list[list[dict[str, Any]]]:
    """The CLI's states of a scenario."""
    return json.loads(GOLDEN.read_text(encoding="utf-8"))[scenario.name]


def record_golden(scenario: Scenario, states: list[list[dict[str, Any]]]) -> None:
    """Put the CLI's states of a scenario in the place of those before."""
    stored = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
    stored[scenario.name] = states
    scenarios: list[str] = []
    for name, updates in sorted(stored.items()):
        lines = ",\n  ".join(json.dumps(state, sort_keys=True, separators=(",", ":")) for state in updates)
        scenarios.append(f"{json.dumps(name)}: [\n  {lines}\n]")
    GOLDEN.write_text("{" + ",\n".join(scenarios) + "}\n", encoding="utf-8")


def assert_ops(found: list[tuple[str, str]], expected: Ops) -> None:
    """Compare operations in order; those of a set may have any order among themselves."""
    rest = [op for op in found if op[0] not in {"same", "refresh"}]
    for step in expected:
        together = step if isinstance(step, set) else {step}
        assert set(rest[: len(together)]) == together, (found, expected)
        rest = rest[len(together) :]
    assert not rest, (found, expected)


def assert_things(snapshot: Snapshot, update: Update) -> None:
    """Compare the things in a state with those that an update should leave."""
    things = {item.name: item for item in snapshot.resources if item.type.startswith("test:")}
    assert set(things) == set(update.state)
    for name, inputs in update.state.items():
        assert things[name].inputs == {**things[name].inputs, **inputs}
    assert not snapshot.pending_operations


def normal_state(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The state without what differs in any two runs, and what is usual for every resource."""
    found = [_normal(record) for record in snapshot.resources]
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
    usual = {"provider": ("", DEFAULT_PROVIDER), "parent": (STACK,), "dependencies": ([],)}
    fields = {key: value for key, value in fields.items() if value not in usual.get(key, ())}
    return json.loads(json.dumps(fields).replace("urn:pulumi:dev::shop::", ""))

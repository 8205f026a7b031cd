"""The Pulumi CLI's answers to every scenario, as they were recorded, beside those of an engine now."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.scenarios.order import same_order
from support.scenarios.scenario import Ops, Scenario, Side, Update
from support.scenarios.words import needs, normal_state

VERSION = "3.260.0"
"""Of the CLI that answered."""

GOLDEN = Path(__file__).parents[2] / "engine" / "golden" / f"cli-{VERSION}-scenarios.json"
"""What the Pulumi CLI did in each update of each scenario. `make record-engine` records it anew."""

Told = dict[str, Any]


def read_golden() -> dict[str, Any]:
    """The whole file."""
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


def record_golden(version: str, answers: Mapping[str, list[Told]]) -> None:
    """Write the CLI's answers to all scenarios; one update a line."""
    scenarios: list[str] = []
    for name, updates in sorted(answers.items()):
        lines = ",\n  ".join(json.dumps(told, sort_keys=True, separators=(",", ":")) for told in updates)
        scenarios.append(f"{json.dumps(name)}: [\n  {lines}\n]")
    text = ",\n".join(scenarios)
    GOLDEN.write_text(f'{{"cli": "{version}", "scenarios": {{\n{text}\n}}}}\n', encoding="utf-8")


def answers_to(scenario: Scenario, side: Side) -> list[Told]:
    """What an engine makes of a scenario."""
    return [answer_to(update, side) for update in scenario.updates]


def answer_to(update: Update, side: Side) -> Told:
    """What an engine makes of one update: what it shows before it, does in it, and leaves after it."""
    update.before(side)
    told: Told = {}
    if update.refresh is not None:
        told["refresh"] = side.run("refresh", update.program)
        told["refresh"]["state"] = normal_state(side.snapshot)
    if update.kind == "up":
        told["preview"] = side.preview(update.program)
    told["run"] = side.run(update.kind, update.program)
    told["state"] = normal_state(side.snapshot)
    return json.loads(json.dumps(told))


def differences(recorded: list[Told], found: list[Told]) -> dict[str, tuple[Any, Any]]:
    """Where two engines differ: ``update.part.field`` to what was recorded and what was found now."""
    different: dict[str, tuple[Any, Any]] = {}
    before: list[Any] = []
    assert len(recorded) == len(found), "record the scenario anew"
    for number, (one, other) in enumerate(zip(recorded, found, strict=True), 1):
        # A refresh looks at everything at once: what it finds has no order. What vanished is needed no more.
        before = one.get("refresh", {}).get("state", before)
        order = needs([*before, *one["state"], *other["state"]])
        for path in sorted({*_fields(one), *_fields(other)}):
            left, right = _fields(one).get(path), _fields(other).get(path)
            if path == "refresh.ops":
                left, right = sorted(left or ()), sorted(right or ())
            in_order = path == "run.ops" and same_order(left or (), right or (), order)
            if left != right and not in_order:
                different[f"{number}.{path}"] = left, right
        before = one["state"]
    return different


def _fields(told: Told) -> dict[str, Any]:
    """``part.field`` to its value; resources under their URN."""
    fields: dict[str, Any] = {}
    for part, value in told.items():
        if part == "state":
            fields |= _records("state", value)
            continue
        for field, inner in value.items():
            if field == "resources":
                fields |= {f"{part} {item['op']} {item['urn']}": item for item in inner}
            elif field == "state":
                fields |= _records(f"{part}.state", inner)
            else:
                fields[f"{part}.{field}"] = inner
    return fields


def _records(part: str, state: list[Any]) -> dict[str, Any]:
    """Each record of a state; the old half of a replacement has a + to its URN."""
    seen: Counter[str] = Counter()
    fields: dict[str, Any] = {}
    for record in state:
        fields[f"{part} {record['urn']}{'+' * seen[record['urn']]}"] = record
        seen[record["urn"]] += 1
    return fields


def assert_ops(found: list[str], expected: Ops) -> None:
    """Compare operations in order; those of a set may have any order among themselves."""
    rest = [(op.partition(" ")[0], op.rpartition("::")[2]) for op in found]
    for step in expected:
        together = step if isinstance(step, set) else {step}
        assert set(rest[: len(together)]) == together, (found, expected)
        rest = rest[len(together) :]
    assert not rest, (found, expected)


def assert_things(told: Told, update: Update) -> None:
    """Compare the things in a state with those that an update should leave."""
    things = {item["urn"].rpartition("::")[2]: item for item in told["state"] if not item.get("pending")}
    things = {name: item for name, item in things.items() if "pulumi:" not in item["urn"]}
    assert set(things) == set(update.state)
    for name, inputs in update.state.items():
        found = things[name].get("inputs", {})
        assert found == {**found, **inputs}
    assert not [item for item in told["state"] if item.get("pending")]

"""Plans written by hand, for controls: a good one, and what breaks it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

REMOVED = object()
"""Stands for a property, or a whole resource, that is taken away."""

_OPTIONS = ("protect", "retainOnDelete")
Records = dict[str, dict[str, Any]]
"""Name to a resource: its type, inputs and options."""
Waived = tuple[str, str, str, Any, Records, bool]
"""Control, environment, where, what stands there instead, what comes with it, and whether it is waived."""


def document(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(
    *actions: str, resource: Any = None, principal: Any = None, condition: Any = None
) -> dict[str, Any]:
    """A statement that allows; in a trust policy without a resource."""
    parts = {"Resource": resource, "Principal": principal, "Condition": condition}
    return {"Effect": "Allow", "Action": list(actions), **{k: v for k, v in parts.items() if v is not None}}


@dataclass(frozen=True, kw_only=True)
class Break:
    """One thing that is wrong in an otherwise good plan.

    `at` is the resource's name, then the steps to the property: `bucket-versioning versioningConfiguration
    status`; a digit is an item of a list. A name alone is the whole resource. `added` are resources that come
    with it. `literal` says that only a literal is wrong there: what another resource gives is not.
    """

    control: str
    at: str = ""
    value: Any = REMOVED
    added: Records = field(default_factory=dict)
    literal: bool = False

    @property
    def label(self) -> str:
        return f"{self.control}: {self.at or ', '.join(self.added)}"

    @property
    def is_a_property(self) -> bool:
        """Whether it is a property; options of Pulumi's own are always known."""
        return " " in self.at and self.at.split()[1] not in _OPTIONS

    def applied(self, good: Records) -> Records:
        """The plan with what is wrong in it."""
        # Through JSON, so that nothing is shared: what is broken here stays whole elsewhere.
        records: Records = json.loads(json.dumps({**good, **self.added}))
        if not self.at:
            return records
        name, *path = self.at.split()
        if not path:
            del records[name]
            return records
        record = records[name]
        node: Any = record if path[0] in _OPTIONS else record["inputs"]
        for step in path[:-1]:
            node = node[_key(step)]
        if self.value is REMOVED:
            del node[_key(path[-1])]
        else:
            node[_key(path[-1])] = self.value
        return records


def _key(step: str) -> Any:
    return int(step) if step.isdigit() else step


def breaks(control: str, *cases: tuple[str, Any]) -> list[Break]:
    """Breaks of a control: where, and what stands there instead."""
    return [Break(control=control, at=at, value=value) for at, value in cases]


def entries(records: Records) -> list[dict[str, Any]]:
    """Records as a preview's `resources` has them."""
    return [
        {"name": name, "urn": urn(name, record), "op": "create", **record} for name, record in records.items()
    ]


def urn(name: str, record: dict[str, Any]) -> str:
    return f"urn:pulumi:prod::shop::{record['type']}::{name}"

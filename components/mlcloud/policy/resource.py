"""Declared resources as controls see them: what one entry of a preview's `resources` says."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from mlcloud.core.errors import ABSENT

UNKNOWN: Final = "[unknown]"
"""What a preview shows for a value that only the cloud will know."""

_GONE: Final = ("delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace")
_STEP: Final = re.compile(r"\[(?:\d+|\*)\]|[^.\[\]]+")

Values = list[tuple[str, Any]]
"""Property paths with what is there: a value, `UNKNOWN`, or `ABSENT`."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource of a plan.

    Attributes:
        urn: Its URN.
        type: Its type token, such as `aws:s3/bucket:Bucket`.
        name: Its name in the program.
        inputs: What the update would send, in the provider's own names.
        outputs: What is known of it.
        parent: URN of its component.
        dependencies: URNs of what it refers to.
        protect: Whether Pulumi refuses to delete it.
        retain_on_delete: Whether it stays in the cloud when Pulumi no longer has it.
    """

    urn: str
    type: str
    name: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    parent: str = ""
    dependencies: Sequence[str] = ()
    protect: bool = False
    retain_on_delete: bool = False

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Resource":
        """Return the resource of one entry of `mlcloud preview STACK --json`'s `resources`."""
        return cls(
            urn=entry["urn"],
            type=entry["type"],
            name=entry["name"],
            inputs=entry["inputs"],
            outputs=entry.get("outputs", {}),
            parent=entry.get("parent", ""),
            dependencies=entry.get("dependencies", ()),
            protect=entry.get("protect", False),
            retain_on_delete=entry.get("retainOnDelete", False),
        )

    @property
    def kind(self) -> str:
        """The last part of its type: `Bucket`."""
        return self.type.rsplit(":", 1)[-1]

    def values(self, path: str) -> Values:
        """Return what is at a property path: `rules[*].status` looks at each item of a list.

        An item that is not there is one `ABSENT`, and so is a list without items; below a value that is not
        known yet, nothing is known.
        """
        return list(_values(self.inputs, "", _STEP.findall(path)))

    def value(self, path: str) -> Any:
        """Return what is at a property path without `[*]`."""
        return self.values(path)[0][1]


def _values(node: Any, at: str, steps: Sequence[str]) -> Iterator[tuple[str, Any]]:
    if not steps:
        yield at, ABSENT if node is None else node
    elif node == UNKNOWN:
        yield _joined(at, *steps), UNKNOWN
    else:
        below = list(_below(node, steps[0]))
        for step, child in below:
            yield from _values(child, _joined(at, step), steps[1:])
        if not below:
            yield _joined(at, *steps), ABSENT


def _below(node: Any, step: str) -> Iterator[tuple[str, Any]]:
    """Yield what is one step below a value: a field, an item or every item."""
    if not step.startswith("["):
        fields = cast("dict[str, Any]", node) if isinstance(node, dict) else {}
        if step in fields:
            yield step, fields[step]
        return
    items = cast("list[Any]", node) if isinstance(node, list) else []
    for index, item in enumerate(items):
        if step in ("[*]", f"[{index}]"):
            yield f"[{index}]", item


def _joined(at: str, *steps: str) -> str:
    return (at + "".join(step if step.startswith("[") else f".{step}" for step in steps)).lstrip(".")


@dataclass(frozen=True, kw_only=True)
class Declared:
    """All that a plan declares, and for which environment.

    Attributes:
        resources: Every resource that is there after the update.
        environment: `dev`, `staging` or `prod`.
    """

    resources: Sequence[Resource]
    environment: str

    @classmethod
    def of(cls, entries: Iterable[Mapping[str, Any]], environment: str) -> "Declared":
        """Return what the entries of a preview declare; what the update deletes is not part of it."""
        # One that is replaced has several entries; the last is what is there afterwards.
        kept = {entry["urn"]: Resource.of(entry) for entry in entries if entry.get("op") not in _GONE}
        return cls(resources=list(kept.values()), environment=environment)

    @property
    def is_prod(self) -> bool:
        """Whether people depend on the stack."""
        return self.environment == "prod"

    def all(self, *types: str) -> list[Resource]:
        """Return the resources of some types."""
        return [resource for resource in self.resources if resource.type in types]

    def referring(self, subject: Resource, type_: str, path: str) -> list[Resource]:
        """Return the resources of a type whose property refers to a resource, or may do so.

        A reference that names nothing that is known, because it or the resource's id is not known yet, counts
        where the resource is among its dependencies and nothing tells that another one is meant.
        """
        own = _names(subject)
        others = {name for one in self.all(subject.type) if one is not subject for name in _names(one)}
        found: list[Resource] = []
        for candidate in self.all(type_):
            given = candidate.value(path)
            if given in own or (given not in others and self._may_mean(candidate, subject)):
                found.append(candidate)
        return found

    def _may_mean(self, candidate: Resource, subject: Resource) -> bool:
        if subject.urn not in candidate.dependencies:
            return False
        alike = [one for one in self.all(subject.type) if one.urn in candidate.dependencies]
        siblings = [one for one in alike if one.parent == candidate.parent]
        return subject in siblings or len(alike) == 1


def _names(resource: Resource) -> set[str]:
    keys = ("accountName", "bucket", "name", "id", "arn", "keyId", "modelPackageGroupName")
    sources = (resource.inputs, resource.outputs)
    found = {source[key] for source in sources for key in keys if isinstance(source.get(key), str)}
    return found - {UNKNOWN, ""}

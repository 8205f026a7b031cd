"""What the program asks for: one resource with its options, and the URNs it may have had before."""

from dataclasses import dataclass, field

from mlcloud.embedded.properties.marks import Properties
from mlcloud.embedded.state.records import STACK_TYPE, urn_name, urn_type


@dataclass(frozen=True, kw_only=True)
class Alias:
    """An earlier identity of a resource; what is not given is as it is now."""

    urn: str = ""
    name: str = ""
    type: str = ""
    stack: str = ""
    project: str = ""
    parent: str = ""
    no_parent: bool = False


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One resource as the program wants it."""

    type: str
    name: str
    custom: bool
    inputs: Properties
    parent: str = ""
    provider: str = ""
    """``<urn>::<id>``; empty for components and provider resources."""
    version: str = ""
    dependencies: list[str] = field(default_factory=list[str])
    property_dependencies: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    ignore_changes: list[str] = field(default_factory=list[str])
    replace_on_changes: list[str] = field(default_factory=list[str])
    additional_secret_outputs: list[str] = field(default_factory=list[str])
    aliases: list[Alias] = field(default_factory=list[Alias])
    timeouts_s: dict[str, float] = field(default_factory=dict[str, float])
    """Of ``create``, ``update``, ``delete``, ``read``; what is absent is left to the provider."""


def make_urn(*, stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """The URN of a resource; the type of its parent, unless that is the stack, is part of it."""
    parent_type = parent.split("::", 3)[2] if parent else STACK_TYPE
    qualified = type_ if parent_type == STACK_TYPE else f"{parent_type}${type_}"
    return f"urn:pulumi:{stack}::{project}::{qualified}::{name}"


def alias_urns(goal: Goal, *, stack: str, project: str, renamed: dict[str, str]) -> list[str]:
    """Every URN under which the resource may be found, in the order in which they are tried.

    Args:
        goal: The resource.
        stack: The stack's name.
        project: The project's name.
        renamed: New URN to old URN of the resources that were found by an alias: their children follow them.
    """
    found: list[str] = []

    def add(urn: str) -> None:
        if urn not in found:
            found.append(urn)

    own = [_collapse(goal, alias, stack, project, renamed) for alias in goal.aliases]
    for urn in own:
        add(urn)
    if goal.parent in renamed:
        old_parent = renamed[goal.parent]
        now = make_urn(stack=stack, project=project, parent=goal.parent, type_=goal.type, name=goal.name)
        for urn in [now, *own]:
            add(_follow_parent(goal, urn, old_parent, stack, project))
    return found


def _collapse(goal: Goal, alias: Alias, stack: str, project: str, renamed: dict[str, str]) -> str:
    if alias.urn:
        return alias.urn
    parent = renamed.get(alias.parent, alias.parent) if alias.parent else goal.parent
    return make_urn(
        stack=alias.stack or stack,
        project=alias.project or project,
        parent="" if alias.no_parent else parent,
        type_=alias.type or goal.type,
        name=alias.name or goal.name,
    )


def _follow_parent(goal: Goal, urn: str, old_parent: str, stack: str, project: str) -> str:
    """A child whose name starts with its parent's name is taken to have followed the parent's renaming."""
    name, parent_name = urn_name(urn), urn_name(goal.parent)
    if name.startswith(parent_name):
        name = urn_name(old_parent) + name[len(parent_name) :]
    return make_urn(stack=stack, project=project, parent=old_parent, type_=urn_type(urn), name=name)

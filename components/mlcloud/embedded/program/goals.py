"""What the program asks for: one resource with its options, and the URNs it may have had before."""

from dataclasses import dataclass, field

from mlcloud.embedded.state.records import STACK_TYPE, ResourceRecord, urn_name, urn_type


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

    record: ResourceRecord
    """The resource with its options and the program's own inputs; it has no id and no outputs yet."""
    version: str = ""
    """The version of the provider that the program asks for."""
    delete_before_replace: bool | None = None
    """``None`` when the program leaves it to the provider."""
    aliases: list[Alias] = field(default_factory=list[Alias])


def make_urn(*, stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """The URN of a resource; the type of its parent, unless that is the stack, is part of it."""
    parent_type = parent.split("::", 3)[2] if parent else STACK_TYPE
    qualified = type_ if parent_type == STACK_TYPE else f"{parent_type}${type_}"
    return f"urn:pulumi:{stack}::{project}::{qualified}::{name}"


def alias_urns(goal: Goal, renamed: dict[str, str]) -> list[str]:
    """Every URN under which the resource may be found, in the order in which they are tried.

    Args:
        goal: The resource.
        renamed: New URN to old URN of the resources that were found by an alias: their children follow them.
    """
    record = goal.record
    found = [_collapse(record, alias, renamed) for alias in goal.aliases]
    if record.parent in renamed:
        found += [_follow_parent(record, urn, renamed[record.parent]) for urn in [record.urn, *found]]
    return list(dict.fromkeys(found))


def _stack_and_project(urn: str) -> tuple[str, str]:
    stack, project, *_ = urn.removeprefix("urn:pulumi:").split("::")
    return stack, project


def _collapse(record: ResourceRecord, alias: Alias, renamed: dict[str, str]) -> str:
    if alias.urn:
        return alias.urn
    stack, project = _stack_and_project(record.urn)
    parent = renamed.get(alias.parent, alias.parent) if alias.parent else record.parent
    return make_urn(
        stack=alias.stack or stack,
        project=alias.project or project,
        parent="" if alias.no_parent else parent,
        type_=alias.type or record.type,
        name=alias.name or record.name,
    )


def _follow_parent(record: ResourceRecord, urn: str, old_parent: str) -> str:
    """A child whose name starts with its parent's name is taken to have followed the parent's renaming."""
    stack, project = _stack_and_project(record.urn)
    name, parent_name = urn_name(urn), urn_name(record.parent)
    if name.startswith(parent_name):
        name = urn_name(old_parent) + name[len(parent_name) :]
    return make_urn(stack=stack, project=project, parent=old_parent, type_=urn_type(urn), name=name)

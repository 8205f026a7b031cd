"""What differs: a provider's answers completed with the program's options, and told."""

from dataclasses import replace

from mlcloud.embedded.events import PropertyChange
from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.marks import Properties
from mlcloud.embedded.properties.trees import MISSING
from mlcloud.embedded.providers.clients import CheckFailure, Diff
from mlcloud.embedded.state.records import ResourceRecord


def describe_failures(failures: list[CheckFailure], inputs: Properties) -> str:
    """Every input that a provider does not accept, with its value and the reason."""
    lines: list[str] = []
    for failure in failures:
        if not failure.property:
            lines.append(failure.reason)
            continue
        value = values.get_path(inputs, failure.property)
        told = "" if value is MISSING else f" (it is {values.shown(value)!r})"
        lines.append(f"{failure.property}: {failure.reason}{told}")
    return "\n".join(lines)


def resolve_diff(diff: Diff, old: ResourceRecord, new: ResourceRecord) -> Diff:
    """Complete a provider's diff with ``replace_on_changes``; compare inputs where it leaves that open."""
    detailed, keys, changed = dict(diff.detailed), diff.keys, diff.changed
    if changed is None:
        wanted = new.inputs
        for path in new.ignore_changes:
            wanted = values.restore(wanted, old.inputs, path)
        found = dict(values.differences(old.inputs, wanted))
        detailed = {path: (kind, False, True) for path, kind in found.items()}
        keys = tuple(dict.fromkeys(_top(path) for path in found))
        changed = bool(found)
    if not changed:
        return replace(diff, changed=False)

    def forces(path: str) -> bool:
        return any(values.covers(pattern, path) for pattern in new.replace_on_changes)

    detailed = {
        path: (kind, forced or forces(path), is_input) for path, (kind, forced, is_input) in detailed.items()
    }
    replaces = [*diff.replaces, *(_top(path) for path, (_, forced, _) in detailed.items() if forced)]
    replaces += [key for key in keys if forces(key)]
    return replace(diff, changed=True, detailed=detailed, keys=keys, replaces=tuple(dict.fromkeys(replaces)))


def property_changes(diff: Diff, old: ResourceRecord, new: ResourceRecord) -> tuple[PropertyChange, ...]:
    """Each property that a resolved diff names, with its values as people may see them."""
    if not diff.changed:
        return ()
    detailed = diff.detailed
    if not detailed:
        named = {*diff.keys, *diff.replaces}
        detailed = {
            path: (kind, False, True)
            for path, kind in values.differences(old.inputs, new.inputs)
            if not named or _top(path) in named
        }
        told = {_top(path) for path in detailed}
        detailed |= {key: ("update", True, True) for key in diff.replaces if key not in told}
    changes: list[PropertyChange] = []
    for path, (kind, forced, is_input) in sorted(detailed.items()):
        before = values.get_path(old.inputs if is_input else old.outputs, path)
        after = values.get_path(new.inputs, path)
        forced_here = forced or _top(path) in diff.replaces
        changes.append(
            PropertyChange(
                path=path,
                kind=kind,
                forces_replacement=forced_here,
                old=None if before is MISSING else values.shown(before),
                new=None if after is MISSING else values.shown(after),
            )
        )
    return tuple(changes)


def _top(path: str) -> str:
    return str(values.parse_path(path)[0])

"""What a simulated resource gives out: its inputs, and the computed properties that its SDK declares."""

from collections.abc import Mapping
from typing import Any, cast

from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.assets import without_content
from mlcloud.embedded.properties.marks import Properties
from mlcloud.embedded.properties.trees import MISSING
from mlcloud.simulated.cloud import Cloud, Facts, Templates
from mlcloud.simulated.declarations import Declaration, Member

_EMPTY: Mapping[str, Any] = {"boolean": False, "integer": 0, "number": 0, "list": [], "map": {}, "object": {}}


def simulated(
    cloud: Cloud,
    facts: Facts,
    declaration: Declaration,
    urn: str,
    inputs: Properties,
    *,
    before: Properties | None = None,
) -> tuple[str, Properties]:
    """The identifier and the outputs of a resource with these inputs.

    They follow from the arguments alone: a preview gives what the update will give, and an update keeps what
    no replacement changes. What counts updates goes on from ``before``, the outputs until now.
    """
    given = {name: value for name, value in inputs.items() if not name.startswith("__") and value is not None}
    templates = Templates(facts, given, seed_of(cloud, declaration.token, urn, given))
    looks = cloud.looks.get(declaration.token) or cloud.fallback(declaration.token, given)
    counts = {name: _next(name, before) for name in cloud.counters.get(declaration.token, ())}
    templates.known.update(counts)
    templates.known.update(_prefixed(given, templates))
    outputs = {**given, **counts}
    for name, member in declaration.outputs.items():
        if name in outputs and name not in looks.outputs:
            continue
        if name not in given and name in templates.known:
            outputs[name] = templates.known[name]
            continue
        if name in looks.outputs:
            value = templates.render(looks.outputs[name])
            outputs[name] = value
            # An identifier goes by inputs: a version is called otherwise than what it is a version of.
            templates.known.setdefault(name, value)
        elif member.required:
            told = cloud.computed(name, facts, given, templates.render)
            outputs[name] = _empty(member) if told is None else told
    templates.known.update({name: value for name, value in outputs.items() if name not in templates.known})
    for path, template in looks.outputs.items():
        owner, _, member = path.partition(".")
        if member:
            others = cast("Properties", outputs[owner])
            outputs[owner] = {**others, member: templates.render(template)}
    for path in cloud.sets:
        owner, _, member = path.partition(".")
        items = values.get_path(outputs, path)
        if isinstance(items, list):
            others = cast("Properties", outputs[owner])
            outputs[owner] = {**others, member: {item: {} for item in cast("list[str]", items)}}
    return templates.render(looks.id), outputs


def _prefixed(given: Properties, templates: Templates) -> Properties:
    """The names that a provider makes of prefixes."""
    return {
        name: templates.render(f"{{{name}Prefix}}{{seventeen}}")
        for name in ("name", "bucket")
        if given.get(f"{name}Prefix") is not None and given.get(name) is None
    }


def _empty(member: Member) -> Any:
    kinds = {shape.kind for shape in member.shapes}
    return next((empty for kind, empty in _EMPTY.items() if kind in kinds), "")


def _next(name: str, before: Properties | None) -> int:
    return int(before.get(name, 0)) + 1 if before else 1


def seed_of(cloud: Cloud, token: str, urn: str, given: Properties) -> str:
    """What tells a resource from the one that replaces it."""
    parts = [urn]
    for path in (*cloud.replaces(token), *cloud.content.get(token, ())):
        if "*" not in path:
            value = values.get_path(given, path)
            parts.append("" if value is MISSING else repr(values.plain(without_content(value))))
    parts.append(cloud.inner_identity(token, given)[1])
    return "\0".join(parts)

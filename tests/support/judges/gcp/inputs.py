"""Judges what is declared on GCP by Google's discovery documents.

Unknown fields, types, enums, patterns, what only the API may set, and what its description calls "Required.".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from support.judges.gcp.schemas import ANYTHING, parameters, resolved, schema
from support.judges.gcp.twins import ASKS_NOTHING, TWINS, WITHOUT, Twin
from support.judges.report import Finding, Report, leaves

UNKNOWN = "[unknown]"
_SECRET = "[secret]"
_OUTPUT_ONLY = re.compile(r"^(Optional\. )?Output only\.|^\[Output Only\]", re.IGNORECASE)
_REQUIRED = re.compile(r"^(Immutable\. |Identifier\. )?Required\.")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (Mapping,),
}


def judge(resources: Iterable[Mapping[str, Any]]) -> Report:
    """Judge the resources of a plan.

    Args:
        resources: Entries of a plan's `resources`.
    """
    report = Report()
    for entry in resources:
        if not entry["custom"] or entry["type"].startswith("pulumi:"):
            continue
        if entry["type"] in ASKS_NOTHING:
            continue
        name, token = entry["name"], entry["type"]
        if token in WITHOUT:
            report.unjudged |= {f"{name}: {leaf}": WITHOUT[token] for leaf in leaves(entry["inputs"])}
        elif token not in TWINS:
            report.findings.append(Finding(name, "TWINS", f"{token} is not in the table of twins"))
        else:
            _Judged(name, TWINS[token], report).inputs(entry["inputs"])
    return report


class _Judged:
    """One resource before its judge."""

    def __init__(self, name: str, twin: Twin, report: Report) -> None:
        self._name = name
        self._twin = twin
        self._report = report

    def inputs(self, inputs: Mapping[str, Any]) -> None:
        """Judge the path that inputs make, and the body that the others are."""
        rest = dict(inputs)
        self._place(rest)
        for key, parameter in self._twin.parameters.items():
            if key in rest:
                self._parameter(key, parameter, rest.pop(key))
        text = rest.get("dashboardJson")
        body = json.loads(text) if isinstance(text, str) and text != UNKNOWN else rest
        node = schema(self._twin.document, self._twin.schema)
        self._object(body, node, "dashboardJson" if body is not rest else "", [])

    def _place(self, rest: dict[str, Any]) -> None:
        """Take what makes the resource's path, and hold it to the document's parameters."""
        keys = re.findall(r"{(\w+)}", self._twin.place)
        if not keys:
            return
        values = {key: rest.pop(key, UNKNOWN) for key in keys}
        given = {key: str(value) for key, value in values.items()}
        place = self._twin.place.format(**given)
        known = [pattern for _, pattern in parameters(self._twin.document) if pattern != ANYTHING]
        if UNKNOWN not in place and not any(re.fullmatch(item.strip("^$"), place) for item in known):
            self._wrong(keys[-1], "parameters", f"no path of {self._twin.document} is like {place}")
        self._report.judged += [self._path(key) for key in keys]

    def _parameter(self, key: str, parameter: str, value: Any) -> None:
        known = [pattern for name, pattern in parameters(self._twin.document) if name == parameter]
        self._report.judged.append(self._path(key))
        if not any(re.fullmatch(item.strip("^$"), str(value)) for item in known):
            self._wrong(key, "parameters", f"{value!r} is no {parameter}")

    def _object(self, value: Mapping[str, Any], node: dict[str, Any], at: str, steps: list[str]) -> None:
        members = node.get("properties", {})
        given: set[str] = set()
        for key, item in value.items():
            here, walked = (f"{at}.{key}" if at else key), [*steps, key]
            dotted = ".".join(walked)
            if dotted in self._twin.without:
                reason = self._twin.without[dotted]
                self._report.unjudged |= {self._path(leaf): reason for leaf in leaves(item, here)}
                given.add(key)
                continue
            parts = self._parts(dotted, key, members, steps)
            given.add(parts[0])
            found = self._descend(node, parts)
            if found is None:
                self._report.judged += [self._path(leaf) for leaf in leaves(item, here)]
                self._wrong(here, "properties", f"{self._twin.document} has no {'.'.join(parts)} here")
                continue
            self._value(item, found, here, walked)
        for key, member in members.items():
            words = member.get("description", "")
            if (
                _REQUIRED.match(words)
                and key not in given | self._twin.given
                and not self._in_path(key, steps)
            ):
                self._wrong(f"{at}.{key}" if at else key, "required", "it is required, and not given")

    def _in_path(self, key: str, steps: list[str]) -> bool:
        """Whether a required property is a part of the path: a resource's own name."""
        return not steps and key == "name"

    def _parts(self, dotted: str, key: str, members: Mapping[str, Any], steps: list[str]) -> list[str]:
        """The path of an input in the schema, from the object that holds it."""
        if dotted in self._twin.names:
            whole = self._twin.names[dotted].split(".")
            above = self._twin.names.get(".".join(steps), ".".join(steps)) if steps else ""
            return whole[len(above.split(".")) if above else 0 :]
        singular = (key, key.removesuffix("s"), re.sub("ies$", "y", key))
        return [next((name for name in singular if name in members), key)]

    def _descend(self, node: dict[str, Any], parts: list[str]) -> dict[str, Any] | None:
        for part in parts:
            node = resolved(self._twin.document, node)
            inner = node.get("additionalProperties") if part == "*" else node.get("properties", {}).get(part)
            if inner is None:
                return None
            # A list of ours is a map of theirs.
            node = {"type": "array", "items": inner} if part == "*" else inner
        return node

    def _value(self, value: Any, node: dict[str, Any], at: str, steps: list[str]) -> None:
        node = resolved(self._twin.document, node)
        if node.get("readOnly") or _OUTPUT_ONLY.match(node.get("description", "")):
            self._report.judged += [self._path(leaf) for leaf in leaves(value, at)]
            self._wrong(at, "readOnly", "only the API sets it")
            return
        if value in (UNKNOWN, _SECRET) or value is None:
            self._report.judged.append(self._path(at))
            self._report.unknown.append(self._path(at))
            return
        if node.get("type") == "array" and isinstance(value, list) and value:
            for index, item in enumerate(value):
                self._value(item, node["items"], f"{at}[{index}]", steps)
        elif node.get("type") == "array" and self._twin.names.get(".".join(steps)) == "members":
            self._value(value, node["items"], at, steps)
        elif isinstance(value, Mapping) and "properties" in node and value:
            self._object(value, node, at, steps)
        elif isinstance(value, Mapping) and "additionalProperties" in node and value:
            for key, item in value.items():
                self._value(item, node["additionalProperties"], f"{at}.{key}", [*steps, key])
        else:
            self._report.judged.append(self._path(at))
            self._leaf(value, node, at)

    def _leaf(self, value: Any, node: dict[str, Any], at: str) -> None:
        wanted = node.get("type", "any")
        if wanted == "string" and node.get("format") in ("int64", "uint64"):
            if not re.fullmatch(r"-?\d+", str(value)) or isinstance(value, bool):
                self._wrong(at, "type", f"{value!r} is not a number as text")
        elif wanted != "any" and (
            not isinstance(value, _TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean")
        ):
            self._wrong(at, "type", f"{value!r} is not of type {wanted}")
        elif "enum" in node and value not in node["enum"]:
            self._wrong(at, "enum", f"{value!r} is not one of {', '.join(node['enum'])}")
        elif "pattern" in node and not re.fullmatch(node["pattern"].strip("^$"), str(value)):
            self._wrong(at, "pattern", f"{value!r} is not like {node['pattern']}")

    def _path(self, at: str) -> str:
        return f"{self._name}: {at}" if at else self._name

    def _wrong(self, at: str, rule: str, message: str) -> None:
        self._report.findings.append(Finding(self._path(at), rule, message))

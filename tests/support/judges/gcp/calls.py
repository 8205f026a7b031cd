"""Judges calls of Google's APIs by their discovery documents: unknown, mistyped, missing, not to be set.

The documents mark nothing as required and little as read-only: their descriptions begin with those words.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from support.judges.gcp.documents import Method, route, schema
from support.judges.report import Finding, Report, leaves

# Required in the message, and given by the path or by the server: not in a body.
_IN_THE_PATH = frozenset({"name", "parent", "endpoint"})
_WORDS = r"(?:Required|Optional|Immutable|Output only|Input only|Identifier)"
_FORMATS = {
    "google-duration": r"-?\d+(\.\d{1,9})?s",
    "google-datetime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)",
    "int64": r"-?\d{1,19}",
    "uint64": r"\d{1,20}",
    "google-fieldmask": r"[A-Za-z0-9_.]+(,[A-Za-z0-9_.]+)*",
}
# Google's own clients write enums as numbers, and say so.
_ALT, _NUMBERS = "$alt", "json;enum-encoding=int"
_RANGES = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1)}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request.

    Attributes:
        http_method: `POST`.
        path: With the leading version, without the query, as it was sent.
        query: What the query says.
        body: The body, None where there is none or it is a content.
    """

    http_method: str
    path: str
    query: Mapping[str, str]
    body: Any = None


def judge(calls: Iterable[Call]) -> Report:
    """Judge requests: every value of their bodies and queries, and that there is such a method."""
    report = Report()
    for call in calls:
        found = route(call.http_method, call.path)
        if found is None:
            finding = Finding(f"{call.http_method} {call.path}", "path", "no document has such a method")
            report.findings.append(finding)
            continue
        method, _ = found
        report.judged += [f"{method.id}: {name}" for name in call.query]
        report.judged += [f"{method.id}: {name}" for name in leaves(call.body) if call.body is not None]
        report.judged.append(method.id)
        report.findings += _query(method, call)
        if call.body is not None or "request" in method.content:
            report.findings += _body(method, call)
    return report


def problems(call: Call) -> list[str]:
    """What is wrong with one request, in words."""
    return [str(finding) for finding in judge([call]).findings]


def words_of(description: str) -> set[str]:
    """The words that a description begins with: `Required. Immutable. ...` says two."""
    found = set()
    while match := re.match(rf"\s*({_WORDS})\.", description):
        found.add(match[1])
        description = description[match.end() :]
    return found


def _query(method: Method, call: Call) -> Iterator[Finding]:
    known = method.query
    for name, value in call.query.items():
        if name == _ALT:
            continue
        if name not in known:
            yield Finding(f"{method.id}: {name}", "query", "is not a parameter of the query")
        else:
            yield from _text(known[name], value, f"{method.id}: {name}")
    for name, parameter in known.items():
        needed = parameter.get("required") or "Required" in words_of(parameter.get("description", ""))
        if needed and name not in call.query:
            yield Finding(f"{method.id}: {name}", "Required.", "is missing in the query")


def _text(described: Mapping[str, Any], value: str, path: str) -> Iterator[Finding]:
    kind, form = described.get("type"), described.get("format", "")
    if kind == "boolean" and value not in ("true", "false"):
        yield Finding(path, "type", f"{value!r} is not true or false")
    if kind == "integer" and not re.fullmatch(r"-?\d+", value):
        yield Finding(path, "type", f"{value!r} is not a number")
    if form in _FORMATS and kind == "string" and not re.fullmatch(_FORMATS[form], value):
        yield Finding(path, form, f"{value!r} has another form")
    if "enum" in described and value not in described["enum"]:
        yield Finding(path, "enum", f"{value!r} is none of {', '.join(described['enum'])}")


def _body(method: Method, call: Call) -> Iterator[Finding]:
    request = method.content.get("request")
    if method.media:
        return
    if request is None:
        if call.body:
            yield Finding(method.id, "body", "takes no body")
        return
    given = call.body if call.body is not None else {}
    # A patch has what it changes, not all that is required.
    whole = call.http_method != "PATCH"
    given = (
        _named(method.api, {"$ref": request["$ref"]}, given) if call.query.get(_ALT) == _NUMBERS else given
    )
    yield from _value(method.api, {"$ref": request["$ref"]}, given, method.id, whole=whole)


def _value(
    api: str, described: Mapping[str, Any], value: Any, path: str, *, whole: bool
) -> Iterator[Finding]:
    if "$ref" in described:
        yield from _object(api, schema(api, described["$ref"]), value, path, whole=whole)
        return
    kind = described.get("type")
    if kind == "object":
        if "properties" in described:
            yield from _object(api, described, value, path, whole=whole)
        elif not isinstance(value, Mapping):
            yield Finding(path, "type", f"{value!r} is not an object")
        elif "additionalProperties" in described:
            for key, item in value.items():
                yield from _value(api, described["additionalProperties"], item, f"{path}.{key}", whole=whole)
    elif kind == "array":
        if not isinstance(value, list):
            yield Finding(path, "type", f"{value!r} is not a list")
            return
        for index, item in enumerate(value):
            yield from _value(api, described["items"], item, f"{path}[{index}]", whole=whole)
    elif kind != "any":
        yield from _scalar(described, value, path)


def _named(api: str, described: Mapping[str, Any], value: Any) -> Any:
    """A value with its enums by name, where they are numbers."""
    if "$ref" in described:
        described = schema(api, described["$ref"])
    if isinstance(value, Mapping):
        known, rest = described.get("properties", {}), described.get("additionalProperties", {})
        return {name: _named(api, known.get(name, rest), item) for name, item in value.items()}
    if isinstance(value, list):
        return [_named(api, described.get("items", {}), item) for item in value]
    enum = described.get("enum")
    return enum[value] if enum and isinstance(value, int) and 0 <= value < len(enum) else value


def _object(
    api: str, described: Mapping[str, Any], value: Any, path: str, *, whole: bool
) -> Iterator[Finding]:
    if described.get("type") == "any":
        return
    if not isinstance(value, Mapping):
        yield Finding(path, "type", f"{value!r} is not an object")
        return
    known = described.get("properties", {})
    for name, item in value.items():
        where = f"{path}.{name}"
        if name not in known:
            if "additionalProperties" not in described:
                yield Finding(where, "unknown", "is not a field")
            continue
        if known[name].get("readOnly") or "Output only" in words_of(known[name].get("description", "")):
            yield Finding(where, "Output only.", "is the server's to set")
        yield from _value(api, known[name], item, where, whole=whole)
    for name, field in known.items():
        required = "Required" in words_of(field.get("description", ""))
        if whole and required and name not in value and name not in _IN_THE_PATH:
            yield Finding(f"{path}.{name}", "Required.", "is missing")


def _scalar(described: Mapping[str, Any], value: Any, path: str) -> Iterator[Finding]:
    kind, form = described.get("type"), described.get("format", "")
    types: dict[Any, tuple[type, ...]] = {
        "string": (str,),
        "boolean": (bool,),
        "integer": (int,),
        "number": (int, float),
    }
    if not isinstance(value, types[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield Finding(path, "type", f"{value!r} is not a {kind}")
        return
    if form in _RANGES and not _RANGES[form][0] <= value <= _RANGES[form][1]:
        yield Finding(path, form, f"{value!r} is out of its range")
    if isinstance(value, str):
        if form in _FORMATS and not re.fullmatch(_FORMATS[form], value):
            yield Finding(path, form, f"{value!r} has another form")
        if form == "byte" and not _is_base64(value):
            yield Finding(path, form, f"{value!r} is not base64")
        if "enum" in described and value not in described["enum"]:
            yield Finding(path, "enum", f"{value!r} is none of {', '.join(described['enum'])}")


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value, altchars=b"-_", validate=True)
    except binascii.Error:
        return False
    return True

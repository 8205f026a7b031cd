"""Judges calls of Azure Resource Manager by what Azure's own clients send: paths, queries and bodies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from support.judges.azure.documents import Method, route
from support.judges.azure.models import UNKNOWN, Values
from support.judges.azure.schemas import Schema
from support.judges.report import Finding, Report

_TEXTS = {"bool": r"true|false", "int": r"-?\d+", "float": r"-?\d+(\.\d+)?"}
# The API version of Azure ML that azure-native sends, too, and its client.
VERSIONS: Mapping[str, str] = {"machinelearning": "2025-12-01"}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request.

    Attributes:
        http_method: `PUT`.
        path: As it was sent, without the query.
        query: What the query says.
        body: The body, None where there is none.
    """

    http_method: str
    path: str
    query: Mapping[str, str]
    body: Any = None


def judge(calls: Iterable[Call]) -> Report:
    """Judge requests: that there is such an operation, its path, and every value of query and body."""
    report = Report()
    for call in calls:
        found = route(call.http_method, call.path)
        if found is None:
            finding = Finding(f"{call.http_method} {call.path}", "path", "no client has such an operation")
            report.findings.append(finding)
            continue
        method, given = found
        report.judged += [method.name, *(f"{method.name}: {name}" for name in call.query)]
        report.findings += _query(method, call.query)
        # A patch has what it changes, not all that is required.
        values = Values(method.package, method.name, report, whole=call.http_method != "PATCH", sent=True)
        for word, value in given.items():
            values.limits(value, method.limits.get(word, {}), word)
        _body(method, call, values)
    return report


def problems(call: Call) -> list[str]:
    """What is wrong with one request, in words."""
    return [str(finding) for finding in judge([call]).findings]


def _query(method: Method, query: Mapping[str, str]) -> Iterator[Finding]:
    for name, value in query.items():
        if name not in method.query:
            yield Finding(f"{method.name}: {name}", "query", "is not a parameter of the query")
            continue
        form = _TEXTS.get(method.query[name][0])
        if form and not re.fullmatch(form, value):
            yield Finding(
                f"{method.name}: {name}", "type", f"{value!r} is not of type {method.query[name][0]}"
            )
    for name, (_, needed) in method.query.items():
        if needed and name not in query:
            yield Finding(f"{method.name}: {name}", "required", "is missing in the query")
    wanted, sent = VERSIONS.get(method.package), query.get("api-version")
    if sent is not None and not re.fullmatch(r"\d{4}-\d\d-\d\d(-preview)?", sent):
        yield Finding(f"{method.name}: api-version", "api-version", f"{sent!r} is none")
    elif sent is not None and wanted not in (None, sent):
        yield Finding(f"{method.name}: api-version", "api-version", f"{sent} is not {wanted}")


def _body(method: Method, call: Call, values: Values) -> None:
    if not method.body:
        if call.body:
            values.wrong("", "body", "takes no body")
    elif call.body is None and call.http_method in ("PUT", "PATCH"):
        values.wrong("", "body", f"a {method.body} is missing")
    elif call.body is not None:
        _no_placeholder(call.body, values)
        values.value(call.body, Schema(kind="object", model=method.body), "")


def _no_placeholder(node: Any, values: Values, at: str = "") -> None:
    """What a plan shows for a value that is not known must never be sent."""
    if isinstance(node, Mapping):
        for key, item in node.items():
            _no_placeholder(item, values, f"{at}.{key}".lstrip("."))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            _no_placeholder(item, values, f"{at}[{index}]")
    elif isinstance(node, str) and UNKNOWN in node:
        values.wrong(at, "unknown", "a value that nobody knows is sent")

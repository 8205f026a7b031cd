"""Judges calls of Azure ML's APIs by what Azure's own client can send: path, version, query and body.

The client is generated from Azure's published API descriptions: each of its functions `build_..._request`
is one method, and the function that uses it names the body's model.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.judges.azure.models import judge_body
from support.judges.report import Finding, Report, leaves

_MANAGEMENT = ("arm_ml_service", "_operations.py")
_HISTORY = ("runhistory", "_runs_operations.py")
_BUILDER = re.compile(r"^def build_(\w+?)_request\(.*?(?=^(?:def|class) )", re.DOTALL | re.MULTILINE)
_METHOD = re.compile(r"^    def (\w+)\(.*?(?=^    def |^class |\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method of the API.

    Attributes:
        name: The client's own, such as `jobs_create_or_update`.
        http_method: `PUT`.
        template: Path with names in braces.
        query: Parameters that it takes.
        version: Of the API, empty where it has none.
        model: Name of the body's model, empty where it takes none or its model is another API's.
    """

    name: str
    http_method: str
    template: str
    query: frozenset[str]
    version: str
    model: str

    @functools.cached_property
    def form(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(self.template)))


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request.

    Attributes:
        http_method: `PUT`.
        path: Without the query, as it was sent.
        query: What the query says.
        body: The body, None where there is none.
    """

    http_method: str
    path: str
    query: Mapping[str, str]
    body: Any = None


@functools.cache
def methods() -> tuple[Method, ...]:
    """Every method of the client; a second at the first call."""
    return (*_read(*_MANAGEMENT), *_read(*_HISTORY, prefix="runs_"))


def _read(package: str, file: str, prefix: str = "") -> Iterator[Method]:
    client = importlib.util.find_spec("azure.ai.ml")
    assert client is not None, "azure-ai-ml is not installed"
    assert client.submodule_search_locations, client
    source = Path(client.submodule_search_locations[0]) / "_restclient" / package / "operations" / file
    text = source.read_text()
    bodies = dict(_bodies(text))
    for found in _BUILDER.finditer(text):
        template = re.search(r'_url = (?:kwargs\.pop\("template_url", )?"([^"]+)"', found[0])
        http_method = re.search(r'method="(\w+)"', found[0])
        version = re.search(r'"api-version", "([^"]+)"', found[0])
        if template and http_method:
            yield Method(
                name=f"{prefix}{found[1]}",
                http_method=http_method[1],
                template=template[1],
                query=frozenset(re.findall(r"_params\[\"([^\"]+)\"\] =", found[0])),
                version=version[1] if version else "",
                model=bodies.get(found[1], ""),
            )


def _bodies(text: str) -> Iterator[tuple[str, str]]:
    for found in _METHOD.finditer(text):
        used = re.search(r"_request = build_(\w+?)_request\(", found[0])
        body = re.search(r"body: (?:Optional\[)?Union\[_models\.(\w+),", found[0])
        if used and body:
            yield used[1], body[1]


def route(http_method: str, path: str) -> tuple[Method, dict[str, str]] | None:
    """The method that a request asks for, and what its path names."""
    for method in methods():
        found = method.form.fullmatch(path) if method.http_method == http_method else None
        if found:
            return method, found.groupdict()
    return None


def judge(calls: Iterable[Call]) -> Report:
    """Judge requests: that there is such a method, its version, and every value of queries and bodies."""
    report = Report()
    for call in calls:
        found = route(call.http_method, call.path)
        if found is None:
            finding = Finding(f"{call.http_method} {call.path}", "path", "the client has no such method")
            report.findings.append(finding)
            continue
        method, _ = found
        report.judged += [method.name, *(f"{method.name}: {name}" for name in call.query)]
        report.findings += _query(method, call)
        if call.body is not None:
            report.judged += [f"{method.name}: {name}" for name in leaves(call.body)]
            report.findings += _body(method, call)
        elif method.model and call.http_method in ("PUT", "PATCH"):
            report.findings.append(Finding(method.name, "body", "has no body"))
    return report


def problems(call: Call) -> list[str]:
    """What is wrong with one request, in words."""
    return [str(finding) for finding in judge([call]).findings]


def _query(method: Method, call: Call) -> Iterator[Finding]:
    for name in call.query:
        if name not in method.query:
            yield Finding(f"{method.name}: {name}", "query", "is not a parameter of the query")
    if method.version and call.query.get("api-version") != method.version:
        given = call.query.get("api-version")
        yield Finding(method.name, "api-version", f"{given!r} is not {method.version}")


def _body(method: Method, call: Call) -> Iterator[Finding]:
    if method.model:
        yield from judge_body(method.model, call.body, method.name, whole=call.http_method != "PATCH")
    elif call.body:
        yield Finding(method.name, "body", "takes no body")

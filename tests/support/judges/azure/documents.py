"""The operations of Azure's APIs, as Azure's own clients make their requests: by path, what they take."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

from support.judges.azure.packages import PACKAGES

_PARAMETER = re.compile(r'_params\["([\w$.-]+)"\] = _SERIALIZER\.query\(\s*"\w+", [^,]+, "([^"]+)"')
_DEFAULTS = re.compile(r'_params\.pop\(\s*"api-version", "([\w-]+)"')
_VERB = re.compile(r'method="(\w+)"')
_URL = re.compile(r'"(/[^"\n]*)"')
_PLACES = re.compile(r'"(\w+)": _SERIALIZER\.url\(\s*"\w+",\s*\w+,\s*"\w+"(.*?)\)[,\n]', re.DOTALL)
_LIMIT = re.compile(r'(max_length|min_length|pattern)=(r?"[^"]*"|\d+)')
# Words that stand for several parts of a path: a resource's whole id.
_SCOPES = ("{scope}", "{resourceUri}")
_ANY_LENGTH = -1
_WORDS = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, kw_only=True)
class Method:
    """An operation.

    Attributes:
        package: The client that has it.
        id: `online_endpoints.create_or_update`.
        http_method: `PUT`.
        path: With its words: `/subscriptions/{subscriptionId}/...`.
        api_version: The one that the client sends.
        query: What its query takes, by name: type, and whether it must be there.
        body: The model of its body; none where it takes none.
        limits: Of the words of its path, what the client holds them to.
    """

    package: str
    id: str
    http_method: str
    path: str
    api_version: str
    query: Mapping[str, tuple[str, bool]]
    body: str
    limits: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        """Its id as the client names what makes the request: `online_endpoints_create_or_update`."""
        return self.id.replace(".", "_").lstrip("_")

    @property
    def words(self) -> list[str]:
        """The words of its path."""
        return _WORDS.findall(self.path)


@cache
def method(package: str, name: str) -> Method:
    """An operation of a client, by its group and name."""
    text = PACKAGES[package].builders[name]
    http_method, path = _VERB.search(text), _URL.search(text)
    assert http_method, name
    assert path, name
    version = _DEFAULTS.search(text)
    return Method(
        package=package,
        id=name,
        http_method=http_method[1],
        path=path[1],
        api_version=version[1] if version else "",
        query={one[1]: (one[2], _must(text, one.start())) for one in _PARAMETER.finditer(text)},
        body=_body(package, name),
        limits={word: _limits(told) for word, told in _PLACES.findall(text)},
    )


def _limits(told: str) -> dict[str, Any]:
    return {name: ast.literal_eval(value) for name, value in _LIMIT.findall(told)}


def _must(text: str, start: int) -> bool:
    """Whether a parameter of the query is set without asking whether there is one."""
    line = text.rfind("\n", 0, start) + 1
    return start - line == len("    ")


def _body(package: str, name: str) -> str:
    """The model that an operation's method takes; `begin_` is before those that are polled."""
    group, _, operation = name.partition(".")
    text = PACKAGES[package].operations.get(group, "")
    head = re.search(rf"    def (?:begin_)?{operation}\(\n?(.*?)\) ->", text, re.DOTALL)
    found = re.search(r": (?:Optional\[|Union\[)?_models\.(\w+)", head[1]) if head else None
    return found[1] if found else ""


def route(
    http_method: str, path: str, packages: tuple[str, ...] = ()
) -> tuple[Method, dict[str, str]] | None:
    """The operation that a request is for, and what its path says; None where no client has it.

    Of several that fit, the longest literal part is meant.

    Args:
        http_method: `PUT`.
        path: Without the query.
        packages: The clients that may have it. Default: all.
    """
    fits: list[tuple[int, Method, dict[str, str]]] = []
    for package in packages or PACKAGES:
        for verb, name, pattern in _patterns(package):
            match = pattern.fullmatch(path) if verb == http_method else None
            if match:
                given = {word: unquote(value) for word, value in match.groupdict().items()}
                literal = len(path) - sum(map(len, match.groupdict().values()))
                fits.append((literal, method(package, name), given))
    if not fits:
        return None
    _, found, given = max(fits, key=lambda fit: fit[0])
    return found, given


@cache
def requests() -> frozenset[tuple[str, str]]:
    """The verb and the path of every operation of every client."""
    texts = [text for package in PACKAGES.values() for text in package.builders.values()]
    pairs = [(_VERB.search(text), _URL.search(text)) for text in texts]
    return frozenset((verb[1], path[1]) for verb, path in pairs if verb and path)


def is_a_path(path: str) -> bool:
    """Whether some operation has a path: what resource ids are."""
    patterns = _ids()
    length = path.strip("/").count("/")
    return any(pattern.fullmatch(path) for pattern in (*patterns.get(length, ()), *patterns[_ANY_LENGTH]))


@cache
def _ids() -> Mapping[int, tuple[re.Pattern[str], ...]]:
    """The paths of all operations by how many parts they have; `_ANY_LENGTH` where one is of a scope."""
    found: dict[int, set[str]] = {_ANY_LENGTH: set()}
    for _, path in requests():
        several = any(scope in path for scope in _SCOPES)
        length = _ANY_LENGTH if several else path.strip("/").count("/")
        found.setdefault(length, set()).add(path)
    return {length: tuple(map(_pattern, sorted(paths))) for length, paths in found.items()}


@cache
def _patterns(package: str) -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    return tuple(_read(package))


def _read(package: str) -> Iterator[tuple[str, str, re.Pattern[str]]]:
    for name, text in PACKAGES[package].builders.items():
        verb, path = _VERB.search(text), _URL.search(text)
        if verb and path:
            yield verb[1], name, _pattern(path[1])


def _pattern(path: str) -> re.Pattern[str]:
    """A path as a regular expression; Azure's paths know no case, and a scope has several parts."""
    parts = re.split(r"(\{\w+\})", path)
    text = "".join(
        f"(?P<{part[1:-1]}>{'.+' if part in _SCOPES else '[^/]+'})"
        if part.startswith("{")
        else re.escape(part)
        for part in parts
    )
    return re.compile(text, re.IGNORECASE)

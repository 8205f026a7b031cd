"""Schemas and parameters of every discovery document that google-api-python-client carries, by its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

ANYTHING = ".+"
"""The pattern of a parameter without one."""


@cache
def document(name: str) -> dict[str, Any]:
    """A document by API and version, such as `aiplatform.v1`."""
    folder = resources.files("googleapiclient.discovery_cache") / "documents"
    return json.loads((folder / f"{name}.json").read_text())


def schema(name: str, kind: str) -> dict[str, Any]:
    """A schema of a document."""
    return document(name)["schemas"][kind]


def resolved(name: str, node: dict[str, Any]) -> dict[str, Any]:
    """A node, or what it refers to, with the words that stand beside the reference."""
    return {**schema(name, node["$ref"]), **node} if "$ref" in node else node


@cache
def parameters(name: str) -> tuple[tuple[str, str], ...]:
    """Name and pattern of every parameter in a path of the document."""
    return tuple(sorted(set(_parameters(document(name)))))


def _parameters(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for method in node.get("methods", {}).values():
        for key, parameter in method.get("parameters", {}).items():
            if parameter.get("location") == "path":
                yield key, parameter.get("pattern", ANYTHING)
    for inner in node.get("resources", {}).values():
        yield from _parameters(inner)

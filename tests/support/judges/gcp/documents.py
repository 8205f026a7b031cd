"""Google's discovery documents, as google-api-python-client carries them: methods by path, and schemas.

https://developers.google.com/discovery/v1/reference/apis.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any
from urllib.parse import unquote

# What google-api-python-client carries no document of, by a word of its paths. Google's own client of it has
# the same, and takes seconds to load.
_OF_CLIENTS = {"quotaInfos": "cloudquotas"}
VERSIONS = {"aiplatform": "v1", "storage": "v1", "logging": "v2", "monitoring": "v3"}


@dataclass(frozen=True)
class Method:
    """A method of an API.

    Attributes:
        api: The API's name.
        id: `aiplatform.projects.locations.models.upload`.
        content: What the document says of it.
        media: Its path is the one for contents.
    """

    api: str
    id: str
    content: dict[str, Any]
    media: bool = False

    @property
    def short(self) -> str:
        """The last two words: `models.upload`."""
        return ".".join(self.id.split(".")[-2:])

    @property
    def query(self) -> dict[str, Any]:
        """What its query takes, by name, with what every method takes."""
        own = {k: v for k, v in self.content.get("parameters", {}).items() if v["location"] == "query"}
        return {**document(self.api).get("parameters", {}), **own}


@functools.cache
def document(api: str) -> dict[str, Any]:
    if api in _OF_CLIENTS.values():
        from support.judges.gcp.quotas import quotas_document

        return quotas_document()
    name = f"{api}.{VERSIONS[api]}.json"
    folder = resources.files("googleapiclient.discovery_cache") / "documents"
    return json.loads((folder / name).read_text(encoding="utf-8"))


def schema(api: str, name: str) -> dict[str, Any]:
    """A schema; Vertex AI's may be named by its last words (`Model`)."""
    schemas = document(api)["schemas"]
    return schemas[name] if name in schemas else schemas[f"GoogleCloudAiplatformV1{name}"]


@functools.cache
def _methods(api: str) -> list[tuple[str, re.Pattern[str], Method]]:
    root = document(api)
    found = []
    for content in _walk(root):
        method = Method(api, content["id"], content)
        found.append(
            (content["httpMethod"], _pattern(root["servicePath"] + content["path"], content), method)
        )
        upload = content.get("mediaUpload", {}).get("protocols", {}).get("simple")
        if upload:
            media = Method(api, content["id"], content, media=True)
            found.append((content["httpMethod"], _pattern(upload["path"].lstrip("/"), content), media))
    return found


def _walk(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from part.get("methods", {}).values()
    for below in part.get("resources", {}).values():
        yield from _walk(below)


def _pattern(path: str, content: dict[str, Any]) -> re.Pattern[str]:
    """A path of the document as a regular expression; `{+name}` takes the form that its parameter has."""

    def group(name: str, *, reserved: bool) -> str:
        form = content.get("parameters", {}).get(name, {}).get("pattern")
        inner = (form.strip("^$") if form else ".+") if reserved else "[^/]+"
        return f"(?P<{name}>{inner})"

    parts = re.split(r"(\{\+?\w+\})", path)
    text = "".join(
        group(part.strip("{+}"), reserved=part.startswith("{+")) if part.startswith("{") else re.escape(part)
        for part in parts
    )
    return re.compile(text)


def route(http_method: str, path: str) -> tuple[Method, dict[str, str]] | None:
    """The method that a request is for, and what its path says; None where no document has it.

    Of several that fit, the longest literal part is meant: `models/*:listVersions`, not `models/*`.
    """
    fits: list[tuple[int, Method, dict[str, str]]] = []
    others = [api for word, api in _OF_CLIENTS.items() if word in path]
    for api in others or VERSIONS:
        for verb, pattern, method in _methods(api):
            match = pattern.fullmatch(path.lstrip("/")) if verb == http_method else None
            if match:
                given = {name: unquote(value) for name, value in match.groupdict().items()}
                fits.append((len(path) - sum(map(len, match.groupdict().values())), method, given))
    if not fits:
        return None
    _, method, given = max(fits, key=lambda fit: fit[0])
    return method, given

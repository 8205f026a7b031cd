"""Secrets that a run knows, taken out of what it says: messages quote inputs, and errors quote messages."""

import json
import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any, cast
from urllib.parse import quote

from mlcloud.embedded.properties import values
from mlcloud.embedded.properties.marks import UNKNOWN, Properties
from mlcloud.embedded.properties.trees import walk

SHORTEST = 3
"""Characters. A shorter secret stays in messages, for nearly every message holds it by chance: the CLI's own
limit (pulumi/pulumi: sdk/go/common/util/logging, CreateFilter)."""

SHORTEST_IN_OUTPUTS = 8
"""Characters. What a provider returns with a secret of this length in it is kept as a secret, though nobody
marked it; by chance alone, nothing holds so long a text."""


class Mask:
    """The secrets of one run. Every method may be called from any thread."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._learn(texts)

    def learn(self, properties: Properties) -> None:
        """Take note of every secret among these."""
        self._learn(secret_texts(properties))

    def _learn(self, texts: Iterable[str]) -> None:
        forms = {form for text in texts for form in _forms(text)}
        with self._lock:
            if not forms <= self._forms:
                self._forms |= forms
                # The longest first: of two that begin alike, the whole one is to go.
                ordered = sorted(self._forms, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(re.escape, ordered)))

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        pattern = self._pattern
        return text if pattern is None else pattern.sub(values.SECRET_TEXT, text)


def secret_texts(value: Any) -> Iterator[str]:
    """Every text and number inside the secrets of a value."""
    for item in walk(value):
        if values.is_secret(item):
            for inner in walk(values.plain(item)):
                if isinstance(inner, str) and inner != UNKNOWN:
                    yield inner
                elif isinstance(inner, int | float) and not isinstance(inner, bool):
                    yield json.dumps(inner)


def mark_outputs(outputs: Properties, inputs: Properties, named: Iterable[str]) -> Properties:
    """The outputs; secrets are those that are named, whose input is one, and that hold the text of one."""
    names = {*named, *(key for key, value in inputs.items() if values.is_secret(value))}
    texts = {text for text in secret_texts(inputs) if len(text) >= SHORTEST_IN_OUTPUTS}
    names |= {key for key, value in outputs.items() if texts and _holds_any(value, texts)}
    return {
        key: values.make_secret(value) if key in names and not values.is_secret(value) else value
        for key, value in outputs.items()
    }


def _holds_any(value: Any, texts: set[str]) -> bool:
    """Whether one of the texts stands in any text of the value that is not marked as a secret."""
    if isinstance(value, str):
        return any(text in value for text in texts)
    if isinstance(value, dict):
        fields = cast(Properties, value)
        return not values.is_secret(fields) and any(_holds_any(item, texts) for item in fields.values())
    return isinstance(value, list) and any(_holds_any(item, texts) for item in cast("list[Any]", value))


def _forms(text: str) -> Iterator[str]:
    """The text as messages quote it: as it is, line by line, as JSON or Python source, in a URL."""
    lines = text.splitlines() if "\n" in text.strip() else []
    wholes = [text, text.strip(), *(line.strip() for line in lines if len(line) >= SHORTEST_IN_OUTPUTS)]
    for whole in wholes:
        if len(whole) >= SHORTEST:
            yield whole
            yield json.dumps(whole)[1:-1]
            yield json.dumps(whole, ensure_ascii=False)[1:-1]
            yield repr(whole)[1:-1]
            yield quote(whole, safe="")

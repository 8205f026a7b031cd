"""What a simulated cloud knows besides its SDK's declarations: looks, replacements, functions."""

import hashlib
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlcloud.embedded.properties.marks import UNKNOWN, Properties

Function = Callable[["Facts", Properties], Properties]
"""Answers an invoke; raises :class:`InvokeError`."""

_FIELD = re.compile(r"\{(\w+)(?::(\d+))?(?:\|([^}]*))?\}")


class InvokeError(Exception):
    """An invoke that cannot be answered, with a message for people."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Where a provider works, as its configuration says."""

    account: str
    region: str
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """Those that the provider's configuration puts on everything."""
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    """More that templates may name, such as AWS's partition."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """How a resource's identifier and computed outputs look.

    A template names in braces, with what to take instead after a bar (``{path|/}``) and how many characters
    of it after a colon (``{prefix:47}``): inputs and outputs, the facts, ``seven``, ``seventeen`` and
    ``long`` (so many hexadecimal digits; 64 for the last), ``upper`` (17 capital letters and digits),
    ``number`` (decimal digits), ``uuid``. What the digits are follows from the URN and the inputs that force
    a replacement.
    """

    id: str
    outputs: Mapping[str, str] = field(default_factory=dict[str, str])
    """By name; a dotted one is a member of an object, which stands beside those of the input of that name."""


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """One simulated cloud."""

    package: str
    region_setting: str = "region"
    """The provider's setting that names the region."""
    region_variable: str = ""
    """The environment variable that names the region where the configuration does not."""
    region_input: str = ""
    """The input that the provider fills in with its region where it is not given. Empty: none."""
    default_region: str = ""
    account: str = ""
    account_setting: str = ""
    """The provider's setting that names another account; templates may name it, too. Empty: none does."""
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    auto_names: Mapping[str, str] = field(default_factory=dict[str, str])
    """Type token to the property that is named automatically, where it is not ``name``."""
    auto_name_templates: Mapping[str, str] = field(default_factory=dict[str, str])
    """Type token to how its automatic name looks, where it is not ``{urn name}-{seven}``."""
    no_auto_name: frozenset[str] = frozenset()
    """Types whose optional ``name`` is not filled in."""
    looks: Mapping[str, Looks] = field(default_factory=dict[str, Looks])
    fallback: Callable[[str, Mapping[str, Any]], Looks]
    """Token, inputs -> looks, of types that ``looks`` does not have."""
    computed: Callable[[str, "Facts", Properties, Callable[[str], str]], Any]
    """Output name, facts, inputs, renderer -> the value of an output that has no template; or ``None``."""
    replaces: Callable[[str], tuple[str, ...]]
    """Token -> the paths of inputs that force a replacement."""
    inner_identity: Callable[[str, Properties], tuple[str, str]] = lambda _token, _inputs: ("", "")
    """Token, inputs -> an input whose text forces a replacement in part, and that part; empty without one."""
    deletes_first: bool = False
    """Whether a replacement deletes before it creates, unless the name is an automatic one."""
    sets: tuple[str, ...] = ()
    """Members of objects: lists as inputs and, as outputs, maps with an empty object for each item."""
    content: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Type token to more inputs that its digits follow from: what a digest is the digest of."""
    counters: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Type token to the outputs that are 1 at first and that every update makes larger by one."""
    functions: Mapping[str, Function] = field(default_factory=dict[str, Function])


class Templates:
    """Fills in templates for one resource: the same text whenever the same resource is asked about."""

    def __init__(self, facts: Facts, known: Mapping[str, Any], seed: str) -> None:
        digest = hashlib.sha256(seed.encode()).hexdigest()
        self.known: dict[str, Any] = {**known}
        self._unknown = UNKNOWN in seed
        self._facts = {**facts.words, "account": facts.account, "region": facts.region}
        self._random = {
            "seven": digest[:7],
            "seventeen": digest[:17],
            "long": digest,
            "upper": _capitals(digest),
            "number": str(int(digest[:7], 16)),
            "uuid": str(uuid.UUID(digest[:32])),
        }

    def render(self, template: str) -> str:
        """The text; unknown as a whole when a part of it is."""

        def fill(match: re.Match[str]) -> str:
            name = match.group(1)
            longest = int(match.group(2)) if match.group(2) else None
            if name in self._random:
                return UNKNOWN if self._unknown else self._random[name][:longest]
            value = self.known.get(name, self._facts.get(name))
            if value is None:
                return str(match.group(3) or "")
            return UNKNOWN if UNKNOWN in str(value) else str(value)[:longest]

        text = _FIELD.sub(fill, template)
        return UNKNOWN if UNKNOWN in text else text


def urn_name(urn: str) -> str:
    """The resource's name."""
    return urn.split("::", 3)[3]


def urn_type(urn: str) -> str:
    """The resource's type token."""
    return urn.split("::", 3)[2].rsplit("$", 1)[-1]


def digits(text: str, count: int) -> str:
    """So many hexadecimal digits that follow from a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:count]


def _capitals(digest: str) -> str:
    number, found = int(digest, 16), ""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    for _ in range(17):
        number, index = divmod(number, len(alphabet))
        found += alphabet[index]
    return found

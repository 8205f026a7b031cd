"""What a model's manifest tells, from its exact bytes: wherever a cloud keeps them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from mlcloud.provider.errors import ResourceError


class BadModelError(ResourceError):
    """What a training job left is no model of this trainer, or is not there."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest.

    Attributes:
        source: its exact bytes.
    """

    source: bytes

    @property
    def sha256(self) -> str:
        """The model's hash: of its manifest, which names the hash of every other file."""
        return hashlib.sha256(self.source).hexdigest()

    @property
    def content(self) -> Mapping[str, Any]:
        """The manifest as an object; empty where it is none."""
        try:
            content = json.loads(self.source)
        except (ValueError, RecursionError):
            return {}
        return cast("dict[str, Any]", content) if isinstance(content, dict) else {}

    @property
    def files(self) -> list[str]:
        """Names of the model's other files."""
        return sorted(self._section("files"))

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics on held-out rows."""
        return {
            name: float(value)
            for name, value in self._section("metrics").items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }

    @property
    def data_sha256(self) -> str | None:
        """The data that it was trained on."""
        found = self._section("data").get("sha256")
        return found if isinstance(found, str) else None

    def _section(self, name: str) -> Mapping[str, object]:
        section = self.content.get(name)
        return cast("dict[str, object]", section) if isinstance(section, dict) else {}

"""A model that is served and the image that serves it: what it is alike on every cloud."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

import pulumi

from mlcloud.core.args import validate
from mlcloud.core.errors import Problem

_VERSION_DIGITS: Final = 12


@dataclass(frozen=True, kw_only=True)
class ServedModelBase(ABC):
    """A model and the image that serves it; each cloud's `ServedModel` says where models lie there.

    Attributes:
        name: The model's name, as predictions answer it.
        uri: Where the model lies, with its hash in the name.
        sha256: SHA-256 of the model's manifest; the server refuses any other model.
        image_uri: The trainer's image by digest.
        version: The version's label. Default: the first 12 digits of the hash.
    """

    name: str
    uri: pulumi.Input[str]
    sha256: pulumi.Input[str]
    image_uri: pulumi.Input[str]
    version: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        """Check what is known before anything is made.

        Raises:
            ArgsError: With every problem.
        """
        uri = self.uri
        validate(
            "The model",
            _digest_problem(self.image_uri),
            self.uri_problem(uri) if isinstance(uri, str) else None,
        )

    @staticmethod
    @abstractmethod
    def uri_problem(uri: str) -> Problem | None:
        """Return the problem of an address that this cloud cannot serve a model from; None is no problem."""

    @property
    def label(self) -> pulumi.Output[str]:
        """The version's label."""
        if self.version is not None:
            return pulumi.Output.from_input(self.version)
        return pulumi.Output.from_input(self.sha256).apply(lambda sha256: sha256[:_VERSION_DIGITS])

    @property
    def environment(self) -> dict[str, pulumi.Input[str]]:
        """What the server reads: the hash that it demands, and the names that it answers."""
        return {
            "MLCLOUD_MODEL_NAME": self.name,
            "MLCLOUD_MODEL_SHA256": self.sha256,
            "MLCLOUD_MODEL_VERSION": self.label,
        }


def _digest_problem(image_uri: object) -> Problem | None:
    if not isinstance(image_uri, str) or "@sha256:" in image_uri:
        return None
    return Problem(
        path="image_uri",
        value=image_uri,
        allowed="an image by digest: <registry>/<image>@sha256:<64 digits>",
        fix="write the digest instead of the tag: a tag can be moved, and nothing would tell",
    )

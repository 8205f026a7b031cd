"""A revision of an endpoint: the name that a model and an endpoint configuration are created under, once."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from mlcloud.provider.aws import checks
from mlcloud.provider.fields import options
from mlcloud.provider.resource import Context, Resource

CONTENT_DIGITS: Final = 8
UNIQUE_DIGITS: Final = 6
# `<prefix>-<content>-<unique>`
LONGEST_PREFIX: Final = checks.SAGEMAKER_NAME_LENGTH - CONTENT_DIGITS - UNIQUE_DIGITS - 2


def own_prefix(endpoint: str) -> str:
    """What the names of an endpoint's own revisions begin with."""
    return f"{endpoint[:LONGEST_PREFIX].rstrip('-')}-"


def _content(value: Mapping[str, str]) -> str | None:
    return None if value else "a revision without content would never change: name what makes a new one."


@dataclass(frozen=True, kw_only=True)
class EndpointRevisionInputs:
    """What makes a revision.

    Attributes:
        prefix: what the name starts with: the endpoint's name; beyond 47 characters it is cut.
        content: everything that makes another model or configuration when it changes: model hash, image,
            instance type, ... A changed value makes a new name.
    """

    prefix: str = field(
        metadata=options(replace=True, check=checks.name_of_at_most(checks.SAGEMAKER_NAME_LENGTH))
    )
    content: dict[str, str] = field(metadata=options(replace=True, check=_content))


@dataclass(frozen=True, kw_only=True)
class EndpointRevisionOutputs:
    """What a revision offers.

    Attributes:
        name: `<prefix>-<hash of the content>-<unique>`; used for one model and one configuration.
        content_sha256: SHA-256 of the content.
    """

    name: str = field(metadata=options(stable=True))
    content_sha256: str = field(metadata=options(stable=True))


class EndpointRevision(
    Resource[EndpointRevisionInputs, EndpointRevisionOutputs], token="mlcloud:aws:EndpointRevision"
):
    """A name with a content hash, and never the same twice: it lives in the stack's state alone.

    A configuration cannot be changed, and an earlier one may still be there when its content comes back: a
    name that follows from the content alone would then be taken. See ADR 0007.
    """

    @override
    def preview(
        self, new: EndpointRevisionInputs, old: EndpointRevisionOutputs | None
    ) -> Mapping[str, object]:
        """The hash follows from the content; the name is made at creation."""
        return {} if old is not None else {"content_sha256": _sha256(new)}

    @override
    def create(self, context: Context, new: EndpointRevisionInputs) -> tuple[str, EndpointRevisionOutputs]:
        """Make up the name."""
        sha256 = _sha256(new)
        name = f"{own_prefix(new.prefix)}{sha256[:CONTENT_DIGITS]}-{uuid.uuid4().hex[:UNIQUE_DIGITS]}"
        return name, EndpointRevisionOutputs(name=name, content_sha256=sha256)

    @override
    def read(
        self,
        context: Context,
        identifier: str,
        inputs: EndpointRevisionInputs,
        outputs: EndpointRevisionOutputs,
    ) -> EndpointRevisionOutputs | None:
        """As the state has it."""
        return outputs

    @override
    def update(
        self,
        context: Context,
        identifier: str,
        old: EndpointRevisionInputs,
        outputs: EndpointRevisionOutputs,
        new: EndpointRevisionInputs,
    ) -> EndpointRevisionOutputs:
        """Nothing changes in place."""
        return outputs

    @override
    def delete(self, context: Context, identifier: str, outputs: EndpointRevisionOutputs) -> None:
        """Nothing is there but the state."""


def _sha256(new: EndpointRevisionInputs) -> str:
    return hashlib.sha256(json.dumps(new.content, sort_keys=True).encode()).hexdigest()
